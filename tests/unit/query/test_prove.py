"""What is proved is what the ledger holds, at every height, and what cannot be proved is told."""

from collections.abc import Sequence
from typing import Any

import apsw
import pytest

from comity import limits
from comity.client.verdict import ProvedRows
from comity.client.verify import verify
from comity.crypto.ordered import encode_key
from comity.errors import InvariantViolated, QueryError, Unavailable
from comity.model.account import key_id
from comity.model.bundle import Bundle, RowsClaim
from comity.model.schema import TableSchema
from comity.query.past import PastTable, rows_at
from comity.query.prove import Prover
from comity.store.catalog import TableLeaf
from comity.store.store import Store
from tests.bundle_ledger import ANA, BO, ProofLedger, made

LEDGER, DONE, REFUSED = made()
HEIGHTS = range(LEDGER.store.height + 1)


def proved(bundle: Bundle) -> ProvedRows:
    """Return the verified claim of a bundle that went through a file."""
    claim = verify(bundle.encode(), genesis_hash=LEDGER.genesis.hash).claim
    assert isinstance(claim, ProvedRows)
    return claim


def schema_of(name: str) -> TableSchema:
    """Return the newest schema of a table."""
    return LEDGER.store.tables[name].schema


def keys_at(name: str, height: int) -> list[tuple[Any, ...]]:
    """Return the keys of a table at a height, in key order."""
    codec = LEDGER.store.tables[name].codec
    position = LEDGER.store.log_size_at(height) - 1
    rows = rows_at(LEDGER.store, schema_of(name), position)
    return sorted((codec.key_values(row) for row in rows), key=encode_key)


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("name", ["shop__item", "shop__mark", "suppliers", "comity_account"])
def test_every_row_is_proved_at_every_height(name: str, height: int) -> None:
    """Each row, each gap between rows, and all of them together verify as of any block."""
    prover = LEDGER.prover(height)
    if name == "suppliers" and height < 5:
        with pytest.raises(QueryError, match="there is no table suppliers"):
            prover.range(name, (), ())
        return
    keys = keys_at(name, height)
    whole = proved(prover.range(name, (), ()))
    assert [row.key for row in whole.rows] == keys
    for key in keys:
        claim = proved(prover.row(name, key))
        assert [row.key for row in claim.rows] == [key]
        assert claim.is_one_key
        with pytest.raises(QueryError, match="has this row"):
            prover.absent(name, key)
    absent = {"shop__item": (1, "cog"), "shop__mark": (b"z",), "suppliers": ("ZZZ",)}
    missing: tuple[Any, ...] = absent.get(name, (bytes(20),))
    assert proved(prover.absent(name, missing)).rows == ()
    with pytest.raises(QueryError, match="no such row"):
        prover.row(name, missing)


def test_a_prefix_of_a_key_is_a_range() -> None:
    """Leading columns take all keys that begin so, and nothing else."""
    claim = proved(LEDGER.prover().range("shop__item", (1,), (1,)))
    assert [row.key for row in claim.rows] == [(1, "bolt"), (1, "nut")]
    assert not claim.is_one_key
    assert [row.key for row in proved(LEDGER.prover().range("shop__item", (), (0,))).rows] == [
        (-2, "bolt")
    ]


def test_a_height_is_proved_under_its_own_hash_and_time() -> None:
    """Height, app hash and time are those of the block, and the newest is the default."""
    for height in HEIGHTS:
        bundle = LEDGER.prover(height).absent("shop__mark", (b"none",))
        verdict = verify(bundle.encode())
        stored = LEDGER.store.connection.execute(
            "SELECT app_hash FROM comity_block WHERE height = ?", (height,)
        ).fetchone()
        assert (verdict.height, (verdict.app_hash,)) == (height, stored)
    assert LEDGER.prover().height == HEIGHTS[-1]
    assert verify(LEDGER.prover().consistency(0).encode()).time_ns == LEDGER.store.time_ns


