"""Table schemas: columns with permanent ordinals, a key, indexes and storage settings, and their canonical bytes.

Invariant: a schema that ``TableSchema.check`` accepts can be made in SQLite as it stands, and each later version keeps
every ordinal, type and key of the one before it (consensus rule R4.2).
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.errors import Malformed
from comity.limits import (
    COLUMNS_PER_TABLE_MAX,
    ENCODED_KEY_BYTES_MAX,
    FORMAT_NUMBER,
    INDEXES_PER_TABLE_MAX,
    INT64_MAX,
    KEY_COLUMNS_MAX,
)
from comity.model.column import Column, ColumnType, check_column
from comity.model.names import check_name

History: TypeAlias = Literal["all", "none"] | int


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """A declared index: rules may read ranges of it; ``unique`` lets no two rows agree in it unless one has a null."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


class TableSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a table's schema.

    Args:
        name: physical table name, ``<app>__<table>`` or bare for a shared table.
        key: names of the key columns, in key order.
        history: ``all`` versions, the versions of the last N heights, or ``none``.
        is_owned: rows carry ``_owner``, the account that added them.
        is_salted: rows carry ``_salt``, so that no hash can be guessed back (rule R4.5).

    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[Index, ...] = ()
    history: History = "all"
    is_owned: bool = False
    is_salted: bool = False

    def check(self) -> None:
        """Refuse a schema that breaks a name, bound or reference. Raises: Malformed."""
        if "__" not in self.name:
            check_name(self.name, "table")
        if not 1 <= len(self.columns) <= COLUMNS_PER_TABLE_MAX:
            raise Malformed(
                f"table {self.name!a}: 1 to {COLUMNS_PER_TABLE_MAX} columns are allowed"
            )
        for column in self.columns:
            check_column(column)
        self._check_names([column.name for column in self.columns], "column")
        self._check_key()
        if len(self.indexes) > INDEXES_PER_TABLE_MAX:
            raise Malformed(
                f"table {self.name!a}: at most {INDEXES_PER_TABLE_MAX} indexes are allowed"
            )
        self._check_names([index.name for index in self.indexes], "index")
        for index in self.indexes:
            check_name(index.name, "index")
            self._check_columns(index.columns, f"index {index.name!a}")
        if self.history not in ("all", "none") and (
            type(self.history) is not int or self.history < 1
        ):
            raise Malformed(f"table {self.name!a}: history is all, none or a number of heights")

    def canonical(self) -> "TableSchema":
        """Return the schema with every field of its declared kind, as its bytes are read. Raises: Malformed."""
        try:
            return msgspec.convert(msgspec.to_builtins(self), TableSchema)
        except (msgspec.ValidationError, TypeError) as error:
            raise Malformed("schema: a field is of another kind than it must be") from error

    def ordinal(self, name: str) -> int:
        """Return the 0-based ordinal of column ``name``. Raises: KeyError."""
        for ordinal, column in enumerate(self.columns):
            if column.name == name:
                return ordinal
        raise KeyError(name)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """Return the key's columns in key order."""
        return tuple(self.columns[self.ordinal(name)] for name in self.key)

    def to_value(self) -> cbor.Value:
        """Return the canonical CBOR value: columns in ordinal order, key and indexes as ordinals."""
        return [
            FORMAT_NUMBER,
            self.name,
            [_column_value(column) for column in self.columns],
            [self.ordinal(name) for name in self.key],
            self._index_value(),
            self.history,
            self.is_owned,
            self.is_salted,
        ]

    def check_successor(self, later: "TableSchema") -> None:
        """Refuse ``later`` as the next version: columns may only be appended, renamed or retired. Raises: Malformed."""
        where = f"table {self.name!a}"
        if (
            later.name != self.name
            or later.is_owned != self.is_owned
            or later.is_salted != self.is_salted
        ):
            raise Malformed(f"{where}: name, ownership and salting are fixed")
        if len(later.columns) < len(self.columns):
            raise Malformed(f"{where}: a column cannot be removed; retire it")
        for ordinal, (old, new) in enumerate(zip(self.columns, later.columns, strict=False)):
            is_same = old.type == new.type or _is_wider_enum(old.type, new.type)
            if (
                not is_same
                or (new.required and not old.required)
                or (old.retired and not new.retired)
            ):
                raise Malformed(
                    f"{where}: column {ordinal} {old.name!a} cannot change its type or become required"
                )
        if any(column.required for column in later.columns[len(self.columns) :]):
            raise Malformed(f"{where}: an added column cannot be required, rows have null in it")
        if [self.ordinal(name) for name in self.key] != [later.ordinal(name) for name in later.key]:
            raise Malformed(f"{where}: the key is fixed")
        if self._index_value() != later._index_value() or later.history != self.history:
            raise Malformed(f"{where}: indexes and history are fixed")

    def _index_value(self) -> cbor.Value:
        return [
            [index.name, [self.ordinal(name) for name in index.columns], index.unique]
            for index in self.indexes
        ]

    def _check_key(self) -> None:
        if not 1 <= len(self.key) <= KEY_COLUMNS_MAX:
            raise Malformed(
                f"table {self.name!a}: a key of 1 to {KEY_COLUMNS_MAX} columns is needed"
            )
        self._check_columns(self.key, "key")
        for column in self.key_columns:
            if not column.required or column.type.kind == "boolean" or column.retired:
                raise Malformed(f"key column {column.name!a}: must be required, and not boolean")
            if (
                column.type.kind in ("text", "bytes")
                and (column.type.maximum or 0) > ENCODED_KEY_BYTES_MAX
            ):
                raise Malformed(f"key column {column.name!a}: at most {ENCODED_KEY_BYTES_MAX} long")

    def _check_columns(self, names: Sequence[str], what: str) -> None:
        known = [column.name for column in self.columns if not column.retired]
        for name in names:
            if name not in known:
                raise Malformed(f"table {self.name!a}: {what} names {name!a}, which is no column")
        self._check_names(list(names), f"{what} column")
        if not names:
            raise Malformed(f"table {self.name!a}: {what} has no columns")

    def _check_names(self, names: list[str], what: str) -> None:
        for position, name in enumerate(names):
            if name in names[:position]:
                raise Malformed(f"table {self.name!a}: {what} {name!a} stands twice")


