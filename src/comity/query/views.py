"""Views of applications: typed reads of the last committed block, with SQL under bounds.

Invariant: a view sees one snapshot and can change nothing; its connection is read-only.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Never, TypeVar

import apsw

from comity.crypto import cbor
from comity.errors import QueryError, Refusal
from comity.limits import QUERY_PROGRESS_OPS, QUERY_TIME_MS, ROWS_PER_CALL_MAX
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema
from comity.query import functions
from comity.query.conditions import Conditions
from comity.query.rows import FoundRow, schema_of
from comity.sdk.arguments import check_arguments
from comity.sdk.declaration import Declaration
from comity.sdk.row import Row, row_from_values
from comity.sdk.standard import RowNotFound, TableNotFound
from comity.store.ddl import quote, stored_columns
from comity.store.table import StoredTable

R = TypeVar("R", bound=Row)

_NO_NUMBER = -1
_PARAMETER = "SELECT value FROM main.comity_parameter WHERE app = ? AND name = ?"
_DIRECTIONS = ("", "asc", "desc")


def run_view(
    connection: apsw.Connection, app: Declaration, name: str, arguments: Mapping[str, Any]
) -> Any:
    """Return what the view ``name`` of ``app`` says of the last committed block.

    Args:
        connection: one that may read the whole file, such as ``guard.connect`` opens.
    Raises: QueryError: no such view, a wrong argument, the view's own refusal, or too costly.
    """
    view = app.views.get(name)
    if view is None:
        known = ", ".join(app.views) or "none"
        raise QueryError("unknown-view", f"{app.name} has no view {name}; it has {known}")
    deadline_s = time.monotonic() + QUERY_TIME_MS / 1_000
    connection.set_progress_handler(lambda: time.monotonic() > deadline_s, QUERY_PROGRESS_OPS)
    try:
        with connection:
            return view.function(ViewReader(connection, app), **check_arguments(view, arguments))
    except Refusal as refusal:
        raise QueryError(_code(refusal), str(refusal)) from refusal
    except apsw.InterruptError as error:
        message = f"{app.name}.{name} took longer than {QUERY_TIME_MS:,} ms: ask for less"
        raise QueryError("too-costly", message, "QUERY_TIME_MS") from error
    finally:
        connection.set_progress_handler(None, 0)


class ViewReader:
    """Implements the SDK's ``Reader`` over a read-only connection, for one app."""

    def __init__(self, connection: apsw.Connection, app: Declaration) -> None:
        self._connection = connection
        self._app = app
        functions.register(connection)  # the same as where conditions are tried
        self._conditions = Conditions(app.tables.values())
        self._tables: dict[str, StoredTable] = {}

    def get(self, table: type[R], *key: ColumnValue) -> R:
        """Return the row with ``key``. Raises: RowNotFound."""
        found = self.find(table, *key)
        if found is None:
            shown = ", ".join(v.hex() if isinstance(v, bytes) else str(v) for v in key)
            raise RowNotFound(table=self._app.tables[table].name, key=shown)
        return found

    def find(self, table: type[R], *key: ColumnValue) -> R | None:
        """Return the row with ``key``, or None."""
        stored = self._stored(self._app.tables[table])
        row = stored.get(key)  # type: ignore[arg-type]  # no row has null in its key
        return None if row is None else row_from_values(table, stored.codec.columns(row))

    def exists(self, table: type[Row], *key: ColumnValue) -> bool:
        """Tell whether a row with ``key`` exists."""
        return self.find(table, *key) is not None

    def range(
        self,
        table: type[R],
        low: Sequence[ColumnValue] = (),
        high: Sequence[ColumnValue] = (),
        *,
        index: str | None = None,
        limit: int,
    ) -> Iterator[R]:
        """Yield at most ``limit`` rows whose key or index columns lie within [low, high] by prefix."""
        stored = self._stored(self._app.tables[table])
        for row in _first(stored.range(low, high, index), limit):
            yield row_from_values(table, stored.codec.columns(row))

    def table(self, name: str) -> "SharedTableReader":
        """Return a table made at run time. Raises: TableNotFound."""
        try:
            schema = None if "__" in name else schema_of(self._connection, name)
        except QueryError:
            schema = None
        if schema is None or name.startswith("comity_"):
            raise TableNotFound(table=name)
        return SharedTableReader(self._stored(schema))

    def parameter(self, name: str, default: int | str | bytes | bool) -> Any:
        """Return the app's parameter ``name``, else ``default``."""
        found = self._connection.execute(_PARAMETER, (self._app.name, name)).fetchone()
        if found is None:
            return default
        data: bytes = found[0]
        return cbor.decode(data, size_max=len(data))

    def select(
        self, table: type[R], where: str = "", *parameters: ColumnValue, order: str = "", limit: int
    ) -> list[R]:
        """Return rows by SQL; the order ends with the key, so that it is the same everywhere."""
        if not 1 <= limit <= ROWS_PER_CALL_MAX:
            raise QueryError("arguments", f"a view selects 1 to {ROWS_PER_CALL_MAX} rows")
        schema = self._app.tables[table]
        stored = self._stored(schema)
        sql = " ".join(
            [
                "SELECT",
                ", ".join(stored_columns(schema)),
                _from_where(schema, where),
                "ORDER BY",
                ", ".join([*_order(schema, order), *map(quote, schema.key)]),
                "LIMIT ?",
            ]
        )
        codec = stored.codec
        rows = self._read(sql, (*parameters, limit))
        return [row_from_values(table, codec.columns(codec.from_sql(row))) for row in rows]

    def sum(self, table: type[Row], column: str, where: str = "", *parameters: ColumnValue) -> int:
        """Return the exact sum of an integer column by SQL. Raises: QueryError."""
        schema = self._app.tables[table]
        if column not in [one.name for one in schema.columns if one.type.is_number]:
            raise QueryError("arguments", f"{column!r} is no column of numbers in {schema.name}")
        name = quote(column)
        # SQLite's sum ends at 64 bits; those of the upper and the lower halves do not get there.
        halves = "SELECT sum(" + name + " >> 32), sum(" + name + " & 4294967295)"
        ((high, low),) = self._read(" ".join([halves, _from_where(schema, where)]), parameters)
        return ((high or 0) << 32) + (low or 0)

    def _read(self, sql: str, parameters: Sequence[ColumnValue]) -> list[tuple[Any, ...]]:
        self._conditions.check(sql, parameters)
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    def _stored(self, schema: TableSchema) -> StoredTable:
        found = self._tables.get(schema.name)
        if found is None or found.schema != schema:
            found = self._tables[schema.name] = StoredTable(self._connection, _NO_NUMBER, schema)
        return found


