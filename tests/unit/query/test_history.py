"""The history of a row: each change with its signer, time, transaction and cells."""

from pathlib import Path

import apsw
import msgspec
import pytest

from comity import limits
from comity.crypto import cbor
from comity.errors import InvariantViolated, QueryError
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema
from comity.query import guard
from comity.query.history import CellChange, RowHistory, row_history
from tests.unit.query.ledger_file import (
    ACCOUNTS,
    PRICES,
    SECOND_NS,
    START_NS,
    LedgerFile,
    app_hash,
)


def _history(file: LedgerFile, *key: object, table: str = "prices") -> RowHistory:
    connection = guard.connect(file.path)
    try:
        return row_history(connection, table, key)  # type: ignore[arg-type]  # wrong keys too
    finally:
        connection.close()


def test_each_change_names_who_when_and_what(tmp_path: Path) -> None:
    """Added, changed, removed and added again: signer, block time, transaction, old and new."""
    file = LedgerFile(tmp_path / "node.sqlite")
    identifiers = []
    file.begin_block()
    identifiers.append(file.transaction(ACCOUNTS[0]))
    file.make(PRICES)
    file.put("prices", ("apple", 1250, True, 3))
    file.end_block()
    file.begin_block()
    identifiers.append(file.transaction(ACCOUNTS[1]))
    file.put("prices", ("apple", 1250, False, None))
    identifiers.append(file.transaction(ACCOUNTS[2]))
    file.delete("prices", ("apple",))
    file.end_block()
    file.begin_block()
    file.put("prices", ("apple", 1, None, None), owner=ACCOUNTS[2])  # the block's own timers
    file.end_block()
    history = _history(file, "apple")
    assert (history.table, history.key, history.start) == ("prices", ("apple",), 0)
    assert (history.height, history.app_hash) == (3, app_hash(3))
    assert [change.kind for change in history.changes] == ["added", "changed", "removed", "added"]
    events = [change.event for change in history.changes]
    assert [event.sender for event in events] == [*ACCOUNTS, None]
    assert [event.transaction_id for event in events] == [*identifiers, None]
    assert [event.height for event in events] == [1, 2, 2, 3]
    assert [event.time_ns for event in events] == [
        START_NS + height * SECOND_NS for height in (1, 2, 2, 3)
    ]
    added, changed, removed, again = history.changes
    assert added.values == {"item": "apple", "price": 1250, "sold": True, "count": 3}
    assert added.owner == ACCOUNTS[0]
    assert added.cells[0] == CellChange("item", None, "apple")
    assert changed.cells == (CellChange("sold", True, False), CellChange("count", 3, None))
    assert removed.values == {}
    assert removed.cells == (
        CellChange("item", "apple", None),
        CellChange("price", 1250, None),
        CellChange("sold", False, None),
    )
    assert again.owner == ACCOUNTS[2]


def test_a_row_of_genesis_has_no_signer(tmp_path: Path) -> None:
    """Position 0 of the log is the genesis."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.height = -1  # the table is made before the first block
    file.make(PRICES)
    file.put("prices", ("apple", 1, None, None))
    file.height = 0
    (change,) = _history(file, "apple").changes
    assert (change.kind, change.event.position, change.event.height) == ("genesis", 0, 0)
    assert (change.event.sender, change.event.time_ns) == (None, None)


def test_a_limited_history_does_not_call_its_oldest_version_added(tmp_path: Path) -> None:
    """Where older versions may be gone, the oldest one left is ``kept``, not ``added``."""
    file = LedgerFile(tmp_path / "node.sqlite")
    schema = msgspec.structs.replace(PRICES, history=2)
    file.begin_block()
    file.transaction()
    file.make(schema)
    file.put("prices", ("old", 1, None, None))
    file.end_block()
    for _ in range(3):
        file.begin_block()
        file.transaction()
        file.end_block()
    file.put("prices", ("new", 1, None, None))
    assert _history(file, "old").start == 2
    assert [change.kind for change in _history(file, "old").changes] == ["kept"]
    assert [change.kind for change in _history(file, "new").changes] == ["added"]


def test_a_table_without_history_shows_its_rows(tmp_path: Path) -> None:
    """Only the newest version is there, and the history says from which height."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.begin_block()
    file.transaction()
    file.make(msgspec.structs.replace(PRICES, history="none"))
    file.put("prices", ("apple", 1, None, None))
    file.end_block()
    history = _history(file, "apple")
    assert [change.kind for change in history.changes] == ["kept"]
    assert history.start == 1


