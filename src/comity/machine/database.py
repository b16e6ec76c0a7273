"""The database as an action sees it: typed rows of its app, and tables that its app made at run time.

Invariant: whatever an action writes has been checked against its schema, and is stamped with the writer's position.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, TypeVar

from comity.crypto import cbor, ordered
from comity.crypto.hashing import TAG_ROW_SALT, tagged
from comity.crypto.ordered import encode_index, encode_key
from comity.errors import Malformed
from comity.limits import ACCOUNT_ID_BYTES, ROWS_TOUCHED_PER_TRANSACTION_MAX, SALT_BYTES
from comity.machine.pending import PendingTable
from comity.machine.state import State
from comity.machine.system import PARAMETER
from comity.model.column import ColumnValue
from comity.model.row import StoredRow
from comity.model.schema import TableSchema
from comity.sdk.declaration import Declaration
from comity.sdk.row import Row, row_from_values, row_values
from comity.sdk.standard import (
    BadRow,
    KeyTooLong,
    NotUnique,
    RowExists,
    RowNotFound,
    TableNotFound,
)

R = TypeVar("R", bound=Row)


class Rows:
    """Reads and checked writes of one pending table, shared by typed and run-time tables."""

    def __init__(self, state: State, table: PendingTable, salt: bytes) -> None:
        self._state = state
        self._salt = salt
        self.table = table
        self._keys: dict[tuple[ColumnValue, ...], bytes] = {}  # encoded before, of the right types

    def get(self, key_values: Sequence[ColumnValue]) -> StoredRow | None:
        """Return the stored row with this key, or None. Raises: TooMuchWork, BadRow, KeyTooLong."""
        return self._state.get(self.table, self.key(key_values), key_values)

    def range(
        self, low: Sequence[ColumnValue], high: Sequence[ColumnValue], index: str | None, limit: int
    ) -> list[StoredRow]:
        """Return at most ``limit`` rows of the range. Raises: TooMuchWork, BadRow, KeyTooLong."""
        self._check_bound(low, index)
        self._check_bound(high, index)
        # One row more than a transaction may touch is enough to refuse it.
        bound = min(max(limit, 0), ROWS_TOUCHED_PER_TRANSACTION_MAX + 1)
        found = self.table.range(low, high, index, bound)
        self._state.touch(len(found))
        return found

    def add(self, values: Sequence[ColumnValue], owner: bytes) -> StoredRow:
        """Add a row. Raises: RowExists, BadRow, NotUnique, KeyTooLong, TooMuchWork."""
        self._check_owner(owner)
        row = self._stamp(values, owner)
        key_values = self.table.codec.key_values(row)
        key = self._encoded(key_values)
        if self.table.get(key, key_values) is not None:
            raise RowExists(table=self.table.schema.name, key=_key_text(key_values))
        return self._write(key, row)

    def put(self, values: Sequence[ColumnValue], owner: bytes | None) -> StoredRow:
        """Replace the row with the same key. Raises: RowNotFound, BadRow, NotUnique, TooMuchWork."""
        if owner is not None:
            self._check_owner(owner)
        row = self._stamp(values, owner or b"")
        key_values = self.table.codec.key_values(row)
        key = self._encoded(key_values)
        before = self.table.get(key, key_values)
        if before is None:
            raise RowNotFound(table=self.table.schema.name, key=_key_text(key_values))
        at = self.table.codec.owner_at
        if at and owner is None:
            row = (*row[:at], before[at], *row[at + 1 :])
        return self._write(key, row)

    def delete(self, key_values: Sequence[ColumnValue]) -> None:
        """Remove a row. Raises: RowNotFound, TooMuchWork."""
        key = self.key(key_values)
        if self.table.get(key, key_values) is None:
            raise RowNotFound(table=self.table.schema.name, key=_key_text(key_values))
        self._state.write(self.table, key, None)

    def key(self, key_values: Sequence[ColumnValue]) -> bytes:
        """Return the encoded key. Raises: BadRow, KeyTooLong."""
        types = self.table.codec.key_types
        if len(types) == 1 == len(key_values) and type(key_values[0]) is types[0]:
            return self._encoded(tuple(key_values))
        if len(key_values) != len(types):
            raise BadRow(
                table=self.table.schema.name, column="", problem="wrong number of key columns"
            )
        for at, value in enumerate(key_values):
            if type(value) is not types[at]:
                column = self.table.schema.key[at]
                raise BadRow(
                    table=self.table.schema.name, column=column, problem="wrong type in the key"
                )
        return self._encoded(tuple(key_values))

    def _encoded(self, key_values: tuple[ColumnValue, ...]) -> bytes:
        """Return the encoded key of values of the right types. Raises: BadRow, KeyTooLong."""
        known = self._keys.get(key_values)
        if known is not None:
            return known
        try:
            key = self._keys[key_values] = encode_key(key_values)  # type: ignore[arg-type]  # types were compared before
        except ordered.KeyTooLong:
            raise KeyTooLong(table=self.table.schema.name) from None
        except (Malformed, UnicodeEncodeError):
            raise BadRow(table=self.table.schema.name, column="", problem="not a key") from None
        return key

    def _write(self, key: bytes, row: StoredRow) -> StoredRow:
        clash = self.table.clash(key, row) if self.table.codec.uniques else None
        if clash is not None:
            raise NotUnique(table=self.table.schema.name, index=clash)
        at = self.table.codec.salt_at
        if at:
            name = self.table.schema.name.encode()
            salt = tagged(TAG_ROW_SALT, self._salt, name, key)[:SALT_BYTES]
            row = (*row[:at], salt, *row[at + 1 :])
        self._state.write(self.table, key, row)
        return row

    def _stamp(self, values: Sequence[ColumnValue], owner: bytes) -> StoredRow:
        codec, values = self.table.codec, tuple(values)  # what is checked is what is written
        if len(values) != len(codec.schema.columns):
            raise BadRow(table=codec.schema.name, column="", problem="wrong number of columns")
        wrong = codec.problem(values)
        if wrong is not None:
            raise BadRow(table=codec.schema.name, column=wrong[0], problem=wrong[1])
        if codec.columns_at == 1:
            return (self._state.position, *values)
        system: tuple[ColumnValue, ...] = (owner,) if codec.owner_at else ()
        return (self._state.position, *system, *((b"",) if codec.salt_at else ()), *values)

    def _check_owner(self, owner: bytes) -> None:
        if not self.table.codec.owner_at:
            return
        if type(owner) is not bytes or len(owner) != ACCOUNT_ID_BYTES:
            problem = f"an owner is an account, {ACCOUNT_ID_BYTES} bytes"
            raise BadRow(table=self.table.schema.name, column="_owner", problem=problem)

    def _check_bound(self, bound: Sequence[ColumnValue], index: str | None) -> None:
        schema = self.table.schema
        columns = schema.key
        if index is not None:
            found = [declared.columns for declared in schema.indexes if declared.name == index]
            if not found:
                raise BadRow(table=schema.name, column="", problem=f"no index {index}")
            columns = found[0]
        if len(bound) > len(columns):
            raise BadRow(table=schema.name, column="", problem="a bound has too many columns")
        for name, value in zip(columns, bound, strict=False):
            column = schema.columns[schema.ordinal(name)]
            if value is not None and type(value) is not column.type.python_type:
                raise BadRow(table=schema.name, column=name, problem="wrong type in a bound")
            if value is None and column.required:
                raise BadRow(table=schema.name, column=name, problem="null in a bound")
        try:
            encode_key(bound) if index is None else encode_index(bound)  # type: ignore[arg-type]  # types were compared above
        except ordered.KeyTooLong:
            raise KeyTooLong(table=schema.name) from None
        except (Malformed, UnicodeEncodeError):
            raise BadRow(table=schema.name, column="", problem="not a bound") from None


class SharedRowView:
    """A row of a table made at run time."""

    __slots__ = ("_codec", "_row")

    def __init__(self, row: StoredRow, table: PendingTable) -> None:
        self._row = row
        self._codec = table.codec

    @property
    def values(self) -> tuple[ColumnValue, ...]:
        """Return the declared columns' values in ordinal order."""
        return self._codec.columns(self._row)

    @property
    def owner(self) -> bytes:
        """Return the 20-byte account that owns the row, or the empty string where rows have no owner."""
        at = self._codec.owner_at
        return self._row[at] if at else b""  # type: ignore[return-value]  # an account column

    @property
    def row_hash(self) -> bytes:
        """Return the 32-byte row hash."""
        return self._codec.row_hash(self._row)


