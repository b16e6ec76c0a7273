"""The file that is audited: every read of it, so that what damage raises is told apart from a bug of the audit.

Invariant: ``Damaged`` is about the file, always; whatever else an audit raises is a fault of the program or of the
machine that it runs on. All reads see one snapshot, so a ledger that is written meanwhile may be audited.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

Cell = int | str | bytes | None
Kinds = tuple[type | tuple[type, ...], ...]
Definitions = dict[tuple[str, str], list[tuple[str, str]]]

# What SQLite raises on bytes that it did not write; a lock, a full memory or a refused access is something else.
DAMAGE = (
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.FormatError,
    apsw.IOError,  # the disk itself cannot read it
    apsw.SQLError,  # a schema that cannot be parsed, or a table that is gone
    apsw.TooBigError,  # a length that no value has
)


class Damaged(Exception):
    """The audited file cannot be read at one place; says what is wrong there."""


class Suspect:
    """Reads the audited file."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads see the file as it is now."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def rows(
        self, statement: str, bindings: Sequence[Cell] = (), kinds: Kinds | None = None
    ) -> Iterator[tuple[Cell, ...]]:
        """Yield what a query of ours finds.

        Args:
            kinds: what each column must hold, where more than comparing is done with it.
        Raises: Damaged, when SQLite cannot read it, or a value is not of its column's type.
        """
        try:
            for row in self._connection.execute(statement, bindings):
                if kinds is not None and not all(map(isinstance, row, kinds)):
                    raise Damaged(f"a stored value is of another type than its column: {row!r:.80}")
                yield row
        except (*DAMAGE, UnicodeDecodeError) as error:
            raise Damaged(str(error)) from error

    def definitions(self) -> Definitions:
        """Return what the file defines. Raises: Damaged."""
        return definitions(self.rows(_DEFINITIONS, kinds=(str, str, str, str)))

    def tables_as_in(self, reference: apsw.Connection) -> tuple[str, ...]:
        """Return the tables that are defined as there: what else has their names may be a view without end."""
        found, wanted = self.definitions(), definitions_of(reference)
        return tuple(
            name
            for kind, name in wanted
            if kind == "table"
            and found.get((kind, name)) == wanted[kind, name]
            and ("view", name) not in found
        )


_DEFINITIONS = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"


def definitions_of(connection: apsw.Connection) -> Definitions:
    """Return what a file of our own defines."""
    return definitions(connection.execute(_DEFINITIONS))


def definitions(rows: Iterator[tuple[Cell, ...]]) -> Definitions:
    """Return tables, indexes, triggers and views by type and name: by hand, two may be made of one name."""
    found: Definitions = {}
    for kind, name, table, sql in rows:
        found.setdefault((str(kind), str(name)), []).append((str(table), str(sql)))
    return {key: sorted(found[key]) for key in found}
