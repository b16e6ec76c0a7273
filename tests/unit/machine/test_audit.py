"""What an audit finds: every kind of alteration is named with its table, row and height, and a forger is caught."""

from pathlib import Path

import apsw
import msgspec
import pytest

from comity.crypto.trie import leaf_hash
from comity.machine.audit.audit import Held
from comity.machine.audit.report import Finding, Report
from comity.store.store import Store
from tests.simulation.world import World, evidence_of
from tests.unit.machine.damage import audit_file, write_ledger
from tests.unit.machine.forger import edit_row, rebuild


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


def only(report: Report, kind: str) -> Finding:
    """Return the one finding of a kind."""
    found = [finding for finding in report.findings if finding.kind == kind]
    assert len(found) == 1, report.findings
    return found[0]


def test_a_sound_ledger_is_clean_and_says_what_it_does_not_exclude(
    ledger: tuple[Path, World],
) -> None:
    """Every block, row and signature was looked at; without a checkpoint one thing stays open, and is told."""
    path, world = ledger
    report = audit_file(path, world)
    assert report.findings == []
    assert report.height == report.replayed_height == 12
    assert report.app_hash == world.store.app_hash
    assert report.transactions_count == 18
    assert report.signatures_count == 18 + 13
    assert len(report.not_excluded) == 1
    assert "left out" in report.not_excluded[0]


@pytest.mark.parametrize(
    ("statement", "table", "key", "height", "words"),
    [
        ("UPDATE trial__note SET value = 5 WHERE name = 'a'", "trial__note", "'a'", 3,
         "value is 5, must be 4"),
        ("UPDATE trial__note SET _from = 2 WHERE name = 'a'", "trial__note", "'a'", 3, "_from"),
        ("DELETE FROM trial__note WHERE name = 'n00007'", "trial__note", "'n00007'", 6, "missing"),
        ("INSERT INTO trial__note(name, value, _from) VALUES('z', 1, 3)", "trial__note", "'z'", 1,
         "was added"),
        ("UPDATE trial__note SET name = 'A' WHERE name = 'a'", "trial__note", "'A'", 3, "was added"),
        ("UPDATE trial__note__h SET value = 2 WHERE name = 'a'", "trial__note__h", "1", 1, "value"),
        ("DELETE FROM trial__note__h WHERE name = 'a'", "trial__note__h", "1", 1, "missing"),
        ("UPDATE trial__note__h SET _to = _to + 1 WHERE name = 'a'", "trial__note__h", "1", 1, "_to"),
        ("UPDATE trial__sealed SET _salt = zeroblob(16)", "trial__sealed", "'s'", 4, "_salt"),
        ("UPDATE pool SET c0 = 'old'", "pool", "7", 6, "c0"),
        ("UPDATE comity_key SET scope = 'daily' WHERE account = (SELECT min(account) FROM comity_key)",
         "comity_key", None, 0, "scope"),
        ("DELETE FROM comity_seen WHERE valid_until = (SELECT min(valid_until) FROM comity_seen)",
         "comity_seen", None, 1, "missing"),
        ("UPDATE comity_chain SET height = 13", "comity_chain", "0", 12, "height"),
        ("UPDATE comity_schema SET versions = x'80' WHERE name = 'pool'", "comity_schema", "'pool'", 6,
         "versions"),
        ("UPDATE comity_tile SET hashes = zeroblob(32)", "comity_tile", "0, 0", None, "hashes"),
        ("UPDATE comity_root SET leaf = x'00' WHERE height = 3 AND name = 'trial__note'",
         "comity_root", "3, 'trial__note'", 3, "leaf"),
        ("UPDATE comity_table SET leaf = x'00' WHERE name = 'trial__note'", "comity_table", None, None,
         "leaf"),
        ("UPDATE comity_undo SET record = x'00' WHERE height = 9", "comity_undo", "9", 9, "record"),
        ("UPDATE comity_block SET engine_height = 99 WHERE height = 5", "comity_block", "5", 5,
         "engine_height is 99"),
        ("DELETE FROM comity_tile", "comity_tile", "0, 0", None, "missing"),
    ],
)  # fmt: skip
def test_an_altered_row_is_named(
    ledger: tuple[Path, World], statement: str, table: str, key: str | None,
    height: int | None, words: str,
) -> None:  # fmt: skip
    """Altered cells, deleted and added rows, rewritten history, in every table: table, row and height."""
    path, world = ledger
    run(path, statement)
    report = audit_file(path, world)
    named = [f for f in report.findings if f.table == table and (key is None or f.key == key)]
    assert named, report.findings
    assert named[0].height == height
    assert words in named[0].message
    assert report.replayed_height == 12


