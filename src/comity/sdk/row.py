"""Rows: what the tables of an application hold, as typed records that nobody changes in place.

Invariant: a row is built from named fields alone, and its fields keep the order in which the class
declares them, which is the order of the table's columns for ever.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, dataclass_transform

import msgspec

from comity.model.column import ColumnValue

replace = msgspec.structs.replace


class _RowType(msgspec.StructMeta):
    """Make each row class frozen and built by keyword, without its author having to say so."""

    def __new__(  # noqa: PYI034 - a metaclass cannot say Self
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, frozen: bool = True
    ) -> "_RowType":
        return super().__new__(cls, name, bases, namespace, frozen=frozen, kw_only=True)


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Row(msgspec.Struct, metaclass=_RowType, frozen=True):
    """A row of a table: give each column a bounded type, and decorate the class with ``app.table``.

    A row is checked when it is written, not when it is built; ``replace(row, column=value)`` gives
    a changed copy.
    """


R = TypeVar("R", bound=Row)


def row_values(row: Row) -> tuple[ColumnValue, ...]:
    """Return the row's values in column order."""
    return msgspec.structs.astuple(row)


def row_from_values(table: type[R], values: Sequence[ColumnValue]) -> R:
    """Return the row with ``values``, one for each column in order.

    Raises: ValueError when there are more or fewer values than columns.
    """
    return table(**dict(zip(table.__struct_fields__, values, strict=True)))