def test_a_row_that_never_was_has_no_changes(ledger: LedgerFile) -> None:
    """An unknown key is an empty history."""
    assert _history(ledger, "nothing").changes == ()


def test_a_dropped_table_keeps_its_history(tmp_path: Path) -> None:
    """What was in a table can be asked for after it is gone."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.begin_block()
    file.transaction()
    file.make(PRICES)
    file.put("prices", ("apple", 1, None, None))
    file.transaction()
    file.delete("prices", ("apple",))
    file.end_block()
    file.begin_block()
    file.drop("prices")
    file.end_block()
    assert [change.kind for change in _history(file, "apple").changes] == ["added", "removed"]


def test_keys_of_several_columns(tmp_path: Path) -> None:
    """A composite key is found by all its parts, in key order, bytes and whole numbers too."""
    file = LedgerFile(tmp_path / "node.sqlite")
    schema = TableSchema(
        name="pairs",
        columns=(
            Column(name="a", type=ColumnType(kind="integer")),
            Column(name="b", type=ColumnType(kind="bytes", maximum=9)),
        ),
        key=("b", "a"),
    )
    file.begin_block()
    file.transaction()
    file.make(schema)
    file.put("pairs", (1, b"x"))
    file.put("pairs", (2, b"x"))
    file.end_block()
    assert len(_history(file, b"x", 2, table="pairs").changes) == 1
    assert _history(file, b"y", 2, table="pairs").changes == ()


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ("nowhere", ("a",), "there is no table nowhere"),
        ("prices", (), "has 1 columns"),
        ("prices", ("a", "b"), "has 1 columns"),
        ("prices", (1,), "key column item of prices: text is needed"),
        ("prices", (None,), "a value is required"),
        ('prices" OR "1', ("a",), "there is no table"),
    ],
)
def test_a_wrong_question_is_told(
    ledger: LedgerFile, table: str, key: tuple[object, ...], words: str
) -> None:
    """Unknown tables and keys that the columns cannot hold say so."""
    with pytest.raises(QueryError, match=words):
        _history(ledger, *key, table=table)


def test_a_very_long_history_is_cut_at_its_oldest(
    ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound the newest versions are shown, and the answer says so."""
    assert not _history(ledger, "apple").is_truncated
    monkeypatch.setattr(limits, "ROW_VERSIONS_MAX", 1)
    history = _history(ledger, "apple")
    assert history.is_truncated
    assert [(change.kind, change.values["price"]) for change in history.changes] == [("kept", 1300)]


def test_an_erased_body_keeps_its_signer(tmp_path: Path) -> None:
    """Who signed stands in the envelope, which stays when a body is erased."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.begin_block()
    file.transaction(ACCOUNTS[1])
    file.make(PRICES)
    file.put("prices", ("apple", 1, None, None))
    file.end_block()
    sql = "SELECT bytes FROM comity_transaction WHERE position = 2"
    data: bytes = file.connection.execute(sql).get
    envelope, _ = cbor.decode(data, size_max=len(data))
    erased = cbor.encode([envelope, b""])
    file.connection.execute("UPDATE comity_transaction SET bytes = ? WHERE id NOT NULL", (erased,))
    assert _history(file, "apple").changes[0].event.sender == ACCOUNTS[1]


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM comity_transaction", "UPDATE comity_transaction SET bytes = x'00'"],
)
def test_a_damaged_log_stops(tmp_path: Path, damage: str) -> None:
    """A change whose log entry is gone or unreadable is never shown without its signer."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.begin_block()
    file.transaction()
    file.make(PRICES)
    file.put("prices", ("apple", 1, None, None))
    file.end_block()
    file.connection.execute(damage + " WHERE id NOT NULL").fetchall()
    with pytest.raises(InvariantViolated, match="run comity audit"):
        _history(file, "apple")


def test_a_history_is_one_snapshot(tmp_path: Path) -> None:
    """The connection is left as it was: outside a transaction, and read-only."""
    file = LedgerFile(tmp_path / "node.sqlite")
    file.begin_block()
    file.make(PRICES)
    file.end_block()
    connection = guard.connect(file.path)
    row_history(connection, "prices", ("apple",))
    assert not connection.in_transaction
    with pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM prices").fetchall()
    connection.close()
