"""What an audit finds around the rows: header, definitions, tables outside the hash; and what it must not swallow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from comity.machine.audit.audit import audit
from comity.machine.audit.compare import Comparison
from comity.machine.audit.pages import TreeWalk
from comity.machine.audit.report import Report
from comity.machine.machine import Machine
from comity.model.block import Tick
from comity.store.store import Store
from comity.store.tree_page import Page
from tests.simulation.world import SECOND_NS, World
from tests.unit.machine import trial_app
from tests.unit.machine.damage import audit_file, write_ledger

ENDLESS = (
    "WITH RECURSIVE n(height) AS (SELECT 0 UNION ALL SELECT height + 1 FROM n) SELECT * FROM n"
)
PAGES = 1 << 40  # page numbers of one table


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[Path, World]:
    """Return a ledger file of twelve blocks that nobody has open, and its world."""
    path = tmp_path / "node.sqlite"
    return path, write_ledger(path)


def run(path: Path, *statements: str) -> None:
    """Alter the file by hand, as somebody with the sqlite3 program does."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["PRAGMA user_version = 7"], "user_version of SQLite's header is 7, must be 2"),
        (["PRAGMA application_id = 7"], "application_id of SQLite's header is 7"),
        (["PRAGMA auto_vacuum = 2", "PRAGMA journal_mode = DELETE", "VACUUM"], "auto_vacuum"),
    ],
)  # fmt: skip
def test_an_altered_header_is_named(
    ledger: tuple[Path, World], statements: list[str], words: str
) -> None:
    """The fields that say what the file is and how it is read are those of a ledger."""
    path, world = ledger
    run(path, *statements)
    (finding,) = audit_file(path, world).findings
    assert finding.kind == "header"
    assert words in finding.message


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (18, b"\1\1"),  # whether a write-ahead log is used
        (24, b"\0\0\1\0"),  # file change counter
        (40, b"\0\0\1\0"),  # schema cookie
        (44, b"\0\0\1\4"),  # schema format
        (48, b"\0\0\1\0"),  # suggested cache size
        (72, b"\1" * 20),  # reserved
        (92, b"\0\0\1\0"),  # version-valid-for
        (96, b"\0\0\1\0"),  # version of the library that wrote last
    ],
)
def test_other_fields_of_the_header_change_nothing(
    ledger: tuple[Path, World], at: int, data: bytes
) -> None:
    """Counters, a cookie and a reserved space mean nothing to what a ledger holds: no row, no hash, no size."""
    path, world = ledger
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at + len(data) :])
    before = audit_file(path, world)
    assert before.is_clean
    assert before.app_hash == world.store.app_hash


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["CREATE TABLE mine(a)"], "the table mine was added"),
        (["CREATE INDEX mine ON trial__note(value)"], "the index mine was added"),
        (["CREATE VIEW mine AS SELECT 1"], "the view mine was added"),
        (["CREATE TRIGGER trial__note AFTER INSERT ON trial__note BEGIN SELECT 1; END"],
         "the trigger trial__note was added"),  # a trigger may have a table's name
        (["ANALYZE"], "the table sqlite_stat1 was added"),
        (["DROP INDEX comity_transaction_height"], "the index comity_transaction_height is missing"),
        (["DROP INDEX trial__note__h__key"], "the index trial__note__h__key is missing"),
        (["DROP TABLE trial__note__h"], "the table trial__note__h is missing"),
        (["DROP TABLE pool"], "the table pool is missing"),
        (["ALTER TABLE pool RENAME COLUMN c0 TO c9"], "the table pool was altered"),
        (["DROP INDEX trial__note__h__key",
          "CREATE INDEX trial__note__h__key ON trial__note__h(value)"],
         "the index trial__note__h__key was altered"),
        (["ALTER TABLE comity_block RENAME TO b",
          ("CREATE VIEW comity_block AS WITH RECURSIVE n(height) AS (SELECT 0 UNION ALL SELECT height + 1 FROM n)"
           " SELECT height, height AS engine_height, x'' AS app_hash, 0 AS log_size, NULL AS evidence FROM n")],
         "the table comity_block is missing"),  # and the audit ends
        (["ALTER TABLE comity_chain RENAME TO b", f"CREATE VIEW comity_chain AS {ENDLESS}"],
         "the table comity_chain is missing"),
        (["ALTER TABLE comity_tree RENAME TO b", f"CREATE VIEW comity_tree AS {ENDLESS}"],
         "the table comity_tree is missing"),
        (["ALTER TABLE pool RENAME TO b", f"CREATE VIEW pool AS {ENDLESS}"], "the table pool is missing"),
    ],
)  # fmt: skip
def test_an_altered_definition_is_named(
    ledger: tuple[Path, World], statements: list[str], words: str
) -> None:
    """Tables, indexes, triggers and views: what was added, dropped or altered."""
    path, world = ledger
    run(path, *statements)
    report = audit_file(path, world)
    assert any(words in f.message for f in report.findings if f.kind == "schema"), report.findings
    assert report.replayed_height == 12


