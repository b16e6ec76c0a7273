"""Answers of queries, and how they are written: a table for people, JSON and CSV for programs.

SQL sees what is stored: a decimal is a whole number of its smallest units, a boolean 0 or 1, an
account 20 bytes. A column of an answer that *is* a table's column is written as its type says:
``12.50``, ``true``, ``cm1...``. A computed column, such as ``sum(price)``, is written as SQL sees
it; where a query computes with a decimal, ``notes`` say so.

Invariant: whatever an answer holds, JSON and CSV lose nothing that a reader could need (whole
numbers beyond 2^53 are JSON strings), and a table for a terminal has no control character in it.
"""

import math
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from comity.limits import ACCOUNT_ID_BYTES
from comity.model import account
from comity.query.functions import SqlValue, decimal

_JSON_INTEGER_MAX = (1 << 53) - 1  # RFC 8259, section 6: what every reader takes exactly
_CELL_CHARS_MAX = 80
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_ACCOUNTS_REMEMBERED = 1_024
_NUMBER_KINDS = ("integer", "decimal")

Shown = str | int | float | bool | None
_account_text = lru_cache(maxsize=_ACCOUNTS_REMEMBERED)(
    account.to_text
)  # its checksum takes 0.1 ms


class AnswerColumn(msgspec.Struct, frozen=True):
    """A column of an answer.

    Args:
        kind: its declared kind when it is a column of a table; None when it is computed.
        scale: digits after the point of a decimal.

    """

    name: str
    kind: str | None = None
    scale: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a query gave, as SQL sees them, and the height they were read at.

    Args:
        app_hash: 32 bytes, after the block of ``height``.
        limit: name of the limit that cut the answer, or None when it is whole.
        notes: sentences that a person should see beside the rows.
        elapsed_ns: from sending the query to having read the last row.

    """

    columns: tuple[AnswerColumn, ...]
    rows: tuple[tuple[SqlValue, ...], ...]
    height: int
    app_hash: bytes
    limit: str | None = None
    notes: tuple[str, ...] = ()
    elapsed_ns: int = 0

    @property
    def is_truncated(self) -> bool:
        """Tell whether rows are missing because a limit cut the answer."""
        return self.limit is not None


def shown(column: AnswerColumn, value: SqlValue) -> Shown:
    """Return a value as people write it.

    Decimals have a point, booleans are booleans, accounts are text, other bytes are in hex.
    """
    if type(value) is int:
        if column.kind == "decimal":
            return decimal(value, column.scale)
        if column.kind == "boolean" and value in (0, 1):
            return value == 1
    if isinstance(value, bytes):
        if column.kind == "account" and len(value) == ACCOUNT_ID_BYTES:
            return _account_text(value)
        return value.hex()
    return value


def to_json(answer: Answer) -> bytes:
    """Return the answer as one JSON object; rows are arrays, because column names may repeat.

    Decimals, bytes, infinities, and whole numbers beyond 2^53 - 1 are strings.
    """
    return msgspec.json.encode(
        {
            "columns": [column.name for column in answer.columns],
            "rows": json_rows(answer),
            "truncated": answer.is_truncated,
            "limit": answer.limit,
            "height": answer.height,
            "app_hash": answer.app_hash.hex(),
            "notes": answer.notes,
        }
    )


def json_rows(answer: Answer) -> list[list[Shown]]:
    """Return the rows as JSON holds them."""
    return [
        [
            json_value(shown(column, value))
            for column, value in zip(answer.columns, row, strict=True)
        ]
        for row in answer.rows
    ]


def to_csv(answer: Answer, *, escapes_formulas: bool = False) -> str:
    """Return the answer as CSV with a header. Source: RFC 4180, section 2.

    A null is an empty field, empty text is ``""``. Height and app hash have no place in CSV: print
    them elsewhere.

    Args:
        escapes_formulas: put an apostrophe before text that a spreadsheet would run as a formula
            (it starts with ``= + - @``, a tab or a carriage return). The file then no longer holds
            the very values of the ledger, so this is for people's spreadsheets, never for an export
            that is to be imported again.

    """
    lines = [csv_line((column.name for column in answer.columns), escapes_formulas)]
    for row in answer.rows:
        cells = zip(answer.columns, row, strict=True)
        lines.append(csv_line((shown(column, value) for column, value in cells), escapes_formulas))
    return "".join(lines)


def csv_line(values: Iterable[Shown], escapes_formulas: bool = False) -> str:
    """Return one line of CSV, as ``to_csv`` writes them."""
    return ",".join(_csv_field(value, escapes_formulas) for value in values) + "\r\n"


def to_table(answer: Answer, *, cell_chars_max: int = _CELL_CHARS_MAX) -> str:
    """Return the answer as an aligned table of plain text.

    A longer cell ends in an ellipsis; a null is empty.
    """
    cells = [[_plain(column.name, cell_chars_max) for column in answer.columns]]
    for row in answer.rows:
        pairs = zip(answer.columns, row, strict=True)
        cells.append(
            [_plain(_text(shown(column, value)), cell_chars_max) for column, value in pairs]
        )
    widths = [max(_width(row[index]) for row in cells) for index in range(len(answer.columns))]
    is_right = [_is_number(answer, index) for index in range(len(answer.columns))]
    lines = [_line(row, widths, is_right) for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "".join(line.rstrip() + "\n" for line in lines)


def json_value(value: Shown) -> Shown:
    """Return a shown value as JSON holds it: what not every reader takes exactly becomes a string."""
    if type(value) is int and not -_JSON_INTEGER_MAX <= value <= _JSON_INTEGER_MAX:
        return str(value)
    if type(value) is float and not math.isfinite(value):
        return str(value)
    return value


def _csv_field(value: Shown, escapes_formulas: bool) -> str:
    if value is None:
        return ""
    text = _text(value)
    if escapes_formulas and type(value) is str and text.startswith(_FORMULA_STARTS):
        text = "'" + text
    needs_quotes = not text or text != text.strip() or any(mark in text for mark in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if needs_quotes else text


def _text(value: Shown) -> str:
    if value is None:
        return ""
    if type(value) is bool:
        return "true" if value else "false"
    return str(value)


def _plain(text: str, chars_max: int) -> str:
    """Cut ``text``; write as escapes what would move or colour a terminal's text or turn it."""
    if len(text) > chars_max:
        text = text[: chars_max - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        repr(character)[1:-1]
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
        else character
        for character in text
    )


def _width(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def _is_number(answer: Answer, index: int) -> bool:
    if answer.columns[index].kind is not None:
        return answer.columns[index].kind in _NUMBER_KINDS
    values = [row[index] for row in answer.rows if row[index] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _line(cells: list[str], widths: list[int], is_right: list[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, is_right, strict=True):
        space = " " * (width - _width(cell))
        padded.append(space + cell if right else cell + space)
    return "  ".join(padded)
