"""Rows as bytes of an answer: JSON for programs, JSON Lines for pipes, CSV for spreadsheets.

Invariant: JSON and JSON Lines show a row under its own hash, which a change must name; CSV holds the
declared columns alone, so that an export can be imported again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from comity.model.row import StoredRow
from comity.query import answer
from comity.query.answer import AnswerColumn
from comity.query.documents import to_json
from comity.query.reads import Media
from comity.query.table_at import TableAt


def row_document(table: TableAt, row: StoredRow) -> dict[str, Any]:
    """Return a row by column names, with ``_owner``, ``_from`` and ``_hash``."""
    document = {
        column.name: answer.json_value(answer.shown(column, row[at])) for column, at in table.shown
    }
    document["_hash"] = table.codec.row_hash(row).hex()
    return document


def row_bytes(table: TableAt, row: StoredRow, media: Media) -> bytes:
    """Return one row in a medium."""
    if media == "csv":
        shown = _declared(table.shown)
        return answer.csv_line(answer.shown(column, row[at]) for column, at in shown).encode()
    return to_json(row_document(table, row))


def page(table: TableAt, rows: Sequence[bytes], media: Media, next_token: str) -> bytes:
    """Return the body of a page."""
    if media == "csv":
        head = answer.csv_line(column.name for column, _ in _declared(table.shown))
        return b"".join((head.encode(), *rows))
    if media == "jsonl":
        return b"".join(row + b"\n" for row in rows)
    snapshot = table.snapshot
    return to_json(
        {
            "table": table.name,
            "height": snapshot.height,
            "app_hash": snapshot.app_hash.hex(),
            "rows": [msgspec.Raw(row) for row in rows],
            "next": next_token or None,
        }
    )


def answer_lines(found: answer.Answer) -> bytes:
    """Return an answer as JSON Lines: an object a row, by column names. Of equal names the last counts."""
    return b"".join(to_json(line) + b"\n" for line in _objects(found.columns, found.rows))


def _objects(
    columns: Sequence[AnswerColumn], rows: Iterable[Sequence[Any]]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        pairs = zip(columns, row, strict=True)
        yield {
            column.name: answer.json_value(answer.shown(column, value)) for column, value in pairs
        }


def _declared(shown: Sequence[tuple[AnswerColumn, int]]) -> list[tuple[AnswerColumn, int]]:
    return [pair for pair in shown if not pair[0].name.startswith("_")]
