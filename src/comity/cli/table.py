"""``comity table``: tables declared in TOML or found in a file, shown before they are made.

Invariant: a table is made from what was shown, by the ledger's app ``tables``; this module holds no rule.
"""

from pathlib import Path
from typing import Any

import click

from comity.cli.group import Command, LazyGroup
from comity.cli.names import shown_account
from comity.cli.output import pairs
from comity.cli.output import table as columns_of
from comity.cli.session import current
from comity.client.files.declaration import PRESETS, Preset, TableDeclaration, type_words
from comity.client.files.headers import to_name
from comity.client.files.inference import infer
from comity.client.files.row_file import naming, open_rows
from comity.client.files.table_file import read_table_file
from comity.client.files.table_writer import to_table_file
from comity.client.ledger import Ledger
from comity.errors import ConfigError
from comity.model.column import Column
from comity.model.names import check_name
from comity.model.schema import TableSchema
from comity.model.schema_document import column_document, schema_document, schema_from_document

_TABLES_MAX = 1_000  # listed at once


@click.group(
    cls=LazyGroup,
    short_help="Make, show and change tables.",
    examples="""
    comity table new suppliers.table.toml
    comity table new suppliers.csv --key symbol
    comity table show suppliers --toml
    comity table alter suppliers -f suppliers.table.toml
    """,
)
def table() -> None:
    """Make, show and change tables, and read their rules."""


@table.command(cls=Command, examples="comity table ls --json")
def ls() -> None:
    """List the tables that members made."""
    session = current()
    transport = session.transport()
    rows, documents = [], []
    for rule in transport.view("tables.ls", {"limit": _TABLES_MAX}):
        schema, count = transport.schema(rule.name), transport.rows_count(rule.name)
        creator = shown_account(rule.creator, transport)
        rows.append((rule.name, f"{count:,}", ", ".join(schema.key), rule.preset, creator))
        documents.append(
            {
                "name": rule.name,
                "rows": count,
                "key": list(schema.key),
                "rules": rule.preset,
                "creator": creator,
            }
        )
    text = columns_of(("table", "rows", "key", "rules", "made by"), rows) if rows else ""
    session.out.data(text, documents)
    if not rows:
        session.out.words("no tables yet; make one with: comity import FILE.csv")


