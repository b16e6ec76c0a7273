"""Queries through the process, and every limit that ends one (cases P24 and those of its kind)."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest

from comity import limits
from comity.errors import QueryError, Unavailable
from comity.query import child
from comity.query.frames import Parameters, QueryLimits
from comity.query.process import QueryProcess
from tests.unit.query.ledger_file import ACCOUNTS, LedgerFile, app_hash

QUICK = QueryLimits(time_ms=200)
ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x"
COUNTED = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x LIMIT {count})"
# Inside one call of one function SQLite never looks at the clock.
HANGING = (
    "SELECT instr(printf('%.2000000c', 'a'), printf('%.1000000c', 'a') || 'b')"
    " + instr(printf('%.2000000c', 'a'), printf('%.1000000c', 'a') || 'c')"
)


def test_an_answer_names_height_and_app_hash(process: QueryProcess) -> None:
    """Rows, columns with their types, height, app hash and time come back together."""
    answer = process.run("SELECT * FROM prices WHERE item = ?", ("apple",))
    assert answer.rows == (("apple", 1300, 1, 4, ACCOUNTS[0], 4),)
    assert [(column.name, column.kind, column.scale) for column in answer.columns] == [
        ("item", "text", 0),
        ("price", "decimal", 2),
        ("sold", "boolean", 0),
        ("count", "integer", 0),
        ("_owner", "account", 0),
        ("_from", "integer", 0),
    ]
    assert (answer.height, answer.app_hash) == (3, app_hash(3))
    assert not answer.is_truncated
    assert 0 < answer.elapsed_ns < 10**10


def test_an_older_height_is_read_as_it_was(process: QueryProcess, ledger: LedgerFile) -> None:
    """Each height gives its own rows, from height 0, where there was nothing."""
    for height in (1, 2, 3):
        answer = process.run("SELECT * FROM prices ORDER BY item", height=height)
        assert list(answer.rows) == ledger.shown[height]["prices"]
        assert (answer.height, answer.app_hash) == (height, app_hash(height))
    assert process.run("SELECT count(*) FROM comity_block", height=0).rows == ((1,),)


@pytest.mark.parametrize("height", [-1, 4, 1 << 62])
def test_a_height_that_is_not_there_is_refused(process: QueryProcess, height: int) -> None:
    """Below 0 and above the newest there is nothing to read."""
    with pytest.raises(QueryError, match="not one of 0 to 3") as refused:
        process.run("SELECT 1", height=height)
    assert refused.value.code == "unknown-height"


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT ?, ?2", (1, "b"), (1, "b")),
        ("SELECT :a, :b", {"a": b"\x00\xff", "b": None}, (b"\x00\xff", None)),
        ("SELECT ?", (limits.INT64_MIN,), (limits.INT64_MIN,)),
        ("SELECT ?", [1.5], (1.5,)),
        ("VALUES ('é\U0001f600')", (), ("é\U0001f600",)),
    ],
)
def test_parameters_pass_unchanged(
    process: QueryProcess, sql: str, parameters: Parameters, expected: tuple[object, ...]
) -> None:
    """By position and by name, of each kind that SQLite has."""
    assert process.run(sql, parameters).rows == (expected,)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT ?", ()),
        ("SELECT ?", (1, 2)),
        ("SELECT :a", {"b": 1}),
        ("SELECT ?", (1 << 63,)),
        ("SELECT ?", (1 << 64,)),
        ("SELECT ?", ([1],)),
    ],
)
def test_wrong_parameters_are_named(
    process: QueryProcess, sql: str, parameters: Parameters
) -> None:
    """Too few, too many, misnamed, too large or of no kind that SQLite has."""
    with pytest.raises(QueryError) as refused:
        process.run(sql, parameters)
    assert refused.value.code == "parameters"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "no statement"),
        ("-- nothing", "no statement"),
        ("SELEC 1", 'near "SELEC": syntax error (line 1, character 1)'),
        ("SELECT 1,\n  absent FROM prices", "no such column: absent (line 2, character 3)"),
        ('SELECT "x" FROM prices', "single-quotes"),
    ],
)
def test_a_mistake_is_told_with_its_place(process: QueryProcess, sql: str, words: str) -> None:
    """A wrong query says what is wrong, and where SQLite knows it."""
    with pytest.raises(QueryError) as wrong:
        process.run(sql)
    assert wrong.value.code == "syntax"
    assert words in str(wrong.value)


def test_an_unknown_table_is_told_as_such(process: QueryProcess) -> None:
    """A table that is not there has a code of its own, so that the command can say where to look."""
    with pytest.raises(QueryError, match="there is no table nowhere") as wrong:
        process.run("SELECT * FROM nowhere")
    assert wrong.value.code == "unknown-table"


def test_text_that_is_no_text_is_told(process: QueryProcess) -> None:
    """Bytes cast to text and half characters are refused in words, on both sides."""
    with pytest.raises(QueryError, match="hex"):
        process.run("SELECT CAST(x'ff' AS TEXT)")
    with pytest.raises(QueryError, match="surrogate"):
        process.run("SELECT '\ud800'")


COSTLY = [
    (ENDLESS, QUICK, "QUERY_TIME_MS"),
    (f"{COUNTED} SELECT count(*) FROM x, x AS y, x AS z", QUICK, "QUERY_TIME_MS"),
    ("SELECT printf('%.*c', 100000000, 'x')", QUICK, "QUERY_VALUE_BYTES_MAX"),
    ("SELECT printf('%999999999d', 1)", QUICK, "QUERY_VALUE_BYTES_MAX"),
    (f"{COUNTED} SELECT group_concat(n) FROM x", QueryLimits(), "QUERY_VALUE_BYTES_MAX"),
    (
        f"{COUNTED} SELECT n FROM x ORDER BY printf('%.90000c', n) DESC",
        QueryLimits(),
        "QUERY_HEAP_BYTES",
    ),
    (
        f"{COUNTED} SELECT DISTINCT printf('%.9000c%d', 'x', n) FROM x",
        QueryLimits(rows=1 << 30, answer_bytes=1 << 30),
        "QUERY_HEAP_BYTES",
    ),
    ("SELECT " + "1+" * 200 + "1", QUICK, "QUERY_EXPRESSION_DEPTH_MAX"),
    ("SELECT " + "abs(" * 200 + "1" + ")" * 200, QUICK, "QUERY_EXPRESSION_DEPTH_MAX"),
    ("SELECT 1" + " UNION SELECT 1" * 50, QUICK, "QUERY_COMPOUND_MAX"),
    ("SELECT " + ",".join("1" * 300), QUICK, "QUERY_COLUMNS_MAX"),
    ("SELECT concat(" + ",".join("1" * 100) + ")", QUICK, "QUERY_FUNCTION_ARGUMENTS_MAX"),
    ("SELECT 'a' LIKE '" + "%a" * 60 + "'", QUICK, "QUERY_PATTERN_BYTES_MAX"),
    ("SELECT ?300", QUICK, "QUERY_PARAMETERS_MAX"),
    ("SELECT '" + "a" * limits.QUERY_SQL_BYTES_MAX + "'", QUICK, "QUERY_SQL_BYTES_MAX"),
    (
        "SELECT printf('%.2000c', 'x')",
        QueryLimits(answer_bytes=1_000),
        "QUERY_ANSWER_BYTES_MAX",
    ),
]


@pytest.mark.parametrize(("sql", "asked", "limit"), COSTLY, ids=range(len(COSTLY)))
def test_each_limit_is_named(
    process: QueryProcess, sql: str, asked: QueryLimits, limit: str
) -> None:
    """P24: a query that costs too much ends within its time, names the limit; the next one runs."""
    begun = time.monotonic()
    with pytest.raises(QueryError) as refused:
        process.run(sql.replace("{count}", "1000000"), limits=asked)
    assert (refused.value.code, refused.value.limit) == ("too-costly", limit)
    assert time.monotonic() - begun < 2 * limits.QUERY_TIME_MS / 1_000
    assert hasattr(limits, limit)
    assert process.run("SELECT 1").rows == ((1,),)


def test_parameters_have_a_bound(process: QueryProcess) -> None:
    """A parameter of 100 MB never reaches the query process."""
    with pytest.raises(QueryError) as refused:
        process.run("SELECT length(?)", (bytes(100 << 20),))
    assert refused.value.limit == "QUERY_PARAMETERS_BYTES_MAX"


def test_a_large_stored_value_is_not_read(tmp_path: Path) -> None:
    """P24: a value of 10 MB in the file ends the query, not the process."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.connection.execute(
        "INSERT INTO comity_transaction VALUES(9, zeroblob(10000000), 0, x'', NULL)"
    ).fetchall()
    file.connection.execute("UPDATE comity_block SET log_size = 10").fetchall()
    with QueryProcess(file.path) as process:
        with pytest.raises(QueryError) as refused:
            process.run("SELECT id FROM comity_transaction")
        assert refused.value.limit == "QUERY_VALUE_BYTES_MAX"
        assert process.run("SELECT count(*) FROM comity_transaction").rows == ((1,),)


