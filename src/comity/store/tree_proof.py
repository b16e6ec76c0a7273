"""Make proofs from a table's state tree; ``crypto.trie`` and ``crypto.range_proof`` verify them.

Invariant: proofs are of the adopted tree, whose root ``Tree.root`` names.
"""

from collections.abc import Callable

from comity.crypto.range_proof import (
    Leaf,
    RangeProof,
    is_in_range,
    side_of_neighbour,
    sides_in_range,
)
from comity.crypto.trie import EMPTY_ROOT, PathProof, bit_at, leaf_hash
from comity.errors import InvariantViolated, QueryError
from comity.limits import TREE_DEPTH_MAX
from comity.store.tree import Tree, naming_damage
from comity.store.tree_batch import ROOT_NUMBER
from comity.store.tree_page import Page

RowHashes = Callable[[bytes], bytes]  # row hash of a key that the tree has


def prove_path(tree: Tree, key: bytes, row_hash_of: RowHashes) -> PathProof | None:
    """Return the proof that the row at ``key`` is present or absent; None for an empty tree.

    Args:
        row_hash_of: asked once, of ``key`` or of its neighbour.

    Raises:
        InvariantViolated: a page is missing or so damaged that the search does not end, or the row is not the tree's.
            Of other damage the proof is wrong, as whoever verifies it sees.

    Cost: O(depth); three page reads in a table of a million rows.
    """
    if tree.root == EMPTY_ROOT:
        return None
    path: list[tuple[int, bytes]] = []
    with naming_damage():
        page, slot = tree.page(ROOT_NUMBER), 0
        for _ in range(2 * TREE_DEPTH_MAX):  # a damaged page may lead in circles
            reference = page.references[slot]
            if reference < 0:
                path.reverse()
                return PathProof(*_leaf(page, slot, row_hash_of), tuple(path))
            if reference & 1:
                page, slot = tree.page(page.child(reference)), 0
            else:
                bit = page.bit(reference)
                side = bit_at(key, bit)
                path.append((bit, page.slot_hash(reference + 2 - side)))
                slot = reference + 1 + side
    raise InvariantViolated(f"tree page {page.number} leads in circles; run comity audit")


def prove_range(tree: Tree, low: bytes, high: bytes, row_hash_of: RowHashes) -> RangeProof:
    """Return the proof of all rows with ``low <= key <= high``; no item for an empty tree.

    Args:
        row_hash_of: asked of each key shown: those of the range and at most two neighbours.

    Raises:
        QueryError: ``low`` is beyond ``high``.
        InvariantViolated: a page is missing or damaged.

    Cost: O(depth + rows shown).
    """
    if low > high:
        raise QueryError("out-of-range", "tree: the range ends before it begins")
    if tree.root == EMPTY_ROOT:
        return ()
    # A node that neither search passes lies wholly in the range or wholly outside.
    low_key, high_key = _search(tree, low), _search(tree, high)
    items: list[int | bytes | Leaf] = []
    work: list[tuple[Page, int, bool, bool, bool]] = [(tree.top(), 0, True, True, False)]
    while work:
        page, slot, is_on_low, is_on_high, is_outside = work.pop()
        if slot < 0:
            items.append(page.slot_hash(~slot))
            continue
        reference = page.references[slot]
        if reference < 0:
            items.append(_leaf(page, slot, row_hash_of))
        elif reference & 1:
            work.append((tree.child(page, reference), 0, is_on_low, is_on_high, is_outside))
        else:
            bit = page.bit(reference)
            items.append(bit)
            sides = (True, True)
            if is_outside:  # one leaf is enough
                sides = side_of_neighbour(bit, low)
            elif is_on_low or is_on_high:
                key = low_key if is_on_low else high_key
                sides = sides_in_range(key, bit, low, high)
                is_outside = not is_in_range(key, bit, low, high)
            for side in (1, 0):
                child = reference + 1 + side
                work.append(
                    (
                        page,
                        child if sides[side] else ~child,
                        is_on_low and bit_at(low, bit) == side,
                        is_on_high and bit_at(high, bit) == side,
                        is_outside,
                    )
                )
    return tuple(items)


def _leaf(page: Page, slot: int, row_hash_of: RowHashes) -> Leaf:
    """Return what a leaf stands for. Raises: InvariantViolated, when its row is another."""
    key = page.key(page.references[slot])
    row_hash = row_hash_of(key)
    if leaf_hash(key, row_hash) != page.slot_hash(slot):
        raise InvariantViolated(f"tree page {page.number} and a row differ; run comity audit")
    return key, row_hash


def _search(tree: Tree, key: bytes) -> bytes:
    """Return the key of the leaf at which the search for ``key`` ends."""
    page, slot = tree.top(), 0
    while (reference := page.references[slot]) >= 0:
        if reference & 1:
            page, slot = tree.child(page, reference), 0
        else:
            slot = reference + 1 + bit_at(key, page.bit(reference))
    return page.key(reference)