@pytest.mark.parametrize("height", HEIGHTS[2:])
def test_a_transaction_is_proved_from_its_block_on(height: int) -> None:
    """Before its block the log does not have it."""
    assert verify(LEDGER.prover(height).transaction(REFUSED).encode())
    with pytest.raises(QueryError, match="no transaction"):
        LEDGER.prover(1).transaction(REFUSED)


def test_growth_is_proved_between_any_heights() -> None:
    """From each height to each later one."""
    for newer in HEIGHTS:
        for older in range(newer + 1):
            assert verify(LEDGER.prover(newer).consistency(older).encode())
    with pytest.raises(QueryError, match="older height comes first"):
        LEDGER.prover(1).consistency(2)


def test_a_checkpoint_of_any_size_is_connected() -> None:
    """Older, newer or the same: whatever a reader holds."""
    store = LEDGER.store
    for height in HEIGHTS[1:]:
        for size in range(1, store.log_size + 1):
            held = LEDGER.checkpoint(size)
            bundle = LEDGER.prover(height, held).absent("shop__mark", (b"none",))
            verdict = verify(bundle.encode(), checkpoint=held)
            assert verdict.checkpoint is not None
            assert verdict.checkpoint.is_newer is (size > store.log_size_at(height))


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ("none", ("x",), "there is no table none"),
        ("shop__item", (1,), r"2 columns \(store, code\), not 1"),
        ("shop__item", (1, "a", "b"), "2 columns"),
        ("shop__item", ("1", "a"), "whole number"),
        ("shop__item", (1, "x" * 21), "21 characters"),
    ],
)
def test_a_key_that_cannot_be_is_told(table: str, key: Sequence[Any], said: str) -> None:
    """Table, columns and types are checked before anything is proved."""
    for make in (LEDGER.prover().row, LEDGER.prover().absent):
        with pytest.raises(QueryError, match=said):
            make(table, key)


def test_bad_ends_of_a_range_are_told() -> None:
    """A range begins before it ends, and its ends are keys or their beginnings."""
    with pytest.raises(QueryError, match="ends before it begins"):
        LEDGER.prover().range("shop__item", (2,), (1,))
    with pytest.raises(QueryError, match="2 columns"):
        LEDGER.prover().range("shop__item", (), (1, "a", "b"))


def test_heights_and_checkpoints_that_are_not_there_are_told() -> None:
    """A height beyond the newest, a checkpoint beyond the log, of another ledger, or of an empty log."""
    with pytest.raises(QueryError, match="height 99"):
        LEDGER.prover(99)
    other = ProofLedger("other")
    with pytest.raises(QueryError, match="the checkpoint is of other"):
        LEDGER.prover(None, other.checkpoint()).absent("shop__mark", (b"none",))
    longer = ProofLedger(salt=b"s" * 16)
    for code in "abcdefghijk":
        longer.run(ANA, "put", store=1, code=code, price=1)
    with pytest.raises(QueryError, match="not the one of the checkpoint"):
        LEDGER.prover(None, longer.checkpoint()).absent("shop__mark", (b"none",))


