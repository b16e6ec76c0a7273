"""What a query may touch: a connection that only reads, an authorizer that refuses in words.

Three fences stand behind one another: the file is opened read-only, ``query_only`` and SQLite's
limits bound what a statement may be, and the authorizer lets it read nothing but the views that
``asof`` made.

Invariant: tables of the file are read only from inside a view of ours. A view reads them in a
common table expression whose name holds a nonce, because a user's own ``WITH t AS (SELECT * FROM
main.t)`` gives the authorizer the same context ``t`` as the view ``t`` would.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw

from comity import limits
from comity.errors import QueryError, Unavailable
from comity.query import functions

_PRAGMAS = (  # each set and read back: apsw drops what follows the first row of two statements
    ("PRAGMA temp_store = 2", "PRAGMA temp_store", 2),  # a spilled sort counts against the heap
    ("PRAGMA trusted_schema = 0", "PRAGMA trusted_schema", 0),
    ("PRAGMA cell_size_check = 1", "PRAGMA cell_size_check", 1),
    ("PRAGMA mmap_size = 0", "PRAGMA mmap_size", 0),
    ("PRAGMA cache_size = -8192", "PRAGMA cache_size", -8192),
)
_QUERY_ONLY = ("PRAGMA query_only = 1", "PRAGMA query_only", 1)
_LIMITS = (
    (apsw.SQLITE_LIMIT_LENGTH, limits.QUERY_VALUE_BYTES_MAX),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, limits.QUERY_SQL_BYTES_MAX),
    (apsw.SQLITE_LIMIT_COLUMN, limits.QUERY_COLUMNS_MAX),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, limits.QUERY_EXPRESSION_DEPTH_MAX),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, limits.QUERY_COMPOUND_MAX),
    (apsw.SQLITE_LIMIT_VDBE_OP, limits.QUERY_PROGRAM_OPS_MAX),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, limits.QUERY_FUNCTION_ARGUMENTS_MAX),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits.QUERY_PATTERN_BYTES_MAX),
    (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, limits.QUERY_PARAMETERS_MAX),
    (apsw.SQLITE_LIMIT_ATTACHED, 0),
    (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (apsw.SQLITE_LIMIT_WORKER_THREADS, 0),
)
WRITING_VERBS = (
    *("ALTER", "ANALYZE", "ATTACH", "BEGIN", "COMMIT", "CREATE", "DELETE", "DETACH", "DROP", "END"),
    *("INSERT", "PRAGMA", "REINDEX", "RELEASE", "REPLACE", "ROLLBACK", "SAVEPOINT", "UPDATE"),
    "VACUUM",
)
_VERB_CHARS = 20
_SCHEMA_TABLES = ("sqlite_master", "sqlite_schema")
_TABLE_FUNCTIONS = ("json_each", "json_tree")
_HIDDEN_PREFIXES = ("comity_", "sqlite_", "pragma_", "dbstat")
_STATEMENTS = {
    apsw.SQLITE_INSERT: "INSERT",
    apsw.SQLITE_UPDATE: "UPDATE",
    apsw.SQLITE_DELETE: "DELETE",
    apsw.SQLITE_ATTACH: "ATTACH",
    apsw.SQLITE_DETACH: "DETACH",
    apsw.SQLITE_PRAGMA: "PRAGMA",
    apsw.SQLITE_TRANSACTION: "TRANSACTION",
    apsw.SQLITE_SAVEPOINT: "SAVEPOINT",
}


@contextmanager
def heap_of(bytes_max: int) -> Iterator[None]:
    """Let SQLite have so much memory in this whole process, and afterwards what it had before."""
    before = apsw.hard_heap_limit(bytes_max)
    try:
        yield
    finally:
        apsw.hard_heap_limit(before)


def connect(path: Path | str) -> apsw.Connection:
    """Open a ledger's file for reading only. Raises: Unavailable."""
    try:
        try:
            connection = _open(str(path))
        except apsw.CantOpenError:
            if not _is_frozen(Path(path)):
                raise
            connection = _open(f"{Path(path).absolute().as_uri()}?immutable=1")
    except (apsw.CantOpenError, apsw.NotADBError, apsw.IOError, apsw.BusyError) as error:
        raise Unavailable(
            f"{path}: cannot be read as a ledger ({error}); check folder and permissions"
        ) from error
    return connection


def _open(name: str) -> apsw.Connection:
    connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(limits.QUERY_BUSY_MS)
    for pragma in _PRAGMAS:
        _set(connection, *pragma)
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    return connection


def _is_frozen(path: Path) -> bool:
    """Tell whether nobody here can write the file, whose log was written back: SQLite needs no lock then."""
    return not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists()


