"""One table in SQLite: reads by key and range, and the writes of one block.

Invariant: reads see the last committed block; rows come in encoded-key order, which is SQLite's BINARY order of the
key columns. Writes happen only inside the caller's transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

import apsw

from comity.crypto.ordered import KeyValue
from comity.model.column import ColumnValue
from comity.model.row import RowCodec, StoredRow
from comity.model.schema import TableSchema
from comity.store.ddl import history_name, quote, stored_columns


class StoredTable:
    """Reads and writes of one table under its present schema."""

    def __init__(self, connection: apsw.Connection, number: int, schema: TableSchema) -> None:
        self.number = number
        self.schema = schema
        self.codec = RowCodec(schema)
        self._connection = connection
        name, columns = quote(schema.name), stored_columns(schema)
        listed, marks = ", ".join(columns), ", ".join("?" * len(columns))
        key = [quote(column) for column in schema.key]
        where = " AND ".join(column + " = ?" for column in key)
        others = [column for column in columns if column not in key]
        self._select = "SELECT " + listed + " FROM " + name
        self._get = self._select + " WHERE " + where
        self._insert = "INSERT INTO " + name + "(" + listed + ") VALUES(" + marks + ")"
        self._update = (
            "UPDATE "
            + name
            + " SET "
            + ", ".join(column + " = ?" for column in others)
            + " WHERE "
            + where
        )
        changing = [at for at, column in enumerate(columns) if column not in key]
        # _from and a key column at least, so it always gives a tuple
        self._update_values = itemgetter(*changing, *self.codec.key_at)
        self._delete = "DELETE FROM " + name + " WHERE " + where
        self._order = " ORDER BY " + ", ".join(key)
        self._keeps_history = schema.history != "none"
        self._keep = (
            "INSERT INTO "
            + quote(history_name(schema))
            + "("
            + listed
            + ", _to) VALUES("
            + marks
            + ", ?)"
        )

    def get(self, key: Sequence[KeyValue]) -> StoredRow | None:
        """Return the stored row with ``key``, or None."""
        record = self._connection.execute(self._get, key).fetchone()
        return None if record is None else self.codec.from_sql(record)

    def scan(self) -> Iterator[StoredRow]:
        """Yield every row in key order. Cost: one read of the table."""
        for record in self._connection.execute(self._select + self._order):
            yield self.codec.from_sql(record)

    def range(
        self, low: Sequence[ColumnValue], high: Sequence[ColumnValue], index: str | None = None
    ) -> Iterator[StoredRow]:
        """Yield rows whose leading key (or index) columns lie within [low, high], in encoded order, ties by key."""
        columns = self._columns_of(index)
        bound_of = _row_value_bound if index is None else _bound
        conditions: list[str] = []
        bindings: list[ColumnValue] = []
        for bound, sign in ((low, ">="), (high, "<=")):
            if bound:
                condition, values = bound_of(columns, bound, sign)
                conditions.append(condition)
                bindings += values
        where = " WHERE " + " AND ".join(conditions) if conditions else ""
        order = " ORDER BY " + ", ".join(dict.fromkeys([*columns, *map(quote, self.schema.key)]))
        query = self._select + where + order
        for record in self._connection.execute(query, bindings):  # tidy: sql-text: names are quoted
            yield self.codec.from_sql(record)

    def find_equal(self, index: str, values: Sequence[ColumnValue]) -> Iterator[StoredRow]:
        """Yield the rows whose columns of ``index`` equal ``values``, none of them null."""
        where = " WHERE " + " AND ".join(column + " = ?" for column in self._columns_of(index))
        query = self._select + where
        for record in self._connection.execute(
            query, tuple(values)
        ):  # tidy: sql-text: names are quoted
            yield self.codec.from_sql(record)

    def write(
        self, inserts: list[StoredRow], updates: list[StoredRow], deletes: list[StoredRow]
    ) -> None:
        """Write one block's net changes. Args: rows in key order; deletes are the rows as they were."""
        key_values = self.codec.key_values
        run = self._connection.executemany
        if deletes:
            run(self._delete, [key_values(row) for row in deletes])
        if updates:
            run(self._update, map(self._update_values, updates))
        if inserts:
            run(self._insert, inserts)

    def remove(self, keys: Sequence[Sequence[KeyValue]]) -> None:
        """Delete the rows with these keys."""
        if keys:
            self._connection.executemany(self._delete, keys)

    def keep(self, superseded: Iterable[StoredRow]) -> None:
        """Append superseded versions to the history. Args: stored rows, each with its ``_to`` appended."""
        if self._keeps_history:
            self._connection.executemany(self._keep, superseded)

    def _columns_of(self, index: str | None) -> list[str]:
        if index is None:
            return [quote(name) for name in self.schema.key]
        for declared in self.schema.indexes:
            if declared.name == index:
                return [quote(name) for name in declared.columns]
        raise KeyError(index)


def _row_value_bound(
    columns: list[str], values: Sequence[ColumnValue], sign: str
) -> tuple[str, Sequence[ColumnValue]]:
    """Return the bound for columns that are never null, which SQLite seeks directly."""
    listed = ", ".join(columns[: len(values)])
    return "(" + listed + ") " + sign + " (" + ", ".join("?" * len(values)) + ")", values


def _bound(
    columns: list[str], values: Sequence[ColumnValue], sign: str
) -> tuple[str, list[ColumnValue]]:
    """Return an SQL condition and its bindings for ``columns sign values`` in encoded order, where null sorts first.

    Row values would treat null as unknown, so the comparison is written out, column by column.
    """
    strict = sign[0]
    parts: list[str] = []
    bindings: list[ColumnValue] = []
    for depth, value in enumerate(values):
        last = depth == len(values) - 1
        test, tested = _compare(columns[depth], value, sign if last else strict)
        equals = [column + " IS ?" for column in columns[:depth]]
        parts.append("(" + " AND ".join([*equals, test]) + ")")
        bindings += [*values[:depth], *tested]
    return "(" + " OR ".join(parts) + ")", bindings


def _compare(column: str, value: ColumnValue, sign: str) -> tuple[str, list[ColumnValue]]:
    if value is None:
        return {
            ">=": ("1", []),
            ">": (column + " IS NOT NULL", []),
            "<=": (column + " IS NULL", []),
        }.get(sign, ("0", []))
    if sign[0] == ">":
        return column + " " + sign + " ?", [value]
    return "(" + column + " " + sign + " ? OR " + column + " IS NULL)", [value]
