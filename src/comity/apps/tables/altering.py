"""The next version of a table's schema, from the changes that a call names.

Invariant: ordinals, types and key stay; what the ledger then refuses is told as it refuses it.
"""

from collections.abc import Mapping
from typing import Any

from comity.sdk import (  # fmt: skip
    BadSchema,
    Column,
    ColumnType,
    ColumnValue,
    Index,
    TableSchema,
    column_from_document,
    replace,
)

KINDS = ("text", "integer", "decimal", "boolean", "date", "datetime", "enum")


class Changes:
    """Changes of a schema; all names are those that hold before the call.

    Raises:
        BadSchema: one names no column of the table.

    """

    def __init__(
        self,
        schema: TableSchema,
        renames: Mapping[str, ColumnValue],
        retired: list[str],
        values: Mapping[str, Any],
    ) -> None:
        known = [column.name for column in schema.columns]
        for name in (*renames, *retired, *values):
            if name not in known:
                raise BadSchema(table=schema.name, problem=f"there is no column {name}")
        self.schema = schema
        self.renames = renames
        self.retired = retired
        self.values = values

    def apply(self, appended: list[Column]) -> TableSchema:
        """Return the later schema. Raises: BadSchema."""
        check_kinds(self.schema.name, appended)
        return replace(
            self.schema,
            columns=(*[self._column(column) for column in self.schema.columns], *appended),
            key=tuple(self._name(name) for name in self.schema.key),
            indexes=tuple(self._index(index) for index in self.schema.indexes),
        )

    def _column(self, column: Column) -> Column:
        return replace(
            column,
            name=self._name(column.name),
            type=self._wider(column.type, self.values.get(column.name, [])),
            retired=column.retired or column.name in self.retired,
        )

    def _index(self, index: Index) -> Index:
        return replace(index, columns=tuple(self._name(name) for name in index.columns))

    def _name(self, name: str) -> str:
        later = self.renames.get(name, name)
        if type(later) is not str:
            raise BadSchema(table=self.schema.name, problem="a new name is text")
        return later

    def _wider(self, type_: ColumnType, codes: object) -> ColumnType:
        if not codes:
            return type_
        if type(codes) is not list or any(type(code) is not str for code in codes):
            raise BadSchema(table=self.schema.name, problem="new values are a list of text")
        return replace(type_, values=(*type_.values, *codes))


def check_kinds(table: str, columns: list[Column]) -> None:
    """Refuse columns of types that files cannot hold. Raises: BadSchema."""
    if any(column.type.kind not in KINDS or column.retired for column in columns):
        raise BadSchema(table=table, problem=f"types of shared tables are {', '.join(KINDS)}")


def columns_of(documents: list[Mapping[str, Any]], table: str) -> list[Column]:
    """Return the columns that the documents say. Raises: BadSchema."""
    return [column_from_document(document, table) for document in documents]
