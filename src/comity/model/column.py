"""Column types: what a column may hold, decided without locale, float or the host's notion of text.

Invariant: ``problem_of`` is a pure function of type and value, and gives the same answer under every Python.
Storage: integer, decimal (scaled) and boolean are SQLite INTEGER; text, enum, date and datetime TEXT; bytes and
account BLOB.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import msgspec

from comity.errors import Malformed
from comity.limits import (
    ACCOUNT_ID_BYTES,
    BYTES_MAX,
    DECIMAL_DIGITS_MAX,
    DECIMAL_SCALE_MAX,
    ENUM_VALUES_MAX,
    INT64_MAX,
    INT64_MIN,
    TEXT_CHARS_MAX,
)
from comity.model.names import check_name

Kind = Literal[
    "integer", "decimal", "boolean", "text", "enum", "date", "datetime", "bytes", "account"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
ColumnValue: TypeAlias = int | str | bytes | bool | None
Check: TypeAlias = Callable[[ColumnValue], str | None]


_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FRACTIONS = (0, 3, 6)


class ColumnType(msgspec.Struct, frozen=True, kw_only=True):
    """The type of a column and its bounds.

    Args:
        minimum, maximum: value of integer and (scaled) decimal, inclusive; length of text in characters and of bytes.
        scale: digits after the point of a decimal (0 to 9) or of a datetime's seconds (0, 3 or 6).
        values: the codes of an enum, in the order declared.

    """

    kind: Kind
    minimum: int | None = None
    maximum: int | None = None
    scale: int = 0
    values: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Tell whether bounds are about the value rather than its length."""
        return self.kind in ("integer", "decimal")

    @property
    def python_type(self) -> type:
        """Return the Python type that a value has: int, bool, str or bytes."""
        if self.kind == "boolean":
            return bool
        if self.is_number:
            return int
        return bytes if self.kind in ("bytes", "account") else str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column: its name, its type, and whether a row must have a value in it.

    A retired column keeps its ordinal for ever, reads null and takes no value.
    """

    name: str
    type: ColumnType
    required: bool = True
    retired: bool = False


def check_column(column: Column) -> None:
    """Refuse a column whose name, type or bounds are not permitted. Raises: Malformed."""
    check_name(column.name, "column")
    kind, low, high = column.type.kind, column.type.minimum, column.type.maximum
    where = f"column {column.name!a} ({kind})"
    if kind not in KINDS:
        raise Malformed(f"{where}: no such type; one of {', '.join(KINDS)}")
    if kind == "enum":
        _check_enum(column.type.values, where)
    elif column.type.values:
        raise Malformed(f"{where}: only an enum has values")
    if kind in ("boolean", "enum", "date", "datetime", "account") and (
        low is not None or high is not None
    ):
        raise Malformed(f"{where}: this type takes no bounds")
    if column.type.is_number:
        digits = INT64_MAX if kind == "integer" else 10**DECIMAL_DIGITS_MAX - 1
        _check_bounds(where, low, high, INT64_MIN if kind == "integer" else -digits, digits)
    elif kind in ("text", "bytes"):
        if high is None:
            raise Malformed(f"{where}: a length bound is needed")
        _check_bounds(where, low, high, 0, TEXT_CHARS_MAX if kind == "text" else BYTES_MAX)
    scales = (
        range(DECIMAL_SCALE_MAX + 1)
        if kind == "decimal"
        else _FRACTIONS
        if kind == "datetime"
        else (0,)
    )
    if column.type.scale not in scales:
        raise Malformed(f"{where}: scale {column.type.scale} is not permitted")


def check_of(column: Column) -> Check:
    """Return a function that says in words what is wrong with a value of ``column``, or None when nothing is."""
    if column.retired:
        return _refuse_retired
    return _MAKERS[column.type.kind](
        column.type, "a value is required" if column.required else None
    )


def bounds_of(type_: ColumnType) -> tuple[int, int]:
    """Return the least and the most of a type: of an integer's or decimal's value, of the length of text or bytes."""
    low, high = type_.minimum, type_.maximum
    if type_.is_number:
        is_integer = type_.kind == "integer"
        least = INT64_MIN if is_integer else -(10**DECIMAL_DIGITS_MAX) + 1
        most = INT64_MAX if is_integer else 10**DECIMAL_DIGITS_MAX - 1
        return least if low is None else low, most if high is None else high
    return low or 0, high or 0


def is_date(text: str) -> bool:
    """Tell whether ``text`` is a real day of the Gregorian calendar written YYYY-MM-DD, year 1 or later."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return False
    year, month, day = digits_of(text[:4]), digits_of(text[5:7]), digits_of(text[8:])
    if year is None or month is None or day is None or year < 1 or not 1 <= month <= 12:
        return False
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= (28 if month == 2 and not is_leap else _DAYS[month])


def digits_of(text: str) -> int | None:
    """Return the number that ASCII digits write, or None; never reads other scripts' digits as ``int`` would."""
    value = 0
    for character in text:
        digit = "0123456789".find(character)
        if digit < 0:
            return None
        value = value * 10 + digit
    return value if text else None


