"""The fences around a query, seen through a process and, where one hides another, each alone."""

from pathlib import Path

import apsw
import pytest

from comity.errors import QueryError, Unavailable
from comity.query import asof, guard
from comity.query.process import QueryProcess
from tests.unit.query.ledger_file import LedgerFile

WRITES = [
    ("UPDATE prices SET price = 1", "UPDATE"),
    ("INSERT INTO prices VALUES (1)", "INSERT"),
    ("DELETE FROM main.prices", "DELETE"),
    ("WITH x AS (SELECT 1) DELETE FROM prices", "a query may only read"),
    ("WITH x AS (SELECT 1) DELETE FROM main.prices", "DELETE prices is not allowed"),
    ("REPLACE INTO main.prices(item) VALUES (1)", "INSERT prices is not allowed"),
    ("CREATE TABLE x(a)", "CREATE"),
    ("CREATE TEMP TABLE x(a)", "CREATE"),
    ("CREATE TEMP VIEW x AS SELECT 1", "CREATE"),
    ("CREATE VIRTUAL TABLE x USING dbstat", "CREATE"),
    ("CREATE TEMP TRIGGER x AFTER INSERT ON prices BEGIN SELECT 1; END", "CREATE"),
    ("DROP TABLE prices", "DROP"),
    ("DROP VIEW temp.prices", "DROP"),
    ("ALTER TABLE prices RENAME TO other", "ALTER"),
    ("ATTACH ':memory:' AS other", "ATTACH"),
    ("DETACH main", "DETACH"),
    ("VACUUM", "VACUUM"),
    ("VACUUM INTO 'copy.sqlite'", "VACUUM"),
    ("REINDEX", "REINDEX"),
    ("ANALYZE", "ANALYZE"),
    ("BEGIN", "TRANSACTION BEGIN"),
    ("COMMIT", "TRANSACTION COMMIT"),
    ("ROLLBACK", "TRANSACTION ROLLBACK"),
    ("SAVEPOINT x", "SAVEPOINT"),
    ("PRAGMA query_only = 0", "PRAGMA query_only"),
    ("PRAGMA table_info(prices)", "PRAGMA table_info"),
    ("PRAGMA journal_mode = DELETE", "PRAGMA journal_mode"),
]
FUNCTIONS = [
    "load_extension('x')",
    "random()",
    "randomblob(100000000)",
    "zeroblob(100000000)",
    "writefile('x', 'y')",
    "readfile('/etc/passwd')",
    "changes()",
    "last_insert_rowid()",
    "sqlite_version()",
    "current_timestamp",
    "fts5(1)",
    "match('a', item)",
    "subtype(1)",
]
HIDDEN = [
    "SELECT * FROM comity_tree",
    "SELECT * FROM comity_undo",
    "SELECT * FROM comity_schema",
    "SELECT count(*) FROM comity_tree",
    "SELECT count(*) FROM COMITY_TREE",
    "SELECT count(*) FROM main.comity_tree",
    "SELECT 1 FROM [Comity_Tree] LIMIT 1",
    "SELECT bytes FROM comity_transaction",
    "SELECT receipt FROM main.comity_transaction",
    "SELECT evidence FROM comity_block",
    "SELECT * FROM sqlite_temp_schema",
    "SELECT * FROM temp.sqlite_master",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_table_info('prices')",
    "SELECT * FROM dbstat",
    "SELECT count(*) FROM dbstat",
    "SELECT * FROM sqlite_dbpage",
    "SELECT _salt FROM prices",
    "SELECT _salt FROM main.prices",
    "SELECT _salt FROM prices__h",
    "SELECT * FROM main.prices",
    "WITH prices AS (SELECT * FROM main.prices) SELECT * FROM prices",
    "WITH prices AS (SELECT _salt FROM main.prices) SELECT * FROM prices",
    "WITH comity_tree AS (SELECT * FROM main.comity_tree) SELECT * FROM comity_tree",
    "SELECT (SELECT page FROM comity_tree)",
    "SELECT 1 WHERE EXISTS (SELECT * FROM comity_undo)",
    "SELECT * FROM prices JOIN main.prices AS b",
    "EXPLAIN SELECT * FROM comity_tree",
    "SELECT * FROM 'comity_tree'",
    "SELECT * FROM main . /* */ prices",
]