@table.command(
    cls=Command,
    writes=True,
    examples="""
    comity table new suppliers.table.toml
    comity table new suppliers.csv --key symbol --rules own-rows
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", "name", metavar="T", help="Of a CSV; named after the file by default.")
@click.option("--key", metavar="C[,C]", help="Columns of the key, of a CSV.")
@click.option("--rules", type=click.Choice(PRESETS), help="Preset of rules, of a CSV.")
def new(file: Path, name: str | None, key: str | None, rules: Preset | None) -> None:
    """Make the tables that a TOML FILE declares, or one for the rows of a CSV FILE.

    Types are found in the whole CSV and shown first; its rows are not added (see comity import).
    """
    session = current()
    if file.suffix == ".toml":
        declared: list[tuple[TableDeclaration, bool]] = [
            (one, False) for one in read_table_file(file)
        ]
        session.out.words(to_table_file([one for one, _ in declared]).rstrip())
    else:
        wanted = [part.strip() for part in key.split(",")] if key else None
        rows = open_rows(file)
        with naming(file):
            inference = infer(rows, wanted)
        for line in inference.to_preview_lines():
            session.out.words(line)
        title = check_name(name or to_name(file.stem), "table")
        is_numbered = not any(column.title for column in inference.columns[:1])
        declared = [(inference.to_declaration(title, rules), is_numbered)]
    names = ", ".join(one.schema.name for one, _ in declared)
    if not session.is_dry_run:
        session.confirm(f"Make {names}?")
    with session.ledger() as ledger:
        for one, is_numbered in declared:
            _make(ledger, one, is_numbered=is_numbered)


@table.command(cls=Command, examples="comity table show suppliers --toml > suppliers.table.toml")
@click.argument("name", metavar="TABLE")
@click.option("--toml", "is_toml", is_flag=True, help="As a table file, to edit.")
def show(name: str, is_toml: bool) -> None:
    """Show a table: columns, key, rules, how many rows."""
    session = current()
    transport = session.transport()
    found = transport.view("tables.describe", {"table": name})
    schema = schema_from_document(found["schema"])
    count = transport.rows_count(name)
    creator = shown_account(found["creator"], transport)
    if is_toml:
        click.echo(
            to_table_file([TableDeclaration(schema=schema, preset=found["preset"])]), nl=False
        )
        return
    head = pairs(
        [
            ("table", name),
            ("rows", f"{count:,}"),
            ("key", ", ".join(schema.key) + (" (numbered)" if found["is_numbered"] else "")),
            ("rules", found["preset"]),
            ("made by", creator),
            ("history", str(schema.history)),
        ]
    )
    rows = [(c.name, type_words(c.type), _notes(c, schema)) for c in schema.columns]
    words = "\n".join(f"  {sentence}" for sentence in found["rules"])
    document = dict(found) | {"creator": creator, "rows": count}
    session.out.data(f"{head}\n\n{columns_of(('column', 'type', ''), rows)}\n\n{words}", document)


@table.command(cls=Command, examples="comity table rules suppliers")
@click.argument("name", metavar="TABLE")
def rules(name: str) -> None:
    """Say in sentences who may do what."""
    session = current()
    found = session.transport().view("tables.describe", {"table": name})
    session.out.data(
        "\n".join(found["rules"]), {"preset": found["preset"], "rules": found["rules"]}
    )


@table.command(
    cls=Command,
    writes=True,
    short_help="Append columns and enum values, rename or retire columns.",
    examples="""
    comity table alter suppliers -f suppliers.table.toml
    comity table alter suppliers --rename sector=industry --retire founded
    """,
)
@click.argument("name", metavar="TABLE")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    help="Table file: columns and enum values that the table lacks are appended.",
)
@click.option("--rename", "renames", multiple=True, metavar="OLD=NEW", help="Rename a column.")
@click.option("--retire", "retired", multiple=True, metavar="C", help="Let a column hold nothing.")
def alter(name: str, file: Path | None, renames: tuple[str, ...], retired: tuple[str, ...]) -> None:
    """Append columns, append enum values, rename or retire columns; for the table's creator."""
    session = current()
    schema = session.reader().table(name).schema
    arguments: dict[str, Any] = {} if file is None else _appended(name, file, schema)
    if renames:
        arguments["renames"] = dict(_renaming(text) for text in renames)
    if retired:
        arguments["retired"] = list(retired)
    if not arguments:
        raise ConfigError(f"nothing to alter in {name}: give -f, --rename or --retire")
    with session.ledger() as ledger:
        done = ledger.call("tables.alter", table=name, **arguments)
        session.settled(f"~ table {name}", done)


@table.command(cls=Command, writes=True, examples="comity table drop suppliers")
@click.argument("name", metavar="TABLE")
def drop(name: str) -> None:
    """End an empty table; its history stays and its name is taken for ever."""
    session = current()
    if not session.is_dry_run:
        session.confirm(f"Drop table {name} for ever?")
    with session.ledger() as ledger:
        done = ledger.call("tables.drop", table=name)
        session.settled(f"- table {name}", done)


def _make(ledger: Ledger, declaration: TableDeclaration, *, is_numbered: bool) -> None:
    schema = declaration.schema
    done = ledger.call(
        "tables.create",
        schema=schema_document(schema),
        preset=declaration.preset,
        is_numbered=is_numbered,
    )
    current().settled(
        f"+ table {schema.name}, key {', '.join(schema.key)}, rules {declaration.preset}",
        done,
        table=schema.name,
    )


def _notes(column: Column, schema: TableSchema) -> str:
    uniques = [index.columns for index in schema.indexes if index.unique]
    notes = ["key"] if column.name in schema.key else []
    notes += ["required"] if column.required else []
    notes += ["unique"] if (column.name,) in uniques else []
    notes += ["retired"] if column.retired else []
    notes += [", ".join(column.type.values)] if column.type.values else []
    return ", ".join(notes)


def _appended(name: str, file: Path, schema: TableSchema) -> dict[str, Any]:
    """Return what the declaration has beyond the table."""
    declared = {one.schema.name: one.schema for one in read_table_file(file)}
    if name not in declared:
        raise ConfigError(f"{file} declares {', '.join(declared)}, not {name}")
    known = {column.name: column for column in schema.columns}
    columns, values = [], {}
    for column in declared[name].columns:
        if column.name not in known:
            columns.append(column_document(column))
            continue
        codes = known[column.name].type.values
        more = [code for code in column.type.values if code not in codes]
        if more:
            values[column.name] = more
    made: dict[str, Any] = {"columns": columns} if columns else {}
    return made | ({"values": values} if values else {})


def _renaming(text: str) -> tuple[str, str]:
    old, equals, name = text.partition("=")
    if not equals:
        raise ConfigError(f"--rename {text!r}: write OLD=NEW")
    return old, name