def _check_enum(values: tuple[str, ...], where: str) -> None:
    if not 1 <= len(values) <= ENUM_VALUES_MAX:
        raise Malformed(f"{where}: 1 to {ENUM_VALUES_MAX} values are allowed, not {len(values)}")
    if len(dict.fromkeys(values)) != len(values):
        raise Malformed(f"{where}: a value stands twice")
    for value in values:
        if not 1 <= len(value) <= 120 or _text_problem(value):
            raise Malformed(f"{where}: value {value[:40]!a} must be 1 to 120 plain characters")


def _check_bounds(where: str, low: int | None, high: int | None, least: int, most: int) -> None:
    for bound in (low, high):
        if bound is not None and not least <= bound <= most:
            raise Malformed(f"{where}: bound {bound} is outside {least}..{most}")
    if low is not None and high is not None and low > high:
        raise Malformed(f"{where}: minimum {low} is above maximum {high}")


def _refuse_retired(value: ColumnValue) -> str | None:
    return None if value is None else "the column is retired"


def _text_problem(text: str) -> str | None:
    """Refuse control characters but line feed, and code points that UTF-8 cannot write."""
    for character in text:
        if character < " " and character != "\n":
            return f"control character U+{ord(character):04X}"
        if "\x7f" <= character <= "\x9f":
            return f"control character U+{ord(character):04X}"
        if "\ud800" <= character <= "\udfff":
            return "a lone surrogate is not text"
    return None


# Each maker takes the type and what is wrong with null; a check looks at the value's kind first, once.


def _integer(type_: ColumnType, if_null: str | None) -> Check:
    low, high = bounds_of(type_)

    def check(value: ColumnValue) -> str | None:
        if type(value) is not int:
            return if_null if value is None else "a whole number is needed"
        return None if low <= value <= high else f"outside {low}..{high}"

    return check


def _boolean(_: ColumnType, if_null: str | None) -> Check:
    def check(value: ColumnValue) -> str | None:
        if type(value) is bool:
            return None
        return if_null if value is None else "true or false is needed"

    return check


def _text(type_: ColumnType, if_null: str | None) -> Check:
    low, high = bounds_of(type_)

    def check(value: ColumnValue) -> str | None:
        if type(value) is not str:
            return if_null if value is None else "text is needed"
        if not low <= len(value) <= high:
            return f"{len(value)} characters, {low} to {high} are allowed"
        # Printable ASCII, the common case, is told without a loop.
        if (
            value.isascii() and value.isprintable()
        ):  # tidy: unicode-method: of ASCII, which no version changes
            return None
        return _text_problem(value)

    return check


def _enum(type_: ColumnType, if_null: str | None) -> Check:
    codes = dict.fromkeys(type_.values)

    def check(value: ColumnValue) -> str | None:
        if type(value) is str and value in codes:
            return None
        return if_null if value is None else f"one of {', '.join(codes)} is needed"

    return check


def _date(_: ColumnType, if_null: str | None) -> Check:
    def check(value: ColumnValue) -> str | None:
        if type(value) is str and is_date(value):
            return None
        return if_null if value is None else "a day YYYY-MM-DD is needed"

    return check


def _datetime(type_: ColumnType, if_null: str | None) -> Check:
    fraction = type_.scale
    sample = "2026-11-22T21:40:11" + ("." + "0" * fraction if fraction else "") + "Z"

    def check(value: ColumnValue) -> str | None:
        if type(value) is str and len(value) == len(sample) and _is_moment(value, fraction):
            return None
        return if_null if value is None else f"a UTC time like {sample} is needed"

    return check


def _is_moment(text: str, fraction: int) -> bool:
    marks = text[10] + text[13] + text[16] + text[-1]
    hour, minute, second = digits_of(text[11:13]), digits_of(text[14:16]), digits_of(text[17:19])
    if marks != "T::Z" or hour is None or minute is None or second is None:
        return False
    if fraction and (text[19] != "." or digits_of(text[20:-1]) is None):
        return False
    return is_date(text[:10]) and hour < 24 and minute < 60 and second < 60


def _bytes(type_: ColumnType, if_null: str | None) -> Check:
    low = ACCOUNT_ID_BYTES if type_.kind == "account" else type_.minimum or 0
    high = ACCOUNT_ID_BYTES if type_.kind == "account" else type_.maximum or 0

    def check(value: ColumnValue) -> str | None:
        if type(value) is not bytes:
            return if_null if value is None else "bytes are needed"
        return (
            None
            if low <= len(value) <= high
            else f"{len(value)} bytes, {low} to {high} are allowed"
        )

    return check


_MAKERS: dict[Kind, Callable[[ColumnType, str | None], Check]] = {
    "integer": _integer,
    "decimal": _integer,
    "boolean": _boolean,
    "text": _text,
    "enum": _enum,
    "date": _date,
    "datetime": _datetime,
    "bytes": _bytes,
    "account": _bytes,
}
