"""``comity import``: a file becomes rows of a table, in signed batches, and can be run again.

Invariant: nothing is written before the whole file was read and its types are known; every line ends as
added, changed, the same, left as it is, or rejected with a reason.
"""

import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import msgspec

from comity.cli import problems
from comity.cli.group import Command
from comity.cli.import_words import (
    declared_lines,
    dry_document,
    dry_words,
    rejected_words,
    write_declaration,
)
from comity.cli.names import shown_account
from comity.cli.session import Session, current
from comity.client.files.date_formats import find_date_formats
from comity.client.files.declaration import PRESETS, Preset, TableDeclaration
from comity.client.files.headers import to_name
from comity.client.files.inference import Inference, infer
from comity.client.files.rejects import Rejects, words_of
from comity.client.files.row_file import RowFile, naming, open_rows, title_of
from comity.client.files.table_file import read_table_file
from comity.client.files.texts import counted
from comity.client.files.typed_rows import TypedRows, Values
from comity.client.importing import Importer, Plan
from comity.client.journal import Journal
from comity.client.ledger import Ledger
from comity.errors import ConfigError, QueryError
from comity.limits import IMPORT_BATCH_ROWS, ROWS_PER_CALL_MAX
from comity.model.names import check_name
from comity.model.schema import TableSchema
from comity.model.schema_document import schema_document

JOURNALS = "imports"  # folder of journals, inside the ledger's
_CHANGERS = ("open", "own-rows", "read-only")  # presets under which somebody may change rows


