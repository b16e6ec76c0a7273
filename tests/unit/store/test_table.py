"""One table in SQLite: ranges by key and index are those of a sorted list, null first."""

from itertools import product

import pytest

from comity.model.column import ColumnValue
from comity.store.table import StoredTable
from tests.simulation.model import _ordered
from tests.simulation.script_app import declare
from tests.simulation.world import World

TEXTS = ("", "a", "a b", "ab", "ä", "\U0001d11e", "\uffff")
NUMBERS = (-(1 << 63), -1, 0, (1 << 63) - 1)
LABELS = ("a", "ab", "\U0001d11e")
FLAGS = (None, False, True)


@pytest.fixture(scope="module")
def table() -> StoredTable:
    """Return a committed table with every combination of keys, and some of labels."""
    world = World([declare("shop")])
    steps = [
        ["add", "Item", [shelf, number, None, LABELS[at % 3], 0, FLAGS[at % 4 % 3], None]]
        for at, (shelf, number) in enumerate(product(TEXTS, NUMBERS))
    ]
    assert world.run("ana", "shop", *steps).is_ok
    return world.store.tables["shop__item"]


def expected(
    table: StoredTable, columns: list[int], low: list[ColumnValue], high: list[ColumnValue]
) -> list[tuple[ColumnValue, ...]]:
    """Return the rows of a range by sorting all rows in Python."""
    rows = []
    for row in table.scan():
        at = [_ordered(row[column]) for column in columns]
        if at[: len(low)] < [_ordered(value) for value in low]:
            continue
        if high and at[: len(high)] > [_ordered(value) for value in high]:
            continue
        rows.append((at, [_ordered(row[1]), _ordered(row[2])], row))
    return [row for _, _, row in sorted(rows)]


def bounds(
    first: tuple[ColumnValue, ...], second: tuple[ColumnValue, ...]
) -> list[list[ColumnValue]]:
    """Return every bound of two columns: none, a prefix, both."""
    return [[], *[[a] for a in first], *[[a, b] for a in first for b in second]]


def test_ranges_by_key_are_in_encoded_order(table: StoredTable) -> None:
    """Every pair of bounds, prefixes included."""
    some = bounds(TEXTS[1:6:2], NUMBERS[::2])
    for low, high in product(some, some):
        found = list(table.range(low, high))
        assert found == expected(table, [1, 2], low, high), (low, high)


def test_ranges_by_index_put_null_first_and_ties_in_key_order(table: StoredTable) -> None:
    """Every pair of bounds over a text and an optional boolean."""
    some = bounds(LABELS, FLAGS)
    for low, high in product(some, some):
        found = list(table.range(low, high, "label_is_new"))
        assert found == expected(table, [4, 6], low, high), (low, high)


def test_an_index_that_is_not_declared_is_a_mistake_of_the_caller(table: StoredTable) -> None:
    """It is named, not guessed."""
    with pytest.raises(KeyError):
        list(table.range((), (), "number"))


def test_booleans_come_back_as_booleans(table: StoredTable) -> None:
    """SQLite has none; a row read equals the row written."""
    assert {row[6] for row in table.scan()} == {None, False, True}
    assert all(type(row[6]) in (bool, type(None)) for row in table.scan())
