"""One table as a height has it: which versions of its rows were there, and under which names.

Invariant: a row of ``arms`` was there after log position ``snapshot.position``, and each such row is
in exactly one arm.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import apsw
import msgspec

from comity.crypto.ordered import KeyValue
from comity.errors import InvariantViolated, QueryError
from comity.model.column import Column, ColumnType
from comity.model.row import FROM_AT, RowCodec, StoredRow
from comity.model.schema import TableSchema
from comity.query.answer import AnswerColumn
from comity.query.asof import (
    READABLE,
    Snapshot,
    Versions,
    history_start,
    newest_schema,
    schema_at,
    versions_from_blob,
)
from comity.store.catalog import TableLeaf
from comity.store.ddl import history_name, quote, stored_columns

_ACCOUNT = Column(name="_owner", type=ColumnType(kind="account"))
_REMEMBERED_MAX = 1_000


class Arm(msgspec.Struct, frozen=True):
    """A table of the file, and the condition that picks the rows that were there."""

    table: str
    condition: str
    parameters: tuple[int, ...]
    is_past: bool


class Schemas:
    """Decoded schema versions, kept as long as their bytes are the same."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, Versions, RowCodec]] = {}

    def of(self, connection: apsw.Connection, name: str) -> tuple[Versions, RowCodec]:
        """Return all versions of a table's schema and how its stored rows are read. Raises: QueryError."""
        found = connection.execute(
            "SELECT versions FROM main.comity_schema WHERE name = ?", (name,)
        ).fetchone()
        if found is None or (name.startswith("comity_") and name not in READABLE):
            raise QueryError("unknown-table", f"there is no table {name}")
        kept = self._kept.get(name)
        if kept is None or kept[0] != found[0]:
            if len(self._kept) >= _REMEMBERED_MAX:
                self._kept.clear()
            versions = versions_from_blob(found[0])
            kept = self._kept[name] = (found[0], versions, RowCodec(newest_schema(versions)))
        return kept[1], kept[2]

    def versions_bytes(self, name: str) -> bytes:
        """Return the CBOR of all schema versions of a table that was just asked for."""
        return self._kept[name][0]


