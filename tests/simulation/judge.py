"""Judges a ledger file against what its members were told and against a model of dicts.

Invariant: it reads the file alone; a node's memory is not evidence.
"""

from pathlib import Path
from typing import Any

from comity.engine.port import Ordered
from comity.errors import Malformed
from comity.limits import VALID_UNTIL_AHEAD_NS_MAX
from comity.model.block import Link
from comity.model.genesis import Genesis
from comity.model.receipt import Receipt, unpack_stored
from comity.model.transaction import Transaction
from comity.query import asof, guard
from comity.store.store import Store
from tests.simulation.inspection import compare, inspect, need
from tests.simulation.model import Fault, Model
from tests.simulation.story import APPS

_WATCHED = ("shop__item", "mill__item", "shop__secret", "mill__secret")
_COLUMNS = "shelf, number, code, label, amount, is_new, note"


class Judge:
    """Follows one ledger through its life."""

    def __init__(self, genesis: Genesis, path: Path) -> None:
        self.height = -1
        self._genesis = genesis
        self._path = path
        self._model = Model(APPS)
        self._time_ns = genesis.time_ns
        self._acknowledged: dict[bytes, tuple[int, int, Receipt]] = {}
        self._forbidden: dict[bytes, None] = {}
        self._then: dict[int, dict[str, list[list[Any]]]] = {}

    def acknowledge(self, data: bytes, answer: Ordered) -> None:
        """Note that a member was told of a receipt. Raises: Wrong, when it was told otherwise before."""
        told = (answer.height, answer.position, answer.receipt)
        before = self._acknowledged.setdefault(answer.identifier, told)
        need(before == told, "a member was told", before, "and then", told)

    def forbid(self, data: bytes) -> None:
        """Note that a transaction may never be executed."""
        self._forbidden[self._identify(data)] = None

    def visit(self, store: Store) -> None:
        """Follow the file's new blocks and look at all of it. Raises: Wrong."""
        need(store.height >= self.height, "a block that was there is gone:", self.height)
        for height in range(self.height + 1, store.height + 1):
            self._follow(store, height)
        self.height = store.height
        inspect(store, self._genesis.hash)
        compare(store, self._model)
        for identifier, told in self._acknowledged.items():
            rows = store.connection.execute(
                "SELECT height, position, receipt FROM comity_transaction WHERE id = ?",
                (identifier,),
            ).fetchall()
            found = [(row[0], row[1], Receipt.decode(unpack_stored(row[2])[1])) for row in rows]
            need(found == [told], "a member was told", told, "the file has", found)

    def look_back(self) -> None:
        """Read each height as of then. Raises: Wrong."""
        for height, tables in self._then.items():
            for name, rows in tables.items():
                found = self._read_at(name, height)
                need(found == rows, name, "as of height", height, "is", found, "not", rows)

    def _follow(self, store: Store, height: int) -> None:
        if height:
            self._follow_block(store, height)
        self._then[height] = {
            name: sorted((row[2] for row in self._model.tables[name].rows.values()), key=repr)
            for name in _WATCHED
        }

    def _follow_block(self, store: Store, height: int) -> None:
        rows = store.connection.execute(
            "SELECT position, id, bytes, receipt FROM comity_transaction WHERE height = ? ORDER BY position",
            (height,),
        ).fetchall()
        need(rows, "the file has no block", height)
        (position, _, data, _), *transactions = rows
        link = Link.decode(data)
        need(link.height == height and link.time_ns > self._time_ns, "link of block", height)
        self._time_ns = link.time_ns
        faulted = self._model.start_block(height, link.time_ns, position)
        need(faulted == list(link.quarantined), "quarantined in block", height, link.quarantined)
        need(transactions or self._has_fired(store, height), "block", height, "had nothing to do")
        for at, identifier, data, stored in transactions:
            need(identifier == self._identify(data), "an id is not its transaction's")
            need(identifier not in self._forbidden, "block", height, "holds what it may not")
            expected = self._expect(data, link.time_ns, at)
            receipt = Receipt.decode(unpack_stored(stored)[1])
            found: Any = list(receipt.results)
            if not receipt.is_ok:
                found = (receipt.call_index, receipt.app, receipt.code)
            need(found == expected, "block", height, "says", found, "the model", expected)

    def _expect(self, data: bytes, time_ns: int, position: int) -> Any:
        transaction = Transaction.decode(data)
        valid_until = transaction.envelope.valid_until
        is_timely = time_ns < valid_until <= time_ns + VALID_UNTIL_AHEAD_NS_MAX
        need(is_timely, "executed at", time_ns, "although valid until", valid_until)
        calls = [
            (call.action.partition(".")[0], call.arguments["steps"]["steps"])
            for call in transaction.calls
        ]
        try:
            return self._model.transaction(transaction.envelope.sender, calls, position)
        except Fault:
            return "a fault, which no block holds"

    def _has_fired(self, store: Store, height: int) -> bool:
        rows = store.connection.execute(
            "SELECT count(*) FROM comity_timer__h WHERE _to = "
            "(SELECT min(position) FROM comity_transaction WHERE height = ?)",
            (height,),
        ).fetchone()
        return bool(rows[0])

    def _identify(self, data: bytes) -> bytes:
        try:
            return Transaction.decode(data).envelope.transaction_id(self._genesis.hash)
        except Malformed:
            return b""

    def _read_at(self, name: str, height: int) -> list[list[Any]]:
        """Return a table's rows through the code that answers queries."""
        connection = guard.connect(self._path)
        try:
            sql = f"SELECT {_COLUMNS} FROM {name}"
            snapshot = asof.snapshot_of(connection, height)
            plan = asof.plan_of(connection, snapshot, sql)
            guard.restrict(connection, plan.rules(plan.create(connection), snapshot, "SELECT"))
            rows = [list(row) for row in connection.execute(sql)]
        finally:
            connection.close()
        for row in rows:
            row[5] = None if row[5] is None else row[5] == 1
        return sorted(rows, key=repr)
