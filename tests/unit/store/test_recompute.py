"""The app hash worked out from the rows."""

import pytest

from comity.store.recompute import recompute
from tests.simulation.script_app import declare
from tests.simulation.world import World

ROW = ["a", 1, "x", "label", 1, True, b"\0"]


@pytest.fixture
def world() -> World:
    """Return a ledger with rows that were added, changed and removed."""
    world = World([declare("shop")])
    for shelf in "abcdefgh":
        assert world.run("ana", "shop", ["add", "Item", [shelf, *ROW[1:2], None, *ROW[3:]]]).is_ok
    assert world.run("ana", "shop", ["put", "Item", ["c", 1, None, "label", 5, True, b"\0"]]).is_ok
    return world


def test_rows_make_the_app_hash(world: World) -> None:
    """What every block sealed is what its rows make, table by table."""
    found = recompute(world.store)
    assert found.app_hash == world.store.app_hash
    assert found.leaves == world.store.leaves
    assert found.differing == ()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE shop__item SET amount = 6 WHERE shelf = 'c'",
        "DELETE FROM shop__item WHERE shelf = 'b'",
        "UPDATE shop__item SET _from = _from + 1 WHERE shelf = 'a'",
    ],
)
def test_a_table_whose_rows_were_altered_is_named(world: World, damage: str) -> None:
    """A changed value, a missing row and a moved position each make another hash of that table alone."""
    world.store.connection.execute(damage)
    found = recompute(world.store)
    assert found.app_hash != world.store.app_hash
    assert found.differing == ("shop__item",)
