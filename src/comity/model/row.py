"""Row bytes: how a row of a table becomes the bytes that are hashed, and how its key is found (rule R4.1).

A *stored row* is a tuple ``(_from, [_owner], [_salt], column by ordinal ...)`` of full width. Its bytes are the CBOR
array of the same items with trailing nulls cut.

Invariant: equal stored rows have equal bytes, also after columns were appended to the schema.
"""

from collections.abc import Sequence
from typing import TypeAlias

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.crypto.ordered import KeyValue, encode_index, encode_key
from comity.errors import Malformed
from comity.model.column import ColumnValue, bounds_of, check_of
from comity.model.schema import Index, TableSchema

StoredRow: TypeAlias = tuple[ColumnValue, ...]

FROM_AT = 0  # _from is always first


class RowCodec:
    """Everything that one schema decides about its rows, worked out once."""

    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema
        self.owner_at = 1 if schema.is_owned else 0
        self.salt_at = 1 + schema.is_owned if schema.is_salted else 0
        self.columns_at = 1 + schema.is_owned + schema.is_salted
        self.width = self.columns_at + len(schema.columns)
        self.key_ordinals = tuple(schema.ordinal(name) for name in schema.key)
        self.key_at = tuple(self.columns_at + ordinal for ordinal in self.key_ordinals)
        self._single_key_at = self.key_at[0] if len(self.key_at) == 1 else None
        self.index_at = {
            index.name: tuple(self.columns_at + schema.ordinal(name) for name in index.columns)
            for index in schema.indexes
        }
        self.uniques: tuple[Index, ...] = tuple(index for index in schema.indexes if index.unique)
        self.boolean_at = tuple(
            self.columns_at + ordinal
            for ordinal, column in enumerate(schema.columns)
            if column.type.kind == "boolean"
        )
        self.key_types = tuple(column.type.python_type for column in schema.key_columns)
        self._checks = tuple((column.name, check_of(column)) for column in schema.columns)
        in_use = [
            (at, column.type) for at, column in enumerate(schema.columns) if not column.retired
        ]
        self._numbers = tuple((at, *bounds_of(type_)) for at, type_ in in_use if type_.is_number)
        self._texts = tuple((at, *bounds_of(type_)) for at, type_ in in_use if type_.kind == "text")
        quick = [at for at, _, _ in self._numbers + self._texts]
        self._others = tuple(
            (at, check) for at, (_, check) in enumerate(self._checks) if at not in quick
        )
        self._kinds = (
            *(int, *([bytes] * (self.columns_at - 1))),
            *(column.type.python_type for column in schema.columns),
        )

    def key_values(self, row: StoredRow) -> tuple[KeyValue, ...]:
        """Return the key columns' values of a stored row, in key order."""
        if self._single_key_at is not None:
            return (row[self._single_key_at],)  # type: ignore[return-value]  # key columns are never null
        return tuple([row[at] for at in self.key_at])  # type: ignore[misc]  # as above

    def key(self, row: StoredRow) -> bytes:
        """Return the encoded key of a stored row. Raises: KeyTooLong, Malformed."""
        return encode_key(self.key_values(row))

    def index_key(self, index: str, row: StoredRow) -> bytes:
        """Return the encoded columns of ``index`` of a stored row."""
        return encode_index([row[at] for at in self.index_at[index]])

    def has_null(self, index: str, row: StoredRow) -> bool:
        """Tell whether a column of ``index`` is null, so that the row is unique in it whatever the others hold."""
        return any(row[at] is None for at in self.index_at[index])

    def encode(self, row: StoredRow) -> bytes:
        """Return the row bytes of a stored row."""
        if row[-1] is None:
            end = len(row)
            while row[end - 1] is None:
                end -= 1
            row = row[:end]
        return cbor.encode_array(row)

    def row_hash(self, row: StoredRow) -> bytes:
        """Return the 32-byte hash of the row bytes."""
        return sha256(cbor.encode_array(row) if row[-1] is not None else self.encode(row))

    def columns(self, row: StoredRow) -> tuple[ColumnValue, ...]:
        """Return the declared columns' values of a stored row, in ordinal order."""
        return row[self.columns_at :]

    def problem(self, values: Sequence[ColumnValue]) -> tuple[str, str] | None:
        """Return (column, what is wrong) of the first bad value, or None; ``values`` in ordinal order."""
        for at, low, high in self._numbers:
            value = values[at]
            if type(value) is not int or not low <= value <= high:
                return self._first_problem(values)
        for at, low, high in self._texts:
            value = values[at]
            if (
                type(value) is not str
                or not low <= len(value) <= high
                or not (value.isascii() and value.isprintable())  # tidy: unicode-method: of ASCII
            ):
                return self._first_problem(values)
        for at, check in self._others:
            if check(values[at]) is not None:
                return self._first_problem(values)
        return None

    def _first_problem(self, values: Sequence[ColumnValue]) -> tuple[str, str] | None:
        """Look at every value in order; what is not plainly right may be right all the same."""
        for (name, check), value in zip(self._checks, values, strict=True):
            wrong = check(value)
            if wrong is not None:
                return name, wrong
        return None

    def from_sql(self, record: tuple[ColumnValue, ...]) -> StoredRow:
        """Return the stored row of an SQLite record in the same order, with booleans made booleans."""
        if not self.boolean_at:
            return record
        row = list(record)
        for at in self.boolean_at:
            if row[at] is not None:
                row[at] = row[at] == 1
        return tuple(row)

    def decode(self, data: bytes) -> StoredRow:
        """Return the stored row, of full width, that row bytes encode. Raises: Malformed.

        Kinds of values are checked, bounds are not: they may have been others when the row was written.
        """
        value = cbor.decode(data, size_max=len(data))
        if type(value) is not list or not self.columns_at < len(value) <= self.width:
            raise Malformed(f"row of {self.schema.name!a}: wrong number of values")
        if value[-1] is None:
            raise Malformed(f"row of {self.schema.name!a}: nulls at the end are cut")
        for at, (item, kind) in enumerate(zip(value, self._kinds, strict=False)):
            if type(item) is not kind and (item is not None or at < self.columns_at):
                raise Malformed(f"row of {self.schema.name!a}: value {at} is of another kind")
        return tuple(value) + (None,) * (self.width - len(value))