def _names(path: Path, kind: str) -> list[str]:
    connection = apsw.Connection(str(path))
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = ? AND sql IS NOT NULL", (kind,)
    ).fetchall()
    connection.close()
    return [str(name) for (name,) in found]


@pytest.mark.parametrize("kind", ["table", "index"])
def test_whatever_is_dropped_is_named(ledger: tuple[Path, World], kind: str) -> None:
    """Each table and each index in turn, the machine's and the applications'."""
    path, world = ledger
    names = _names(path, kind)
    assert len(names) > 10
    for name in names:
        write_ledger(path)
        run(path, f'DROP {kind} "{name}"')
        words = [f.message for f in audit_file(path, world).findings if f.kind == "schema"]
        assert f"the {kind} {name} is missing" in words, name


@pytest.mark.parametrize(
    "statement", ['DELETE FROM "{}"', 'DELETE FROM "{}" WHERE {} = (SELECT max({}) FROM "{}")']
)
def test_whatever_is_deleted_is_named(ledger: tuple[Path, World], statement: str) -> None:
    """All rows of each table in turn, or the last: a finding names the table, or the block that cannot follow."""
    path, world = ledger
    for name in _names(path, "table"):
        write_ledger(path)
        connection = apsw.Connection(str(path))
        columns = connection.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchall()
        column = f'"{columns[0][0]}"'
        connection.execute(statement.format(*(name, column, column, name)))
        is_changed = connection.total_changes() > 0
        connection.close()
        found = audit_file(path, world).findings
        assert bool(found) == is_changed, name
        by_page = name == "comity_tree" and all(finding.kind == "page" for finding in found)
        by_block = name == "comity_transaction" and {"link", "log"} & {f.kind for f in found}
        assert not is_changed or by_page or by_block or name in [f.table for f in found], found


def test_a_definition_that_stands_twice_is_named(ledger: tuple[Path, World]) -> None:
    """A second entry under a table's name, which only a hand can write, does not hide behind the first."""
    path, world = ledger
    run(
        path,
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_schema SELECT type, name, 'pool', 0, 'CREATE VIEW pool AS SELECT 1' FROM sqlite_schema"
        " WHERE name = 'pool'",
    )
    assert not audit_file(path, world).is_clean


@pytest.mark.parametrize(
    ("statement", "table", "key"),
    [
        ("INSERT INTO comity_undo VALUES(99, x'00')", "comity_undo", "99"),
        ("INSERT INTO comity_root VALUES(3, 'zebra', x'00')", "comity_root", "3, 'zebra'"),
        ("INSERT INTO comity_root VALUES(99, 'pool', NULL)", "comity_root", "99, 'pool'"),
        ("INSERT INTO comity_tile VALUES(0, 1, zeroblob(32))", "comity_tile", "0, 1"),
        ("UPDATE comity_tile SET hashes = CAST(hashes || zeroblob(32) AS BLOB)", "comity_tile", "0, 0"),
        ("INSERT INTO comity_table VALUES(99, 'zebra', NULL)", "comity_table", "99"),
        ("INSERT INTO comity_transaction VALUES(31, NULL, 12, x'00', NULL)", "comity_transaction", "31"),
        ("INSERT INTO comity_transaction VALUES(-1, NULL, 0, x'00', NULL)", "comity_transaction", "-1"),
        ("INSERT INTO comity_transaction VALUES(90, NULL, 0, x'00', NULL), (91, NULL, 0, x'00', NULL)",
         "comity_transaction", "90"),
        ("INSERT INTO pool__h(_n, name, _from, _to) VALUES(99, 7, 1, 2)", "pool__h", "99"),
    ],
)  # fmt: skip
def test_a_row_beside_the_ledger_is_named(
    ledger: tuple[Path, World], statement: str, table: str, key: str
) -> None:
    """Tables that no hash covers are made again too: a row that no block made is named, wherever it stands."""
    path, world = ledger
    run(path, statement)
    found = audit_file(path, world).findings
    assert found
    keys = [f.key for f in found if f.table == table]
    positions = [str(f.position) for f in found if f.kind in ("log", "transaction")]
    assert key in keys + positions, found


