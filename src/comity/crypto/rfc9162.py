"""The Merkle tree of RFC 9162, which the transaction log is: hashes, roots and a reader's checks.

Invariant: everything here is pure and needs no log. A *row* is the hashes of one tree level, side
by side in one byte string.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from comity.crypto.hashing import HASH_BYTES
from comity.errors import ProofInvalid
from comity.limits import LOG_PATH_HASHES_MAX, LOG_SIZE_MAX

EMPTY_ROOT = sha256(b"").digest()
_PAIR_BYTES = 2 * HASH_BYTES


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one log entry. Source: RFC 9162, section 2.1.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others. Source: RFC 9162, section 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


def row_above(row: bytes) -> bytes:
    """Return the nodes above a row; an odd last hash has none yet. Cost: O(hashes)."""
    starts = range(0, len(row) - _PAIR_BYTES + 1, _PAIR_BYTES)
    return b"".join([sha256(b"\x01" + row[at : at + _PAIR_BYTES]).digest() for at in starts])


def peak_of(row: bytes) -> bytes:
    """Return the last hash of a row of odd length, which stays without a pair; else nothing."""
    return row[-HASH_BYTES:] if len(row) % _PAIR_BYTES else b""


def fold_peaks(peaks: Iterable[bytes]) -> bytes:
    """Return the root over complete subtrees, given from the smallest (rightmost) to the largest.

    Empty byte strings stand for subtrees that the tree does not have; none at all gives the root
    of the empty tree.
    """
    root = b""
    for peak in peaks:
        if peak:
            root = node_hash(peak, root) if root else peak
    return root or EMPTY_ROOT


def root_of(entries: Sequence[bytes]) -> bytes:
    """Return the root of the tree over ``entries``.

    Cost: two hashes an entry. Source: RFC 9162, section 2.1.1.
    """
    row = b"".join([leaf_hash(entry) for entry in entries])
    peaks = []
    while row:
        peaks.append(peak_of(row))
        row = row_above(row)
    return fold_peaks(peaks)


def trailing_zeros(number: int) -> int:
    """Return the count of zero bits below the lowest set bit of a positive integer."""
    return (number & -number).bit_length() - 1


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that ``path`` leads to from a leaf hash.

    Args:
        leaf: 32-byte leaf hash.
        index: place of the leaf, below ``size``.
        size: leaves of the tree, at most ``LOG_SIZE_MAX``.
        path: sibling hashes from the leaf up, at most ``LOG_PATH_HASHES_MAX``.
    Raises: ProofInvalid, when a tree of that size has no path of that length there.
    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size <= LOG_SIZE_MAX:
        raise ProofInvalid("inclusion proof: index and size do not fit each other")
    _check_hashes((leaf, *path))
    return _climb(index, size - 1, leaf, path)[1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Say whether ``path`` proves that the tree of ``root`` and ``size`` has ``leaf`` at ``index``.

    Size and root must come from one who is trusted for both, such as a signed checkpoint: with the
    root alone, the same path also verifies for some other pairs of index and size.
    Source: RFC 9162, section 2.1.3.2.
    """
    try:
        return inclusion_root(leaf, index, size, path) == root
    except ProofInvalid:
        return False


def consistency_root(size_1: int, size_2: int, path: Sequence[bytes], root_1: bytes) -> bytes:
    """Return the root of the newer tree that ``path`` leads to from the older one.

    Args:
        size_1: leaves of the older tree, at least 1: an empty tree says nothing about a newer root.
        size_2: leaves of the newer tree, at most ``LOG_SIZE_MAX``.
        path: hashes in the order of the RFC, at most ``LOG_PATH_HASHES_MAX``.
        root_1: root of the older tree, to which the path must lead as well.
    Raises: ProofInvalid, when it does not, or when the path does not fit the sizes.
    Source: RFC 9162, section 2.1.4.2.
    """
    if not 1 <= size_1 <= size_2 <= LOG_SIZE_MAX:
        raise ProofInvalid("consistency proof: sizes do not fit each other")
    _check_hashes((root_1, *path))
    if size_1 == size_2:
        if path:
            raise ProofInvalid("consistency proof: equal sizes need no path")
        return root_1
    level = trailing_zeros(size_1)
    index, last = (size_1 - 1) >> level, (size_2 - 1) >> level
    if index == 0:  # the older tree is one complete subtree: its root is where the path starts
        path = (root_1, *path)
    if not path:
        raise ProofInvalid("consistency proof: path is too short for the sizes")
    older, newer = _climb(index, last, path[0], path[1:])
    if older != root_1:
        raise ProofInvalid("consistency proof: path does not lead to the older root")
    return newer


def verify_consistency(
    size_1: int, size_2: int, path: Sequence[bytes], root_1: bytes, root_2: bytes
) -> bool:
    """Say whether ``path`` proves that the tree of ``root_2`` only appended to that of ``root_1``.

    Every tree continues the empty one, by an empty path. Source: RFC 9162, section 2.1.4.2.
    """
    if size_1 == 0:
        is_tree = len(root_2) == HASH_BYTES if size_2 else root_2 == EMPTY_ROOT
        return is_tree and 0 <= size_2 <= LOG_SIZE_MAX and not path and root_1 == EMPTY_ROOT
    try:
        return consistency_root(size_1, size_2, path, root_1) == root_2
    except ProofInvalid:
        return False


def _climb(index: int, last: int, start: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Climb from node ``index`` of a row that ends at ``last``.

    Returns: root over the leaves up to and under the node where we start, root over all leaves.
    """
    older = newer = start
    for sibling in path:
        if last == 0:
            raise ProofInvalid("proof: path is too long for the size")
        if index & 1 or index == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not index & 1 and index:  # a right edge without a sibling moves up unhashed
                index, last = index >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise ProofInvalid("proof: path is too short for the size")
    return older, newer


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > LOG_PATH_HASHES_MAX + 1:
        raise ProofInvalid("proof: path has more hashes than LOG_PATH_HASHES_MAX")
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofInvalid("proof: a hash has not 32 bytes")
