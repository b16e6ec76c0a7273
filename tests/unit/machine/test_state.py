"""Rows, names and schemas as execution sees and leaves them (rules R1 and R4), each test named after its rule."""

from typing import Any

import pytest

from comity.crypto import cbor, trie
from comity.crypto.hashing import TAG_ROW_SALT, sha256, tagged
from comity.crypto.ordered import encode_key
from comity.machine import context
from comity.model.schema import schema_hash, versions_from_value
from comity.store import catalog
from comity.store.catalog import TableLeaf
from tests.simulation.inspection import inspect, rows_at
from tests.simulation.script_app import declare
from tests.simulation.world import MEMBERS, World, account_of, genesis_of
from tests.unit.machine import trial_app

ITEM = ["a", 1, "x", "label", 1, True, b"\0"]


@pytest.fixture
def world() -> World:
    """Return a ledger with the script app and the trial app."""
    return World([declare("shop"), trial_app.app])


def live(world: World, table: str = "shop__item") -> list[tuple[Any, ...]]:
    """Return the stored rows of a table."""
    return list(world.store.tables[table].scan())


def past(world: World, table: str = "shop__item") -> list[tuple[Any, ...]]:
    """Return (amount, _from, _to) of the superseded versions."""
    return world.store.connection.execute(
        f'SELECT amount, _from, _to FROM "{table}__h" ORDER BY _n'
    ).fetchall()


def item(amount: int, *, key: int = 1, code: str | None = "x") -> list[Any]:
    """Return the values of an item."""
    return ["a", key, code, "label", amount, True, None]


def refused(receipt: Any) -> tuple[str, int]:
    """Return (app, code) of a refused receipt."""
    assert not receipt.is_ok, receipt
    return receipt.app, receipt.code


def test_r1_1_all_that_execution_reads_is_in_the_catalog(world: World) -> None:
    """Every table that the machine or an app writes has a leaf; what is derived from the log has none."""
    system = {"account", "chain", "key", "parameter", "quota", "schema", "seen", "timer"}
    apps = {name for one in world.apps.values() for name in (s.name for s in one.tables.values())}
    assert set(world.store.leaves) == {f"comity_{name}" for name in system} | apps


def test_r1_2_reads_see_the_blocks_own_writes(world: World) -> None:
    """A later transaction of the block reads, by key, index and range, what an earlier one wrote or deleted."""
    world.run(
        "ana", "shop", ["add", "Item", item(1, key=1, code="p")], ["add", "Item", item(2, key=3)]
    )
    first = world.script(
        "ana", "shop", ["delete", "Item", ["a", 1]], ["add", "Item", item(5, key=2, code="p")]
    )
    second = world.script(
        "bo", "shop",
        ["range", "Item", [], [], None, 9],
        ["range", "Item", ["p"], ["p"], "code", 9],
        ["range", "Item", ["label", True], ["label", True], "label_is_new", 1],
        ["get", "Item", ["a", 1]],
    )  # fmt: skip
    results = world.block(first, second).outcomes[1].receipt.results[0]["results"]
    assert results == [
        [item(5, key=2, code="p"), item(2, key=3)],
        [item(5, key=2, code="p")],
        [item(5, key=2, code="p")],
        None,
    ]


def test_r1_2_actions_cannot_read_sql(world: World) -> None:
    """``select`` and ``sum`` in an action are faults: SQL would miss the block's own writes."""
    for read in (
        lambda ctx: ctx.db.sum(trial_app.Note, "value"),
        lambda ctx: ctx.db.select(trial_app.Note, limit=1),
    ):
        trial_app.CHAOS["plant"] = read
        prepared = world.prepare(world.transaction("ana", ("trial.plant", {})))
        assert [one.code for one in prepared.left_out] == ["app-fault"]


def test_r1_3_text_is_compared_by_code_point(world: World) -> None:
    """In keys, indexes and ranges, pending or stored; no normalising, no case, no locale."""
    shelves = ["\U0001d11e", "\uffff", "a\u030a", "\u00e5", "I", "\u0131", "i", "\u0130", ""]
    steps = [["add", "Item", [s, 0, None, "l", 0, None, None]] for s in shelves]
    everything = ["range", "Item", [], [], None, 30]
    pending = world.run("ana", "shop", *steps, everything).results[0]["results"][-1]
    stored = world.run("ana", "shop", everything).results[0]["results"][-1]
    assert [row[0] for row in pending] == [row[0] for row in stored] == sorted(shelves)


