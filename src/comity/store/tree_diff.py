"""Find the rows in which two state trees differ, by comparing hashes from their roots down.

Invariant: a subtree whose hashes are equal on both sides is not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from comity.crypto.range_proof import leading
from comity.crypto.trie import EMPTY_ROOT, bit_at
from comity.limits import TREE_DEPTH_MAX
from comity.store.tree import Tree
from comity.store.tree_page import Page

Difference = tuple[bytes, bytes | None, bytes | None]  # key, leaf hash in A and in B


@dataclass(frozen=True, slots=True)
class _Subtree:
    """What stands in a slot, with one key in it."""

    tree: Tree
    page: Page
    slot: int
    key: bytes

    @classmethod
    def at(cls, tree: Tree, page: Page, slot: int, key: bytes | None) -> "_Subtree":
        reference = page.references[slot]
        if reference > 0 and reference & 1:
            page, slot = tree.child(page, reference), 0
        return cls(tree, page, slot, _first_key(tree, page, slot) if key is None else key)

    @property
    def bit(self) -> int:
        """The node's bit; beyond all bits for a leaf."""
        reference = self.page.references[self.slot]
        return TREE_DEPTH_MAX if reference < 0 else self.page.bit(reference)

    def sides(self) -> tuple["_Subtree", "_Subtree"]:
        node = self.page.references[self.slot]
        left = _Subtree.at(self.tree, self.page, node + 1, self.key)
        return left, _Subtree.at(self.tree, self.page, node + 2, None)


_Pair = tuple[_Subtree | None, _Subtree | None]


def diff(tree_a: Tree, tree_b: Tree) -> Iterator[Difference]:
    """Yield ``(key, leaf hash in A or None, leaf hash in B or None)`` of each difference by key.

    Cost: O(differences x depth).
    """
    work: list[_Pair] = [(_top(tree_a), _top(tree_b))]
    while work:
        a, b = work.pop()
        if a is None or b is None:
            yield from _one_sided(a, b)
        elif a.page.slot_hash(a.slot) != b.page.slot_hash(b.slot):
            if a.bit == b.bit == TREE_DEPTH_MAX and a.key == b.key:
                yield a.key, a.page.slot_hash(a.slot), b.page.slot_hash(b.slot)
            else:
                work += reversed(_pairs(a, b))


def _pairs(a: _Subtree, b: _Subtree) -> list[_Pair]:
    """Return what to compare in place of two subtrees that differ, in key order."""
    shared = min(a.bit, b.bit)
    prefix_a, prefix_b = leading(a.key, shared), leading(b.key, shared)
    if shared == TREE_DEPTH_MAX or prefix_a != prefix_b:  # no key in common
        pairs: list[_Pair] = [(a, None), (None, b)]
        return pairs if prefix_a < prefix_b else pairs[::-1]
    if a.bit == b.bit:
        return list(zip(a.sides(), b.sides(), strict=True))
    if a.bit < b.bit:  # all of B stands on one side of A
        left, right = a.sides()
        return [(left, None), (right, b)] if bit_at(b.key, shared) else [(left, b), (right, None)]
    left, right = b.sides()
    return [(None, left), (a, right)] if bit_at(a.key, shared) else [(a, left), (None, right)]


def _one_sided(a: _Subtree | None, b: _Subtree | None) -> Iterator[Difference]:
    """Yield every leaf of the subtree that has no counterpart."""
    subtree = a or b
    if subtree is None:
        return
    tree = subtree.tree
    work = [(subtree.page, subtree.slot)]
    while work:
        page, slot = work.pop()
        reference = page.references[slot]
        if reference < 0:
            leaf = page.slot_hash(slot)
            yield page.key(reference), leaf if a else None, None if a else leaf
        elif reference & 1:
            work.append((tree.child(page, reference), 0))
        else:
            work += ((page, reference + 2), (page, reference + 1))


def _top(tree: Tree) -> _Subtree | None:
    return None if tree.root == EMPTY_ROOT else _Subtree.at(tree, tree.top(), 0, None)


def _first_key(tree: Tree, page: Page, slot: int) -> bytes:
    while (reference := page.references[slot]) >= 0:
        if reference & 1:
            page, slot = tree.child(page, reference), 0
        else:
            slot = reference + 1
    return page.key(reference)
