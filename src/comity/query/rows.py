"""Rows by key as they are now, without the machine: for clients that are about to change them.

Invariant: what is returned was committed; every row carries the hash that a change must name.
"""

from collections.abc import Sequence

import apsw

from comity.errors import QueryError
from comity.model.column import ColumnValue
from comity.model.row import RowCodec, StoredRow
from comity.model.schema import TableSchema
from comity.query.asof import versions_of
from comity.store.table import StoredTable

_NO_NUMBER = -1  # a reader needs no pages of the state tree


class FoundRow:
    """A live row; its hash is worked out when asked for."""

    __slots__ = ("_codec", "_row")

    def __init__(self, codec: RowCodec, row: StoredRow) -> None:
        self._codec = codec
        self._row = row

    @property
    def values(self) -> tuple[ColumnValue, ...]:
        """Return the values in column order."""
        return self._codec.columns(self._row)

    @property
    def owner(self) -> bytes | None:
        """Return the account that owns the row, where rows have owners."""
        owner = self._row[self._codec.owner_at] if self._codec.owner_at else None
        return owner if isinstance(owner, bytes) else None

    @property
    def row_hash(self) -> bytes:
        """Return the 32-byte row hash."""
        return self._codec.row_hash(self._row)


def schema_of(connection: apsw.Connection, table: str) -> TableSchema:
    """Return the schema of a table that is there now. Raises: QueryError."""
    schema = versions_of(connection, table)[-1][1]
    if schema is None:
        raise QueryError("unknown-table", f"the table {table} was dropped; its history stays")
    return schema


def rows_of(
    connection: apsw.Connection, schema: TableSchema, keys: Sequence[Sequence[ColumnValue]]
) -> list[FoundRow | None]:
    """Return the row of each key, or None, in order, all of one snapshot."""
    table = StoredTable(connection, _NO_NUMBER, schema)
    with connection:
        found = [table.get(key) for key in keys]  # type: ignore[arg-type]  # no row has null in its key
    return [None if row is None else FoundRow(table.codec, row) for row in found]