def test_many_distinct_rows_spill_inside_the_heap(process: QueryProcess) -> None:
    """300,000 distinct values are counted within the default limits."""
    sql = COUNTED.replace("{count}", "300000") + " SELECT count(DISTINCT n * 7919 % 1000003) FROM x"
    assert process.run(sql).rows == ((300_000,),)


def test_a_hanging_query_ends_with_its_process(ledger: LedgerFile) -> None:
    """A function that never lets SQLite look at the clock is killed; a new process answers next."""
    with QueryProcess(ledger.path) as process:
        process.run("SELECT 1")
        first = process.process_id
        begun = time.monotonic()
        with pytest.raises(QueryError) as refused:
            process.run(HANGING, limits=QUICK)
        assert refused.value.limit == "QUERY_TIME_MS"
        assert time.monotonic() - begun < 3
        assert process.run("SELECT count(*) FROM prices").rows == ((2,),)
        assert process.process_id != first


def test_a_process_that_dies_is_told_and_replaced(ledger: LedgerFile) -> None:
    """A query process that somebody ends in the middle gives an error, never a hang."""
    with QueryProcess(ledger.path) as process:
        process.run("SELECT 1")
        child = process.process_id
        assert child is not None
        killer = threading.Timer(0.2, os.kill, (child, 9))
        killer.start()
        with pytest.raises(QueryError, match="ended by signal 9"):
            process.run(ENDLESS)
        killer.join()
        assert process.run("SELECT 2").rows == ((2,),)
        os.kill(process.process_id or 0, 9)
        time.sleep(0.1)
        assert process.run("SELECT 3").rows == ((3,),)


