"""``comity log``: the life of a row, or what happened to a table lately.

Invariant: who, when and in which transaction come from the log's own entries.
"""

from typing import Any

import click

from comity.cli.group import Command
from comity.cli.names import shown_account, shown_time
from comity.cli.output import table
from comity.cli.row import key_from
from comity.cli.session import Session, current
from comity.client.files.values import to_json, to_text
from comity.errors import QueryError
from comity.model.account import to_text as account_text
from comity.model.column import ColumnType
from comity.query.history import RowChange, RowHistory
from comity.store.ddl import quote

_MARKS = {"genesis": "*", "added": "+", "kept": "*", "changed": "~", "removed": "-"}


@click.command(
    cls=Command,
    short_help="Tell the life of a row: who, when, what.",
    examples="""
    comity log suppliers MMM
    comity log suppliers --limit 5
    comity log suppliers MMM --json
    """,
)
@click.argument("table_name", metavar="TABLE")
@click.argument("key", nargs=-1)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=20,
    show_default=True,
    help="Transactions, of a table.",
)
def log(table_name: str, key: tuple[str, ...], limit: int) -> None:
    """Tell every version of the row KEY of TABLE; without KEY, the latest changes of the table."""
    session = current()
    if key:
        _row_log(session, table_name, key)
    else:
        _table_log(session, table_name, limit)


def _row_log(session: Session, table_name: str, key: tuple[str, ...]) -> None:
    transport = session.transport()
    schema = transport.schema_ever(table_name)
    history = transport.history(table_name, key_from(schema, key))
    if not history.changes:
        raise QueryError(
            "row-not-found", f"{table_name}[{', '.join(key)}]: there never was such a row"
        )
    types = {column.name: column.type for column in schema.columns}
    lines = []
    for change in history.changes:
        event = change.event
        who = shown_account(event.sender, transport) or "the ledger"
        what = "" if event.transaction_id is None else event.transaction_id.hex()[:12]
        lines.append(
            f"{_MARKS[change.kind]} block {event.height}  {shown_time(event.time_ns)}  {who}  {what}"
        )
        lines += [f"    {line}" for line in _cells(change, types)]
    session.out.data("\n".join(lines), _document(history, types, session))
    if history.is_truncated:
        session.out.words(f"note  the newest {len(history.changes)} versions; there are more")
    if history.start:
        session.out.words(f"note  history of this table is kept from height {history.start}")
    session.out.words(f"height  {history.height}  app hash {history.app_hash.hex()}")


def _cells(change: RowChange, types: dict[str, ColumnType]) -> list[str]:
    lines = []
    for cell in change.cells:
        old, new = (to_text(value, types[cell.column]) for value in (cell.old, cell.new))
        if change.kind == "changed":
            lines.append(f"{cell.column}: {old or '(empty)'} -> {new or '(empty)'}")
        elif change.kind != "removed" and new:
            lines.append(f"{cell.column}: {new}")
    return lines


def _document(
    history: RowHistory, types: dict[str, ColumnType], session: Session
) -> dict[str, Any]:
    transport = session.transport()
    changes = []
    for change in history.changes:
        event = change.event
        sender = event.sender
        changes.append(
            {
                "kind": change.kind,
                "height": event.height,
                "position": event.position,
                "time": shown_time(event.time_ns) or None,
                "transaction": None if event.transaction_id is None else event.transaction_id.hex(),
                "account": None if sender is None else account_text(sender),
                "who": shown_account(sender, transport) or None,
                "owner": shown_account(change.owner, transport) or None,
                "cells": [
                    {
                        "column": cell.column,
                        "old": to_json(cell.old, types[cell.column]),
                        "new": to_json(cell.new, types[cell.column]),
                    }
                    for cell in change.cells
                ],
            }
        )
    return {
        "table": history.table,
        "height": history.height,
        "app_hash": history.app_hash.hex(),
        "truncated": history.is_truncated,
        "changes": changes,
    }


def _table_log(session: Session, table_name: str, limit: int) -> None:
    transport = session.transport()
    schema = transport.schema(table_name)
    arms = [f"SELECT _from p, 1 made, 0 ended FROM {quote(table_name)}"]
    if schema.history != "none":
        past = quote(f"{table_name}__h")
        arms += [f"SELECT _from, 1, 0 FROM {past}", f"SELECT _to, 0, 1 FROM {past}"]
    sql = " ".join(
        ["SELECT p, sum(made), sum(ended) FROM (", " UNION ALL ".join(arms), ") GROUP BY p"]
    )
    answer = transport.sql(f"{sql} ORDER BY p DESC LIMIT ?", (limit,), None)
    rows, documents = [], []
    for record in answer.rows:
        position, made, ended = (int(number or 0) for number in record)
        event = transport.event(position)
        who = shown_account(event.sender, transport) or "the ledger"
        identifier = "" if event.transaction_id is None else event.transaction_id.hex()
        time = shown_time(event.time_ns)
        rows.append((str(event.height), time, who, identifier[:12], f"{made:,}", f"{ended:,}"))
        documents.append(
            {
                "height": event.height,
                "time": time or None,
                "who": who,
                "transaction": identifier or None,
                "versions_made": made,
                "versions_ended": ended,
            }
        )
    heading = ("block", "time", "who", "transaction", "versions made", "ended")
    session.out.data(table(heading, rows), documents)
    session.out.words(f"height  {answer.height}  app hash {answer.app_hash.hex()}")
