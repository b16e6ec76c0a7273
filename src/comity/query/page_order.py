"""The order of a page and its conditions, as SQL: by the key or by a declared index, up or down.

Invariant: every order ends with the whole key, so that no two rows are equal in it; names reach SQL
through ``quote`` alone, and values are bound.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from comity.errors import Malformed, QueryError
from comity.limits import READ_FILTERS_MAX, READ_TEXT_CHARS_MAX
from comity.model.column import Column, ColumnValue
from comity.model.row import RowCodec, StoredRow
from comity.query.keys import value_from_text
from comity.query.reads import Filter
from comity.query.table_at import TableAt
from comity.store.ddl import quote

_SIGNS = {"eq": "IS", "not": "IS NOT", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class Order(msgspec.Struct, frozen=True):
    """Columns of the file, in order.

    Args:
        places: of the columns in a stored row.
        is_by_key: the order is that of the key, which the history's index has too.

    """

    columns: tuple[str, ...]
    places: tuple[int, ...]
    is_falling: bool
    is_by_key: bool

    def to_sql(self) -> str:
        """Return what follows ORDER BY."""
        direction = " DESC" if self.is_falling else ""
        return ", ".join(quote(name) + direction for name in self.columns)

    def rank(self, row: StoredRow) -> tuple[tuple[bool, Any], ...]:
        """Return what sorts a row as SQLite does: null first, text by code points."""
        return tuple((row[at] is not None, row[at]) for at in self.places)

    def behind(self, row: StoredRow) -> tuple[str, list[ColumnValue]]:
        """Return the condition that a row comes behind ``row``, and its values."""
        values = [row[at] for at in self.places]
        if self.is_by_key:
            columns = "(" + ", ".join(map(quote, self.columns)) + ")"
            sign = " < " if self.is_falling else " > "
            return columns + sign + "(" + ", ".join("?" * len(values)) + ")", values
        parts, bound = [], []
        for depth, value in enumerate(values):
            test, tested = _strictly(quote(self.columns[depth]), value, is_falling=self.is_falling)
            equals = [quote(name) + " IS ?" for name in self.columns[:depth]]
            parts.append("(" + " AND ".join([*equals, test]) + ")")
            bound += [*values[:depth], *tested]
        condition = "(" + " OR ".join(parts) + ")"
        if values[0] is None or self.is_falling:
            return condition, bound
        # Says nothing new, but lets SQLite begin in the middle of the index.
        return quote(self.columns[0]) + " >= ? AND " + condition, [values[0], *bound]


def order_of(table: TableAt, sort: str) -> Order:
    """Return the order that ``sort`` asks for. Raises: QueryError, when no key or index has it."""
    codec = table.codec
    words = sort.split(",") if sort else []
    falls = [word.startswith("-") for word in words]
    asked = [word.removeprefix("-") for word in words]
    stored = [_stored_name(table, name) for name in asked]
    is_falling = bool(falls and falls[0])
    if len(dict.fromkeys(falls)) > 1:
        raise QueryError("unsortable", "sort: all columns rise, or all fall")
    key = codec.schema.key
    if key[: len(stored)] == tuple(stored):
        return _order(codec, key, is_falling=is_falling, is_by_key=True)
    for index in codec.schema.indexes:
        if index.columns[: len(stored)] == tuple(stored):
            columns = tuple(dict.fromkeys((*index.columns, *key)))
            return _order(codec, columns, is_falling=is_falling, is_by_key=False)
    ways = [key, *(index.columns for index in codec.schema.indexes)]
    listed = "; ".join(", ".join(names) for names in ways)
    raise QueryError(
        "unsortable",
        f"sort: {table.name} is sorted by its key or an index only: {listed}; use SQL for others",
    )


def conditions_of(table: TableAt, filters: Sequence[Filter]) -> tuple[list[str], list[ColumnValue]]:
    """Return the conditions of a page, and their values. Raises: QueryError."""
    if len(filters) > READ_FILTERS_MAX:
        message = f"a page has at most {READ_FILTERS_MAX} conditions"
        raise QueryError("too-costly", message, "READ_FILTERS_MAX")
    conditions: list[str] = []
    values: list[ColumnValue] = []
    equals: dict[str, list[ColumnValue]] = {}
    for one in filters:
        column = table.column(one.column)
        if column is None:
            raise QueryError("unknown-column", _no_column(table, one.column))
        declared, stored = column
        if one.operator == "eq":
            equals.setdefault(stored, []).append(_value(declared, one))
            continue
        condition, bound = _condition(quote(stored), declared, one)
        conditions.append(condition)
        values += bound
    for stored, wanted in equals.items():
        conditions.append(quote(stored) + " IN (" + ", ".join("?" * len(wanted)) + ")")
        values += wanted
    return conditions, values


def _order(
    codec: RowCodec, columns: tuple[str, ...], *, is_falling: bool, is_by_key: bool
) -> Order:
    places = tuple(codec.columns_at + codec.schema.ordinal(name) for name in columns)
    return Order(columns, places, is_falling, is_by_key)


def _stored_name(table: TableAt, name: str) -> str:
    found = table.column(name)
    if found is None:
        raise QueryError("unknown-column", f"sort: {_no_column(table, name)}")
    return found[1]


def _no_column(table: TableAt, name: str) -> str:
    known = ", ".join(column.name for column in table.schema.columns if not column.retired)
    return f"{table.name} has no column {name[:60]!a}; it has {known}"


def _condition(column: str, declared: Column, one: Filter) -> tuple[str, list[ColumnValue]]:
    if one.operator == "isnull":
        if one.text not in ("true", "false"):
            raise QueryError("arguments", f"{one.column}__isnull: write true or false")
        return column + (" IS NULL" if one.text == "true" else " IS NOT NULL"), []
    if one.operator == "startswith":
        if declared.type.python_type is not str:
            raise QueryError("arguments", f"{one.column}__startswith: {one.column} is no text")
        _check_length(one)
        return column + " >= ? AND substr(" + column + ", 1, ?) = ?", [
            one.text,
            len(one.text),
            one.text,
        ]
    return column + " " + _SIGNS[one.operator] + " ?", [_value(declared, one)]


def _value(declared: Column, one: Filter) -> ColumnValue:
    _check_length(one)
    try:
        return value_from_text(one.text, declared.type)
    except Malformed as error:
        raise QueryError("arguments", f"{one.column}: {error}") from error


def _check_length(one: Filter) -> None:
    if len(one.text) > READ_TEXT_CHARS_MAX:
        bound = f"{one.column}: a condition has at most {READ_TEXT_CHARS_MAX:,} characters"
        raise QueryError("too-costly", bound, "READ_TEXT_CHARS_MAX")


def _strictly(
    column: str, value: ColumnValue, *, is_falling: bool
) -> tuple[str, list[ColumnValue]]:
    """Return the test that a column comes behind ``value``, null being the lowest."""
    if value is None:
        return ("0", []) if is_falling else (column + " IS NOT NULL", [])
    if is_falling:
        return "(" + column + " < ? OR " + column + " IS NULL)", [value]
    return column + " > ?", [value]
