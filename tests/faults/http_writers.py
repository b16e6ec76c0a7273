"""Writers in a process of their own: how much they got through, and what they were told.

``python -m tests.faults.http_writers PORT GENESIS CONNECTIONS BATCH ROWS SECONDS FIRST EVERY`` sends on each connection
one request after another, one each EVERY seconds at most: BATCH transactions that add ROWS rows each to ``things``.
What is told to wait is sent again. Prints JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from comity.crypto import cbor
from comity.model.genesis import Genesis
from comity.model.transaction import Call
from tests.integration.node_process import sign

HEAD = (
    b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n"
    b"Accept: application/cbor\r\nContent-Length: %d\r\n\r\n"
)


class Writers:
    """What all writers share: rows that nobody added yet, and what was answered."""

    def __init__(self, genesis: Genesis, batch: int, rows: int, first: int, every_s: float) -> None:
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()
        self.final = 0
        self.slowest_s = 0.0
        self._genesis = genesis
        self._batch = batch
        self._rows = rows
        self._next = first
        self._every_s = every_s

    async def write(self, port: int, until: float) -> None:
        """Send one request after another on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = self._body()
        while time.monotonic() < until:
            started = time.monotonic()
            writer.write(HEAD % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            answer = await reader.readexactly(int(length))
            self.statuses[status] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            if status == 503:
                self.codes[json.loads(answer)["code"]] += 1
            else:
                self._note(cbor.decode(answer, size_max=len(answer)))
                body = self._body()
            await asyncio.sleep(max(0.0, started + self._every_s - time.monotonic()))
        writer.close()

    def _note(self, answer: Any) -> None:
        """Count what became of each transaction; [0, ...] is one in a block, [1, code, ...] one that is not."""
        for each in [answer] if self._batch == 1 else answer:
            if each[0] == 0:
                self.final += 1
            else:
                self.codes[each[1]] += 1

    def _body(self) -> bytes:
        made = [sign(self._genesis, self._call()) for _ in range(self._batch)]
        return made[0] if self._batch == 1 else cbor.encode(made)

    def _call(self) -> Call:
        start, self._next = self._next, self._next + self._rows
        rows = [[number, "x"] for number in range(start, self._next)]
        return Call("tables.add", {"table": "things", "rows": rows, "columns": ["id", "word"]})


async def main() -> None:
    """Write as the command line says."""
    port, genesis, connections, batch, rows, seconds, first, every = sys.argv[1:]
    known = Genesis.decode(Path(genesis).read_bytes())
    writers = Writers(known, int(batch), int(rows), int(first), float(every))
    until = time.monotonic() + float(seconds)
    async with asyncio.TaskGroup() as group:
        for _ in range(int(connections)):
            group.create_task(writers.write(int(port), until))
    told = {
        "final": writers.final,
        "statuses": writers.statuses,
        "codes": writers.codes,
        "slowest_s": round(writers.slowest_s, 3),
    }
    print(json.dumps(told))  # noqa: T201 - that is its answer


if __name__ == "__main__":
    asyncio.run(main())
