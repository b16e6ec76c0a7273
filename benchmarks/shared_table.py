"""A ledger in a folder with one shared table, loaded before its node starts, and transactions that change its rows.

Invariant: every row is changed at most once by ``changes``, so a transaction may be signed long before it is sent.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.bound import bound
from benchmarks.ledger import SECOND_NS, name_of
from comity.client.signing import sign_calls
from comity.limits import ROWS_PER_CALL_MAX
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder
from comity.model.outcome import Ordered
from comity.model.transaction import Call
from comity.node.local import LocalLedger
from comity.testing.people import Person

ANA = Person("ana")
TABLE = "stock"
_SCHEMA = {
    "name": TABLE,
    "columns": [
        {"name": "name", "type": "text", "maximum": 20, "required": True},
        {"name": "note", "type": "text", "maximum": 40},
        {"name": "count", "type": "integer"},
    ],
    "key": ["name"],
}
NOTE = "what a person wrote beside it"
_VALID_NS = 3600 * SECOND_NS
_STOP_S = 30


class SharedTable:
    """A loaded table whose creator changes it.

    Attributes:
        folder: of the ledger.
        genesis_hash: which every signature covers.
    """

    def __init__(self, folder: Path, rows_count: int) -> None:
        self.folder = folder
        self._salts = itertools.count(1)
        founder = Founder(
            name="ana", key_type=KEY_TYPE_ED25519, public_key=ANA.public_key, roles=("admin",)
        )
        with LocalLedger.create(folder, name="bench", founders=[founder]) as ledger:
            self.genesis_hash = ledger.genesis.hash
            _submit(ledger, self.sign(Call("tables.create", {"schema": _SCHEMA, "preset": "open"})))
            for start in range(0, rows_count, ROWS_PER_CALL_MAX):
                numbers = range(start, min(start + ROWS_PER_CALL_MAX, rows_count))
                rows = [[name_of(number), NOTE, 0] for number in numbers]
                _submit(ledger, self.sign(Call("tables.add", {"table": TABLE, "rows": rows})))
            stored = ledger.store.tables[TABLE]
            seen = {
                stored.codec.columns(row)[0]: stored.codec.row_hash(row)[:8]
                for row in stored.scan()
            }
        self._left = iter([(name, seen[name]) for name in map(name_of, range(rows_count))])

    def sign(self, *calls: Call) -> bytes:
        """Return a signed transaction, each another one."""
        return sign(self.genesis_hash, next(self._salts).to_bytes(16, "big"), *calls)

    def changes(self, count: int, rows: int = 1) -> list[bytes]:
        """Return transactions of one call each, that changes ``rows`` rows which none changed before."""
        return [self._change(list(itertools.islice(self._left, rows))) for _ in range(count)]

    def _change(self, taken: Sequence[tuple[str, bytes]]) -> bytes:
        if not taken:
            raise RuntimeError("the table has too few rows for this case")
        return self.sign(change([[name, 1] for name, _ in taken], [seen for _, seen in taken]))


def change(rows: Sequence[Sequence[str | int]], seen: Sequence[bytes]) -> Call:
    """Return the call that gives rows, each a name and a count, their counts."""
    arguments = {"table": TABLE, "columns": ["name", "count"], "rows": rows, "seen": seen}
    return Call("tables.change", arguments)


def sign(genesis_hash: bytes, salt: bytes, *calls: Call) -> bytes:
    """Return a transaction of Ana."""
    return sign_calls(
        ANA, calls, genesis_hash=genesis_hash, expires_ns=time.time_ns() + _VALID_NS, salt=salt
    ).encode()


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """Run ``comity start`` on a ledger's folder; give its port, and stop it at the end."""
    command = bound(sys.executable, "-m", "comity", "start", str(folder), "--port", "0", "--json")
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        node = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
        )
    try:
        line = node.stdout.readline() if node.stdout is not None else b""
        if not line:
            raise RuntimeError(f"the node did not start; see {log.name}")
        yield int(msgspec.json.decode(line)["url"].rpartition(":")[2])
    finally:
        node.terminate()
        try:
            node.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            node.kill()
            node.communicate()


def _submit(ledger: LocalLedger, transaction: bytes) -> None:
    (answer,) = ledger.submit([transaction])
    if not isinstance(answer, Ordered) or not answer.receipt.is_ok:
        raise RuntimeError(f"the table could not be loaded: {answer}")
