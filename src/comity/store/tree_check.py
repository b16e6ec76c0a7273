"""Check the stored pages of a state tree against the rows that they must stand for.

Invariant: a tree that passes is the one trie over these rows, with every stored hash right; so it
answers every search and proves every row.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from comity.crypto.trie import EMPTY_ROOT, leaf_hash, shared_bits
from comity.store.tree import Tree
from comity.store.tree_batch import ROOT_NUMBER
from comity.store.tree_page import Page

Row = tuple[bytes, bytes]  # key, row hash
_DAMAGED = "the page is damaged: its parts do not fit one another"


@dataclass(frozen=True, slots=True)
class TreeFault:
    """The first place where a tree is not what its rows make."""

    page: int | None  # page number; None when rows are left that no page has
    key: bytes | None  # the key there, or the last good one before it
    message: str


def check(tree: Tree, rows: Iterable[Row]) -> TreeFault | None:
    """Return the first fault of the stored tree, or None.

    Args:
        rows: ``(key, row_hash)`` in rising key order.

    Raises:
        InvariantViolated: a page is missing.

    Cost: one read of all pages, two hashes a row.
    """
    expected = iter(rows)
    last: bytes | None = None
    parting = -1  # bit of the node between the last leaf and the next one
    # page, slot, bit of the node above, whether the slot's left side is done
    work: list[tuple[Page, int, int, bool]] = []
    if tree.root != EMPTY_ROOT:
        top = tree.page(ROOT_NUMBER)
        if not top.is_sound():
            return TreeFault(top.number, last, _DAMAGED)
        work.append((top, 0, -1, False))
    while work:
        page, slot, above, is_left_done = work.pop()
        reference = page.references[slot]
        if reference < 0:
            key = page.key(reference)
            row = next(expected, None)
            if row is None or row[0] != key or leaf_hash(*row) != page.slot_hash(slot):
                first = min(key, row[0]) if row else key
                return TreeFault(page.number, first, "leaf and row differ, or one is missing")
            if last is not None and shared_bits(last, key) != parting:
                return TreeFault(page.number, key, "the bit of a node is not where keys part")
            last = key
        elif reference & 1:
            child = tree.page(page.child(reference))
            if not child.is_sound() or not child.is_below(page, reference):
                return TreeFault(child.number, last, _DAMAGED)
            if child.slot_hash(0) != page.slot_hash(slot):
                return TreeFault(child.number, last, "the page's hash is not what its parent has")
            work.append((child, 0, above, False))
        elif is_left_done:
            parting = page.bit(reference)
        else:
            bit = page.bit(reference)
            if bit <= above or page.hash_node(reference) != page.slot_hash(slot):
                return TreeFault(page.number, last, "the hash or bit of a node is wrong")
            work += (
                (page, reference + 2, bit, False),
                (page, slot, above, True),
                (page, reference + 1, bit, False),
            )
    row = next(expected, None)
    return TreeFault(None, row[0], "the row is missing in the tree") if row else None
