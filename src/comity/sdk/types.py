"""Bounded types: what columns, arguments and results may be annotated with.

Invariant: everything here has a bound that a reader of the annotation can see, and means the same
to a type checker (``int``, ``str``, ``bytes``, ``bool``) and to the ledger (a ``ColumnType``).

A type of one's own is an alias: ``Title = Annotated[str, Text(80)]``. Codes are
``Literal["open", "closed"]``, and ``Name | None`` is a value that may be absent.
"""

# ruff: noqa: D402, N802 - these functions stand in annotations, so they are named as types
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from comity.limits import (
    COLUMNS_PER_TABLE_MAX,
    DECIMAL_DIGITS_MAX,
    INT64_MAX,
    INT64_MIN,
    KEY_TEXT_CHARS_DEFAULT,
    ROWS_PER_CALL_MAX,
)
from comity.model.column import ColumnType, ColumnValue

HASH_BYTES = 32


def Text(chars_max: int, *, chars_min: int = 0) -> ColumnType:
    """Bound a ``str`` in characters, as in ``Annotated[str, Text(80)]``."""
    return ColumnType(kind="text", minimum=chars_min, maximum=chars_max)


def Integer(minimum: int, maximum: int) -> ColumnType:
    """Bound an ``int``, both ends included, as in ``Annotated[int, Integer(1, 12)]``."""
    return ColumnType(kind="integer", minimum=minimum, maximum=maximum)


def Decimal(scale: int, *, minimum: int | None = None, maximum: int | None = None) -> ColumnType:
    """Make an ``int`` a decimal number; ``Annotated[int, Decimal(2)]`` holds 12.50 as 1250.

    Args:
        scale: digits after the point, 0 to 9.
        minimum, maximum: of the scaled integer; without them, 18 digits.

    """
    most = 10**DECIMAL_DIGITS_MAX - 1
    return ColumnType(
        kind="decimal",
        scale=scale,
        minimum=-most if minimum is None else minimum,
        maximum=most if maximum is None else maximum,
    )


def Bytes(bytes_max: int, *, bytes_min: int = 0) -> ColumnType:
    """Bound a ``bytes``, as in ``Annotated[bytes, Bytes(64)]``."""
    return ColumnType(kind="bytes", minimum=bytes_min, maximum=bytes_max)


class Many(msgspec.Struct, frozen=True):
    """Bound a list: ``Annotated[list[AccountId], Many(10)]`` holds at most 10 accounts."""

    items_max: int


class Loose(msgspec.Struct, frozen=True):
    """Mark an argument of which the ledger checks the shape only; the action checks the rest.

    Args:
        kind: ``value`` (one scalar), ``record`` (scalars by name) or ``document`` (nested values).

    """

    kind: Literal["value", "record", "document"]


Name = Annotated[str, Text(KEY_TEXT_CHARS_DEFAULT, chars_min=1)]  # short text; may be a key
AccountId = Annotated[bytes, ColumnType(kind="account")]  # the 20 bytes that name an account
Amount = Annotated[int, Integer(1, INT64_MAX)]  # of the smallest unit, at least 1
SignedAmount = Annotated[int, Integer(INT64_MIN, INT64_MAX)]  # of the smallest unit
Count = Annotated[int, Integer(1, ROWS_PER_CALL_MAX)]  # how many rows
Flag = Annotated[bool, ColumnType(kind="boolean")]
Date = Annotated[str, ColumnType(kind="date")]  # "2026-11-22"
DateTime = Annotated[str, ColumnType(kind="datetime")]  # "2026-11-22T21:40:11Z"
TimeNs = Annotated[int, Integer(0, INT64_MAX)]  # nanoseconds UTC since 1970
Hash = Annotated[bytes, Bytes(HASH_BYTES, bytes_min=HASH_BYTES)]  # SHA-256

Value = Annotated[ColumnValue, Loose("value")]  # any scalar
Values = Annotated[list[Value], Many(COLUMNS_PER_TABLE_MAX)]  # of a key or a row, in column order
Rows = Annotated[list[Values], Many(ROWS_PER_CALL_MAX)]
Record = Annotated[Mapping[str, ColumnValue], Loose("record")]  # values by column name
Document = Annotated[Mapping[str, Any], Loose("document")]  # nested values by name