def test_r4_1_from_is_the_position_of_the_transaction_that_changed_the_row(world: World) -> None:
    """Genesis rows have 0, a transaction's rows its log position."""
    assert {row[0] for row in live(world, "comity_account")} == {0}
    world.run("ana", "shop", ["add", "Item", item(1)])
    second = world.script("ana", "shop", ["add", "Item", item(2, key=2, code=None)])
    third = world.script("ana", "shop", ["put", "Item", item(3)])
    world.block(second, third)
    assert [(row[2], row[0]) for row in live(world)] == [(1, 5), (2, 4)]


def test_r4_1_row_bytes_are_the_columns_with_trailing_nulls_cut(world: World) -> None:
    """So a column appended later changes no hash."""
    world.run("ana", "shop", ["add", "Item", item(1)])
    table, row = world.store.tables["shop__item"], live(world)[0]
    data = cbor.encode([2, "a", 1, "x", "label", 1, True])
    assert table.codec.encode(row) == data
    leaf = trie.leaf_hash(encode_key(("a", 1)), sha256(data))
    assert world.store.leaf("shop__item").root == leaf


def test_r4_1_a_row_written_back_is_no_change(world: World) -> None:
    """In one transaction, or in the next: no version, no new ``_from``, the same root."""
    world.run("ana", "shop", ["add", "Item", item(1)])
    before = live(world), past(world), world.store.leaf("shop__item")
    world.run("ana", "shop", ["put", "Item", item(1)])
    world.run("ana", "shop", ["put", "Item", item(2)], ["put", "Item", item(1)])
    world.run("ana", "shop", ["delete", "Item", ["a", 1]], ["add", "Item", item(1)])
    assert (live(world), past(world), world.store.leaf("shop__item")) == before
    secret = ["Secret", item(1)]
    world.run("ana", "shop", ["add", *secret])
    sealed = live(world, "shop__secret")
    world.run("ana", "shop", ["put", *secret])
    assert live(world, "shop__secret") == sealed


def test_r4_1_every_version_that_a_transaction_leaves_is_kept(world: World) -> None:
    """Also one that a later transaction of the same block replaces; ``_to`` is the position that ended it."""
    world.run("ana", "shop", ["add", "Item", item(1)])
    changes = [world.script("ana", "shop", ["put", "Item", item(at)]) for at in (2, 3, 2)]
    changes.append(world.script("ana", "shop", ["delete", "Item", ["a", 1]]))
    world.block(*changes)
    assert past(world) == [(1, 2, 4), (2, 4, 5), (3, 5, 6), (2, 6, 7)]
    world.run("ana", "shop", ["put", "Item", item(0)])  # refused: nothing ends
    world.run("ana", "shop", ["add", "Item", item(1)])
    assert len(past(world)) == 4
    inspect(world.store, world.genesis.hash)


def test_r4_1_as_of_reads_the_last_position_of_a_height(world: World) -> None:
    """Height h reads position ``log_size(h) - 1``: the block's end, not its start and not the next."""
    for amount in (1, 2, 3):
        operation = "put" if amount > 1 else "add"
        world.run("ana", "shop", [operation, "Item", item(amount)])
    world.run("ana", "shop", ["delete", "Item", ["a", 1]])
    amounts = [[v[4] for v in rows_at(world.store, "shop__item", h).values()] for h in range(5)]
    assert amounts == [[], [1], [2], [3], []]


def test_r4_2_columns_are_appended_and_read_null_until_written(world: World) -> None:
    """The rows keep their hashes, the schema hash is of all versions with their heights."""
    world.run("ana", "shop", ["create", "pool", 0])
    world.run("ana", "shop", ["add", "pool", ["k", 1, b"t"]])
    root = world.store.leaf("pool").root
    receipt = world.run("ana", "shop", ["alter", "pool", 2], ["get", "pool", ["k"]])
    assert receipt.results[0]["results"][1] == ["k", 1, b"t", None, None]
    assert world.store.leaf("pool").root == root
    versions = world.store.versions("pool")
    assert [height for height, _ in versions] == [1, 3]
    assert world.store.leaf("pool").schema_hash == schema_hash(versions)
    world.run("ana", "shop", ["put", "pool", ["k", 1, b"t", None, True]])
    assert live(world, "pool")[0][2:] == ("k", 1, b"t", None, True)
    inspect(world.store, world.genesis.hash)


