"""Hash rules of the state tree, and the proof that one row is present or absent.

The tree is a crit-bit trie: an inner node names the first bit in which its two sides differ. So
its shape follows from the set of keys alone, and anyone can recompute a root from sorted rows.
Keys are prefix-free (``ordered.encode_key`` makes them so): none begins with another.

Invariant: what is hashed is written here and nowhere else; how a tree is stored is not hashed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from comity.crypto.hashing import (
    HASH_BYTES,
    TAG_TREE_EMPTY,
    TAG_TREE_LEAF,
    TAG_TREE_NODE,
    tagged,
)
from comity.errors import InvariantViolated, ProofInvalid
from comity.limits import ENCODED_KEY_BYTES_MAX, TREE_DEPTH_MAX

EMPTY_ROOT = tagged(TAG_TREE_EMPTY)  # root of a table without rows

# What a hash begins with: made once, because hashing is most of the tree's cost.
LEAF_HEADS = tuple(
    bytes((TAG_TREE_LEAF, *size.to_bytes(2, "big"))) for size in range(ENCODED_KEY_BYTES_MAX + 1)
)  # by length of key
NODE_HEADS = tuple(
    bytes((TAG_TREE_NODE, *bit.to_bytes(2, "big"))) for bit in range(TREE_DEPTH_MAX)
)  # by bit


def leaf_hash(key: bytes, row_hash: bytes) -> bytes:
    """Return the hash of one row's leaf.

    Args:
        key: encoded key, at most ``ENCODED_KEY_BYTES_MAX`` bytes.
        row_hash: SHA-256 of the row's bytes.

    """
    return sha256(LEAF_HEADS[len(key)] + key + row_hash).digest()


def node_hash(bit: int, left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: ``bit`` is the first in which its sides differ."""
    return sha256(NODE_HEADS[bit] + left + right).digest()


def bit_at(key: bytes, bit: int) -> int:
    """Return bit number ``bit`` of ``key``, most significant first; past its end 0 (R4.4)."""
    index = bit >> 3
    return key[index] >> (7 - (bit & 7)) & 1 if index < len(key) else 0


def shared_bits(left: bytes, right: bytes) -> int:
    """Return how many leading bits two keys share: 8 x the shorter length if one begins so."""
    size = min(len(left), len(right))
    differing = int.from_bytes(left[:size], "big") ^ int.from_bytes(right[:size], "big")
    return 8 * size - differing.bit_length()


def split_bit(left: bytes, right: bytes) -> int:
    """Return the first bit in which two keys of one tree differ.

    Raises:
        InvariantViolated: one key begins with the other, so their encoding is not prefix-free.

    """
    bit = shared_bits(left, right)
    if bit == 8 * min(len(left), len(right)):
        raise InvariantViolated(
            f"tree keys {left.hex()} and {right.hex()}: one begins with the other; use encode_key"
        )
    return bit


def root_of(rows: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the root over ``(key, row_hash)`` pairs in rising key order.

    Raises:
        InvariantViolated: the keys do not rise, or one begins with another.

    Cost: one pass, O(depth) memory.
    """
    bits: list[int] = [-1]  # open nodes, root first; their left sides stand in ``sides``
    sides: list[bytes] = []
    top = b""  # hash of the subtree that ends at the last key
    last = b""
    for key, row_hash in rows:
        leaf = sha256(LEAF_HEADS[len(key)] + key + row_hash).digest()
        if top:
            if key <= last:
                raise InvariantViolated(f"tree keys do not rise at {key.hex()}; sort the rows")
            bit = split_bit(last, key)
            while bits[-1] > bit:
                top = sha256(NODE_HEADS[bits.pop()] + sides.pop() + top).digest()
            bits.append(bit)
            sides.append(top)
        top, last = leaf, key
    while sides:
        top = node_hash(bits.pop(), sides.pop(), top)
    return top or EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class PathProof:
    """Show the one leaf at which the search for a key must end, and its path to the root.

    Args:
        key: the shown leaf's key: the asked one (present) or a foreign one (absent).
        row_hash: hash of the shown leaf's row.
        path: ``(bit, sibling hash)`` from the leaf up; bits fall strictly.

    """

    key: bytes
    row_hash: bytes
    path: tuple[tuple[int, bytes], ...]


def verify_path(root: bytes, key: bytes, proof: PathProof | None) -> bytes | None:
    """Return the hash of the row at ``key``, or None when the proof shows that there is none.

    Args:
        root: the tree's root, trusted from elsewhere.
        proof: None for an empty tree.

    Raises:
        ProofInvalid: the proof does not show either.

    Source: consensus rule R4.4.
    """
    if proof is None:
        if root != EMPTY_ROOT:
            raise ProofInvalid("state proof: shows no leaf of a tree that is not empty")
        return None
    if len(proof.key) > ENCODED_KEY_BYTES_MAX:
        raise ProofInvalid(f"state proof: key of {len(proof.key)} bytes")
    top = leaf_hash(proof.key, proof.row_hash)
    above = 8 * len(proof.key)
    for bit, sibling in proof.path:
        if not 0 <= bit < above:
            raise ProofInvalid(f"state proof: bit {bit} does not fall towards the root")
        side = bit_at(proof.key, bit)
        if side != bit_at(key, bit):
            raise ProofInvalid("state proof: the search for the key does not end at this leaf")
        top = node_hash(bit, sibling, top) if side else node_hash(bit, top, sibling)
        above = bit
    if top != root:
        raise ProofInvalid("state proof: the path does not end at the root")
    return proof.row_hash if proof.key == key else None


def path_to_value(proof: PathProof | None) -> object:
    """Return the proof as a plain CBOR value: ``[key, row_hash, [bit...], siblings]`` or null."""
    if proof is None:
        return None
    bits = [bit for bit, _ in proof.path]
    return [proof.key, proof.row_hash, bits, b"".join(sibling for _, sibling in proof.path)]


def path_from_value(value: object) -> PathProof | None:
    """Return the proof that ``path_to_value`` wrote.

    Raises:
        ProofInvalid: ``value`` has another shape.

    """
    match value:
        case None:
            return None
        case [bytes(key), bytes(row_hash), [*bits], bytes(siblings)]:
            if [len(row_hash), len(siblings)] == [HASH_BYTES, HASH_BYTES * len(bits)]:
                starts = range(0, len(siblings), HASH_BYTES)
                hashes = [siblings[start : start + HASH_BYTES] for start in starts]
                return PathProof(key, row_hash, tuple(zip(map(_bit, bits), hashes, strict=True)))
    raise ProofInvalid("state proof: not [key, row hash, [bit...], sibling hashes]")


def _bit(value: object) -> int:
    if type(value) is not int:
        raise ProofInvalid("state proof: a bit is not an integer")
    return value