@pytest.mark.parametrize("height", [None, 1])
@pytest.mark.parametrize(("sql", "words"), WRITES)
def test_what_does_not_read_is_refused_by_name(
    process: QueryProcess, sql: str, words: str, height: int | None
) -> None:
    """P24: nothing but reading is allowed, and the refusal names what was tried."""
    with pytest.raises(QueryError) as refused:
        process.run(sql, height=height)
    assert refused.value.code == "refused"
    assert words in str(refused.value)


@pytest.mark.parametrize("call", FUNCTIONS)
def test_functions_beyond_the_list_are_refused(process: QueryProcess, call: str) -> None:
    """A function that reads more than its arguments is not allowed, or not even there."""
    with pytest.raises(QueryError, match=r"is not allowed|no such function") as refused:
        process.run(f"SELECT {call} FROM prices")
    assert refused.value.code in ("refused", "syntax")


@pytest.mark.parametrize("height", [None, 1])
@pytest.mark.parametrize("sql", HIDDEN)
def test_bookkeeping_is_not_readable(process: QueryProcess, sql: str, height: int | None) -> None:
    """No way of naming a table leads around the views."""
    with pytest.raises(
        QueryError,
        match=r"not readable|no such column|there is no table|without main|newest height",
    ):
        process.run(sql, height=height)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM main.prices",
        "SELECT 1 FROM main.prices",
        "SELECT count(*) FROM prices, main.prices AS b",
        "SELECT name FROM sqlite_schema",
        "SELECT count(*) FROM sqlite_master",
        "SELECT * FROM prices__h",
        "SELECT count(*) FROM prices__h",
        "WITH prices__h AS (SELECT * FROM main.prices__h) SELECT * FROM prices__h",
    ],
)
def test_an_older_height_does_not_show_the_present(process: QueryProcess, sql: str) -> None:
    """R5.4: at the newest height these may be read, at an older one they are refused."""
    with pytest.raises(QueryError):
        process.run(sql, height=1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM sqlite_schema",
        "SELECT * FROM prices__h",
        "SELECT count(*) FROM prices__h",
        "SELECT * FROM comity_block",
        "SELECT position, id, height FROM comity_transaction",
        "SELECT key, value FROM json_each('[1, 2]')",
        "SELECT count(*) FROM json_each('[1, 2]')",
        "WITH comity AS (SELECT 1 AS a) SELECT count(*) FROM comity",
        "SELECT count(*) FROM (SELECT 1) AS t",
        "WITH prices AS (SELECT 1 AS a) SELECT a FROM prices",
        "SELECT a.item, b.price FROM prices AS a JOIN Prices AS b USING (item)",
        "SELECT item, row_number() OVER (ORDER BY price) FROM prices",
        "SELECT sum(price) FILTER (WHERE sold) FROM prices",
        "SELECT DISTINCT item FROM prices UNION SELECT 'x' ORDER BY 1",
        "EXPLAIN QUERY PLAN SELECT * FROM prices",
        "VALUES (1), (2)",
        "SELECT json_group_array(item) ->> '$[0]', printf('%.3f', 1.5), upper('a') FROM prices",
        "SELECT percentile(price, 50), median(price), avg(price) FROM prices",
        ";;SELECT 1;",
    ],
)
def test_plain_reading_is_allowed(process: QueryProcess, sql: str) -> None:
    """A near miss of each refusal: what people write every day gives rows."""
    assert process.run(sql).rows


def test_a_view_reads_by_key_at_every_height(process: QueryProcess) -> None:
    """A condition on the key reaches both the live rows and the history's index."""
    for height in (None, 1):
        plan = process.run(
            "EXPLAIN QUERY PLAN SELECT * FROM prices WHERE item = 'a'", height=height
        )
        words = " ".join(str(row[-1]) for row in plan.rows)
        assert "SCAN" not in words
        assert "USING PRIMARY KEY" in words
        assert ("prices__h__key" in words) == (height is not None)