def test_r4_2_a_version_that_changes_nothing_is_refused(world: World) -> None:
    """Each version is kept for ever, so one that changes nothing is none; the state stays whole."""
    world.run("ana", "shop", ["create", "pool", 0])
    assert refused(world.run("ana", "shop", ["alter", "pool", 0])) == ("comity", 33)
    inspect(world.store, world.genesis.hash)


def test_r4_2_one_version_a_block_and_before_its_rows(world: World) -> None:
    """A second alter of a block is refused, so is one after writes of the same transaction."""
    world.run("ana", "shop", ["create", "pool", 0])
    written = world.run("ana", "shop", ["add", "pool", ["k", 1, None]], ["alter", "pool", 1])
    assert refused(written) == ("comity", 33)
    two = [world.script("ana", "shop", ["alter", "pool", at]) for at in (1, 2)]
    first, second = world.block(*two).outcomes
    assert first.receipt.is_ok
    assert refused(second.receipt) == ("comity", 33)
    fewer = world.run("ana", "shop", ["alter", "pool", 0])
    assert refused(fewer) == ("comity", 33)


def test_r4_2_rows_written_before_an_alter_of_the_same_block_are_widened(world: World) -> None:
    """An earlier transaction's row, under the older schema, is whole under the later one."""
    world.run("ana", "shop", ["create", "pool", 0])
    first = world.script("ana", "shop", ["add", "pool", ["k", 1, None]])
    second = world.script("bo", "shop", ["alter", "pool", 1])
    third = world.script("cy", "shop", ["put", "pool", ["k", 1, None, True]])
    assert all(outcome.receipt.is_ok for outcome in world.block(first, second, third).outcomes)
    assert live(world, "pool") == [(6, account_of("ana"), "k", 1, None, True)]
    inspect(world.store, world.genesis.hash)


def test_r4_2_a_table_in_hand_is_the_table_as_altered(world: World) -> None:
    """What an action holds while it alters or drops the table is never a table of the past."""
    world.block(world.transaction("ana", ("trial.make", {"name": "pool"})))
    held = world.block(world.transaction("ana", ("trial.hold_view", {"name": "pool"})))
    assert held.outcomes[0].receipt.results == (1,)
    assert [row[2:] for row in live(world, "pool")] == [(7, "new")]
    world.block(world.transaction("ana", ("trial.make", {"name": "road"})))
    dropped = world.block(world.transaction("ana", ("trial.hold_dropped", {"name": "road"})))
    assert refused(dropped.outcomes[0].receipt) == ("comity", 30)
    assert "road" in world.store.leaves
    inspect(world.store, world.genesis.hash)


def test_r4_2_a_dropped_table_is_gone_and_its_name_stays_taken(world: World) -> None:
    """Only an empty one goes; its catalog leaf with it; its history stays."""
    world.run("ana", "shop", ["create", "pool", 0])
    world.run("ana", "shop", ["add", "pool", ["k", 1, None]])
    assert refused(world.run("ana", "shop", ["drop", "pool"])) == ("comity", 32)
    both = world.run("ana", "shop", ["delete", "pool", ["k"]], ["drop", "pool"])
    assert both.is_ok
    assert "pool" not in world.store.leaves
    assert refused(world.run("ana", "shop", ["get", "pool", ["k"]])) == ("comity", 30)
    assert refused(world.run("ana", "shop", ["create", "pool", 0])) == ("comity", 31)
    assert world.store.connection.execute("SELECT count(*) FROM pool__h").fetchone() == (1,)
    inspect(world.store, world.genesis.hash)


