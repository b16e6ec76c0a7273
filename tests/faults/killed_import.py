"""The real command ``comity import``, killed with SIGKILL, and what it leaves.

Invariant: only files count; nothing is asked of a process that was killed.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from comity.limits import IMPORT_TRANSACTIONS_PER_SUBMIT
from comity.node.local import LocalLedger
from tests.simulation.inspection import inspect, need

BATCH_ROWS = 80
ROWS = 5 * BATCH_ROWS * IMPORT_TRANSACTIONS_PER_SUBMIT  # five blocks
_WAIT_S = 60.0
_POLL_S = 0.0001  # short enough to meet a commit halfway, now and then
_WAL_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


@dataclass(frozen=True)
class Left:
    """What a folder holds: height, place of each transaction by id, which ids went well, rows of one table."""

    height: int
    places: dict[bytes, tuple[int, int]]
    succeeded: frozenset[bytes]
    rows: list[tuple[int, str]]


class Target:
    """One file on its way into a table of its own.

    Args:
        is_numbered: no column is a key, so the ledger numbers the rows and a journal remembers them.

    """

    def __init__(self, folder: Path, name: str, *, is_numbered: bool) -> None:
        self.name = name
        self.node = folder / "ledger"
        self.rows = [(at % 7 if is_numbered else at, f"{name} {at % 5}") for at in range(ROWS)]
        self._file = folder / f"{name}.csv"
        lines = [f"{number},{text}\n" for number, text in self.rows]
        self._file.write_text("number,text\n" + "".join(lines))

    def start(self) -> "subprocess.Popen[str]":
        """Start the command."""
        return subprocess.Popen(
            [
                sys.executable, "-m", "comity", "import", self._file, "--node", self.node,
                "--table", self.name, "--batch", str(BATCH_ROWS), "-y", "-q", "--json",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finish(self) -> Any:
        """Run the command to its end; return what it says."""
        with self.start() as process:
            said, errors = process.communicate(timeout=_WAIT_S)
        need((process.returncode, errors) == (0, ""), self.name, process.returncode, errors)
        return json.loads(said)

    def kill(self, aim: str, random: Random) -> bool:
        """Run the command and kill it; tell whether it was still alive.

        Args:
            aim: ``start``, before its first block as a rule; ``block``, while it writes one of its blocks or soon
                after; ``answer``, when it has just said that it is done.

        """
        start_s = 2 * _shortest_s() if aim == "start" else 0
        with self.start() as process:
            if aim == "start":
                time.sleep(random.uniform(0, start_s))
            elif aim == "block":
                self._wait_for_writes(process, random.randrange(1, 9))
                time.sleep(random.choice((0, random.uniform(0, 0.02))))
            elif process.stdout is not None:
                process.stdout.readline()
                time.sleep(random.uniform(0, 0.002))
            process.send_signal(signal.SIGKILL)
            _, errors = process.communicate(timeout=_WAIT_S)
        need(process.returncode in (0, -signal.SIGKILL) and not errors, aim, errors)
        return process.returncode != 0

    def look(self) -> Left:
        """Check every hash of the ledger, and return what it holds. Raises: Wrong."""
        with LocalLedger.open(self.node) as ledger:
            inspect(ledger.store, ledger.genesis.hash)
            run = ledger.store.connection.execute
            sql = "SELECT id, height, position FROM comity_transaction WHERE id IS NOT NULL"
            records: Any = run(sql).fetchall()
            places = {identifier: (height, position) for identifier, height, position in records}
            need(len(places) == len(records), "an id has two receipts")
            receipts = {identifier: ledger.machine.receipt(identifier) for identifier in places}
            rows: Any = []
            if self.name in ledger.store.tables:
                rows = run(f"SELECT number, text FROM {self.name}").fetchall()
            return Left(
                height=ledger.store.height,
                places=places,
                succeeded=frozenset(
                    key for key, found in receipts.items() if found and found[2].is_ok
                ),
                rows=rows,
            )

    def journaled(self) -> list[bytes]:
        """Return the ids that the journal holds, in the order in which they were sent."""
        lines = [
            line
            for path in (self.node / "imports").glob(f"{self.name}-*.journal")
            for line in path.read_bytes().split(b"\n")[:-1]
        ]
        return [bytes.fromhex(json.loads(line)["identifier"]) for line in lines]

    def is_within_commit(self) -> bool:
        """Tell whether the WAL ends in frames of a block that was not committed."""
        wal = self.node / "node.sqlite-wal"
        data = wal.read_bytes() if wal.exists() else b""
        size = _FRAME_HEADER_BYTES + int.from_bytes(data[8:12], "big")
        is_committed = True
        for at in range(_WAL_HEADER_BYTES, len(data), size):
            if data[at + 8 : at + 16] != data[16:24]:
                break  # of an earlier use of the file
            is_committed = data[at + 4 : at + 8] != bytes(4) and len(data) >= at + size
        return not is_committed

    def _wait_for_writes(self, process: "subprocess.Popen[str]", count: int) -> None:
        wal = self.node / "node.sqlite-wal"
        last = _written(wal)
        while count and process.poll() is None:
            time.sleep(_POLL_S)
            now = _written(wal)
            count -= now != last
            last = now


def acknowledged(before: list[bytes], after: list[bytes]) -> list[bytes]:
    """Return the ids of which a run of the command was told that they are on disk.

    It writes the next few into its journal only when those before were answered.
    """
    new = len(after) - len(before)
    whole = max(0, new - 1) // IMPORT_TRANSACTIONS_PER_SUBMIT * IMPORT_TRANSACTIONS_PER_SUBMIT
    return after[: len(before) + whole] if new else []


def _shortest_s() -> float:
    """Return how long a command takes that does nothing, here and now."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "comity", "--version"], check=True, capture_output=True)
    return time.monotonic() - begun


def _written(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
