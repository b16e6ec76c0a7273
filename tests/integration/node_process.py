"""A node in a process of its own, started by its command, and transactions for it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from comity.client.signing import sign_calls
from comity.crypto import cbor
from comity.limits import SECOND_NS
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder, Genesis
from comity.model.transaction import Call
from comity.node.local import LocalLedger
from comity.testing.people import Person

ROOT = Path(__file__).parents[2]
ANA = Person("ana")
CBOR = {"Content-Type": "application/cbor"}
THINGS = {
    "name": "things",
    "columns": [
        {"name": "id", "type": "integer", "required": True},
        {"name": "word", "type": "text", "maximum": 4_000},
    ],
    "key": ["id"],
}
READY_S = 60  # on a busy machine


def make_ledger(folder: Path, *, block_interval_s: int = 0) -> Genesis:
    """Make a ledger whose founder is Ana."""
    founder = Founder(
        name="ana", key_type=KEY_TYPE_ED25519, public_key=ANA.public_key, roles=("admin",)
    )
    with LocalLedger.create(
        folder, name="shared", founders=[founder], block_interval_s=block_interval_s
    ) as ledger:
        return ledger.genesis


def sign(genesis: Genesis, *calls: Call, by: Person = ANA, valid_s: float = 600) -> bytes:
    """Return a signed transaction, each another one."""
    return sign_calls(
        by,
        calls,
        genesis_hash=genesis.hash,
        expires_ns=time.time_ns() + int(valid_s * SECOND_NS),
        salt=os.urandom(16),
    ).encode()


def add(number: int, word: str = "x") -> Call:
    """Return the call that adds a row to ``things``."""
    return Call(
        "tables.add", {"table": "things", "rows": [[number, word]], "columns": ["id", "word"]}
    )


def create_things() -> Call:
    """Return the call that makes the table ``things``."""
    return Call("tables.create", {"schema": THINGS, "preset": "open"})


class NodeProcess:
    """A running ``comity start``.

    Args:
        settings: of the node, as variables COMITY_*.
        command: run instead of ``comity start``.

    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any] | None = None,
        command: Sequence[str] = ("-m", "comity"),
    ) -> None:
        given = {f"COMITY_{name.upper()}": str(value) for name, value in (settings or {}).items()}
        self.process = subprocess.Popen(
            [sys.executable, *command, "start", str(folder), "--port", "0", "--json"],
            cwd=ROOT,
            env={**os.environ, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate(timeout=READY_S)
            raise RuntimeError(f"the node did not start: {errors}")
        self.told: dict[str, Any] = json.loads(line)
        self.url: str = self.told["url"].replace("localhost", "127.0.0.1")
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def client(self) -> httpx.Client:
        """Return a client of the node."""
        return httpx.Client(base_url=self.url, timeout=30)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float, str]:
        """Ask the process to end; return its exit code, how many seconds it took, and its errors."""
        started = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=READY_S)
        return self.process.returncode, time.monotonic() - started, errors


def send(client: httpx.Client, *transactions: bytes, **headers: str) -> httpx.Response:
    """Send one transaction as it is, several as a list."""
    body = transactions[0] if len(transactions) == 1 else cbor.encode(list(transactions))
    return client.post("/v1/transactions", content=body, headers=CBOR | headers)