def test_limits_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many rows of a range, or of a table at an older height, are refused by the name of the limit."""
    monkeypatch.setattr("comity.query.prove.BUNDLE_ROWS_MAX", 2)
    with pytest.raises(QueryError, match="at most 2") as refused:
        LEDGER.prover().range("shop__item", (), ())
    assert refused.value.limit == "BUNDLE_ROWS_MAX"
    monkeypatch.setattr("comity.query.past.PAST_PROOF_ROWS_MAX", 2)
    with pytest.raises(QueryError, match="up to 2") as refused:
        LEDGER.prover(1).range("shop__item", (1,), (1,))
    assert refused.value.limit == "PAST_PROOF_ROWS_MAX"
    assert limits.BUNDLE_ROWS_MAX > 2


def test_a_table_without_history_is_proved_at_the_newest_height_only() -> None:
    """What was forgotten is not proved, and not guessed."""
    assert LEDGER.prover().range("comity_seen", (), ())
    with pytest.raises(QueryError, match="history of comity_seen starts at height"):
        LEDGER.prover(3).range("comity_seen", (), ())


# --- a file that somebody changed


def broken(*statements: str) -> ProofLedger:
    """Return a ledger in whose file somebody ran SQL."""
    ledger = ProofLedger()
    ledger.run(ANA, "put", store=1, code="bolt", price=250)
    ledger.run(BO, "put", store=1, code="nut", price=1)
    for statement in statements:
        ledger.store.connection.execute(statement)
    return ledger


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shop__item SET price = 1 WHERE code = 'bolt'",
        "UPDATE shop__item SET _from = 4 WHERE code = 'bolt'",
        "DELETE FROM shop__item WHERE code = 'bolt'",
    ],
)
def test_no_proof_is_made_of_a_changed_row(statement: str) -> None:
    """P22: a row that is not the tree's is told, at the newest height and at an older one."""
    ledger = broken(statement)
    with pytest.raises(InvariantViolated, match="run comity audit"):
        ledger.prover().row("shop__item", (1, "bolt"))
    with pytest.raises(InvariantViolated, match="run comity audit"):
        ledger.prover(1).row("shop__item", (1, "bolt"))


@pytest.mark.parametrize(
    ("statement", "height"),
    [
        ("UPDATE comity_root SET leaf = x'80' WHERE name = 'shop__item'", 1),
        ("UPDATE comity_block SET app_hash = zeroblob(32)", None),
        ("DELETE FROM comity_transaction WHERE position = 2", None),
        ("DELETE FROM comity_key", None),
        ("UPDATE comity_schema SET versions = x'80' WHERE name = 'shop__item'", None),
    ],
)
def test_no_proof_is_made_over_changed_bookkeeping(statement: str, height: int | None) -> None:
    """Catalog leaves, app hashes, entries, keys and schemas that do not fit are told."""
    ledger = broken(statement)
    with pytest.raises(InvariantViolated, match="run comity audit"):
        ledger.prover(height).row("shop__item", (1, "bolt"))


def test_a_height_that_nobody_signed_is_told() -> None:
    """Without a signature there is nothing to prove with."""
    ledger = broken("UPDATE comity_block SET evidence = NULL")
    with pytest.raises(Unavailable, match="no signature"):
        ledger.prover()


def test_rows_of_another_height_do_not_fit_a_root() -> None:
    """A past table is what the catalog of its height says, or nothing."""
    store: Store = LEDGER.store
    later = TableLeaf.decode(store.leaves["shop__item"])
    with pytest.raises(InvariantViolated, match="not those of its root"):
        PastTable(store, schema_of("shop__item"), 1, later)


def test_a_key_that_was_removed_still_signs_its_old_transactions() -> None:
    """The signer's key is found in the history of keys."""
    bundle = LEDGER.prover().row("shop__item", (1, "bolt"))
    claim = bundle.claim
    assert isinstance(claim, RowsClaim)
    assert claim.writer is not None
    ledger = broken(
        "INSERT INTO comity_key__h SELECT NULL, account, key, kind, scope, valid_until, _from, 9 FROM comity_key",
        "DELETE FROM comity_key",
    )
    shown: Any = ledger.prover().row("shop__item", (1, "bolt")).claim
    assert key_id(shown.writer.public_key) == ANA.key_id


def test_a_reader_proves_from_its_own_connection(tmp_path: Any) -> None:
    """Proofs need only read: a copy of the file, opened for reading."""
    path = str(tmp_path / "copy.sqlite")
    target = apsw.Connection(path)
    with target.backup("main", LEDGER.store.connection, "main") as backup:
        backup.step()
    target.close()
    store = Store.open(path, is_writable=False)
    assert proved(Prover(store, LEDGER.genesis).row("shop__item", (1, "bolt"))).rows
    store.close()
