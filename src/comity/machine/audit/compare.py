"""The second half of an audit: compare every table of the file with the reference, cell by cell.

Invariant: two files that compare equal hold the same schema, the same header fields that mean anything, and the same
rows in every table, hashed or not; tree pages may be laid out otherwise, and then must have the hashes that the rows
make. Both files are read once, in key order.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from comity.crypto.ordered import decode_key
from comity.errors import Malformed
from comity.machine.audit.pages import TreeRow, TreeWalk, table_of
from comity.machine.audit.report import Finding, Report
from comity.machine.audit.suspect import Cell, Damaged, Suspect, definitions_of
from comity.model.row import RowCodec, StoredRow
from comity.store.ddl import quote
from comity.store.store import Store
from comity.store.table import StoredTable

Cells = tuple[Cell, ...]

_TREE = "comity_tree"  # compared page by page
_BY_HEIGHT = ("comity_block", "comity_root", "comity_transaction", "comity_undo")
_OF_THE_TIP = (
    "comity_table",
    "comity_tile",
    "comity_undo",
)  # each block may change any row of them
_HASHED_WITHOUT_HISTORY = ("comity_quota", "comity_seen")
_SHOWN_CHARS_MAX = 60
# Other fields of SQLite's header count pages and versions, or are checked when it reads: they change no value.
_HEADER = ("application_id", "user_version", "encoding", "auto_vacuum")


class _Column(msgspec.Struct, frozen=True):
    name: str
    is_key: bool
    is_text: bool


class Comparison:
    """Compares the audited file with a reference that was replayed as far as it goes."""

    def __init__(self, suspect: Suspect, reference: Store, report: Report) -> None:
        self._suspect = suspect
        self._reference = reference
        self._report = report
        self._is_whole = report.replayed_height == report.height

    def run(self) -> None:
        """Compare header, schema, rows and pages; every difference is a finding.

        Where replay stopped early, what later blocks may have changed is passed over: the report says so.
        """
        self._guard("SQLite's header", self._compare_header)
        self._compare_definitions()
        tables = self._suspect.tables_as_in(self._reference.connection)
        for name in sorted(tables):
            if name != _TREE:
                self._guard(name, partial(self._compare_table, name))
        if self._is_whole and _TREE in tables:
            self._guard(_TREE, self._check_pages)

    def _guard(self, name: str, compare: Callable[[], None]) -> None:
        """Run one comparison; what cannot be read is a finding about that table, and the others go on."""
        try:
            compare()
        except Damaged as damage:
            message = f"{name} cannot be read: {damage}"
            self._report.add(Finding(kind="sqlite", message=message, table=name))

    def _compare_header(self) -> None:
        connection = self._reference.connection
        for field in _HEADER:
            statement = "PRAGMA " + field
            found = list(self._suspect.rows(statement))
            expected = connection.execute(statement).fetchall()  # tidy: sql-text: a name of ours
            if found != expected:
                words = f"{field} of SQLite's header is {_one(found)}, must be {_one(expected)}"
                self._report.add(Finding(kind="header", message=words))

    def _compare_definitions(self) -> None:
        """Name every table, index, trigger and view that is not as the ledger has it."""
        found, expected = self._suspect.definitions(), definitions_of(self._reference.connection)
        for kind, name in sorted(found.keys() | expected.keys()):
            here, there = found.get((kind, name)), expected.get((kind, name))
            of_table = (here or there or [(name, "")])[0][0]
            if here == there or self._may_be_later(of_table):
                continue
            what = "was altered" + ("; its rows were not compared" if kind == "table" else "")
            if there is None:
                what = "was added: the ledger has none of this name"
            elif here is None:
                what = "is missing"
            message = f"the {kind} {name} {what}"
            self._report.add(Finding(kind="schema", message=message, table=name))

    def _compare_table(self, name: str) -> None:
        if name in _OF_THE_TIP and not self._is_whole:
            return
        columns = _columns(self._reference, name)
        query = _query(name, columns)
        theirs = self._reference.connection.execute(query)
        pairs = _pair_up(
            _cells(self._suspect.rows(query), columns),
            _cells(theirs, columns),
            sum(column.is_key for column in columns),
        )
        for found, expected in pairs:
            self._report.rows_count += 1
            if found != expected and (self._is_whole or not self._is_later(name, columns, found)):
                self._report.add(self._finding(name, columns, found, expected))

    def _may_be_later(self, table: str) -> bool:
        """Tell whether a block that was not replayed may have made or altered a table, its indexes or history."""
        is_fixed = table[:7] == "comity_" or "__" in table.removesuffix("__h")
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

    def _check_pages(self) -> None:
        """Compare tree pages; a tree that differs is judged by the hashes that the reference's rows make."""
        columns = _columns(self._reference, _TREE)
        query = _query(_TREE, columns)
        theirs = self._reference.connection.execute(query)
        pairs = _pair_up(self._suspect.rows(query), theirs, 1)
        trees = [
            table_of(found or expected or ()) for found, expected in pairs if found != expected
        ]
        tables = {table.number: table for table in self._reference.tables.values()}
        for number in dict.fromkeys(trees):
            table = tables.get(number)
            if table is None:
                message = f"the state tree has pages of table number {number}, which there is not"
                self._report.add(Finding(kind="page", message=message, table=_TREE))
            else:
                self._guard(table.schema.name, partial(self._check_tree, table))

    def _check_tree(self, table: StoredTable) -> None:
        codec = table.codec

        def is_row(key: bytes) -> bool:
            try:
                return table.get(decode_key(key, codec.key_types)) is not None
            except Malformed:
                return False

        rows = (
            TreeRow(codec.key(row), codec.row_hash(row), partial(self._name, codec, row))
            for row in table.scan()
        )
        for fault in TreeWalk(self._suspect, table.number, rows, is_row).run():
            self._report.add(fault.to_finding(table.schema.name))

    def _name(self, codec: RowCodec, row: StoredRow) -> tuple[str, int | None]:
        return ", ".join(map(_shown, codec.key_values(row))), self._height_at(row[0])