@pytest.mark.parametrize(
    ("statements", "kind", "height"),
    [
        (["UPDATE comity_transaction SET receipt = x'00' WHERE position = 2"], "receipt", 1),
        ([("UPDATE comity_transaction SET receipt = (SELECT receipt FROM comity_transaction WHERE position = 3)"
          " WHERE position = 2")], "receipt", 1),
        (["UPDATE comity_transaction SET id = zeroblob(32) WHERE position = 2"], "transaction", 1),
        (["UPDATE comity_transaction SET bytes = CAST(bytes || x'00' AS BLOB) WHERE position = 6"], "transaction", 2),
        (["UPDATE comity_transaction SET bytes = x'80' WHERE position = 5"], "link", 2),
        (["DELETE FROM comity_transaction WHERE position = 6"], "log", 2),
        (["DELETE FROM comity_transaction WHERE position = 3"], "log", 1),
        (["DELETE FROM comity_transaction WHERE position = 4"], "log", 1),
        (["DELETE FROM comity_transaction WHERE position = 5"], "link", 2),
        (["DELETE FROM comity_transaction WHERE height = 2"], "log", 2),
        (["UPDATE comity_transaction SET position = -1 WHERE position = 2",
          "UPDATE comity_transaction SET position = 2 WHERE position = 3",
          "UPDATE comity_transaction SET position = 3 WHERE position = -1"], "app-hash", 1),
        (["UPDATE comity_transaction SET height = 3 WHERE position = 6"], "transaction", 2),
        (["UPDATE comity_transaction SET height = 99 WHERE position = 2"], "log", None),
        (["DELETE FROM comity_block WHERE height = 4"], "row", 4),
        (["UPDATE comity_block SET app_hash = zeroblob(32) WHERE height = 4"], "app-hash", 4),
        (["UPDATE comity_block SET log_size = 1 WHERE height = 4"], "log", 4),
        (["UPDATE comity_block SET evidence = NULL WHERE height = 4"], "evidence", 4),
        ([("UPDATE comity_block SET evidence = (SELECT evidence FROM comity_block WHERE height = 5)"
          " WHERE height = 4")], "evidence", 4),
        (["DROP INDEX comity_transaction_id"], "schema", None),
        (["CREATE TRIGGER t AFTER INSERT ON trial__note BEGIN SELECT 1; END"], "schema", None),
        (["CREATE VIEW v AS SELECT 1"], "schema", None),
        (["ALTER TABLE trial__note ADD COLUMN more TEXT"], "schema", None),
        (["DROP TABLE trial__note__h"], "schema", None),
        (["UPDATE comity_tree SET page = zeroblob(40)"], "page", 0),
        (["DELETE FROM comity_tree WHERE id & 1099511627775 = 1"], "page", 0),
        (["INSERT INTO comity_tree VALUES(9 << 50, x'00')"], "page", None),
        (["UPDATE comity_block SET height = -1 WHERE height = 0"], "row", -1),
        (["DELETE FROM comity_block"], "row", 0),
        (["DROP TABLE comity_block"], "schema", None),
    ],
)  # fmt: skip
def test_an_altered_record_is_named(
    ledger: tuple[Path, World], statements: list[str], kind: str, height: int | None
) -> None:
    """Swapped, edited or missing entries, receipts, links, evidence, pages and definitions."""
    path, world = ledger
    run(path, *statements)
    report = audit_file(path, world)
    found = [finding for finding in report.findings if finding.kind == kind]
    assert height in [finding.height for finding in found], report.findings


def test_altered_evidence_is_named_whoever_signed_it(ledger: tuple[Path, World]) -> None:
    """Another key, another height or another ledger's signature: told in words."""
    path, world = ledger
    for wrong in (
        evidence_of(world.genesis, 4, b"\0" * 32),
        evidence_of(world.genesis, 5, _app_hash(path, 4)),
        bytes(reversed(evidence_of(world.genesis, 4, _app_hash(path, 4)))),
        evidence_of(world.genesis, 4, _app_hash(path, 4))[:-1] + b"\0",
    ):
        connection = apsw.Connection(str(path))
        connection.execute("UPDATE comity_block SET evidence = ? WHERE height = 4", (wrong,))
        connection.close()
        finding = only(audit_file(path, world), "evidence")
        assert finding.height == 4


def _app_hash(path: Path, height: int) -> bytes:
    connection = apsw.Connection(str(path))
    row = connection.execute("SELECT app_hash FROM comity_block WHERE height = ?", (height,))
    app_hash: bytes = row.fetchone()[0]
    connection.close()
    return app_hash