@click.command(
    "import",
    cls=Command,
    writes=True,
    short_help="Add the rows of a file to a table.",
    examples="""
    comity import suppliers.csv --dry-run
    comity import suppliers.csv --key symbol --rules own-rows
    comity import suppliers-may.csv --table suppliers --update
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", "table", metavar="T", help="Table; named after the file by default.")
@click.option("--key", "key", metavar="C[,C]", help="Columns of the key, for a new table.")
@click.option("--rules", type=click.Choice(PRESETS), help="Preset of rules, for a new table.")
@click.option(
    "--declaration",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="Declares the new table, instead of types found in the file.",
)
@click.option("--update", is_flag=True, help="Change rows that the file has otherwise.")
@click.option(
    "--batch",
    type=click.IntRange(1, ROWS_PER_CALL_MAX),
    default=IMPORT_BATCH_ROWS,
    show_default=True,
    help="Rows of one signed transaction.",
)
@click.option("--again", is_flag=True, help="Add once more what has no key and was added before.")
@click.option("--encoding", metavar="NAME", help="Of the file; UTF-8, or a guess that is shown.")
@click.option(
    "--delimiter", metavar="C", help="comma, semicolon, tab or pipe; found out by default."
)
@click.option("--date-format", metavar="PATTERN", help="Of days, such as DD.MM.YYYY.")
def import_(file: Path, **options: Any) -> None:
    """Add the rows of FILE (CSV, TSV or JSON Lines) to a table, which is made where it is absent.

    An import that was interrupted goes on when it is run again: rows that are in the table already are
    counted, not added twice. Lines that cannot be rows, and rows that a rule refuses, go to
    FILE.rejects.csv with their reasons; the exit code is then 1. Mend that file, and import it.
    """
    run = _Import(current(), file, msgspec.convert(options, _Options))
    run.run()
    if run.rejects:
        click.get_current_context().exit(problems.REFUSED)


class _Options(msgspec.Struct, frozen=True):
    table: str | None
    key: str | None
    rules: Preset | None
    declaration: Any
    update: bool
    batch: int
    again: bool
    encoding: str | None
    delimiter: str | None
    date_format: str | None


class _Import:
    """One run of the command; ``rejects`` are the lines that did not become rows."""

    def __init__(self, session: Session, file: Path, options: _Options) -> None:
        self._session = session
        self._path = file
        self._options = options
        with session.out.progress("read"):
            self._rows_file: RowFile = open_rows(file, options.encoding, options.delimiter)
        self._table = check_name(options.table or to_name(title_of(file)), "table")
        self.rejects = Rejects()
        self._begun_s = time.monotonic()

    def run(self) -> None:
        """Preview, make the table if need be, and send."""
        reader = self._session.reader()
        try:
            schema = reader.transport.schema(self._table)
        except QueryError as error:
            if error.code != "unknown-table":
                raise
            self._run_new()
        else:
            self._run_known(schema)

    def _run_new(self) -> None:
        declaration, formats = self._declare()
        schema = declaration.schema
        rows = self._typed(schema, formats)
        if self._session.is_dry_run:
            self._dry_run_new(declaration, rows)
            return
        key = ", ".join(schema.key)
        self._session.confirm(f"Make table {self._table}, key {key}, rules {declaration.preset}?")
        with self._session.ledger() as ledger:
            done = ledger.call(
                "tables.create",
                schema=schema_document(schema),
                preset=declaration.preset,
                is_numbered=rows.is_numbered,
            )
            self._session.out.words(
                f"+ table {self._table}, key {key}, rules {declaration.preset}  block {done.height}"
            )
            self._send(ledger, schema, rows, declaration.preset)

    def _run_known(self, schema: TableSchema) -> None:
        for name, value in (("--key", self._options.key), ("--rules", self._options.rules)):
            if value is not None:
                raise ConfigError(
                    f"table {self._table} is there already: {name} is for a new table; leave it out,"
                    " or give another name with --table"
                )
        rows = self._typed(schema, self._formats(schema))
        if self._session.is_dry_run:
            reader = self._session.reader()
            preset = reader.view("tables.describe", table=self._table)["preset"]
            may_change = self._changer(reader, preset, self._own_account(reader))
            importer = Importer(reader, schema, self._rows_file.names, may_change=may_change)
            plan = self._plan(importer, rows)
            self._tell_rejects()
            self._session.out.data(
                dry_words(plan, rows, self.rejects), dry_document(plan, self.rejects)
            )
            return
        with self._session.ledger() as ledger:
            preset = ledger.view("tables.describe", table=self._table)["preset"]
            self._send(ledger, schema, rows, preset)

    def _declare(self) -> tuple[TableDeclaration, Mapping[str, str]]:
        """Return the declaration of a new table, shown as it was found."""
        if self._options.declaration is not None:
            declared = {one.schema.name: one for one in read_table_file(self._options.declaration)}
            if self._table not in declared:
                raise ConfigError(
                    f"{self._options.declaration} declares {', '.join(declared)}, not {self._table};"
                    " say which with --table"
                )
            declaration = declared[self._table]
            formats = self._formats(declaration.schema)
            for line in declared_lines(declaration, self._rows_file.names, formats):
                self._session.out.words(line)
            return declaration, formats
        key = [name.strip() for name in self._options.key.split(",")] if self._options.key else None
        with self._session.out.progress("types"), naming(self._path):
            inference = infer(self._rows_file, key, self._options.date_format)
        for line in inference.to_preview_lines():
            self._session.out.words(line)
        self._inference: Inference = inference
        return inference.to_declaration(self._table, self._options.rules), inference.date_formats

    def _formats(self, schema: TableSchema) -> Mapping[str, str]:
        """Return how the file writes the days of columns that are declared as days."""
        with naming(self._path):
            return find_date_formats(self._rows_file, schema, self._options.date_format)

    def _typed(self, schema: TableSchema, formats: Mapping[str, str]) -> TypedRows:
        with naming(self._path):
            return TypedRows(self._rows_file, schema, formats)

    def _tell_rejects(self) -> None:
        if self.rejects:
            self._session.out.warn(words_of(self.rejects))

    def _dry_run_new(self, declaration: TableDeclaration, rows: TypedRows) -> None:
        count = sum(1 for _ in rows.rows(self.rejects))
        if self._options.declaration is not None:  # else the preview told
            self._tell_rejects()
        words = f"would make table {self._table} and add {counted(count, 'row')}"
        if self._options.declaration is None:
            words += f"; {write_declaration(self._path, declaration, self._inference)}"
        plan = {"table": self._table, "adds": count, "rejected": len(self.rejects)}
        self._session.out.data(words, plan)

    def _send(self, ledger: Ledger, schema: TableSchema, rows: TypedRows, preset: str) -> None:
        importer = Importer(
            ledger,
            schema,
            self._rows_file.names,
            batch_rows=self._options.batch,
            may_change=self._changer(ledger, preset, ledger.account),
        )
        try:
            there, differing = self._send_all(ledger, importer, rows)
        except BaseException:
            sent = importer.result.added + importer.result.changed
            if sent:
                self._session.out.words(
                    f"note  {counted(sent, 'row')} written before this stay; run the same command"
                    " again to go on"
                )
            raise
        self._tell(ledger, importer, there, differing)

    def _send_all(self, ledger: Ledger, importer: Importer, rows: TypedRows) -> tuple[int, int]:
        """Send; return how many rows were there already, and how many differ and stay so."""
        if rows.is_numbered:
            return self._send_numbered(ledger, importer, rows), 0
        plan = self._plan(importer, rows)
        total = len(plan.adds) + len(plan.changes)
        with self._session.out.progress("import", total) as bar:
            importer.run(plan, self.rejects, bar)
        return plan.same, plan.differing

    def _plan(self, importer: Importer, rows: TypedRows) -> Plan:
        with self._session.out.progress("compare") as bar:
            found = rows.rows(self.rejects)
            return importer.plan(found, self.rejects, updates=self._options.update, progress=bar)

    def _send_numbered(self, ledger: Ledger, importer: Importer, rows: TypedRows) -> int:
        """Send rows that the ledger numbers; return how many it had from an earlier run."""
        digest = sha256(self._path.read_bytes()).hexdigest()[:16]
        journal = Journal(self._session.node / JOURNALS / f"{self._table}-{digest}.journal")
        if self._options.again:
            journal.remove()
        found: list[tuple[int, Values]] = list(rows.rows(self.rejects))
        with self._session.out.progress("import", len(found)) as bar:
            there = importer.run_numbered(found, journal, self.rejects, time.time_ns(), bar)
        if there:
            self._session.out.words(
                f"note  an earlier import of this file added {counted(there, 'row')} of it"
                f" ({journal.path} tells so); to add them once more: --again"
            )
        return there

    def _own_account(self, reader: Ledger) -> bytes | None:
        """Return the account that would act, without unlocking its key; None where that is not known."""
        try:
            return reader.transport.account_of_key(self._session.key_info().public_key)
        except ConfigError:
            return None

    def _changer(
        self, ledger: Ledger, preset: str, me: bytes | None
    ) -> Callable[[bytes | None], str | None]:
        """Return the sentence why a row may not be changed by ``me``, before anything is signed."""

        def why(owner: bytes | None) -> str | None:
            if preset not in _CHANGERS:
                return f'rule-refused: nobody may change rows (rules "{preset}")'
            if preset == "own-rows" and owner != me and me is not None:
                who = shown_account(owner, ledger.transport)
                return f'not-row-owner: the row belongs to {who} (rule change = "owner")'
            return None

        return why

    def _tell(self, ledger: Ledger, importer: Importer, there: int, differing: int) -> None:
        result, out, tip = importer.result, self._session.out, ledger.tip()
        seconds = time.monotonic() - self._begun_s
        if self.rejects:
            out.warn(rejected_words(self._path, self._rows_file.titles, self.rejects))
        if differing:
            out.words(f"note  unlike in the file: {counted(differing, 'row')}; to change: --update")
        if there and (result.added or result.changed):
            out.words(f"note  there already: {counted(there, 'row')}; added now: {result.added:,}")
        counts = (
            f"+{result.added:,} added  ~{result.changed:,} changed  ={there:,} same"
            f"  !{len(self.rejects):,} rejected"
        )
        from_, to = result.first_height, result.last_height
        blocks = (
            "" if from_ is None else f"  block {to}" if from_ == to else f"  blocks {from_} to {to}"
        )
        out.data(
            f"{self._table}  {counts}{blocks}  app hash {tip.app_hash.hex()[:12]}"
            f"  in {seconds:.1f} s",
            {
                "table": self._table,
                "added": result.added,
                "changed": result.changed,
                "same": there,
                "differing": differing,
                "rejected": len(self.rejects),
                "transactions": result.transactions,
                "height": tip.height,
                "app_hash": tip.app_hash.hex(),
                "seconds": round(seconds, 3),
            },
        )
