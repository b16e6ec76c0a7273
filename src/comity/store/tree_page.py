"""One page of the state tree: a whole subtree of the trie with its hashes, kept as flat arrays.

A page has *entries* (leaves, and child pages) and, between them, the inner nodes that part them.
*Slot* 0 holds the page's top; node ``r``, always even, has its left side in slot r + 1 and its
right side in slot r + 2. For each slot there is

- a *reference* to what stands there: a node (even), a child page (odd, 2 x its place + 1) or a
  leaf (negative and odd, -2 x its place - 1);
- 32 bytes: the hash of that node, leaf or child page's top.

The 32 bytes of slot 0 come first. Then comes, for each node, what its hash is made of, side by side:
its head (tag and bit, 3 bytes) and the 32 bytes of its two sides; so a node is hashed as it lies there.

Stored form: slot 0 and nodes, references (1 byte each), numbers of child pages (5 bytes each), places
where leaf records begin and end (2 bytes each), leaf records, count of children, count of leaves. A
leaf record is what its hash begins with.

Invariant: the form of pages is not hashed. It may change without a fork.
"""

import sys
from array import array
from collections.abc import MutableSequence, Sequence
from hashlib import sha256
from struct import Struct

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.trie import LEAF_HEADS, NODE_HEADS
from comity.errors import InvariantViolated
from comity.limits import ENCODED_KEY_BYTES_MAX, TREE_DEPTH_MAX, TREE_PAGE_ENTRIES_MAX

NUMBER_BYTES = 5  # a page's number in its parent
NO_ENTRY = ~(1 << 62)  # reference in slot 0 of a page without entries
HEAD_BYTES = len(NODE_HEADS[0])  # of a node, and of a leaf
NODE_BYTES = HEAD_BYTES + 2 * HASH_BYTES
NODES_AT = HASH_BYTES  # after slot 0
LEFT_AT = NODES_AT + HEAD_BYTES  # 32 bytes of the left side of node 0
RIGHT_AT = LEFT_AT + HASH_BYTES
LEAF_ENTRY_BYTES = (
    NODE_BYTES + 4
)  # of a page for a leaf, its record apart: node, two references, place
CHILD_ENTRY_BYTES = NODE_BYTES + 2 + NUMBER_BYTES
_unpack_ends = Struct("<HH").unpack_from  # where a leaf's record begins and ends
_NO_HASH = "tree page {}: a hash has not 32 bytes"
_IS_BIG_ENDIAN = sys.byteorder == "big"

if 2 * TREE_PAGE_ENTRIES_MAX - 1 > 127:
    raise ValueError("a reference would not fit one signed byte")


