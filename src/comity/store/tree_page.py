"""One page of the state tree: a whole subtree of the trie with its hashes, kept as flat arrays.

A page has *entries* (leaves, and child pages) and, between them, the inner nodes that part them.
*Slot* 0 holds the page's top; node ``r``, always even, has its left side in slot r + 1 and its
right side in slot r + 2. So a hash is found by its slot, and node ``r`` hashes 64 bytes that lie
side by side. For each slot there is

- a *reference* to what stands there: a node (even), a child page (odd, 2 x its place + 1) or a
  leaf (negative and odd, -2 x its place - 1);
- 32 bytes: hash of a node or of a child page's top, and for a leaf the *row* hash, so that proofs
  can show it; the leaf's own hash is made when it is needed.

Stored form: hashes, references (1 byte each), bits of the nodes (2 bytes each, little-endian),
numbers of child pages (5 bytes each), places where leaf records begin and end (2 bytes each), leaf
records, count of children, count of leaves. A leaf record is what its hash begins with.

Invariant: the form of pages is not hashed. It may change without a fork.
"""

import sys
from array import array
from collections.abc import MutableSequence
from hashlib import sha256
from itertools import accumulate, pairwise

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.trie import LEAF_HEADS, NODE_HEADS
from comity.errors import InvariantViolated
from comity.limits import TREE_PAGE_ENTRIES_MAX

NUMBER_BYTES = 5  # a page's number in its parent
NO_ENTRY = ~(1 << 62)  # reference in slot 0 of a page without entries
_HEAD_BYTES = len(LEAF_HEADS[0])
_IS_BIG_ENDIAN = sys.byteorder == "big"

if 2 * TREE_PAGE_ENTRIES_MAX - 1 > 127:
    raise ValueError("a reference would not fit one signed byte")


