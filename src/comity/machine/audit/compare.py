"""The second half of an audit: compare every table of the file with the reference, cell by cell.

Invariant: two files that compare equal hold the same schema and the same rows in every table, hashed or not; tree pages
may be laid out otherwise, and then must have the hashes that the rows make.
"""

from collections.abc import Callable, Iterator, Sequence

import apsw

from comity.errors import ComityError
from comity.machine.audit.report import Finding, Report
from comity.store.ddl import quote
from comity.store.store import Store
from comity.store.tree import Tree
from comity.store.tree_check import check
from comity.store.tree_pages import SqlitePages

Cell = int | str | bytes | None
Heights = Callable[[int], int | None]

# What replay cannot make again, or compares elsewhere.
_LEFT_OUT = ("comity_tree", "comity_undo", "comity_local")
_SHOWN_CHARS_MAX = 60


class Comparison:
    """Compares the audited file with a reference that was replayed as far as it goes."""

    def __init__(self, connection: apsw.Connection, reference: Store, report: Report) -> None:
        self._suspect = connection
        self._reference = reference
        self._report = report

    def run(self) -> None:
        """Compare schema, rows and pages; every difference is a finding."""
        suspect, reference = _schema(self._suspect), _schema(self._reference.connection)
        for name in sorted(suspect.keys() | reference.keys()):
            if suspect.get(name) != reference.get(name):
                self._report.add(
                    Finding(
                        kind="schema",
                        message=f"the definition of {name} in SQLite was altered",
                        table=name,
                    )
                )
        for name in _tables(self._reference.connection):
            if name in _LEFT_OUT or suspect.get(name) != reference.get(name):
                continue
            self._compare_table(name)
        self._check_pages()

    def _compare_table(self, name: str) -> None:
        columns, key_count = _columns(self._reference.connection, name)
        pairs = _pair_up(
            _cells(self._suspect, name, columns, key_count),
            _cells(self._reference.connection, name, columns, key_count),
            key_count,
        )
        for ours, theirs in pairs:
            self._report.rows_count += 1
            if ours != theirs:
                self._report.add(self._finding(name, columns, key_count, ours, theirs))

    def _finding(
        self,
        name: str,
        columns: Sequence[str],
        key_count: int,
        found: tuple[Cell, ...] | None,
        expected: tuple[Cell, ...] | None,
    ) -> Finding:
        row = expected if expected is not None else found or ()
        key = ", ".join(_shown(value) for value in row[:key_count])
        height = self._height_of(name, columns, row)
        at = "" if height is None else f", height {height}"
        if found is None:
            what = "is missing"
        elif expected is None:
            what = "was added, no transaction made it"
        else:
            changes = [
                f"{column} is {_shown(now)}, must be {_shown(then)}"
                for column, now, then in zip(columns, found, expected, strict=True)
                if now != then
            ]
            what = "was altered: " + "; ".join(changes)
        return Finding(
            kind="row", message=f"{name}[{key}]{at} {what}", table=name, key=key, height=height
        )

    def _height_of(self, name: str, columns: Sequence[str], row: Sequence[Cell]) -> int | None:
        """Return the height that wrote a row: it stands in the row, or follows from its log position."""
        named = dict(zip(columns, row, strict=False))
        if "height" in named and name.startswith("comity_"):
            height = named["height"]
            return height if isinstance(height, int) else None
        position = named.get("_from")
        if not isinstance(position, int):
            return None
        found = self._reference.connection.execute(
            "SELECT height FROM comity_transaction WHERE position = ?", (position,)
        ).fetchone()
        if position == 0:
            return 0
        return None if found is None else found[0]

    def _check_pages(self) -> None:
        """Compare tree pages; a page that differs is judged by the hashes that the reference's rows make."""
        for name, table in self._reference.tables.items():
            number = self._reference.number_of(name) or 0
            low, high = number << 40, (number + 1) << 40
            if _pages(self._suspect, low, high) == _pages(self._reference.connection, low, high):
                continue
            codec = table.codec
            rows = ((codec.key(row), codec.row_hash(row)) for row in table.scan())
            try:
                fault = check(Tree(SqlitePages(self._suspect), number), rows)
                problem = None if fault is None else str(fault)
            except (ComityError, ValueError, IndexError, TypeError) as error:
                problem = f"it cannot be read ({type(error).__name__})"
            if problem is not None:
                self._report.add(
                    Finding(kind="page", message=f"the state tree of {name}: {problem}", table=name)
                )


def _pages(connection: apsw.Connection, low: int, high: int) -> list[tuple[int, bytes]]:
    rows = connection.execute(
        "SELECT id, page FROM comity_tree WHERE id >= ? AND id < ? ORDER BY id", (low, high)
    )
    return list(rows)


def _schema(connection: apsw.Connection) -> dict[str, str]:
    rows = connection.execute(
        "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema"
    )
    return {str(name): str(sql) for name, sql in rows}


def _tables(connection: apsw.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [str(name) for (name,) in rows if not str(name).startswith("sqlite_")]


def _columns(connection: apsw.Connection, name: str) -> tuple[list[str], int]:
    """Return the columns of a table, those of its primary key first, and how many those are."""
    rows = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
    key = [str(column) for column, at in sorted(rows, key=lambda row: row[1]) if at]  # type: ignore[arg-type,return-value]  # pk is an integer
    return key + [str(column) for column, at in rows if not at], len(key)


def _cells(
    connection: apsw.Connection, name: str, columns: Sequence[str], key_count: int
) -> list[tuple[Cell, ...]]:
    """Return a table's rows in key order; text that is no UTF-8 any more comes as bytes."""
    quoted = [quote(column) for column in columns]
    tail = " FROM " + quote(name) + " NOT INDEXED ORDER BY " + ", ".join(quoted[:key_count])
    plain = "SELECT " + ", ".join(quoted) + tail
    try:
        return list(connection.execute(plain))  # tidy: sql-text: names are quoted
    except UnicodeDecodeError:
        pass
    pairs = [
        "iif(typeof(" + column + ") = 'text', CAST(" + column + " AS BLOB), " + column + ")"
        for column in quoted
    ]
    pairs += ["typeof(" + column + ")" for column in quoted]
    guarded = "SELECT " + ", ".join(pairs) + tail
    count = len(columns)
    return [
        tuple(_to_text(value, kind) for value, kind in zip(row[:count], row[count:], strict=True))
        for row in connection.execute(guarded)  # tidy: sql-text: names are quoted
    ]


def _to_text(value: Cell, kind: str) -> Cell:
    if kind != "text" or not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _pair_up(
    left: list[tuple[Cell, ...]], right: list[tuple[Cell, ...]], key_count: int
) -> Iterator[tuple[tuple[Cell, ...] | None, tuple[Cell, ...] | None]]:
    """Yield rows of both sides by key, None where a side has none.

    The file's side may be out of order where it is damaged. Cost: both tables in memory.
    """
    found = {row[:key_count]: row for row in left}
    for row in right:
        yield found.pop(row[:key_count], None), row
    for row in found.values():
        yield row, None


def _shown(value: Cell) -> str:
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."
