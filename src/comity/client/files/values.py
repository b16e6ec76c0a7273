"""Text of files and command lines into column values and back: exact, digit by digit.

Invariant: a value that a column accepts, written by ``to_text`` or ``to_json``, is read back as
itself. The one
exception is the empty text, which files cannot tell from a missing value: it is read as null.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from comity.client.files import moments
from comity.client.files.decimals import scaled_from_text, scaled_text
from comity.client.files.texts import normalised, shown
from comity.errors import Malformed
from comity.limits import INT64_MAX, INT64_MIN, JSON_INTEGER_MAX
from comity.model import account
from comity.model.column import Column, ColumnType, ColumnValue, Kind, check_of

Parser: TypeAlias = Callable[[str], ColumnValue]

_INTEGER = re.compile("-?(?:0|[1-9][0-9]{0,18})")
_HEX = re.compile("(?:[0-9a-f]{2})*")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_BOOLEAN_CHARS_MAX = 5


def from_text(text: str, type_: ColumnType) -> ColumnValue:
    """Return the value that ``text`` writes; None for the empty text.

    Raises: Malformed, saying what is needed.
    """
    return parser_of(type_)(text)


def parser_of(type_: ColumnType, date_format: str | None = None) -> Parser:
    """Return the function that reads texts of one type, for use on many.

    Args:
        date_format: pattern of days that are not written YYYY-MM-DD (see ``moments.day_reader``).

    Raises:
        ConfigError: when the date format is none.
    """
    if type_.kind == "date" and date_format is not None:
        return _day_by_pattern(date_format)
    return _MAKERS[type_.kind](type_)


def to_text(value: ColumnValue, type_: ColumnType) -> str:
    """Return the text of a valid value; the empty text for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return scaled_text(value, type_.scale)
    if isinstance(value, bytes):
        return account.to_text(value) if type_.kind == "account" else value.hex()
    return value


def to_json(value: ColumnValue, type_: ColumnType) -> int | str | bool | None:
    """Return what JSON shows: decimals and integers beyond 2^53 as strings, the rest as it is."""
    if value is None or isinstance(value, bool):
        return value
    if type_.kind == "integer" and isinstance(value, int) and abs(value) <= JSON_INTEGER_MAX:
        return value
    return to_text(value, type_)


def _integer(type_: ColumnType) -> Parser:
    low = INT64_MIN if type_.minimum is None else type_.minimum
    high = INT64_MAX if type_.maximum is None else type_.maximum
    match = _INTEGER.fullmatch

    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        if match(text) is None:
            raise Malformed(f"a whole number is needed, not {shown(text)}{_hint(text)}")
        value = int(text)
        if not low <= value <= high:
            raise Malformed(f"{text} is outside {low}..{high}")
        return value

    return parse


def _decimal(type_: ColumnType) -> Parser:
    scale, check = type_.scale, _check(type_)

    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        try:
            value = scaled_from_text(text, scale)
        except Malformed as error:
            raise Malformed(f"{error}{_hint(text)}") from None
        if check(value) is not None:
            raise Malformed(_outside(text, type_))
        return value

    return parse


def _boolean(_: ColumnType) -> Parser:
    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        value = _BOOLEANS.get(text.lower()) if len(text) <= _BOOLEAN_CHARS_MAX else None
        if value is None:
            raise Malformed(f"true or false is needed (yes and no are read too), not {shown(text)}")
        return value

    return parse


def _text(type_: ColumnType) -> Parser:
    check = _check(type_)
    low, high = type_.minimum or 0, type_.maximum or 0

    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        # Most texts are printable ASCII of a fitting length, which every text column takes.
        if text.isascii() and text.isprintable() and low <= len(text) <= high:
            return text
        if not text.isascii() or "\r" in text:
            text = normalised(text)
        problem = check(text)
        if problem is not None:
            raise Malformed(problem)
        return text

    return parse


def _enum(type_: ColumnType) -> Parser:
    codes = {code: code for code in type_.values}

    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        code = codes.get(text) or codes.get(normalised(text))
        if code is None:
            raise Malformed(f"one of {', '.join(map(shown, codes))} is needed, not {shown(text)}")
        return code

    return parse


def _date(_: ColumnType) -> Parser:
    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        if not moments.is_day(text):
            raise Malformed(
                f"a day YYYY-MM-DD is needed, not {shown(text)}; or tell the date format"
            )
        return text

    return parse


def _day_by_pattern(pattern: str) -> Parser:
    read = moments.day_reader(pattern)

    def parse(text: str) -> ColumnValue:
        if not text or moments.is_day(text):
            return text or None
        day = read(text)
        if day is None:
            raise Malformed(f"a day {pattern} is needed, not {shown(text)}")
        return day

    return parse


def _datetime(type_: ColumnType) -> Parser:
    return lambda text: moments.utc_moment(text, type_.scale) if text else None


def _bytes(type_: ColumnType) -> Parser:
    check = _check(type_)

    def parse(text: str) -> ColumnValue:
        if not text:
            return None
        if _HEX.fullmatch(text) is None:
            raise Malformed(f"bytes in small hexadecimal digits are needed, not {shown(text)}")
        value = bytes.fromhex(text)
        problem = check(value)
        if problem is not None:
            raise Malformed(problem)
        return value

    return parse


def _account(_: ColumnType) -> Parser:
    return lambda text: account.from_text(text) if text else None


def _check(type_: ColumnType) -> Callable[[ColumnValue], str | None]:
    return check_of(Column(name="value", type=type_, required=False))


def _outside(text: str, type_: ColumnType) -> str:
    low, high = type_.minimum, type_.maximum
    least = "" if low is None else f" at least {scaled_text(low, type_.scale)}"
    most = "" if high is None else f" at most {scaled_text(high, type_.scale)}"
    return (
        f"{shown(text)} must be{' and'.join(filter(None, (least, most))) or ' at most 18 digits'}"
    )


def _hint(text: str) -> str:
    if text.lstrip("-").startswith("0") and len(text) > 1:
        return "; with a leading zero it is text"
    if text.startswith("+"):
        return "; leave out the +"
    return "; write a point, not a comma" if "," in text else ""


_MAKERS: dict[Kind, Callable[[ColumnType], Parser]] = {
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "text": _text,
    "enum": _enum,
    "date": _date,
    "datetime": _datetime,
    "bytes": _bytes,
    "account": _account,
}
