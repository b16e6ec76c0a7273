"""``comity sql``: a read-only question, with height and app hash in the answer.

Invariant: the query runs in a process of its own under named limits; nothing here can write.
"""

import sys
import time

import click

from comity.cli.group import Command
from comity.cli.session import current
from comity.client.files.texts import counted
from comity.errors import ConfigError
from comity.limits import QUERY_SQL_BYTES_MAX
from comity.query.answer import Answer, AnswerColumn, to_csv, to_json, to_table
from comity.query.frames import Parameter, Parameters

FORMATS = ("table", "json", "csv")


@click.command(
    cls=Command,
    short_help="Ask a read-only question in SQL, now or at a height.",
    examples="""
    comity sql "SELECT country, count(*) n FROM airports GROUP BY 1 ORDER BY n DESC"
    comity sql "SELECT * FROM airports WHERE icao = :icao" --param icao=LIRF --at 12
    comity sql "SELECT * FROM airports" --format csv > airports.csv
    """,
)
@click.argument("query")
@click.option("--at", type=int, metavar="HEIGHT", help="As of this height; now by default.")
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="[NAME=]VALUE",
    help="A value for :NAME, or for the next ?. Whole numbers are numbers; NAME:=TEXT is text.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="table by default.")
@click.option(
    "--escape-formulas", is_flag=True, help="In CSV, for spreadsheets: keep =1+1 from running."
)
def sql(
    query: str,
    at: int | None,
    parameters: tuple[str, ...],
    form: str | None,
    escape_formulas: bool,
) -> None:
    """Ask QUERY (- reads it from standard input) and write the answer."""
    session = current()
    text = sys.stdin.read(QUERY_SQL_BYTES_MAX + 1) if query == "-" else query
    start_ns = time.monotonic_ns()
    found = session.reader().sql(text, _parameters(parameters), at)
    answer = Answer(
        columns=tuple(AnswerColumn(it.name, it.kind, it.scale) for it in found.columns),
        rows=found.rows(), height=found.height, app_hash=found.app_hash, limit=found.limit,
        notes=found.notes, elapsed_ns=time.monotonic_ns() - start_ns,
    )  # fmt: skip
    if form == "json" or (form is None and session.is_json):
        click.echo(to_json(answer).decode())
    elif form == "csv":
        sys.stdout.write(to_csv(answer, escapes_formulas=escape_formulas))
    else:
        click.echo(to_table(answer), nl=False)
    for note in answer.notes:
        session.out.words(f"note    {note}")
    if answer.is_truncated:
        session.out.words(f"cut     after {len(answer.rows):,} rows by {answer.limit}")
    seconds = answer.elapsed_ns / 1e9
    session.out.words(
        f"height  {answer.height}  app hash {answer.app_hash.hex()}"
        f"  {counted(len(answer.rows), 'row')} in {seconds:.2f} s"
    )


def _parameters(given: tuple[str, ...]) -> Parameters:
    named = [text.partition("=") for text in given]
    if any(equals and _is_name(name.removesuffix(":")) for name, equals, _ in named):
        if not all(equals for _, equals, _ in named):
            raise ConfigError("--param: give all values names, or none")
        return {
            name.removesuffix(":"): value if name.endswith(":") else _value(value)
            for name, _, value in named
        }
    return tuple(_value(text) for text in given)


def _is_name(text: str) -> bool:
    return text.isidentifier()


def _value(text: str) -> Parameter:
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
    return int(text) if is_number else text