Versions: TypeAlias = Sequence[
    tuple[int, TableSchema | None]
]  # (height, schema), None where the table was dropped


def versions_value(versions: Versions) -> cbor.Value:
    """Return the CBOR value of all schema versions with the heights from which they hold."""
    return [[height, None if schema is None else schema.to_value()] for height, schema in versions]


def schema_hash(versions: Versions) -> bytes:
    """Return the 32-byte hash of all schema versions of one table (consensus rule R4.2)."""
    return sha256(cbor.encode(versions_value(versions)))


def versions_from_value(value: cbor.Value) -> list[tuple[int, TableSchema | None]]:
    """Return the schema versions that ``versions_value`` wrote. Raises: Malformed."""
    if type(value) is not list:
        raise Malformed("schema: not a list of versions")
    try:
        return [
            (_height(height), None if item is None else _schema_from_value(item))
            for height, item in value
        ]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise Malformed("schema: not a list of versions") from error


def _height(value: cbor.Value) -> int:
    if type(value) is not int or not 0 <= value <= INT64_MAX:
        raise Malformed("schema: a version holds from a height on")
    return value


def _schema_from_value(value: cbor.Value) -> TableSchema:
    number, name, columns, key, indexes, history, is_owned, is_salted = value
    if number != FORMAT_NUMBER:
        raise Malformed(f"schema: this program knows format {FORMAT_NUMBER} only")
    parsed = tuple(_column_from_value(item) for item in columns)
    schema = TableSchema(
        name=name,
        columns=parsed,
        key=tuple(parsed[ordinal].name for ordinal in key),
        indexes=tuple(
            Index(
                name=title,
                columns=tuple(parsed[ordinal].name for ordinal in ordinals),
                unique=unique,
            )
            for title, ordinals, unique in indexes
        ),
        history=history,
        is_owned=is_owned,
        is_salted=is_salted,
    )
    schema = schema.canonical()
    if cbor.encode(schema.to_value()) != cbor.encode(value):
        raise Malformed("schema: not canonical")
    return schema


def _column_value(column: Column) -> cbor.Value:
    kind = column.type
    return [
        column.name,
        kind.kind,
        column.required,
        column.retired,
        kind.minimum,
        kind.maximum,
        kind.scale,
        list(kind.values),
    ]


def _column_from_value(value: cbor.Value) -> Column:
    name, kind, required, retired, minimum, maximum, scale, values = value
    type_ = ColumnType(
        kind=kind, minimum=minimum, maximum=maximum, scale=scale, values=tuple(values)
    )
    return Column(name=name, type=type_, required=required, retired=retired)


def _is_wider_enum(old: ColumnType, new: ColumnType) -> bool:
    return old.kind == new.kind == "enum" and new.values[: len(old.values)] == old.values