class SharedTableView:
    """A table made at run time, as it is at each use: the action may alter or drop it in between."""

    def __init__(self, state: State, name: str, salt: bytes) -> None:
        self._state = state
        self._name = name
        self._salt = salt
        self._last: Rows | None = None

    @property
    def _rows(self) -> Rows:
        table = self._state.table(self._name)
        if table is None:
            raise TableNotFound(table=self._name)
        if self._last is None or self._last.table is not table:
            self._last = Rows(self._state, table, self._salt)
        return self._last

    @property
    def schema(self) -> TableSchema:
        """Return the schema in force."""
        return self._rows.table.schema

    def get(self, key: Sequence[ColumnValue]) -> SharedRowView | None:
        """Return the row with ``key``, or None."""
        rows = self._rows
        row = rows.get(tuple(key))
        return None if row is None else SharedRowView(row, rows.table)

    def range(
        self,
        low: Sequence[ColumnValue] = (),
        high: Sequence[ColumnValue] = (),
        *,
        index: str | None = None,
        limit: int,
    ) -> Iterator[SharedRowView]:
        """Yield at most ``limit`` rows within [low, high] by prefix."""
        rows = self._rows
        for row in rows.range(low, high, index, limit):
            yield SharedRowView(row, rows.table)

    def add(self, values: Sequence[ColumnValue], owner: bytes) -> SharedRowView:
        """Add a row. Raises: RowExists, BadRow, NotUnique."""
        rows = self._rows
        return SharedRowView(rows.add(values, owner), rows.table)

    def put(self, values: Sequence[ColumnValue], owner: bytes | None = None) -> SharedRowView:
        """Replace the row with the same key. Raises: RowNotFound, BadRow, NotUnique."""
        rows = self._rows
        return SharedRowView(rows.put(values, owner), rows.table)

    def delete(self, key: Sequence[ColumnValue]) -> None:
        """Remove the row with ``key``. Raises: RowNotFound."""
        self._rows.delete(tuple(key))


