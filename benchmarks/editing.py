"""People who edit one table: ``python -m benchmarks.editing PORT GENESIS CLIENTS ROWS SECONDS`` says what happened.

Each reads a row, counts it up by one, and signs that with the hash of the row that it saw. When somebody was quicker
the ledger refuses it, and the person goes on with the row as it is then.

Invariant: an answer is final or the refusal "row changed", and at the end each row's counter says how often it was
changed; anything else is an error.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec

from benchmarks.http_load import Client, get, post
from benchmarks.ledger import name_of
from benchmarks.shared_table import TABLE, change, sign
from comity.client.refused import ROW_CHANGED
from comity.crypto import cbor
from comity.model.receipt import Receipt

_ROOT = Path(__file__).resolve().parent.parent


class Edits(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the edits.

    Args:
        final: changes that were executed.
        refused: changes that came too late.
        waits_ms: of each change that was sent, to its answer, rising.
    """

    final: int
    refused: int
    waits_ms: list[float]


def edit(port: int, genesis_hash: bytes, clients: int, rows: int, seconds: float) -> Edits:
    """Have clients in a process of their own edit the first rows of the table. Raises: CalledProcessError."""
    words = [str(port), genesis_hash.hex(), str(clients), str(rows), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.editing", *words]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Edits)


class _Person(threading.Thread):
    def __init__(
        self, number: int, port: int, genesis_hash: bytes, names: list[str], seconds: float
    ) -> None:
        super().__init__(daemon=True)
        self.final: Counter[str] = Counter()
        self.refused = 0
        self.waits_ms: list[float] = []
        self.error: Exception | None = None
        self._client = Client(port)
        self._chance = random.Random(number)
        self._genesis_hash = genesis_hash
        self._names = names
        self._until = time.monotonic() + seconds

    def run(self) -> None:
        try:
            with closing(self._client):
                while time.monotonic() < self._until:
                    self._edit(self._chance.choice(self._names))
        except Exception as error:  # noqa: BLE001 - told by the main thread
            self.error = error

    def _edit(self, name: str) -> None:
        count, seen = read(self._client, name)
        call = change([[name, count + 1]], [seen])
        request = post([sign(self._genesis_hash, os.urandom(16), call)])
        start = time.perf_counter()
        status, body = self._client.exchange(request)
        self.waits_ms.append((time.perf_counter() - start) * 1e3)
        if status == "201":
            self.final[name] += 1
            return
        answer = cbor.decode(body, size_max=len(body)) if status == "422" else body
        receipt = Receipt.decode(answer[4]) if isinstance(answer, list) else None
        if receipt is None or (receipt.app, receipt.code) != ROW_CHANGED:
            raise RuntimeError(f"another answer was expected: {status} {body!r}")
        self.refused += 1


def read(client: Client, name: str) -> tuple[int, bytes]:
    """Return the counter of a row, and what a change names as seen."""
    status, body = client.exchange(get(f"/v1/tables/{TABLE}/rows/{name}"))
    if status != "200":
        raise RuntimeError(f"a row could not be read: {status} {body!r}")
    row = msgspec.json.decode(body)["row"]
    return row["count"], bytes.fromhex(row["_hash"])[:8]


def read_all(port: int, names: list[str]) -> dict[str, int]:
    """Return the counters of rows."""
    with closing(Client(port)) as client:
        return {name: read(client, name)[0] for name in names}


def edit_here(port: int, genesis_hash: bytes, clients: int, rows: int, seconds: float) -> Edits:
    """Edit from this process. Raises: RuntimeError: an update was lost, or an answer was not an intended one."""
    names = [name_of(number) for number in range(rows)]
    before = read_all(port, names)
    people = [_Person(number, port, genesis_hash, names, seconds) for number in range(clients)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    for person in people:
        if person.error is not None:
            raise person.error
    final = sum((person.final for person in people), Counter[str]())
    for name, count in read_all(port, names).items():
        if count != before[name] + final[name]:
            raise RuntimeError(f"an update of {name} was lost")
    return Edits(
        final=final.total(),
        refused=sum(person.refused for person in people),
        waits_ms=sorted(wait for person in people for wait in person.waits_ms),
    )


if __name__ == "__main__":
    found = edit_here(
        int(sys.argv[1]),
        bytes.fromhex(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        float(sys.argv[5]),
    )
    sys.stdout.buffer.write(msgspec.json.encode(found))
