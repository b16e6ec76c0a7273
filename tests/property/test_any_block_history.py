"""The machine is a pure function of its blocks: whatever the history, rows and hashes are what a plain model makes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from comity.store import undo
from comity.store.store import Store
from tests.simulation.inspection import compare, inspect, need, rows_at
from tests.simulation.story import Story, make_apps
from tests.simulation.world import World

SEEDS = st.integers(0, 1 << 32)


@given(SEEDS)
@settings(max_examples=40)
def test_every_receipt_row_range_and_root_is_what_the_model_says(seed: int) -> None:
    """Rows, results, refusals and ranges over the block's own writes equal a model of dicts; every hash follows.

    ``Story`` compares each receipt as it goes, so later transactions of a block see what earlier ones did.
    """
    story = Story(seed)
    for candidate in story.blocks(12):
        if candidate.height % 4 == 0:
            inspect(story.world.store, story.world.genesis.hash)
            compare(story.world.store, story.model)


@given(SEEDS)
@settings(max_examples=15)
def test_each_height_reads_as_it_was(seed: int) -> None:
    """As of any height, the kept versions are the rows that the model had then (R4.1)."""
    story = Story(seed)
    then = {}
    for candidate in story.blocks(12):
        then[candidate.height] = {
            name: {key: row[2] for key, row in table.rows.items()}
            for name, table in story.model.tables.items()
        }
    store = story.world.store
    for height, tables in then.items():
        for name, rows in tables.items():
            table = store.tables.get(name)
            if table is not None and table.schema.history == "all":
                width = len(table.schema.columns)
                wide = {
                    key: values + [None] * (width - len(values)) for key, values in rows.items()
                }
                need(rows_at(store, name, height) == wide, "as of", height, name)


@given(SEEDS)
@settings(max_examples=15)
def test_proposers_voters_and_replays_agree(seed: int) -> None:
    """The node that prepares, one that processes and one that only obeys make the same app hashes and receipts."""
    story = Story(seed, faults=0.2)
    voter, follower = World(make_apps()), World(make_apps())
    for candidate in story.blocks(10):
        voted = voter.machine.process(candidate.entries, candidate.time_ns)
        assert voter.machine.finalize(candidate.entries) is voted
        voter.commit(voted)
        obeyed = follower.machine.finalize(candidate.entries)
        follower.commit(obeyed)
        assert voted.app_hash == obeyed.app_hash == candidate.app_hash
        receipts = [outcome.receipt for outcome in candidate.outcomes]
        assert [outcome.receipt for outcome in voted.outcomes] == receipts
        assert voted.seal() == candidate.seal()
    assert contents(follower.store) == contents(story.world.store)


@given(SEEDS)
@settings(max_examples=10)
def test_the_stored_log_replays_to_the_same_file(seed: int) -> None:
    """From genesis and the stored links and transactions alone, every row of every table comes out again."""
    story = Story(seed)
    for _ in story.blocks(10):
        pass
    replayed = World(make_apps())
    for entries in stored_blocks(story.world.store):
        replayed.commit(replayed.machine.finalize(entries))
    assert contents(replayed.store) == contents(story.world.store)


@given(SEEDS, st.integers(1, 16))
@settings(max_examples=15)
def test_undone_blocks_leave_no_trace_and_can_be_done_again(seed: int, count: int) -> None:
    """Undoing the last k blocks gives the file of k blocks before; doing them again gives the same (R5.1)."""
    story = Story(seed)
    store, world = story.world.store, story.world
    made, states = [], [contents(store)]
    for candidate in story.blocks(16):
        made.append(candidate.entries)
        states.append(contents(store))
    for _ in range(count):
        undo.take_back(store.connection)
    earlier = Store.over(store.connection)
    inspect(earlier, world.genesis.hash)
    hidden = {"comity_undo": None}  # the oldest records were dropped for good
    assert {**contents(earlier), **hidden} == {**states[16 - count], **hidden}
    again = World(make_apps(), store=earlier)
    for entries in made[16 - count :]:
        again.commit(again.machine.finalize(entries))
    inspect(earlier, world.genesis.hash)
    assert {**contents(earlier), **hidden} == {**states[16], **hidden}


def contents(store: Store) -> dict[str, object]:
    """Return every row of every table but tree pages, whose layout is free and whose hashes ``inspect`` checks."""
    names = store.connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('comity_tree')"
    )
    return {
        name: store.connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2').fetchall()
        for (name,) in names.fetchall()
    }


def stored_blocks(store: Store) -> list[list[bytes]]:
    """Return the entries of each block as the file keeps them."""
    return [
        [
            data
            for (data,) in store.connection.execute(
                "SELECT bytes FROM comity_transaction WHERE height = ? ORDER BY position", (height,)
            )
        ]
        for height in range(1, store.height + 1)
    ]