class Page:
    """A page that is read or changed.

    Attributes:
        hashes: 32 bytes for each slot; what may follow them is not used.
        references: what stands in each slot.
        bits: bit of node ``r`` at ``r >> 1``.
        is_changed: whether it must be written.

    """

    __slots__ = (
        *("number", "hashes", "references", "bits", "is_changed", "has_holes"),
        *("_blob", "is_packed", "_children_at", "_ends_at", "_records", "_children"),
    )

    references: MutableSequence[int]
    bits: MutableSequence[int]

    def __init__(self, number: int, blob: bytes) -> None:
        """Open a stored page. Cost: a few copies; records are read when they are asked for."""
        leaves, children = blob[-1], blob[-2]
        slots = 2 * (leaves + children) - 1
        references_at = HASH_BYTES * slots
        bits_at = references_at + slots
        self.number = number
        self.hashes = bytearray(blob)
        self.references = array("b", blob[references_at:bits_at])
        self.bits = _to_shorts(blob[bits_at : bits_at + slots - 1])
        self.is_changed = False
        self.has_holes = False
        self._blob = blob
        self._children_at = bits_at + slots - 1
        self._ends_at = self._children_at + NUMBER_BYTES * children
        self.is_packed = True
        self._records: list[bytes] = []
        self._children: list[int] = []

    @classmethod
    def empty(cls, number: int) -> "Page":
        """Return a new page without entries."""
        page = cls.__new__(cls)
        page.number = number
        page.hashes = bytearray(HASH_BYTES)
        page.references, page.bits = [NO_ENTRY], []
        page.is_changed, page.has_holes = True, False
        page.is_packed = False
        page._records, page._children = [], []
        return page

    @property
    def entries_count(self) -> int:
        """Count of leaves and child pages, when the page has no holes."""
        return 0 if self.references[0] == NO_ENTRY else len(self.bits) + 1

    def record(self, reference: int) -> bytes:
        """Return the record of a leaf: tag, length of key, key."""
        place = ~reference >> 1
        if not self.is_packed:
            return self._records[place]
        at = self._ends_at + 2 * place
        both = int.from_bytes(self._blob[at : at + 4], "little")
        base = self._ends_at + 2 * (self._blob[-1] + 1)
        return self._blob[base + (both & 0xFFFF) : base + (both >> 16)]

    def key(self, reference: int) -> bytes:
        """Return the key of a leaf."""
        return self.record(reference)[_HEAD_BYTES:]

    def child(self, reference: int) -> int:
        """Return the number of a child page."""
        place = reference >> 1
        if not self.is_packed:
            return self._children[place]
        at = self._children_at + NUMBER_BYTES * place
        return int.from_bytes(self._blob[at : at + NUMBER_BYTES], "little")

    def slot_hash(self, slot: int) -> bytes:
        """Return the hash of the subtree in ``slot``, a leaf's included."""
        start = HASH_BYTES * slot
        stored = bytes(self.hashes[start : start + HASH_BYTES])
        reference = self.references[slot]
        return sha256(self.record(reference) + stored).digest() if reference < 0 else stored

    def row_hash(self, slot: int) -> bytes:
        """Return the row hash of the leaf in ``slot``."""
        return bytes(self.hashes[HASH_BYTES * slot : HASH_BYTES * (slot + 1)])

    def hash_node(self, node: int) -> bytes:
        """Return the hash of node ``node`` from what its two slots hold."""
        head = NODE_HEADS[self.bits[node >> 1]]
        return sha256(head + self.slot_hash(node + 1) + self.slot_hash(node + 2)).digest()

    # --- changes of shape; the caller rehashes the nodes above ---

    def unpack(self) -> None:
        """Turn the arrays into lists that can grow."""
        if not self.is_packed:
            return
        self.is_packed = False
        blob, at = self._blob, self._ends_at
        base = at + 2 * (blob[-1] + 1)
        ends = _to_shorts(blob[at:base])
        self._children = [
            int.from_bytes(blob[place : place + NUMBER_BYTES], "little")
            for place in range(self._children_at, at, NUMBER_BYTES)
        ]
        self._records = [blob[base + start : base + end] for start, end in pairwise(ends)]
        del self.hashes[HASH_BYTES * len(self.references) :]
        self.references, self.bits = list(self.references), list(self.bits)

    def add_leaf(self, record: bytes) -> int:
        """Keep a leaf's record; return the reference to it."""
        self._records.append(record)
        return 1 - 2 * len(self._records)

    def add_child(self, number: int) -> int:
        """Keep a child page's number; return the reference to it."""
        self._children.append(number)
        return 2 * len(self._children) - 1

    def add_node(self, bit: int) -> int:
        """Add an inner node that stands nowhere yet; return the reference to it."""
        node = 2 * len(self.bits)
        self.bits.append(bit)
        self.references.extend((NO_ENTRY, NO_ENTRY))
        self.hashes += bytes(2 * HASH_BYTES)
        return node

    def move(self, source: int, target: int) -> None:
        """Put what stands in slot ``source`` into slot ``target`` too."""
        self.references[target] = self.references[source]
        start = HASH_BYTES * source
        self.put_hash(target, self.hashes[start : start + HASH_BYTES])

    def put_hash(self, slot: int, value: bytes | bytearray) -> None:
        """Write the 32 bytes of ``slot``."""
        start = HASH_BYTES * slot
        self.hashes[start : start + HASH_BYTES] = value

    def encode(self) -> bytes:
        """Return the stored form.

        Raises:
            InvariantViolated: the page has no entry or more than a page can hold, or a hash was
                put that has not 32 bytes.

        """
        size = len(self._blob) if self.is_packed else HASH_BYTES * len(self.references)
        if len(self.hashes) != size:
            raise InvariantViolated(f"tree page {self.number}: a row hash has not 32 bytes")
        if self.is_packed:
            return bytes(self.hashes)
        if not 1 <= self.entries_count <= TREE_PAGE_ENTRIES_MAX:
            raise InvariantViolated(f"tree page {self.number} has {self.entries_count} entries")
        ends = accumulate(map(len, self._records), initial=0)
        return b"".join(
            (
                self.hashes,
                array("b", self.references).tobytes(),
                _from_shorts(array("H", self.bits)),
                *[number.to_bytes(NUMBER_BYTES, "little") for number in self._children],
                _from_shorts(array("H", ends)),
                *self._records,
                bytes((len(self._children), len(self._records))),
            )
        )


def _to_shorts(data: bytes) -> "array[int]":
    values = array("H", data)
    if _IS_BIG_ENDIAN:
        values.byteswap()
    return values


def _from_shorts(values: "array[int]") -> bytes:
    if _IS_BIG_ENDIAN:
        values.byteswap()
    return values.tobytes()
