"""``comity row``: single rows, changed only as they were seen.

Invariant: a change names the hash of the row that it was made from; when the row moved on, both versions
are shown and nothing is written.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from comity.cli import problems
from comity.cli.group import Command, LazyGroup
from comity.cli.names import shown_account
from comity.cli.output import pairs, table
from comity.cli.session import Session, current
from comity.client.files.date_formats import find_date_formats
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import naming, open_rows
from comity.client.files.texts import counted
from comity.client.files.typed_rows import TypedRows
from comity.client.files.values import from_text, to_json, to_text
from comity.client.ledger import Table
from comity.client.refused import RowChanged
from comity.client.row import Row
from comity.errors import ConfigError, Malformed, QueryError
from comity.limits import ROWS_PER_CALL_MAX
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema

Values = dict[str, ColumnValue]


@click.group(
    cls=LazyGroup,
    short_help="Add, change, remove and show single rows.",
    examples="""
    comity row show suppliers MMM
    comity row add suppliers symbol=ABC sector=Energy
    comity row set suppliers MMM sector=Energy --as bo
    comity row rm suppliers MMM
    """,
)
def row() -> None:
    """Add, change, remove and show single rows.

    A key of several columns is written as several words, in key order.
    """


@row.command(cls=Command, examples="comity row show suppliers MMM --json")
@click.argument("table_name", metavar="TABLE")
@click.argument("key", nargs=-1, required=True)
def show(table_name: str, key: tuple[str, ...]) -> None:
    """Show a row, its owner, and the etag that a change names."""
    session = current()
    found = session.reader().table(table_name)
    values = key_from(found.schema, key)
    _tell(session, found, values, _row(found, values))


@row.command(
    cls=Command,
    writes=True,
    examples="""
    comity row add suppliers symbol=ABC sector=Energy
    comity row add suppliers -f rows.jsonl
    """,
)
@click.argument("table_name", metavar="TABLE")
@click.argument("values", nargs=-1, metavar="[COLUMN=VALUE]...")
@click.option(
    "-f", "--file", type=click.Path(path_type=Path), help="JSON Lines or CSV, in one call."
)
def add(table_name: str, values: tuple[str, ...], file: Path | None) -> None:
    """Add a row, or the rows of a file: all of them, or none."""
    session = current()
    schema = session.reader().table(table_name).schema
    columns, rows = _rows_of(file, schema) if file is not None else _one_row(values, schema)
    with session.ledger() as ledger:
        done = ledger.call("tables.add", table=table_name, rows=rows, columns=columns)
        numbers = ", ".join(str(number) for number in done.result or ())
        named = f", numbered {numbers}" if numbers else ""
        session.settled(
            f"+ {counted(len(rows), 'row')} of {table_name}{named}",
            done,
            result=done.result,
        )


@row.command(
    "set",
    cls=Command,
    writes=True,
    examples="""
    comity row set suppliers MMM sector=Energy
    comity row set suppliers MMM sector= --if-match 3f9c21d07a44b1e0
    """,
)
@click.argument("table_name", metavar="TABLE")
@click.argument("words", nargs=-1, required=True, metavar="KEY COLUMN=VALUE...")
@click.option(
    "--if-match", metavar="ETAG", help="Of the row that you saw; by default as it is now."
)
def set_(table_name: str, words: tuple[str, ...], if_match: str | None) -> None:
    """Change columns of a row that is as you saw it; COLUMN= empties one."""
    session = current()
    with session.ledger() as ledger:
        found = ledger.table(table_name)
        key, rest = _split(found.schema, words)
        values = _assignments(rest, found.schema)
        before = _row(found, key)
        if if_match is None and all(before[name] == value for name, value in values.items()):
            session.out.data(
                f"= {_where(found, key)}  no change: it is so already, nothing was signed",
                {"transaction": None, "height": ledger.tip().height, "changed": False},
            )
            return
        try:
            done = found.set(key, values, if_match=if_match)
        except RowChanged as error:
            _show_both(found.schema, error)
            raise
        session.settled(f"~ {_where(found, key)}", done)


@row.command(cls=Command, writes=True, examples="comity row rm suppliers MMM")
@click.argument("table_name", metavar="TABLE")
@click.argument("key", nargs=-1, required=True)
@click.option(
    "--if-match", metavar="ETAG", help="Of the row that you saw; by default as it is now."
)
def rm(table_name: str, key: tuple[str, ...], if_match: str | None) -> None:
    """Remove a row that is as you saw it; its history stays."""
    session = current()
    with session.ledger() as ledger:
        found = ledger.table(table_name)
        values = key_from(found.schema, key)
        _row(found, values)
        try:
            done = found.remove(values, if_match=if_match)
        except RowChanged as error:
            _show_both(found.schema, error)
            raise
        session.settled(f"- {_where(found, values)}", done)


def key_from(schema: TableSchema, words: Sequence[str]) -> tuple[ColumnValue, ...]:
    """Return the values of a key that was written as words. Raises: ConfigError, Malformed."""
    values, rest = _split(schema, words)
    if rest:
        raise ConfigError(
            f"the key of {schema.name} is {', '.join(schema.key)}:"
            f" {counted(len(schema.key), 'word')}, not {len(words)}"
        )
    return values


def _split(
    schema: TableSchema, words: Sequence[str]
) -> tuple[tuple[ColumnValue, ...], Sequence[str]]:
    columns = schema.key_columns
    if len(words) < len(columns):
        raise ConfigError(f"the key of {schema.name} is {', '.join(schema.key)}: give each a word")
    values = []
    for column, word in zip(columns, words, strict=False):
        try:
            values.append(from_text(word, column.type))
        except Malformed as error:
            raise ConfigError(f"key column {column.name} of {schema.name}: {error}") from error
    return tuple(values), words[len(columns) :]


def _assignments(words: Sequence[str], schema: TableSchema) -> Values:
    columns = {column.name: column for column in schema.columns if not column.retired}
    values: Values = {}
    problems = []
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            problems.append(f"{word!r}: write COLUMN=VALUE")
        elif name not in columns:
            problems.append(f"{schema.name} has no column {name}; it has {', '.join(columns)}")
        else:
            try:
                values[name] = from_text(text, columns[name].type)
            except Malformed as error:
                problems.append(f"column {name}: {error}")
    if not words:
        problems.append("say what is new: COLUMN=VALUE")
    if problems:
        raise ConfigError("; ".join(problems))
    return values


def _one_row(
    words: Sequence[str], schema: TableSchema
) -> tuple[list[str], list[list[ColumnValue]]]:
    values = _assignments(words, schema)
    return list(values), [list(values.values())]


def _rows_of(path: Path, schema: TableSchema) -> tuple[list[str], list[list[ColumnValue]]]:
    file, rejects = open_rows(path), Rejects()
    with naming(path):
        typed = TypedRows(file, schema, find_date_formats(file, schema))
    at = [schema.ordinal(name) for name in file.names if name in [c.name for c in schema.columns]]
    rows = [[values[i] for i in at] for _, values in typed.rows(rejects)]
    if rejects:
        first = rejects[0]
        raise ConfigError(f"{path}, line {first.line}: {first.reason}; no row was added")
    if not 1 <= len(rows) <= ROWS_PER_CALL_MAX:
        raise ConfigError(
            f"{path} has {counted(len(rows), 'row')}, 1 to {ROWS_PER_CALL_MAX:,} go in one call"
            " (ROWS_PER_CALL_MAX): use 'comity import'"
        )
    return list(file.names), rows


def _row(found: Table, key: tuple[ColumnValue, ...]) -> Row:
    row = found.find(key)
    if row is None:
        raise QueryError(
            "row-not-found",
            f"{_where(found, key)}: there is no such row; see its life with 'comity log'",
        )
    return row


def _where(found: Table, key: Sequence[ColumnValue]) -> str:
    types = [column.type for column in found.schema.key_columns]
    shown = ", ".join(to_text(value, type_) for value, type_ in zip(key, types, strict=True))
    return f"{found.name}[{shown}]"


def _tell(session: Session, found: Table, key: tuple[ColumnValue, ...], row: Row) -> None:
    types = {column.name: column.type for column in found.schema.columns}
    lines = [(name, to_text(value, types[name])) for name, value in row.fields.items()]
    owner = shown_account(row.owner, session.transport())
    session.out.data(
        pairs([*lines, *([("_owner", owner)] if owner else []), ("_etag", row.etag)]),
        {
            "table": found.name,
            "key": [to_json(v, c.type) for v, c in zip(key, found.schema.key_columns, strict=True)],
            "fields": {name: to_json(value, types[name]) for name, value in row.fields.items()},
            "owner": owner or None,
            "etag": row.etag,
            "height": session.transport().tip().height,
        },
    )


def _show_both(schema: TableSchema, error: RowChanged) -> None:
    """Show the row as it is beside what was to be set; keep both for ``--json``."""
    types = {column.name: column.type for column in schema.columns}
    mine: Mapping[str, Any] = error.mine or {}
    theirs = {} if error.theirs is None else error.theirs.fields
    names = [name for name in types if name in mine or name in theirs]
    now = {name: to_text(theirs.get(name), types[name]) for name in names}
    wanted = {name: to_text(value, types[name]) for name, value in mine.items()}
    problems.attach(
        error,
        table(("column", "now", "yours"), [(n, now[n], wanted.get(n, "")) for n in names]),
        {
            "theirs": now if error.theirs is not None else None,
            "mine": wanted,
            "etag": None if error.theirs is None else error.theirs.etag,
        },
        "" if error.theirs is None else f"--if-match {error.theirs.etag}, once you agree with it",
    )