class ViewRow(FoundRow):
    """A live row; one without an owner has the empty owner, as for actions."""

    @property
    def owner(self) -> bytes:
        """Return the account that owns the row, or the empty string where rows have no owner."""
        return super().owner or b""


class SharedTableReader:
    """A table made at run time, for a view: it reads, and refuses to write."""

    def __init__(self, stored: StoredTable) -> None:
        self._stored = stored

    @property
    def schema(self) -> TableSchema:
        """Return the schema in force."""
        return self._stored.schema

    def get(self, key: Sequence[ColumnValue]) -> "ViewRow | None":
        """Return the row with ``key``, or None."""
        row = self._stored.get(key)  # type: ignore[arg-type]  # no row has null in its key
        return None if row is None else ViewRow(self._stored.codec, row)

    def range(
        self,
        low: Sequence[ColumnValue] = (),
        high: Sequence[ColumnValue] = (),
        *,
        index: str | None = None,
        limit: int,
    ) -> "Iterator[ViewRow]":
        """Yield at most ``limit`` rows whose key or index columns lie within [low, high]."""
        for row in _first(self._stored.range(low, high, index), limit):
            yield ViewRow(self._stored.codec, row)

    def add(self, values: Sequence[ColumnValue], owner: bytes) -> Never:
        """Fault: a view reads."""
        raise TypeError("a view cannot write: make it an action")

    def put(self, values: Sequence[ColumnValue], owner: bytes | None = None) -> Never:
        """Fault: a view reads."""
        raise TypeError("a view cannot write: make it an action")

    def delete(self, key: Sequence[ColumnValue]) -> Never:
        """Fault: a view reads."""
        raise TypeError("a view cannot write: make it an action")


T = TypeVar("T")


def _first(items: Iterator[T], limit: int) -> Iterator[T]:
    for _, item in zip(range(limit), items, strict=False):
        yield item


def _from_where(schema: TableSchema, where: str) -> str:
    condition = " WHERE (" + where + ")" if where else ""
    return "FROM main." + quote(schema.name) + condition


def _order(schema: TableSchema, order: str) -> list[str]:
    """Return the columns to sort by, quoted. Raises: QueryError."""
    terms = []
    for term in order.split(",") if order else ():
        name, _, direction = term.strip().partition(" ")
        if name not in [column.name for column in schema.columns] or (
            direction.lower() not in _DIRECTIONS
        ):
            raise QueryError("arguments", f"order: {term.strip()!r} is no column of {schema.name}")
        terms.append(quote(name) + " " + direction)
    return terms


def _code(refusal: Refusal) -> str:
    name = type(refusal).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).removeprefix("-")