def _columns(reference: Store, name: str) -> list[_Column]:
    """Return the columns of a table, those of its primary key first."""
    rows = reference.connection.execute(
        "SELECT name, pk, type FROM pragma_table_info(?)", (name,)
    ).fetchall()
    key_first = sorted(rows, key=lambda row: (row[1] == 0, row[1]))
    return [
        _Column(str(title), is_key=at != 0, is_text=kind == "TEXT") for title, at, kind in key_first
    ]


def _query(name: str, columns: Sequence[_Column]) -> str:
    """Return the statement that reads a table in the order of its key, texts as bytes, then the texts' types."""
    quoted = [quote(column.name) for column in columns]
    pairs = list(zip(quoted, columns, strict=True))
    listed = ["CAST(" + q + " AS BLOB)" if column.is_text else q for q, column in pairs]
    listed += ["typeof(" + q + ")" for q, column in pairs if column.is_text]
    keys = [q for q, column in pairs if column.is_key]
    tail = " FROM " + quote(name) + " NOT INDEXED ORDER BY " + ", ".join(keys)
    return "SELECT " + ", ".join(listed) + tail


def _cells(records: Iterable[Cells], columns: Sequence[_Column]) -> Iterator[Cells]:
    """Yield the rows that ``_query`` reads; text that is no UTF-8 any more is shown as it can be."""
    texts = [at for at, column in enumerate(columns) if column.is_text]
    count = len(columns)
    for record in records:
        row = list(record[:count])
        for at, kind in zip(texts, record[count:], strict=True):
            cell = row[at]
            if kind == "text" and isinstance(cell, bytes):
                row[at] = cell.decode("utf-8", "surrogateescape")
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
    if isinstance(cell, bytes):
        return (3, 0, cell)
    if isinstance(cell, str):
        return (2, 0, cell.encode("utf-8", "surrogateescape"))
    return (1, cell, b"")  # where a number's type is damaged, also one with a fraction


def _shown(value: Cell) -> str:
    text = value.hex() if isinstance(value, bytes) else ascii(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."


def _one(rows: Sequence[tuple[object, ...]]) -> str:
    return ascii(rows[0][0]) if rows else "none"
