"""The second half of an audit: compare every table of the file with the reference, cell by cell.

Invariant: two files that compare equal hold the same schema and the same rows in every table, hashed or not; tree pages
may be laid out otherwise, and then must have the hashes that the rows make. Both files are read once, in key order.
"""

from collections.abc import Callable, Iterator, Sequence

import apsw
import msgspec

from comity.crypto.ordered import decode_key
from comity.errors import InvariantViolated
from comity.machine.audit.report import UNREADABLE, Finding, Report
from comity.store.ddl import quote
from comity.store.store import Store
from comity.store.table import StoredTable
from comity.store.tree import TABLE_SHIFT, Tree
from comity.store.tree_check import check
from comity.store.tree_pages import SqlitePages

Cell = int | str | bytes | None
Cells = tuple[Cell, ...]

_LEFT_OUT = ("comity_tree",)  # compared page by page
_BY_HEIGHT = ("comity_block", "comity_root", "comity_transaction", "comity_undo")
_OF_THE_TIP = (
    "comity_table",
    "comity_tile",
    "comity_undo",
)  # each block may change any row of them
_HASHED_WITHOUT_HISTORY = ("comity_quota", "comity_seen")
_SHOWN_CHARS_MAX = 60


class _Column(msgspec.Struct, frozen=True):
    name: str
    is_key: bool
    is_text: bool


class Comparison:
    """Compares the audited file with a reference that was replayed as far as it goes."""

    def __init__(self, connection: apsw.Connection, reference: Store, report: Report) -> None:
        self._suspect = connection
        self._reference = reference
        self._report = report
        self._is_whole = True

    def run(self) -> None:
        """Compare schema, rows and pages; every difference is a finding.

        Where replay stopped early, what later blocks may have changed is passed over: the report says so.
        """
        tip = self._suspect.execute("SELECT max(height) FROM comity_block").fetchone()
        self._is_whole = tip == (self._reference.height,)
        suspect, reference = _schema(self._suspect), _schema(self._reference.connection)
        for name in sorted(suspect.keys() | reference.keys()):
            if suspect.get(name) != reference.get(name) and not self._may_be_later(name):
                self._report.add(
                    Finding(
                        kind="schema",
                        message=f"the definition of {name} in SQLite was altered",
                        table=name,
                    )
                )
        for name in _tables(self._reference.connection):
            if name not in _LEFT_OUT and suspect.get(name) == reference.get(name):
                self._guard(name, self._compare_table)
        if self._is_whole:
            self._guard("comity_tree", self._check_pages)

    def _guard(self, name: str, compare: Callable[[str], None]) -> None:
        """Run one comparison; what cannot be read is a finding about that table, and the others go on."""
        try:
            compare(name)
        except InvariantViolated as error:
            self._report.add(Finding(kind="sqlite", message=f"{name}: {error}", table=name))
        except (apsw.Error, *UNREADABLE) as error:
            message = f"{name} cannot be read ({type(error).__name__}: {error})"
            self._report.add(Finding(kind="sqlite", message=message, table=name))

    def _compare_table(self, name: str) -> None:
        if name in _OF_THE_TIP and not self._is_whole:
            return
        columns = _columns(self._reference.connection, name)
        pairs = _pair_up(
            _cells(self._suspect, name, columns),
            _cells(self._reference.connection, name, columns),
            sum(column.is_key for column in columns),
        )
        for ours, theirs in pairs:
            self._report.rows_count += 1
            if ours != theirs and (self._is_whole or not self._is_later(name, columns, ours)):
                self._report.add(self._finding(name, columns, ours, theirs))

    def _may_be_later(self, name: str) -> bool:
        """Tell whether a block that was not replayed may have made or altered a table, index or history."""
        is_fixed = name[:7] == "comity_" or "__" in name.removesuffix("__h")
        return not self._is_whole and not is_fixed

    def _is_later(self, name: str, columns: Sequence[_Column], found: Cells | None) -> bool:
        """Tell whether a block that was not replayed may have made a row what it is."""
        if found is None:
            return name[:7] != "comity_" or name in _HASHED_WITHOUT_HISTORY
        row = {column.name: cell for column, cell in zip(columns, found, strict=True)}
        height = row.get("height") if name in _BY_HEIGHT else None
        if isinstance(height, int):
            return height > self._reference.height
        positions = [row.get(column) for column in ("position", "_from", "_to")]
        return any(isinstance(at, int) and at >= self._reference.log_size for at in positions)

    def _finding(
        self, name: str, columns: Sequence[_Column], found: Cells | None, expected: Cells | None
    ) -> Finding:
        row = expected if expected is not None else found or ()
        key = ", ".join(
            _shown(cell) for column, cell in zip(columns, row, strict=False) if column.is_key
        )
        height = self._height_of(name, columns, row)
        at = "" if height is None else f", height {height}"
        if found is None:
            what = "is missing"
        elif expected is None:
            what = "was added, no transaction made it"
        else:
            changes = [
                f"{column.name} is {_shown(now)}, must be {_shown(then)}"
                for column, now, then in zip(columns, found, expected, strict=True)
                if now != then
            ]
            what = "was altered: " + "; ".join(changes)
        return Finding(
            kind="row", message=f"{name}[{key}]{at} {what}", table=name, key=key, height=height
        )

    def _height_of(self, name: str, columns: Sequence[_Column], row: Sequence[Cell]) -> int | None:
        """Return the height that wrote a row: it stands in the row, or follows from its log position."""
        named = {column.name: cell for column, cell in zip(columns, row, strict=False)}
        if name in _BY_HEIGHT:
            height = named["height"]
            return height if isinstance(height, int) else None
        return self._height_at(named.get("_from"))

    def _height_at(self, position: Cell) -> int | None:
        """Return the height whose block holds a log position."""
        if not isinstance(position, int):
            return None
        found = self._reference.connection.execute(
            "SELECT min(height) FROM comity_block WHERE log_size > ?", (position,)
        ).fetchone()
        return None if found is None else found[0]

    def _check_pages(self, name: str) -> None:
        """Compare tree pages; a page that differs is judged by the hashes that the reference's rows make."""
        columns = _columns(self._reference.connection, name)
        different: dict[int, None] = {}
        for ours, theirs in _pair_up(
            _cells(self._suspect, name, columns),
            _cells(self._reference.connection, name, columns),
            1,
        ):
            page_id = (theirs or ours or (0,))[0]
            if ours != theirs and isinstance(page_id, int):
                different[page_id >> TABLE_SHIFT] = None
        tables = {table.number: table for table in self._reference.tables.values()}
        for number in different:
            table = tables.get(number)
            if table is None:
                message = f"the state tree has pages of table number {number}, which there is not"
                self._report.add(Finding(kind="page", message=message, table=name))
            else:
                self._guard(table.schema.name, lambda _, table=table: self._check_tree(table))  # type: ignore[misc]  # a default is no parameter

    def _check_tree(self, table: StoredTable) -> None:
        codec = table.codec
        rows = ((codec.key(row), codec.row_hash(row)) for row in table.scan())
        fault = check(Tree(SqlitePages(self._suspect), table.number), rows)
        if fault is None:
            return  # another layout of the same tree
        values = None if fault.key is None else decode_key(fault.key, codec.key_types)
        row = None if values is None else table.get(values)
        key = "" if values is None else ", ".join(map(_shown, values))
        name, height = table.schema.name, None if row is None else self._height_at(row[0])
        at = "" if height is None else f", height {height}"
        message = f"the state tree of {name} is wrong at or next to [{key}]{at}: {fault.message}"
        self._report.add(Finding(kind="page", message=message, table=name, key=key, height=height))