def test_blocks_of_which_only_the_state_is_left_are_named(ledger: tuple[Path, World]) -> None:
    """Rows and entries of the last two blocks deleted: the first that is missing, and who says so."""
    path, world = ledger
    run(
        path,
        "DELETE FROM comity_block WHERE height > 10",
        "DELETE FROM comity_transaction WHERE height > 10",
    )
    report = audit_file(path, world)
    (link,) = [finding for finding in report.findings if finding.kind == "link"]
    assert (link.height, report.replayed_height) == (11, 10)
    assert "comity_chain says height 12" in link.message


def test_what_a_later_block_may_have_made_is_not_read(ledger: tuple[Path, World]) -> None:
    """A table that a block which was not replayed may have altered could be a view without end: it is passed over."""
    path, world = ledger
    run(
        path,
        "DELETE FROM comity_transaction WHERE position = 30",
        "ALTER TABLE pool RENAME TO b",
        f"CREATE VIEW pool AS {ENDLESS}",
    )
    assert [finding.kind for finding in audit_file(path, world).findings] == ["log"]


def test_a_gap_is_named_and_what_follows_is_not_accused(ledger: tuple[Path, World]) -> None:
    """A block that is gone with its entries ends the replay; the report says from where on nothing was compared."""
    path, world = ledger
    run(
        path,
        "DELETE FROM comity_block WHERE height = 4",
        "DELETE FROM comity_transaction WHERE height = 4",
    )
    report = audit_file(path, world)
    (finding,) = report.findings
    assert (finding.kind, finding.height) == ("link", 4)
    assert "goes on to block 12" in finding.message
    assert any("height 4 on" in words for words in report.not_excluded)


@pytest.mark.parametrize("position", [3, 4, 30])
def test_a_missing_entry_is_named_and_accuses_nothing_else(
    ledger: tuple[Path, World], position: int
) -> None:
    """A transaction deleted within a block or at its end: its position, and no row that it made."""
    path, world = ledger
    run(path, f"DELETE FROM comity_transaction WHERE position = {position}")
    (finding,) = audit_file(path, world).findings
    assert (finding.kind, finding.position) == ("log", position)
    assert f"log entry {position} of block" in finding.message


def test_a_logged_tick_is_named(ledger: tuple[Path, World]) -> None:
    """A tick may make a block but is never logged: one that stands for a transaction is a finding."""
    path, world = ledger
    connection = apsw.Connection(str(path))
    due = "SELECT fire_at, sequence, _to FROM comity_timer__h ORDER BY _n LIMIT 1"
    timers: list[Any] = connection.execute(due).fetchall()
    ((fire_at, sequence, ended),) = timers
    connection.execute(
        "UPDATE comity_transaction SET bytes = ? WHERE position = ?",
        (Tick(fire_at, sequence).encode(), ended + 1),
    )
    connection.close()
    (finding,) = [f for f in audit_file(path, world).findings if f.kind == "transaction"]
    assert finding.height == 11
    assert "never logged" in finding.message


def test_an_audit_sees_one_moment_of_a_ledger_that_goes_on(tmp_path: Path) -> None:
    """A block that is written while the audit runs belongs to the next audit."""
    path = tmp_path / "node.sqlite"
    genesis = write_ledger(path).genesis
    world = World([trial_app.app], genesis=genesis, store=Store.open(str(path)))
    world.now_ns += SECOND_NS
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    def go_on(height: int, _: int) -> None:
        if height == 6:
            world.block(world.transaction("ana", ("trial.write", {"name": "new", "value": 1})))

    report = audit(connection, world.genesis, world.apps, Store.in_memory(), progress=go_on)
    assert report.findings == []
    assert (report.height, world.store.height) == (12, 13)
    assert audit(connection, world.genesis, world.apps, Store.in_memory()).height == 13
    connection.close()
    world.store.close()


@pytest.mark.parametrize("error", [TypeError, ValueError, apsw.SQLError])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Machine, "finalize"),
        (Machine, "commit"),
        (Comparison, "_finding"),
        (TreeWalk, "_leaf"),
        (Report, "add"),
        (Page, "key"),
    ],
)
def test_a_bug_of_the_audit_is_no_finding(
    ledger: tuple[Path, World],
    owner: type,
    name: str,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Canary: what the audit's own code raises in error is not told as damage of the file."""
    path, world = ledger
    run(
        path,
        "UPDATE trial__note SET value = 5 WHERE name = 'a'",
        f"DELETE FROM comity_tree WHERE id = (SELECT max(id) FROM comity_tree WHERE id < {PAGES} * 99)",
        f"INSERT INTO comity_tree SELECT id + 7, page FROM comity_tree WHERE id % {PAGES} = 1",
    )

    def fail(*_: Any, **__: Any) -> Iterator[Any]:
        raise error("a bug")

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(error, match="a bug"):
        audit_file(path, world)
