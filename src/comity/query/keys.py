"""Keys and values as they stand in an address: one text for each, safe in a path and in a query.

The columns of a key are joined by commas. A comma, slash or tilde inside a value is written
as a tilde and the two hex digits of its byte (``~2C``), because servers and proxies treat ``%2F``
each in its own way; an empty text is a lone tilde. Everything else is what any address does.

Invariant: ``key_from_text(key_text(key))`` is ``key``, for every key that its columns can hold.
"""

import re
from collections.abc import Callable, Sequence

from comity.crypto.ordered import KeyValue
from comity.errors import Malformed, QueryError
from comity.limits import DECIMAL_DIGITS_MAX, INT64_MAX, INT64_MIN, READ_TEXT_CHARS_MAX
from comity.model import account
from comity.model.column import Column, ColumnType, ColumnValue, check_of
from comity.model.schema import TableSchema
from comity.query.functions import decimal

_EMPTY = "~"
_ESCAPED = re.compile("[,/~?#%\x00-\x1f\x7f]")
_ESCAPE = re.compile(b"~([0-9A-Fa-f]{2})")
_INTEGER = re.compile("-?[0-9]{1,19}")
_DECIMAL = re.compile("(-?)([0-9]{1,18})(?:\\.([0-9]{1,9}))?")
_HEX = re.compile("(?:[0-9a-f]{2})*")


def key_text(values: Sequence[ColumnValue], columns: Sequence[Column]) -> str:
    """Return the text of a key, or of its leading columns."""
    pairs = zip(values, columns, strict=False)
    return ",".join(_escape(value_text(value, column.type)) for value, column in pairs)


def key_from_text(text: str, schema: TableSchema, *, is_whole: bool = True) -> list[KeyValue]:
    """Return the key that a text writes.

    Args:
        is_whole: False permits leading columns alone, and "" for none of them.
    Raises: QueryError.

    """
    columns = schema.key_columns
    if len(text) > READ_TEXT_CHARS_MAX:
        bound = f"a key has at most {READ_TEXT_CHARS_MAX:,} characters here"
        raise QueryError("arguments", bound, "READ_TEXT_CHARS_MAX")
    parts = text.split(",") if text else []
    if len(parts) > len(columns) or (is_whole and len(parts) < len(columns)):
        names = ",".join(column.name for column in columns)
        raise QueryError(
            "arguments",
            f"the key of {schema.name} is {names}: write its values with commas between them, and"
            " ~2C for a comma inside one",
        )
    pairs = zip(parts, columns, strict=False)
    return [_key_value(part, column, schema.name) for part, column in pairs]


def value_text(value: ColumnValue, type_: ColumnType) -> str:
    """Return the text of a value that is not null, as JSON and CSV write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return decimal(value, type_.scale) or "" if type_.kind == "decimal" else str(value)
    if isinstance(value, bytes):
        return account.to_text(value) if type_.kind == "account" else value.hex()
    return value or ""


def value_from_text(text: str, type_: ColumnType) -> ColumnValue:
    """Return the value that ``value_text`` wrote. Raises: Malformed, saying what is needed."""
    reader = _READERS.get(type_.kind)
    return text if reader is None else reader(text, type_)


def _key_value(part: str, column: Column, table: str) -> KeyValue:
    try:
        value = value_from_text(_unescape(part), column.type)
        problem = check_of(column)(value)
    except Malformed as error:
        problem = str(error)
    if problem is not None:
        raise QueryError("arguments", f"key column {column.name} of {table}: {problem}")
    return value  # type: ignore[return-value]  # key columns are required


def _escape(text: str) -> str:
    if text in (".", ".."):  # which an address would lose
        return text.replace(".", "~2E")
    return _ESCAPED.sub(lambda found: f"~{ord(found[0]):02X}", text) or _EMPTY


def _unescape(part: str) -> str:
    if part == _EMPTY:
        return ""
    try:
        data = part.encode()
        return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), data).decode()
    except UnicodeError as error:
        raise Malformed("text in UTF-8 is needed") from error


def _integer(text: str, _: ColumnType) -> int:
    if _INTEGER.fullmatch(text) is None or not INT64_MIN <= int(text) <= INT64_MAX:
        raise Malformed("a whole number of 64 bits is needed")
    return int(text)


def _decimal(text: str, type_: ColumnType) -> int:
    found = _DECIMAL.fullmatch(text)
    sign, whole, rest = found.groups("") if found else ("", "", "")
    if found is None or len(rest) > type_.scale:
        raise Malformed(f"a number with at most {type_.scale} digits after the point is needed")
    units = int(whole + rest.ljust(type_.scale, "0"))
    if units >= 10**DECIMAL_DIGITS_MAX:
        raise Malformed(f"a number of at most {DECIMAL_DIGITS_MAX} digits is needed")
    return -units if sign else units


def _boolean(text: str, _: ColumnType) -> bool:
    if text not in ("true", "false"):
        raise Malformed("true or false is needed")
    return text == "true"


def _bytes(text: str, _: ColumnType) -> bytes:
    if _HEX.fullmatch(text) is None:
        raise Malformed("bytes in small hexadecimal digits are needed")
    return bytes.fromhex(text)


def _account(text: str, _: ColumnType) -> bytes:
    return account.from_text(text)


_READERS: dict[str, Callable[[str, ColumnType], ColumnValue]] = {
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "bytes": _bytes,
    "account": _account,
}
