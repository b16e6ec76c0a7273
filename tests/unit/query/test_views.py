from collections.abc import Callable
from typing import Any

import apsw
import pytest

from comity.errors import QueryError
from comity.limits import INT64_MAX, INT64_MIN, ROWS_PER_CALL_MAX
from comity.query.views import ViewReader
from comity.sdk import RowNotFound, TableNotFound
from comity.testing import Ledger
from tests.unit.sdk import tab
from tests.unit.testing import alarm
from tests.unit.testing.alarm import Alarm


@pytest.fixture
def ledger() -> Ledger:
    """Give a ledger with four alarms, of which two have no note."""
    made = Ledger(alarm.app, checks_invariants=False)
    rows = [
        Alarm(name="b", owner=made.account("bo"), at_ns=5, rings=INT64_MAX, is_loud=True),
        Alarm(name="a", owner=made.account("ana"), at_ns=5, rings=INT64_MAX, note="x"),
        Alarm(name="c", owner=made.account("bo"), at_ns=4, rings=3),
        Alarm(name="d", owner=made.account("bo"), at_ns=3, rings=-5, note="y"),
    ]
    made.run(alarm.restore, by="ana", alarms=rows)
    return made


@pytest.fixture
def db(ledger: Ledger) -> ViewReader:
    """Give a reader of the ledger's last block."""
    return ViewReader(ledger.store.connection, alarm.app.declaration)


def _names(rows: Any) -> str:
    return "".join(row.name for row in rows)


def test_reads_by_key(ledger: Ledger, db: ViewReader) -> None:
    """Salted rows come whole, with flags and nulls; an absent key is told or is None."""
    row = db.get(Alarm, "b")
    assert row in ledger.rows(Alarm)
    assert (row.is_loud, row.note) == (True, None)
    assert db.find(Alarm, "z") is None
    assert db.exists(Alarm, "a")
    assert not db.exists(Alarm, "z")
    with pytest.raises(RowNotFound):
        db.get(Alarm, "z")


def test_reads_ranges(ledger: Ledger, db: ViewReader) -> None:
    """Ranges are inclusive, by key or index, in order, and end at the limit."""
    assert _names(db.range(Alarm, limit=10)) == "abcd"
    assert _names(db.range(Alarm, ("b",), ("c",), limit=10)) == "bc"
    assert _names(db.range(Alarm, limit=2)) == "ab"
    bo = (ledger.account("bo"),)
    assert _names(db.range(Alarm, bo, bo, index="owner", limit=10)) == "bcd"


def test_selects_by_condition_in_a_total_order(db: ViewReader) -> None:
    """The order ends with the key, so two rows that are equal otherwise do not swap."""
    assert _names(db.select(Alarm, order="at_ns desc", limit=10)) == "abcd"
    assert _names(db.select(Alarm, "note IS NULL", limit=10)) == "bc"
    assert _names(db.select(Alarm, "rings < ? AND at_ns > ?", 4, 3, limit=10)) == "c"
    assert _names(db.select(Alarm, "is_loud OR name = 'd'", order="at_ns", limit=10)) == "db"
    assert _names(db.select(Alarm, "rings = (SELECT max(rings) FROM alarm__alarm)", limit=1)) == "a"


def test_sums_are_exact(db: ViewReader) -> None:
    """A sum past 64 bits is the sum, not an error nor a rounded number."""
    assert db.sum(Alarm, "rings") == 2 * INT64_MAX - 2
    assert db.sum(Alarm, "rings", "name = ?", "d") == -5
    assert db.sum(Alarm, "rings", "name = 'z'") == 0


def test_sums_below_zero_are_exact(ledger: Ledger, db: ViewReader) -> None:
    """The lowest numbers add up too."""
    low = [Alarm(name=name, owner=b"o" * 20, at_ns=9, rings=INT64_MIN) for name in "xyz"]
    ledger.run(alarm.restore, by="ana", alarms=low)
    assert db.sum(Alarm, "rings", "at_ns = 9") == 3 * INT64_MIN


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("name = (SELECT id FROM comity_account)", "refused"),
        ("name IN (SELECT name FROM sqlite_schema)", "refused"),
        ("at_ns < random()", "refused"),
        ("at_ns < unixepoch('now')", "refused"),
        ("load_extension('x')", "refused"),
        ("1); DELETE FROM alarm__alarm; SELECT (1", "refused"),
        ("1); PRAGMA query_only = 0; SELECT (1", "refused"),
        ("1); ATTACH 'x' AS y; SELECT (1", "refused"),
        ("0) UNION SELECT * FROM comity_key WHERE (1", "refused"),
        ("name IN (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT n FROM t)", "refused"),
        ("1 --", "syntax"),
        ("nome = 'a'", "syntax"),
        ('"nome" = 1', "syntax"),
        ("name = '", "syntax"),
        ("name = ?", "parameters"),
    ],
)  # fmt: skip
def test_a_condition_reads_the_apps_tables_only(
    ledger: Ledger, db: ViewReader, condition: str, code: str
) -> None:
    """Other tables, clocks, chance, writes and slips are refused before the ledger's file sees them."""
    with pytest.raises(QueryError) as caught:
        db.select(Alarm, condition, limit=5)
    assert caught.value.code == code
    with pytest.raises(QueryError):
        db.sum(Alarm, "rings", condition)
    assert len(ledger.rows(Alarm)) == 4


@pytest.mark.parametrize(
    "read",
    [
        lambda db: db.select(Alarm, limit=0),
        lambda db: db.select(Alarm, limit=ROWS_PER_CALL_MAX + 1),
        lambda db: db.select(Alarm, order="nome", limit=1),
        lambda db: db.select(Alarm, order="name sideways", limit=1),
        lambda db: db.select(Alarm, order="(SELECT 1)", limit=1),
        lambda db: db.sum(Alarm, "name"),
        lambda db: db.sum(Alarm, "nome"),
        lambda db: db.sum(Alarm, "is_loud"),
    ],
)
def test_a_wrong_read_is_told(db: ViewReader, read: Callable[[ViewReader], object]) -> None:
    """Limits, orders and sums that cannot be are refused in words."""
    with pytest.raises(QueryError) as caught:
        read(db)
    assert caught.value.code == "arguments"


def test_parameters_have_defaults() -> None:
    """A parameter is what the genesis says, else the default."""
    ledger = Ledger(alarm.app, tab.app, parameters={"alarm.rings_max": 7})
    db = ViewReader(ledger.store.connection, alarm.app.declaration)
    assert db.parameter("rings_max", 3) == 7
    assert db.parameter("other", 3) == 3


@pytest.mark.parametrize("name", ["nothing", "comity_account", "alarm__alarm", "sqlite_schema"])
def test_tables_of_others_are_not_found(db: ViewReader, name: str) -> None:
    """Only tables that were made at run time can be asked for by name."""
    with pytest.raises(TableNotFound):
        db.table(name)


def test_a_reader_has_no_way_to_write(db: ViewReader) -> None:
    """There is nothing to call."""
    assert not hasattr(db, "put")
    assert not hasattr(db, "add")
    assert not hasattr(db, "delete")


def test_apsw_still_sums_to_64_bits() -> None:
    """The reason for summing halves: SQLite's own sum ends with an error."""
    sum_of_two = "SELECT sum(n) FROM (SELECT 9223372036854775807 n UNION ALL SELECT 1)"
    with pytest.raises(apsw.SQLError, match="integer overflow"):
        apsw.Connection(":memory:").execute(sum_of_two).fetchall()