def test_close_ends_the_process(ledger: LedgerFile) -> None:
    """Nothing is left behind, and a closed query process may be used again."""
    process = QueryProcess(ledger.path)
    process.run("SELECT 1")
    child = process.process_id
    process.close()
    assert process.process_id is None
    with pytest.raises(ProcessLookupError):
        os.kill(child or 0, 0)
    assert process.run("SELECT 1").rows == ((1,),)
    process.close()
    process.close()


def test_the_kernel_bounds_the_process(ledger: LedgerFile) -> None:
    """Address space and processor time are limited from outside, also when the parent is gone."""
    with QueryProcess(ledger.path) as process:
        process.run("SELECT 1", limits=QUICK)
        text = Path(f"/proc/{process.process_id}/limits").read_text()
    found = {line[:26].strip(): line[26:].split()[0] for line in text.splitlines()}
    assert found["Max address space"] == str(limits.QUERY_PROCESS_BYTES)
    assert int(found["Max cpu time"]) <= 3
    assert found["Max core file size"] == "0"


def test_a_rows_limit_cuts_and_says_so(process: QueryProcess) -> None:
    """A cut answer names the limit; an answer of exactly so many rows is whole."""
    sql = COUNTED.replace("{count}", "2500") + " SELECT n FROM x"
    cut = process.run(sql, limits=QueryLimits(rows=2_499))
    assert (len(cut.rows), cut.is_truncated, cut.limit) == (2_499, True, "QUERY_ROWS_MAX")
    whole = process.run(sql, limits=QueryLimits(rows=2_500))
    assert (len(whole.rows), whole.is_truncated, whole.limit) == (2_500, False, None)
    assert [row[0] for row in whole.rows] == list(range(1, 2_501))


