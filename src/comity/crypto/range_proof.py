"""Prove every row of a key range: nothing in it is missing, nothing is added.

A proof is the tree itself in pre-order with subtrees outside the range cut off to their hash:
an int is an inner node (its bit; left side, then right side follow), 32 bytes are a cut subtree,
a pair is a shown leaf. No item: an empty tree. An empty range shows a neighbouring leaf.

Invariant: nothing is believed before the root is recomputed, and no input makes code recurse.
"""

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.trie import EMPTY_ROOT, bit_at, leaf_hash, node_hash
from comity.errors import ProofInvalid
from comity.limits import ENCODED_KEY_BYTES_MAX, TREE_DEPTH_MAX

Leaf = tuple[bytes, bytes]  # key, row hash
RangeProof = tuple[int | bytes | Leaf, ...]

# A subtree read so far: its hash; one shown key in it, or None; what the bit above must be below.
_Subtree = tuple[bytes, bytes | None, int]


def verify_range(root: bytes, low: bytes, high: bytes, proof: RangeProof) -> list[Leaf]:
    """Return every ``(key, row_hash)`` with ``low <= key <= high``, in key order.

    Args:
        root: the tree's root, trusted from elsewhere.
        low: first key of the range; need not be a whole key, so a prefix is a range too.
        high: last key of the range.

    Raises:
        ProofInvalid: the proof does not show exactly these rows.

    Source: consensus rule R4.4.
    """
    if low > high:
        raise ProofInvalid("range proof: the range ends before it begins")
    if not proof:
        if root != EMPTY_ROOT:
            raise ProofInvalid("range proof: shows no leaf of a tree that is not empty")
        return []
    rows: list[Leaf] = []
    subtrees: list[_Subtree] = []
    for item in reversed(proof):
        if isinstance(item, int):
            subtrees.append(_join(item, subtrees, low, high))
        elif isinstance(item, bytes):
            subtrees.append((item, None, TREE_DEPTH_MAX))
        else:
            key, row_hash = item
            if len(key) > ENCODED_KEY_BYTES_MAX:
                raise ProofInvalid(f"range proof: key of {len(key)} bytes")
            subtrees.append((leaf_hash(key, row_hash), key, 8 * len(key)))
            if low <= key <= high:
                rows.append((key, row_hash))
    if len(subtrees) != 1 or subtrees[0][0] != root:
        raise ProofInvalid("range proof: does not lead to the root")
    if subtrees[0][1] is None:
        raise ProofInvalid("range proof: shows no leaf")
    rows.reverse()
    return rows


def _join(bit: int, subtrees: list[_Subtree], low: bytes, high: bytes) -> _Subtree:
    """Take the two sides of an inner node from ``subtrees`` and return the node.

    That both sides share what comes before the bit, and part at it, puts all leaves in key order.
    """
    if len(subtrees) < 2:
        raise ProofInvalid("range proof: ends before all sides are shown")
    left, left_key, left_bound = subtrees.pop()
    right, right_key, right_bound = subtrees.pop()
    if not 0 <= bit < min(left_bound, right_bound):
        raise ProofInvalid(f"range proof: bit {bit} does not fall towards the root")
    key = left_key if left_key is not None else right_key
    if key is None:
        raise ProofInvalid("range proof: an inner node shows no leaf")
    if left_key is not None and bit_at(left_key, bit) == 1:
        raise ProofInvalid("range proof: a leaf stands on the wrong side")
    if right_key is not None and bit_at(right_key, bit) == 0:
        raise ProofInvalid("range proof: a leaf stands on the wrong side")
    prefix = leading(key, bit)
    if left_key is not None and right_key is not None:
        if leading(right_key, bit) != prefix:
            raise ProofInvalid("range proof: the sides of a node differ before its bit")
    else:
        hidden = prefix << 1 | (left_key is not None)
        if leading(low, bit + 1) <= hidden <= leading(high, bit + 1):
            raise ProofInvalid("range proof: a cut subtree may hold rows of the range")
    return node_hash(bit, left, right), key, bit


def leading(key: bytes, bits: int) -> int:
    """Return the first ``bits`` bits of ``key`` as a number; past its end they are 0 (R4.4)."""
    size = (bits + 7) >> 3
    return int.from_bytes(key[:size].ljust(size, b"\0"), "big") >> (8 * size - bits)


def sides_in_range(key: bytes, bit: int, low: bytes, high: bytes) -> tuple[bool, bool]:
    """Tell which sides of an inner node a proof of ``low`` to ``high`` must show.

    Args:
        key: any key below the node.
        bit: the node's bit.

    Returns:
        For a node wholly outside the range, the one side that shows a neighbour.

    """
    if not is_in_range(key, bit, low, high):
        return side_of_neighbour(bit, low)
    prefix, first, last = leading(key, bit), leading(low, bit), leading(high, bit)
    return (
        prefix > first or bit_at(low, bit) == 0,
        prefix < last or bit_at(high, bit) == 1,
    )


def is_in_range(key: bytes, bit: int, low: bytes, high: bytes) -> bool:
    """Tell whether keys from ``low`` to ``high`` may stand below the inner node of ``bit`` above ``key``."""
    return leading(low, bit) <= leading(key, bit) <= leading(high, bit)


def side_of_neighbour(bit: int, low: bytes) -> tuple[bool, bool]:
    """Tell which one side to show of a node wholly outside the range."""
    side = bit_at(low, bit)
    return side == 0, side == 1


def range_to_value(proof: RangeProof) -> object:
    """Return the proof as a plain CBOR value: a flat list."""
    return [list(item) if isinstance(item, tuple) else item for item in proof]


def range_from_value(value: object) -> RangeProof:
    """Return the proof that ``range_to_value`` wrote.

    Raises:
        ProofInvalid: ``value`` has another shape.

    """
    if not isinstance(value, list | tuple):
        raise ProofInvalid("range proof: not a list")
    return tuple(_item(item) for item in value)


def _item(value: object) -> int | bytes | Leaf:
    match value:
        case bytes() if len(value) == HASH_BYTES:
            return value
        case int() if type(value) is int:
            return value
        case [bytes(key), bytes(row_hash)] if len(row_hash) == HASH_BYTES:
            return key, row_hash
        case _:
            raise ProofInvalid("range proof: an item is neither bit, hash nor [key, row hash]")