class Page:
    """A page that is read or changed.

    Attributes:
        hashes: slot 0 and nodes; what may follow them is not used.
        references: what stands in each slot.
        is_changed: whether it must be written.
        is_packed: whether its shape is still the stored one.

    """

    __slots__ = (
        *("number", "hashes", "references", "is_changed", "is_packed"),
        *("_blob", "_children_at", "_ends_at", "_records_at"),
        *("_children", "_ends", "_records", "_free"),
    )

    references: MutableSequence[int]

    def __init__(self, number: int, blob: bytes) -> None:
        """Open a stored page. Cost: a few copies."""
        leaves, children = blob[-1], blob[-2]
        nodes = leaves + children - 1
        references_at = NODES_AT + NODE_BYTES * nodes
        children_at = references_at + 2 * nodes + 1
        self.number = number
        self.hashes = bytearray(blob)
        self.references = array("b", blob[references_at:children_at])
        self.is_changed = False
        self.is_packed = True
        self._blob = blob
        self._children_at = children_at
        self._ends_at = children_at + NUMBER_BYTES * children
        self._records_at = self._ends_at + 2 * leaves + 2

    @classmethod
    def empty(cls, number: int) -> "Page":
        """Return a new page without entries."""
        page = cls.__new__(cls)
        page.number = number
        page.hashes = bytearray(HASH_BYTES)
        page.references = [NO_ENTRY]
        page.is_changed = True
        page.is_packed = False
        page._children, page._ends, page._records = bytearray(), [0], bytearray()
        page._free = []
        return page

    def is_sound(self) -> bool:
        """Tell whether a stored page's arrays fit one another, so that a walk stays in it and ends.

        Cost: 30 us for a full page. Hashes are not checked.
        """
        leaves, children = self._blob[-1], self._blob[-2]
        references, nodes = self.references, leaves + children - 1
        if not 1 <= leaves + children <= TREE_PAGE_ENTRIES_MAX or (children and not nodes):
            return False
        leaf_references = range(1 - 2 * leaves, 0, 2)
        node_references = range(0, 2 * nodes, 2)
        expected = (*leaf_references, *node_references, *range(1, 2 * children, 2))
        if sorted(references) != sorted(expected):
            return False
        bits = [self.bit(node) for node in node_references]
        heads = [
            self.hashes[self._at(node) : self._at(node) + HEAD_BYTES] for node in node_references
        ]
        if max(bits, default=0) >= TREE_DEPTH_MAX or heads != [NODE_HEADS[bit] for bit in bits]:
            return False
        for slot in range(1, len(references)):
            reference = references[slot]
            if not reference & 1 and bits[reference >> 1] <= bits[slot - 1 >> 1]:
                return False
        return self._is_dense(leaf_references)

    def _is_dense(self, leaf_references: Sequence[int]) -> bool:
        """Tell whether the leaf records are records, side by side, and end where the page does."""
        is_whole = len(self._blob) >= self._records_at + 2
        if not is_whole or self._blob[self._ends_at : self._ends_at + 2] != b"\0\0":
            return False
        records = [self.record(reference) for reference in reversed(leaf_references)]
        sizes = [len(record) - HEAD_BYTES for record in records]
        return b"".join(records) == self._blob[self._records_at : -2] and all(
            0 <= size <= ENCODED_KEY_BYTES_MAX and record.startswith(LEAF_HEADS[size])
            for size, record in zip(sizes, records, strict=True)
        )

    def is_below(self, page: "Page", reference: int) -> bool:
        """Tell whether this page's top parts keys at a later bit than the node of ``page`` that has ``reference``."""
        slot = page.references.index(reference)
        top = self.references[0]
        return bool(top & 1) or self.bit(top) > page.bit(slot - 1 & ~1)

    @property
    def entries_count(self) -> int:
        """Count of leaves and child pages."""
        if self.references[0] == NO_ENTRY:
            return 0
        return len(self.references) // 2 + 1

    @property
    def has_children(self) -> bool:
        """Tell whether a page that is not stored yet has child pages."""
        return bool(self._children)

    @property
    def size_bytes(self) -> int:
        """Length of the stored form."""
        if self.is_packed:
            return len(self._blob)
        ends = 2 * len(self._ends) + len(self._records) + 2
        return len(self.hashes) + len(self.references) + len(self._children) + ends

    def bit(self, node: int) -> int:
        """Return the first bit in which the two sides of a node differ."""
        at = self._at(node)
        return self.hashes[at + 1] << 8 | self.hashes[at + 2]

    def record(self, reference: int) -> bytes:
        """Return the record of a leaf: tag, length of key, key."""
        if self.is_packed:
            start, end = _unpack_ends(self._blob, self._ends_at + ~reference)
            return self._blob[self._records_at + start : self._records_at + end]
        place = ~reference >> 1
        return bytes(self._records[self._ends[place] : self._ends[place + 1]])

    def key(self, reference: int) -> bytes:
        """Return the key of a leaf."""
        return self.record(reference)[HEAD_BYTES:]

    def child(self, reference: int) -> int:
        """Return the number of a child page."""
        at = NUMBER_BYTES * (reference >> 1)
        if self.is_packed:
            at += self._children_at
            return int.from_bytes(self._blob[at : at + NUMBER_BYTES], "little")
        return int.from_bytes(self._children[at : at + NUMBER_BYTES], "little")

    def slot_hash(self, slot: int) -> bytes:
        """Return the hash of the subtree in ``slot``, a leaf's included."""
        at = slot_at(slot)
        return bytes(self.hashes[at : at + HASH_BYTES])

    def hash_node(self, node: int) -> bytes:
        """Return the hash of node ``node`` from what its two slots hold."""
        at = self._at(node)
        return sha256(self.hashes[at : at + NODE_BYTES]).digest()

    @staticmethod
    def _at(node: int) -> int:
        return NODES_AT + NODE_BYTES * (node >> 1)

    # --- changes of shape; the caller rehashes the nodes above ---

    def unpack(self) -> None:
        """Turn the arrays into lists that can grow."""
        if not self.is_packed:
            return
        self.is_packed = False
        blob, ends_at, records_at = self._blob, self._ends_at, self._records_at
        self._children = bytearray(blob[self._children_at : ends_at])
        self._ends = _to_shorts(blob[ends_at:records_at]).tolist()
        self._records = bytearray(blob[records_at:-2])
        self._free: list[int] = []
        del self.hashes[self._at(len(self.references) - 1) :]
        self.references = list(self.references)

    def add_leaf(self, record: bytes) -> int:
        """Keep a leaf's record; return the reference to it."""
        self._records += record
        self._ends.append(len(self._records))
        return 3 - 2 * len(self._ends)

    def add_child(self, number: int) -> int:
        """Keep a child page's number; return the reference to it."""
        self._children += number.to_bytes(NUMBER_BYTES, "little")
        return 2 * (len(self._children) // NUMBER_BYTES) - 1

    def add_node(self, bit: int, sides: bytes | bytearray) -> int:
        """Add an inner node with the hashes of its two slots; return the reference to it."""
        node = len(self.references) - 1
        self.references.extend((NO_ENTRY, NO_ENTRY))
        self.hashes += NODE_HEADS[bit]
        self.hashes += sides
        return node

    def put(self, slot: int, reference: int, value: bytes | bytearray) -> None:
        """Put an entry or node into ``slot`` with its 32 bytes."""
        self.references[slot] = reference
        at = slot_at(slot)
        self.hashes[at : at + HASH_BYTES] = value

    def free(self, reference: int) -> None:
        """Note that a leaf, child or node stands nowhere any more."""
        self._free.append(reference)
        if not reference & 1:
            self.references[reference + 1] = self.references[reference + 2] = NO_ENTRY

    def fill_holes(self) -> None:
        """Move what stands last to where something was freed, so that arrays are dense again."""
        if self.is_packed:
            return
        for reference in sorted(self._free, key=abs, reverse=True):
            if reference < 0:
                last = 3 - 2 * len(self._ends)
                self._drop_leaf(~reference >> 1)
            elif reference & 1:
                last = 2 * (len(self._children) // NUMBER_BYTES) - 1
                self._drop_child(NUMBER_BYTES * (reference >> 1))
            else:
                last = len(self.references) - 3
                self._drop_node(reference)
            if last != reference:
                self.references[self.references.index(last)] = reference
        self._free = []

    def _drop_leaf(self, place: int) -> None:
        start, end = self._ends[place], self._ends[place + 1]
        self._ends.pop()
        final = self._records[self._ends[-1] :]
        del self._records[self._ends[-1] :]
        if place == len(self._ends) - 1:
            return
        self._records[start:end] = final
        longer = len(final) - (end - start)
        if longer:
            self._ends[place + 1 :] = [at + longer for at in self._ends[place + 1 :]]

    def _drop_child(self, at: int) -> None:
        final = self._children[-NUMBER_BYTES:]
        self._children[at : at + NUMBER_BYTES] = final
        del self._children[-NUMBER_BYTES:]

    def _drop_node(self, node: int) -> None:
        references, at = self.references, self._at(node)
        references[node + 1 : node + 3] = references[-2:]
        self.hashes[at : at + NODE_BYTES] = self.hashes[-NODE_BYTES:]
        del references[-2:]
        del self.hashes[-NODE_BYTES:]

    def encode(self) -> bytes:
        """Return the stored form.

        Raises:
            InvariantViolated: the page has no entry or more than a page can hold, or a hash was
                put that has not 32 bytes.

        """
        if self.is_packed:
            if len(self.hashes) != len(self._blob):
                raise InvariantViolated(_NO_HASH.format(self.number))
            return bytes(self.hashes)
        if len(self.hashes) != self._at(len(self.references) - 1):
            raise InvariantViolated(_NO_HASH.format(self.number))
        if not 1 <= self.entries_count <= TREE_PAGE_ENTRIES_MAX:
            raise InvariantViolated(f"tree page {self.number} has {self.entries_count} entries")
        return b"".join(
            (
                self.hashes,
                array("b", self.references).tobytes(),
                self._children,
                _from_shorts(array("H", self._ends)),
                self._records,
                bytes((len(self._children) // NUMBER_BYTES, len(self._ends) - 1)),
            )
        )


def slot_at(slot: int) -> int:
    """Return where the 32 bytes of a slot begin."""
    if not slot:
        return 0
    return (LEFT_AT if slot & 1 else RIGHT_AT) + NODE_BYTES * (slot - 1 >> 1)


def slot_of(at: int) -> int:
    """Return the slot whose 32 bytes begin at ``at``."""
    if not at:
        return 0
    node, side = divmod(at - LEFT_AT, NODE_BYTES)
    return 2 * node + (2 if side else 1)


def _to_shorts(data: bytes) -> "array[int]":
    values = array("H", data)
    if _IS_BIG_ENDIAN:
        values.byteswap()
    return values


def _from_shorts(values: "array[int]") -> bytes:
    if _IS_BIG_ENDIAN:
        values.byteswap()
    return values.tobytes()