def test_a_bytes_limit_cuts_and_says_so(process: QueryProcess) -> None:
    """An answer never has more bytes than asked for."""
    sql = COUNTED.replace("{count}", "1000") + " SELECT printf('%.1000c', 'x') FROM x"
    cut = process.run(sql, limits=QueryLimits(answer_bytes=100_000))
    assert cut.limit == "QUERY_ANSWER_BYTES_MAX"
    assert 90 <= len(cut.rows) <= 100


def test_one_answer_is_one_snapshot(tmp_path: Path) -> None:
    """While blocks are written, height, app hash and rows of each answer belong together."""
    file = LedgerFile(tmp_path / "node.sqlite")
    with QueryProcess(file.path) as process:
        for _ in range(20):
            file.connection.execute("BEGIN").fetchall()
            file.begin_block()
            file.end_block()
            before = process.run("SELECT max(height) FROM comity_block")
            file.connection.execute("COMMIT").fetchall()
            after = process.run("SELECT max(height) FROM comity_block")
            assert (before.height, before.rows) == (file.height - 1, ((file.height - 1,),))
            assert (after.height, after.rows) == (file.height, ((file.height,),))
            assert after.app_hash == app_hash(file.height)


def test_nothing_of_one_query_reaches_the_next(process: QueryProcess) -> None:
    """Heights alternate on one process without mixing."""
    for height in (1, None, 2, None, 1):
        wanted = {1: 2, 2: 1, None: 2}[height]
        assert process.run("SELECT count(*) FROM prices", height=height).rows == ((wanted,),)


@pytest.mark.parametrize(("name", "words"), [("absent", "no such ledger"), ("text", "cannot be")])
def test_a_file_that_is_no_ledger_is_told(tmp_path: Path, name: str, words: str) -> None:
    """A missing file and one that is not SQLite each say so."""
    (tmp_path / "text").write_text("this is no database at all, but it is longer than a header" * 9)
    with QueryProcess(tmp_path / name) as process, pytest.raises(Unavailable, match=words):
        process.run("SELECT 1")


def test_another_sqlite_file_is_told(tmp_path: Path) -> None:
    """An SQLite file without Comity's tables is no ledger."""
    with apsw.Connection(str(tmp_path / "other")) as other:
        other.execute("CREATE TABLE t(a)").fetchall()
    with QueryProcess(tmp_path / "other") as process, pytest.raises(Unavailable, match="no ledger"):
        process.run("SELECT 1")


def test_no_secret_reaches_the_process(ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase in the parent's environment is not in the query process's."""
    monkeypatch.setenv("COMITY_PASSPHRASE", "correct horse")
    with QueryProcess(ledger.path) as process:
        process.run("SELECT 1")
        inherited = Path(f"/proc/{process.process_id}/environ").read_bytes()
    assert b"PATH=" in inherited
    assert b"correct horse" not in inherited


def test_a_process_that_cannot_start_says_why(
    ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken installation is told with Python's own last words."""
    monkeypatch.setattr(child.sys, "executable", "/bin/false")
    with QueryProcess(ledger.path) as process, pytest.raises(Unavailable, match="did not start"):
        process.run("SELECT 1")


def test_the_process_imports_little() -> None:
    """Starting stays cheap: the query process loads no command line, network or key code."""
    program = "import sys, comity.query.worker; print(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = run.stdout.split()
    heavy = ("rich", "click", "nacl", "asyncio", "ssl", "subprocess", "cryptography")
    assert [name for name in loaded if name.partition(".")[0] in heavy] == []
