"""A ledger in a folder with a shared table, for tests of what reads it while it is written."""

import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from comity.client.signing import sign_calls
from comity.engine.port import Ordered
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder
from comity.model.row import RowCodec
from comity.model.transaction import Call
from comity.node.folder import GENESIS_FILE
from comity.node.local import LocalLedger
from comity.store.table import StoredTable
from comity.testing.people import Person

START_NS = 1_795_000_000 * 10**9
ANA, BO = Person("ana"), Person("bo")
STOCK = {
    "name": "stock",
    "columns": [
        {"name": "name", "type": "text", "maximum": 40, "required": True},
        {"name": "place", "type": "text", "maximum": 40},
        {"name": "count", "type": "integer"},
        {"name": "price", "type": "decimal", "scale": 2},
        {"name": "is_sold", "type": "boolean"},
    ],
    "key": ["name"],
    "indexes": [{"name": "place", "columns": ["place", "count"]}],
}
PAIRS = {
    "name": "pairs",
    "columns": [
        {"name": "left_name", "type": "text", "maximum": 40, "required": True},
        {"name": "number", "type": "integer", "required": True},
        {"name": "note", "type": "text", "maximum": 4_000},
    ],
    "key": ["left_name", "number"],
}


class SharedLedger:
    """Writes a ledger; a call of ``commit`` is a block.

    Args:
        start_ns: its first time; None for now, as a ledger needs that is to be served.

    """

    def __init__(
        self,
        directory: Path,
        tables: Sequence[Mapping[str, Any]] = (STOCK, PAIRS),
        *,
        start_ns: int | None = START_NS,
    ) -> None:
        self._salts = itertools.count(1)
        self._now_ns = time.time_ns() if start_ns is None else start_ns
        self.local = LocalLedger.create(
            directory,
            name="shared",
            founders=[
                Founder(
                    name=person.name,
                    key_type=KEY_TYPE_ED25519,
                    public_key=person.public_key,
                    roles=("admin",),
                )
                for person in (ANA, BO)
            ],
            clock=lambda: self._now_ns,
        )
        self.directory = directory
        self.database = self.local.folder.database
        self.genesis_file = directory / GENESIS_FILE
        for schema in tables:
            self.commit(("tables.create", {"schema": schema, "preset": "open"}))

    @property
    def height(self) -> int:
        """Return the height of the last block."""
        return self.local.store.height

    def signed(self, *calls: tuple[str, Mapping[str, Any]], by: Person = ANA) -> bytes:
        """Return a transaction of some calls."""
        return sign_calls(
            by,
            [Call(action, dict(arguments)) for action, arguments in calls],
            genesis_hash=self.local.genesis.hash,
            expires_ns=self._now_ns + 600 * 10**9,
            salt=next(self._salts).to_bytes(16, "big"),
        ).encode()

    def commit(self, *calls: tuple[str, Mapping[str, Any]], by: Person = ANA) -> Ordered:
        """Make a block of one transaction."""
        return self.commit_many(self.signed(*calls, by=by))[0]

    def commit_many(self, *transactions: bytes) -> list[Ordered]:
        """Make blocks of some transactions, which the rules must not refuse."""
        self._now_ns += 10**9
        answers = self.local.submit(transactions)
        for answer in answers:
            assert isinstance(answer, Ordered), answer
            assert answer.receipt.is_ok, answer.receipt
        return [answer for answer in answers if isinstance(answer, Ordered)]

    def add(self, table: str, *rows: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
        """Return a call that adds rows."""
        return "tables.add", {"table": table, "rows": [list(row) for row in rows]}

    def change(self, table: str, *rows: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
        """Return a call that changes rows as they are now; the values are of all columns."""
        stored = self._stored(table)
        ordinals = [stored.schema.ordinal(name) for name in stored.schema.key]
        seen = [self.row_hash(table, *(row[at] for at in ordinals)) for row in rows]
        return "tables.change", {"table": table, "rows": [list(row) for row in rows], "seen": seen}

    def remove(self, table: str, *keys: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
        """Return a call that removes rows as they are now."""
        seen = [self.row_hash(table, *key) for key in keys]
        return "tables.remove", {"table": table, "keys": [list(key) for key in keys], "seen": seen}

    def row_hash(self, table: str, *key: Any) -> bytes:
        """Return the hash of a row as it is now."""
        stored = self._stored(table)
        row = stored.get(key)
        assert row is not None
        return RowCodec(stored.schema).row_hash(row)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return the rows as they are now, columns only, in key order."""
        stored = self._stored(table)
        return [stored.codec.columns(row) for row in stored.scan()]

    def close(self) -> None:
        """Close the ledger."""
        self.local.close()

    def _stored(self, table: str) -> StoredTable:
        return self.local.store.tables[table]
