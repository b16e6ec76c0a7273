"""The difference of two state trees is the difference of their rows."""

import random

from comity.crypto.trie import leaf_hash
from comity.store.tree import Tree
from comity.store.tree_diff import diff
from comity.store.tree_page import Page
from comity.store.tree_pages import MemoryPages

Rows = dict[bytes, bytes]


def tree_of(rows: Rows, entries_max: int) -> Tree:
    """Make a tree in memory."""
    tree = Tree(MemoryPages(), 1, entries_max)
    tree.adopt(tree.update(rows))
    return tree


def expected(a: Rows, b: Rows) -> list[tuple[bytes, bytes | None, bytes | None]]:
    """Compare rows one by one."""
    leaves_a, leaves_b = ({key: leaf_hash(key, rows[key]) for key in rows} for rows in (a, b))
    pairs = [(key, leaves_a.get(key), leaves_b.get(key)) for key in sorted({*a, *b})]
    return [pair for pair in pairs if pair[1] != pair[2]]


def test_the_difference_is_that_of_the_rows_in_key_order() -> None:
    """Random trees, alike and unlike, with pages of different sizes."""
    chance = random.Random(11)
    for _ in range(250):
        count = chance.choice((0, 1, 5, 60, 400))
        a = {chance.randbytes(2): chance.randbytes(32) for _ in range(count)}
        b = dict(a)
        for _ in range(chance.choice((0, 1, 10, 100))):
            if b and chance.random() < 0.5:
                del b[chance.choice(list(b))]
            else:
                b[chance.randbytes(2)] = chance.randbytes(32)
        if chance.random() < 0.1:
            a = {}
        found = list(diff(tree_of(a, chance.choice((3, 8))), tree_of(b, chance.choice((3, 64)))))
        assert found == expected(a, b)


def test_equal_subtrees_are_not_read() -> None:
    """Five changed rows of 20,000 are found by reading a few pages a side."""
    rows = {number.to_bytes(8, "big"): bytes(32) for number in range(20_000)}
    changed = dict.fromkeys(random.Random(12).sample(list(rows), 5), b"\x01" * 32)
    a, b = CountingTree(MemoryPages(), 1), CountingTree(MemoryPages(), 1)
    a.adopt(a.update(rows))
    b.adopt(b.update(rows | changed))
    a.pages_read = b.pages_read = 0
    assert len(list(diff(a, b))) == 5
    assert a.pages_read <= 100
    assert b.pages_read <= 100


class CountingTree(Tree):
    """A tree that counts the pages that it opens."""

    pages_read = 0

    def page(self, number: int) -> Page:
        """Return a page, opened."""
        self.pages_read += 1
        return super().page(number)