def _schema(connection: apsw.Connection) -> dict[str, str]:
    rows = connection.execute(
        "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema"
    )
    return {str(name): str(sql) for name, sql in rows}


def _tables(connection: apsw.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [str(name) for (name,) in rows if not str(name).startswith("sqlite_")]


def _columns(connection: apsw.Connection, name: str) -> list[_Column]:
    """Return the columns of a table, those of its primary key first."""
    rows = connection.execute("SELECT name, pk, type FROM pragma_table_info(?)", (name,)).fetchall()
    key_first = sorted(rows, key=lambda row: (row[1] == 0, row[1]))
    return [
        _Column(str(title), is_key=at != 0, is_text=kind == "TEXT") for title, at, kind in key_first
    ]


def _cells(connection: apsw.Connection, name: str, columns: Sequence[_Column]) -> Iterator[Cells]:
    """Yield a table's rows in the order of its key; text that is no UTF-8 any more is shown as it can be."""
    texts = [at for at, column in enumerate(columns) if column.is_text]
    quoted = [quote(column.name) for column in columns]
    listed = ["CAST(" + q + " AS BLOB)" if at in texts else q for at, q in enumerate(quoted)]
    listed += ["typeof(" + quoted[at] + ")" for at in texts]
    keys = [q for q, column in zip(quoted, columns, strict=True) if column.is_key]
    tail = " FROM " + quote(name) + " NOT INDEXED ORDER BY " + ", ".join(keys)
    count = len(columns)
    statement = "SELECT " + ", ".join(listed) + tail
    for record in connection.execute(statement):  # tidy: sql-text: names are quoted
        row = list(record[:count])
        for at, kind in zip(texts, record[count:], strict=True):
            if kind == "text":
                row[at] = row[at].decode("utf-8", "surrogateescape")
        yield tuple(row)


def _pair_up(
    left: Iterator[Cells], right: Iterator[Cells], key_count: int
) -> Iterator[tuple[Cells | None, Cells | None]]:
    """Yield rows of both sides by key, None where a side has none.

    A side that is damaged may be out of order: then a row is yielded as missing and as added, never passed over.
    """
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        first = _order(ours, key_count), _order(theirs, key_count)
        if first[0] == first[1]:
            yield ours, theirs
            ours, theirs = next(left, None), next(right, None)
        elif theirs is None or (ours is not None and first[0] < first[1]):
            yield ours, None
            ours = next(left, None)
        else:
            yield None, theirs
            theirs = next(right, None)


def _order(row: Cells | None, key_count: int) -> list[tuple[int, int, bytes]]:
    """Return a row's place in SQLite's order of its key: null, numbers, text, blobs."""
    return [] if row is None else [_rank(cell) for cell in row[:key_count]]


def _rank(cell: Cell) -> tuple[int, int, bytes]:
    if cell is None:
        return (0, 0, b"")
    if isinstance(cell, int):
        return (1, cell, b"")
    if isinstance(cell, str):
        return (2, 0, cell.encode("utf-8", "surrogateescape"))
    return (3, 0, cell)


def _shown(value: Cell) -> str:
    text = value.hex() if isinstance(value, bytes) else ascii(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."