def test_one_statement_at_a_time(process: QueryProcess) -> None:
    """A second statement is refused, not dropped in silence."""
    with pytest.raises(QueryError, match="one statement") as refused:
        process.run("SELECT 1; SELECT 2")
    assert refused.value.code == "refused"


@pytest.mark.parametrize("sql", [sql for sql, _ in WRITES])
def test_the_file_is_read_only_behind_the_authorizer(ledger: LedgerFile, sql: str) -> None:
    """Without the authorizer the connection still changes nothing."""
    connection = guard.connect(ledger.path)
    rules = asof.Plan({}, {}).rules(frozenset(), asof.snapshot_of(connection, None), "")
    guard.restrict(connection, rules)
    connection.authorizer = None
    before = ledger.path.read_bytes()
    cannot = (apsw.ReadOnlyError, apsw.SQLError)
    harmless = (
        "PRAGMA",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "REINDEX",
        "ANALYZE",
        "VACUUM",
    )
    if not sql.startswith(harmless):
        with pytest.raises(cannot):
            connection.execute(sql).fetchall()
    connection.close()
    assert ledger.path.read_bytes() == before


@pytest.mark.parametrize("sql", [sql for sql, _ in WRITES if "VACUUM" not in sql])
def test_the_authorizer_refuses_before_the_file_does(ledger: LedgerFile, sql: str) -> None:
    """On a connection that could write, the authorizer alone refuses every statement."""
    connection = apsw.Connection(str(ledger.path))
    connection.execute("CREATE TEMP VIEW shown AS SELECT 1").fetchall()
    rules = asof.Plan({}, {}).rules(frozenset(), asof.snapshot_of(connection, None), "")
    connection.authorizer = rules
    with pytest.raises((apsw.AuthError, apsw.SQLError)):
        connection.execute(sql.replace("temp.prices", "temp.shown")).fetchall()
    if "BEGIN SELECT" not in sql and "INSERT INTO prices VALUES" not in sql:
        assert rules.refused is not None
    connection.authorizer = None
    connection.close()


def test_a_mistyped_column_is_no_text(process: QueryProcess) -> None:
    """Double quotes name a column; SQLite's old habit would take a typing mistake for text."""
    with pytest.raises(QueryError, match="no such column"):
        process.run('SELECT item FROM prices WHERE item = "aple"')


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be opened is told as such."""
    with pytest.raises(Unavailable, match="cannot be read"):
        guard.connect(tmp_path)


def test_a_context_named_as_its_table_would_be_fooled(ledger: LedgerFile) -> None:
    """Canary: were a view's context its own name, a user's WITH of that name would read the file."""
    connection = guard.connect(ledger.path)
    snapshot = asof.snapshot_of(connection, 1)
    plan = asof.plan_of(connection, snapshot, "prices")
    plan.create(connection)
    spoof = "WITH prices AS (SELECT item, _from FROM main.prices) SELECT * FROM prices"
    connection.authorizer = plan.rules(frozenset({"prices"}), snapshot, "WITH")
    assert ("apple", 4) in connection.execute(spoof).fetchall()  # height 2 shown as height 1
    connection.authorizer = plan.rules(frozenset({"prices_0011223344556677"}), snapshot, "WITH")
    with pytest.raises((apsw.AuthError, apsw.SQLError)):
        connection.execute(spoof).fetchall()
    connection.authorizer = None
    connection.close()


def test_a_bound_on_memory_ends_with_the_read() -> None:
    """The bound counts for the whole process: whoever reads in his own has the old one back."""
    large = "SELECT hex(zeroblob(1 << 22))"
    with pytest.raises(apsw.NoMemError), guard.heap_of(1 << 20):
        apsw.Connection(":memory:").execute(large)
    assert (apsw.hard_heap_limit(-1), apsw.soft_heap_limit(-1)) == (0, 0)
