"""State proofs over sorted leaves in memory: the catalog's, and those of a table made again at an older height.

Invariant: the trie of a run of leaves is found from its first and last key alone, so no tree is stored anywhere.
"""

from bisect import bisect_left
from collections.abc import Sequence

from comity.crypto.range_proof import Leaf, RangeProof, sides_in_range
from comity.crypto.trie import PathProof, bit_at, root_of, split_bit


def from_path(proof: PathProof | None) -> RangeProof:
    """Return the proof of one key, or of its absence, in the form of a range: the tree in pre-order."""
    if proof is None:
        return ()
    before: list[int | bytes | Leaf] = []
    after: list[bytes] = []
    for bit, sibling in reversed(proof.path):
        before.append(bit)
        if bit_at(proof.key, bit):
            before.append(sibling)
        else:
            after.append(sibling)
    return (*before, (proof.key, proof.row_hash), *reversed(after))


def prove_range(leaves: Sequence[Leaf], low: bytes, high: bytes) -> RangeProof:
    """Return the proof of all ``leaves`` with ``low <= key <= high``.

    Args:
        leaves: ``(key, row hash)`` in key order.
    Cost: two hashes a leaf.
    """
    items: list[int | bytes | Leaf] = []
    work = [(0, len(leaves), True)] if leaves else []
    while work:
        start, end, is_shown = work.pop()
        if not is_shown:
            items.append(root_of(leaves[start:end]))
        elif end - start == 1:
            items.append(leaves[start])
        else:
            bit, middle = _split(leaves, start, end)
            items.append(bit)
            is_left, is_right = sides_in_range(leaves[start][0], bit, low, high)
            work += [(middle, end, is_right), (start, middle, is_left)]
    return tuple(items)


def _split(leaves: Sequence[Leaf], start: int, end: int) -> tuple[int, int]:
    """Return the first bit in which the keys of a run differ, and where that bit begins to be set."""
    bit = split_bit(leaves[start][0], leaves[end - 1][0])
    return bit, bisect_left(leaves, 1, start, end, key=lambda leaf: bit_at(leaf[0], bit))