@pytest.mark.parametrize(
    "name",
    [
        "Airports",
        "h",
        "rowid",
        "oid",
        "comity_x",
        "sqlite_x",
        "main.t",
        "a__b",
        "",
        "é",
        "a b",
        "x" * 41,
    ],
)
def test_r4_3_names_are_refused_before_anything_is_made(world: World, name: str) -> None:
    """No DDL runs for a name outside the grammar."""
    made = world.run("ana", "shop", ["create", name, 0])
    assert refused(made) == ("comity", 33)
    tables = world.store.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    world.run("ana", "shop", ["create", "n", 0])
    more = world.store.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    assert more[0] - tables[0] == 5  # two tables, two indexes, one of the history


def test_r4_3_the_count_of_tables_does_not_depend_on_what_was_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proposer that ran, and left out, a faulting transaction decides as those who never saw it."""
    monkeypatch.setattr(context, "TABLES_MAX", len(world.store.tables) + 1)
    faulty = world.script("ana", "shop", ["get", "Item", ["a", 1]], ["fault"])
    make, more = (world.script("bo", "shop", ["create", name, 0]) for name in ("pool", "ring"))
    prepared = world.prepare(faulty, make, more)
    assert prepared.candidate is not None
    first, second = prepared.candidate.outcomes
    assert first.receipt.is_ok
    assert refused(second.receipt) == ("comity", 34)
    voter = World([declare("shop"), trial_app.app])
    assert voter.machine.process(prepared.candidate.entries, world.now_ns).app_hash == (
        prepared.candidate.app_hash
    )


def test_r4_4_catalog_keys_and_leaves(world: World) -> None:
    """Kind byte and name; [schema hash, root, count]; the log's [size, root] beside the tables."""
    world.run("ana", "shop", ["add", "Item", item(1)])
    store = world.store
    found = store.tables["comity_schema"].get(("shop__item",))
    assert found is not None
    versions = versions_from_value(cbor.decode(found[2], size_max=1 << 20))
    leaf = TableLeaf(schema_hash(versions), store.leaf("shop__item").root, 1).encode()
    assert store.leaves["shop__item"] == leaf
    log = cbor.encode([store.log_size, store.log.root(store.log_size)])
    rows = [(b"\1" + name.encode() + b"\0\1", sha256(data)) for name, data in store.leaves.items()]
    rows.append((b"\2log\0\1", sha256(log)))
    assert (
        store.app_hash
        == trie.root_of(sorted(rows))
        == catalog.app_hash(store.leaves, store.log_size, store.log.root(store.log_size))
    )


def test_r4_5_salts_follow_from_transaction_table_and_key(world: World) -> None:
    """H(21 | transaction salt | table | key): no hash can be guessed back, and every node makes the same."""
    data = world.script("ana", "shop", ["add", "Secret", item(1)])
    candidate = world.block(data)
    salt = candidate.outcomes[0].checked.transaction.salt
    expected = tagged(TAG_ROW_SALT, salt, b"shop__secret", encode_key(("a", 1)))[:16]
    assert live(world, "shop__secret")[0][1] == expected
    world.run("ana", "shop", ["put", "Secret", item(2)])
    assert live(world, "shop__secret")[0][1] != expected


def test_r2_5_quotas_are_charged_on_refusal_too() -> None:
    """Calls count in their window whether the transaction is refused or not, and not when it faults."""
    genesis = genesis_of(
        [trial_app.app], founders=MEMBERS, parameters=[("comity", "quotas", [["", 3, 3_600]])]
    )
    world = World([trial_app.app], genesis=genesis)
    stop = ("trial.write_then_stop", {"name": "x"})
    assert refused(world.block(world.transaction("ana", stop)).outcomes[0].receipt) == ("trial", 1)
    trial_app.CHAOS["plant"] = lambda _: 1 // 0
    assert world.prepare(world.transaction("ana", ("trial.plant", {}))).candidate is None
    good = ("trial.write", {"name": "a", "value": 1})
    assert world.block(world.transaction("ana", good, good)).outcomes[0].receipt.is_ok
    over = world.block(world.transaction("ana", good), world.transaction("bo", good)).outcomes
    assert refused(over[0].receipt) == ("comity", 18)
    assert over[1].receipt.is_ok
    world.now_ns += 3_600 * 10**9
    later = world.block(world.transaction("ana", good))
    assert later.outcomes[0].receipt.is_ok
    inspect(world.store, world.genesis.hash)