def restrict(connection: apsw.Connection, rules: "Rules") -> None:
    """Let ``connection`` do from now on only what ``rules`` allow; views must have been made."""
    functions.register(connection)
    connection.enable_load_extension(False)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    # With double-quoted strings off, a mistyped "column" is an error, not a text.
    for setting in (
        apsw.SQLITE_DBCONFIG_DQS_DML,
        apsw.SQLITE_DBCONFIG_DQS_DDL,
        apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER,
        apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA,
    ):
        connection.config(setting, 0)
    _set(connection, *_QUERY_ONLY)
    for kind, bound in _LIMITS:
        connection.limit(kind, bound)
    connection.authorizer = rules


class Rules:
    """The authorizer of one query.

    Args:
        views: names of the temporary views that may be read.
        inner: contexts, one a view, in which the file's own tables may be read.
        reasons: by table name, why one that exists, or existed, has no view: code and words.
        is_newest: the query reads the newest height, so the file's list of tables may be read too.
        verb: first word of the query, for the words of a refusal.

    """

    def __init__(
        self,
        *,
        views: frozenset[str],
        inner: frozenset[str],
        reasons: Mapping[str, tuple[str, str]],
        is_newest: bool,
        verb: str = "",
    ) -> None:
        self._views = views
        self._inner = inner
        self._reasons = reasons
        self._is_newest = is_newest
        self._verb = verb
        self.refused: tuple[str, str] | None = None  # code and words of the first refusal
        self.reads: Counter[tuple[str, str]] = Counter()  # (view, column): times it is named

    def __call__(  # noqa: D102  # SQLite's authorizer, see "Compile-Time Authorization Callbacks"
        self,
        action: int,
        first: str | None,
        second: str | None,
        schema: str | None,
        context: str | None,
    ) -> int:
        if action in (apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE):
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION:
            return self._answer(self._function_problem(second or ""))
        if action == apsw.SQLITE_READ:
            return self._answer(
                self._read_problem((first or "").lower(), second or "", schema, context)
            )
        return self._answer(self._statement_problem(action, first or ""))

    def _answer(self, problem: str | tuple[str, str] | None) -> int:
        if problem is None:
            return apsw.SQLITE_OK
        if self.refused is None:
            self.refused = problem if isinstance(problem, tuple) else ("refused", problem)
        return apsw.SQLITE_DENY

    def _function_problem(self, name: str) -> str | None:
        if name in functions.ALLOWED:
            return None
        why = "a query may call only functions that depend on nothing but their arguments"
        return f"the function {name} is not allowed: {why}"

    def _read_problem(
        self, table: str, column: str, schema: str | None, context: str | None
    ) -> str | tuple[str, str] | None:
        if schema == "temp":
            if table not in self._views:
                return "the list of temporary views is not readable"
            self.reads[table, column] += 1
            return None
        if schema is None:  # a table, view or subquery of which no column is read, as in count(*)
            is_hidden = (
                table.startswith(_HIDDEN_PREFIXES)
                or table in self._reasons
                or table.endswith("__h")
            )
            return self._table_problem(table) if is_hidden and table not in self._views else None
        if context in self._inner or table in _TABLE_FUNCTIONS:
            return None
        if self._is_newest and (table in _SCHEMA_TABLES or (not column and table in self._views)):
            return None
        return self._table_problem(table)

    def _table_problem(self, table: str) -> str | tuple[str, str]:
        if table in self._reasons:
            return self._reasons[table]
        if table in self._views:
            return f"main.{table} is not readable, {table} is: name it without main"
        if table in _SCHEMA_TABLES:
            return "the list of tables is readable at the newest height only"
        return f"{table} is not readable: it is bookkeeping of Comity or of SQLite"

    def _statement_problem(self, action: int, name: str) -> str:
        word = _STATEMENTS.get(action, "")
        # CREATE, ANALYZE and VACUUM show themselves as writes to tables of SQLite's own.
        is_own = word and name and not name.startswith("sqlite_")
        return not_allowed(f"{word} {name}" if is_own else self._verb or word)


def verb_of(sql: str) -> str:
    """Return the first word of a statement in capitals, for the words of a refusal."""
    return sql.split(None, 1)[0].upper()[:_VERB_CHARS] if sql.split(None, 1) else ""


def not_allowed(what: str) -> str:
    """Return the words that refuse a statement which does not read."""
    return f"{what} is not allowed: a query may only read (SELECT, VALUES, WITH, EXPLAIN)"


def _set(connection: apsw.Connection, setting: str, reading: str, value: int) -> None:
    connection.execute(setting).fetchall()
    found = connection.execute(reading).fetchall()
    if found and found != [(value,)]:
        raise QueryError("failed", f"SQLite did not take {setting!r}: it answers {found[0][0]}")
