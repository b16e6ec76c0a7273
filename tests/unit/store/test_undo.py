"""Taking blocks back (R5.1); random histories are in ``tests/property/test_any_block_history.py``."""

import pytest

from comity.errors import InvariantViolated, Unavailable
from comity.limits import UNDO_BLOCKS
from comity.store import undo
from comity.store.store import Store
from tests.simulation.inspection import inspect
from tests.simulation.script_app import declare
from tests.simulation.world import World

ROW = ["a", 1, "x", "label", 1, True, b"\0"]


def world_of(blocks: int) -> World:
    """Return a ledger of ``blocks`` blocks, each of which changes one row."""
    world = World([declare("shop")])
    for amount in range(blocks):
        operation = "put" if amount else "add"
        assert world.run("ana", "shop", [operation, "Item", [*ROW[:4], amount, *ROW[5:]]]).is_ok
    return world


def test_r5_1_exactly_the_last_sixteen_blocks_can_be_undone() -> None:
    """Sixteen blocks go back one by one, the seventeenth is refused in words."""
    world = world_of(UNDO_BLOCKS + 3)
    for height in range(UNDO_BLOCKS + 3, 3, -1):
        assert undo.take_back(world.store.connection) == height
    earlier = Store.over(world.store.connection)
    assert earlier.height == 3
    inspect(earlier, world.genesis.hash)
    with pytest.raises(Unavailable, match="only the last 16"):
        undo.take_back(world.store.connection)


def test_r5_1_the_genesis_cannot_be_undone() -> None:
    """A ledger keeps its first block."""
    world = world_of(1)
    assert undo.take_back(world.store.connection) == 1
    with pytest.raises(Unavailable):
        undo.take_back(world.store.connection)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE shop__item SET note = x'01' WHERE shelf = 'b'",
        "DELETE FROM shop__item WHERE shelf = 'b'",
        """UPDATE comity_root SET leaf = (SELECT leaf FROM comity_root WHERE name = 'comity_key')
        WHERE name = 'shop__item' AND height = 1""",
    ],
)
def test_an_altered_file_is_not_undone(damage: str) -> None:
    """When the rows that result are not those that the block before sealed, nothing is undone."""
    world = World([declare("shop")])
    world.run(
        "ana", "shop", ["add", "Item", ROW], ["add", "Item", ["b", *ROW[1:2], None, *ROW[3:]]]
    )
    world.run("ana", "shop", ["put", "Item", [*ROW[:4], 9, *ROW[5:]]])
    world.store.connection.execute(damage)
    with pytest.raises(InvariantViolated, match="shop__item"):
        undo.take_back(world.store.connection)
    heights = world.store.connection.execute("SELECT max(height) FROM comity_block").fetchone()
    assert heights == (2,)
