"""A node whose disk fills up and gets room again, played on a small disk in memory; prints what was seen as JSON.

Run in a mount namespace of its own: ``python -m tests.faults.http_full_disk FOLDER``.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from comity.limits import DISK_FREE_BYTES_MIN
from comity.node.local import LocalLedger
from tests.integration.node_process import NodeProcess, add, create_things, make_ledger, send, sign
from tests.simulation.inspection import inspect

DISK_BYTES = DISK_FREE_BYTES_MIN + (64 << 20)
LEFT_BYTES = 1 << 20  # that the ledger has left when somebody else has filled the disk
SENT_MAX = 2_000
WORD = "x" * 4_000


def play(disk: Path) -> dict[str, Any]:
    """Fill the disk under a running node, see what it says, make room, and see it go on."""
    seen: dict[str, Any] = {}
    folder = disk / "ledger"
    genesis = make_ledger(folder)
    told: list[bytes] = []
    with NodeProcess(folder) as node, node.client() as client:
        send(client, sign(genesis, create_things())).raise_for_status()
        seen["before"] = client.get("/v1/health").status_code
        with _filled(disk):
            seen["filled"] = _said(client.get("/v1/health"))
            for number in range(SENT_MAX):
                transaction = sign(genesis, add(number, WORD))
                answer = send(client, transaction)
                if answer.status_code != 201:
                    break
                told.append(bytes.fromhex(answer.json()["id"]))
            seen["refused"] = _said(answer) | {"retry": answer.headers.get("retry-after")}
            seen["full"] = _said(client.get("/v1/health"))
            seen["read"] = client.get("/v1/tables/things/rows?limit=1").status_code
            seen["again"] = _said(send(client, transaction))
        seen["room"] = client.get("/v1/health").status_code
        answer = send(client, transaction)
        seen["after"] = answer.status_code
        told.append(bytes.fromhex(answer.json()["id"]))
        seen["well"] = client.get("/v1/health").status_code
        seen["stop"], _, errors = node.stop()
        seen["traceback"] = "Traceback" in errors
    with LocalLedger.open(folder) as ledger:
        inspect(ledger.store, ledger.genesis.hash)
        rows = ledger.store.connection.execute("SELECT count(*) FROM things").fetchone()
        seen["rows"] = (rows[0], len(told))
    return seen


def _said(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    return {"status": answer.status_code, "code": body.get("code"), "detail": body.get("detail")}


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """Fill the disk, but for a little, with somebody else's file."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, free - LEFT_BYTES)
    yield
    filler.unlink()
    time.sleep(0.1)


if __name__ == "__main__":
    mounted = Path(sys.argv[1])
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", mounted], check=True
    )
    print(json.dumps(play(mounted)))  # noqa: T201 - that is its answer