class Database:
    """Implements the SDK's ``Writer`` for one app within one transaction.

    Args:
        salt: transaction salt, from which rows of salted tables get theirs.
    """

    def __init__(self, state: State, app: Declaration, salt: bytes) -> None:
        self._state = state
        self._app = app
        self._salt = salt
        self._rows: dict[type[Row], Rows] = {}

    def get(self, table: type[R], *key: ColumnValue) -> R:
        """Return the row with ``key``. Raises: RowNotFound."""
        rows = self._typed(table)
        row = rows.get(key)
        if row is None:
            raise RowNotFound(table=rows.table.schema.name, key=_key_text(key))
        return row_from_values(table, row[rows.table.codec.columns_at :])

    def find(self, table: type[R], *key: ColumnValue) -> R | None:
        """Return the row with ``key``, or None."""
        rows = self._typed(table)
        row = rows.get(key)
        return None if row is None else row_from_values(table, rows.table.codec.columns(row))

    def exists(self, table: type[Row], *key: ColumnValue) -> bool:
        """Tell whether a row with ``key`` exists."""
        return self._typed(table).get(key) is not None

    def range(
        self,
        table: type[R],
        low: Sequence[ColumnValue] = (),
        high: Sequence[ColumnValue] = (),
        *,
        index: str | None = None,
        limit: int,
    ) -> Iterator[R]:
        """Yield at most ``limit`` rows within [low, high] by prefix."""
        rows = self._typed(table)
        for row in rows.range(low, high, index, limit):
            yield row_from_values(table, rows.table.codec.columns(row))

    def add(self, row: R) -> R:
        """Add ``row``. Raises: RowExists, BadRow, NotUnique."""
        self._typed(type(row)).add(row_values(row), b"")
        return row

    def put(self, row: R) -> R:
        """Replace the row with the same key. Raises: RowNotFound, BadRow, NotUnique."""
        self._typed(type(row)).put(row_values(row), None)
        return row

    def delete(self, row: Row) -> None:
        """Remove the row with the same key. Raises: RowNotFound."""
        rows = self._typed(type(row))
        values = row_values(row)
        rows.delete([values[at] for at in rows.table.codec.key_ordinals])

    def table(self, name: str) -> SharedTableView:
        """Return a table made at run time. Raises: TableNotFound."""
        if "__" in name or name[:6] == "comity" or self._state.table(name) is None:
            raise TableNotFound(table=name)
        return SharedTableView(self._state, name, self._salt)

    def parameter(self, name: str, default: int | str | bytes | bool) -> Any:
        """Return the app's parameter ``name``, else ``default``."""
        values = (self._app.name, name)
        row = self._state.get(self._state.system(PARAMETER), encode_key(values), values)
        if row is None:
            return default
        data = row[3]
        return cbor.decode(data, size_max=len(data))  # type: ignore[arg-type]  # a bytes column

    def select(
        self, table: type[R], where: str = "", *parameters: ColumnValue, order: str = "", limit: int
    ) -> NoReturn:
        """Fault: SQL would miss the block's own writes (consensus rule R1.2)."""
        raise TypeError(
            "select reads SQL: only views and invariants may; an action reads by key or range"
        )

    def sum(
        self, table: type[Row], column: str, where: str = "", *parameters: ColumnValue
    ) -> NoReturn:
        """Fault: keep a row with the sum instead (consensus rule R1.2)."""
        raise TypeError("sum reads SQL: only views and invariants may; keep the sum in a row")

    def _typed(self, table: type[Row]) -> Rows:
        found = self._rows.get(table)
        if found is None:
            schema = self._app.tables[table]
            pending = self._state.table(schema.name)
            if pending is None:
                raise TableNotFound(table=schema.name)
            found = self._rows[table] = Rows(self._state, pending, self._salt)
        return found


def _key_text(values: Sequence[ColumnValue]) -> str:
    """Return a key for people to read, in a refusal."""
    return ", ".join(value.hex() if isinstance(value, bytes) else str(value) for value in values)