class TableAt:
    """A table at a height.

    Attributes:
        schema: that held then; ``codec.schema`` is the newest, whose names are those of the file.
        shown: (column of the answer, place in a stored row) of what a reader sees.
    Raises: QueryError, when there was no such table, or its history starts later.

    """

    def __init__(
        self, connection: apsw.Connection, schemas: Schemas, name: str, snapshot: Snapshot
    ) -> None:
        versions, self.codec = schemas.of(connection, name)
        self.name = name
        self.snapshot = snapshot
        self.schema: TableSchema = schema_at(name, versions, snapshot.height)
        self._connection = connection
        self.is_live = snapshot.is_newest or not has_changed(connection, name, snapshot.height)
        physical = self.codec.schema
        start = history_start(physical, snapshot.height_newest)
        if not self.is_live and snapshot.height < start:
            raise QueryError(
                "pruned-height",
                f"history of {name} starts at height {start}: it cannot be read at height"
                f" {snapshot.height}; read the newest",
            )
        self.shown = self._shown()
        self.arms = self._arms()
        self._select = "SELECT " + ", ".join(stored_columns(physical)) + " FROM main."

    def column(self, name: str) -> tuple[Column, str] | None:
        """Return a column by the name that it had then, and its name in the file; None for no column."""
        if name == "_owner" and self.schema.is_owned:
            return _ACCOUNT, name
        pairs = zip(self.schema.columns, self.codec.schema.columns, strict=False)
        for column, stored in pairs:
            if column.name == name and not column.retired:
                return column, stored.name
        return None

    def row(self, key: Sequence[KeyValue]) -> StoredRow | None:
        """Return the row that had ``key``, or None."""
        where = " AND ".join(quote(name) + " = ?" for name in self.codec.schema.key)
        for arm in self.arms:
            sql = self._select + quote(arm.table) + " WHERE " + where + arm.condition
            record = self._connection.execute(sql, (*key, *arm.parameters)).fetchone()
            if record is not None:
                return self.codec.from_sql(record)
        return None

    def rows(
        self, arm: Arm, conditions: Sequence[str], parameters: Sequence[Any], order: str, limit: int
    ) -> Iterator[StoredRow]:
        """Yield the rows of one arm that meet all conditions, in order."""
        where = " AND ".join(conditions) or "1"
        sql = self._select + quote(arm.table) + " WHERE " + where + arm.condition
        cursor = self._connection.execute(  # tidy: sql-text: names are quoted
            sql + " ORDER BY " + order + " LIMIT ?", (*parameters, *arm.parameters, limit)
        )
        for record in cursor:
            yield self.codec.from_sql(record)

    def leaf(self) -> TableLeaf:
        """Return what the catalog said of the table."""
        return leaf_at(self._connection, self.name, self.snapshot, is_live=self.is_live)

    def _shown(self) -> list[tuple[AnswerColumn, int]]:
        columns = self.schema.columns
        shown = [
            (AnswerColumn(column.name, column.type.kind, column.type.scale), at)
            for at, column in enumerate(columns, self.codec.columns_at)
            if not column.retired
        ]
        if self.schema.is_owned:
            shown.append((AnswerColumn("_owner", "account"), self.codec.owner_at))
        return [*shown, (AnswerColumn("_from", "integer"), FROM_AT)]

    def _arms(self) -> list[Arm]:
        if self.is_live:
            return [Arm(self.name, "", (), is_past=False)]
        position = self.snapshot.position
        past = history_name(self.codec.schema)
        return [
            Arm(self.name, " AND _from <= ?", (position,), is_past=False),
            Arm(past, " AND _from <= ? AND _to > ?", (position, position), is_past=True),
        ]


def has_changed(connection: apsw.Connection, name: str, height: int) -> bool:
    """Tell whether a block after ``height`` changed the table. Cost: O(tables changed since)."""
    found = connection.execute(
        "SELECT 1 FROM main.comity_root WHERE height > ? AND name = ? LIMIT 1", (height, name)
    ).fetchone()
    return found is not None


def leaf_at(
    connection: apsw.Connection, name: str, snapshot: Snapshot, *, is_live: bool
) -> TableLeaf:
    """Return what the catalog of a height said of a table that was there.

    Cost: at an older height, one pass over the leaves that blocks up to it changed.
    """
    if is_live:
        found = connection.execute(
            "SELECT leaf FROM main.comity_table WHERE name = ?", (name,)
        ).fetchone()
    else:
        found = connection.execute(
            "SELECT leaf FROM main.comity_root WHERE name = ? AND height <= ?"
            " ORDER BY height DESC LIMIT 1",
            (name, snapshot.height),
        ).fetchone()
    if found is None or found[0] is None:
        raise InvariantViolated(f"the catalog has no entry of {name}; run comity audit")
    return TableLeaf.decode(found[0])


def tail_start(connection: apsw.Connection, history: str, position: int) -> tuple[int, int]:
    """Return the first ``_n`` of the versions that ended after ``position``, and how many there are.

    Versions are appended in the order they ended. Cost: O(log versions) look-ups.
    """
    table = quote(history)
    low, high = connection.execute(
        "SELECT coalesce(min(_n), 0), coalesce(max(_n), -1) + 1 FROM main." + table
    ).fetchone() or (0, 0)
    end = high
    probe = "SELECT _n, _to FROM main." + table + " WHERE _n >= ? ORDER BY _n LIMIT 1"
    while low < high:
        middle = (low + high) // 2
        number, to = connection.execute(probe, (middle,)).fetchone() or (end, position + 1)
        if to > position:
            high = middle
        else:
            low = number + 1
    return low, end - low
