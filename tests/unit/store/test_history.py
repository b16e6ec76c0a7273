"""Limited history: the last N heights can be read, what ended before is forgotten, and sixteen blocks can be undone."""

from comity.limits import UNDO_BLOCKS
from comity.store import history, undo
from comity.store.store import Store
from tests.simulation.inspection import inspect, rows_at
from tests.simulation.script_app import TYPED, declare
from tests.simulation.world import World

BLOCKS = 40


def world_of(title: str) -> World:
    """Return a ledger that changes one row in each of forty blocks."""
    world = World([declare("shop")])
    for amount in range(BLOCKS):
        values = ["a", 1, None, "label", amount, None, None]
        assert world.run("ana", "shop", ["put" if amount else "add", title, values]).is_ok
    return world


def kept(world: World, table: str) -> list[int]:
    """Return the amounts of the versions that are kept."""
    rows = world.store.connection.execute(f'SELECT amount FROM "{table}__h" ORDER BY _n')
    return [amount for (amount,) in rows]


def test_versions_of_the_last_heights_are_kept() -> None:
    """A history of N heights answers those, and keeps sixteen more to undo; older versions go."""
    heights = TYPED["Brief"]
    assert isinstance(heights, int)
    world = world_of("Brief")
    horizon = BLOCKS - heights - UNDO_BLOCKS  # what ended by then is gone
    assert kept(world, "shop__brief")[0] == horizon - 1
    for height in range(BLOCKS - heights, BLOCKS + 1):
        amounts = [values[4] for values in rows_at(world.store, "shop__brief", height).values()]
        assert amounts == [height - 1]


def test_full_history_keeps_all_and_none_keeps_nothing() -> None:
    """``all`` forgets nothing; ``none`` has no history table."""
    assert kept(world_of("Item"), "shop__item") == list(range(BLOCKS - 1))
    none = world_of("Fleeting").store.connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'shop__fleeting__h'"
    )
    assert none.fetchone() == (0,)


def test_what_was_forgotten_does_not_hinder_undoing() -> None:
    """Sixteen blocks go back although older versions are gone."""
    world = world_of("Brief")
    for _ in range(UNDO_BLOCKS):
        undo.take_back(world.store.connection)
    earlier = Store.over(world.store.connection)
    inspect(earlier, world.genesis.hash)
    row = earlier.tables["shop__brief"].get(("a", 1))
    assert row is not None
    assert row[5] == BLOCKS - UNDO_BLOCKS - 1


def test_pruning_removes_exactly_what_ended_by_then() -> None:
    """A version that ended at the position goes, one that ended after it stays; nothing twice."""
    world = world_of("Item")
    connection = world.store.connection
    ends = [to for (to,) in connection.execute('SELECT _to FROM "shop__item__h" ORDER BY _n')]
    assert history.prune(connection, "shop__item", ends[9]) == 10
    assert history.prune(connection, "shop__item", ends[9]) == 0
    assert kept(world, "shop__item")[0] == 10
    assert history.prune(connection, "shop__item", ends[10] - 1) == 0
    assert history.prune(connection, "shop__item", ends[-1]) == len(ends) - 10