def test_a_page_is_named_with_its_table_row_and_height(ledger: tuple[Path, World]) -> None:
    """One bit of one hash in the state tree: which table, which row, when it was written."""
    path, world = ledger
    connection = apsw.Connection(str(path))
    store = Store.over(connection)
    number = store.number_of("trial__note")
    row = store.tables["trial__note"].get(("n00050",))
    assert row is not None
    codec = store.tables["trial__note"].codec
    leaf = leaf_hash(codec.key(row), codec.row_hash(row))
    pages = connection.execute("SELECT id, page FROM comity_tree WHERE id >> 40 = ?", (number,))
    for page_id, page in pages.fetchall():
        if leaf in page:
            bent = page.replace(leaf, bytes((leaf[0] ^ 1,)) + leaf[1:])
            connection.execute("UPDATE comity_tree SET page = ? WHERE id = ?", (bent, page_id))
    connection.close()
    finding = only(audit_file(path, world), "page")
    assert (finding.table, finding.height) == ("trial__note", 2)
    assert finding.key in ("'n00049'", "'n00050'")


def test_where_replay_stops_later_rows_are_not_accused(ledger: tuple[Path, World]) -> None:
    """A damaged transaction is named; rows of later blocks are said to be compared with nothing."""
    path, world = ledger
    run(
        path,
        "UPDATE comity_transaction SET bytes = CAST(bytes || x'00' AS BLOB) WHERE position = 11",
    )
    run(path, "UPDATE trial__note SET value = 5 WHERE name = 'n00020'")
    report = audit_file(path, world)
    assert only(report, "transaction").height == 4
    assert [f.key for f in report.findings if f.kind == "row"] == ["'n00020'"]
    assert any("height 4 on" in words for words in report.not_excluded)


def test_a_forger_who_edits_a_row_is_caught_by_the_members_signatures(
    ledger: tuple[Path, World],
) -> None:
    """Every hash recomputed and signed anew: replay of what members signed still makes another app hash."""
    path, world = ledger
    edit_row(path, world, "UPDATE trial__note SET value = 1000 WHERE name = 'a'", "trial__note")
    report = audit_file(path, world)
    assert only(report, "app-hash").height == 12
    rows = [f for f in report.findings if f.kind == "row" and f.table == "trial__note"]
    assert [(f.key, f.height) for f in rows] == [("'a'", 3)]
    assert "evidence" in {f.kind for f in report.findings}


def test_a_forger_who_leaves_out_a_transaction_is_caught_by_a_checkpoint(
    ledger: tuple[Path, World], tmp_path: Path
) -> None:
    """A history rebuilt without one block is sound in itself; a checkpoint that a member holds exposes it."""
    path, world = ledger
    forged = tmp_path / "forged.sqlite"
    store = _open(path)
    size, root = store.log_size_at(8), store.log.root(store.log_size_at(8))
    late_size = store.log_size
    late_root = store.log.root(late_size)
    store.close()
    rebuild(path, forged, world, left_out=3)
    blind = audit_file(forged, world)
    assert blind.is_clean
    assert "left out" in blind.not_excluded[0]
    assert audit_file(path, world, Held(size, root)).is_clean
    caught = only(audit_file(forged, world, Held(size, root)), "checkpoint")
    assert "rewritten" in caught.message
    gone = only(audit_file(forged, world, Held(late_size, late_root)), "checkpoint")
    assert "are gone" in gone.message
    kept = audit_file(path, world, Held(size, root)).not_excluded
    assert "begins after log entry" in kept[0]


def _open(path: Path) -> Store:
    return Store.open(str(path))


def test_a_transaction_that_no_member_signed_is_named(ledger: tuple[Path, World]) -> None:
    """The operator cannot put words into a member's mouth."""
    path, world = ledger
    forged = world.transaction("ana", ("trial.write", {"name": "a", "value": 10**6}), key="node")
    connection = apsw.Connection(str(path))
    connection.execute(
        "UPDATE comity_transaction SET bytes = ?, id = ? WHERE position = 2",
        (forged, world.machine.identify(forged)),
    )
    connection.close()
    finding = only(audit_file(path, world), "transaction")
    assert (finding.height, finding.position) == (1, 2)
    assert "no member signed this" in finding.message


@pytest.mark.parametrize("size", [0, 1, 100, 512, 4096, 5000, 100_000])
def test_a_file_that_was_cut_is_told_not_crashed_on(ledger: tuple[Path, World], size: int) -> None:
    """Whatever is left of a file, an audit ends with findings."""
    path, world = ledger
    path.write_bytes(path.read_bytes()[:size])
    assert not audit_file(path, world).is_clean


def test_another_ledgers_genesis_does_not_fit(ledger: tuple[Path, World]) -> None:
    """Audited against a genesis that is not its own, nothing fits from the first block."""
    path, world = ledger
    world.genesis = msgspec.structs.replace(world.genesis, salt=b"o" * 16)
    report = audit_file(path, world)
    assert {"app-hash", "evidence", "link"} <= {finding.kind for finding in report.findings}
