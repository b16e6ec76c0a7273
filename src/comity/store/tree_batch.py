"""One batch of changes to a state tree, in one walk over its sorted keys.

The walk keeps the path to the last key on a stack. The next key shares some leading bits with it:
nodes beyond those are done and hashed once as they leave the stack; from the lowest node that
stays, the walk goes down to the key. So a node is visited and hashed once however many keys below
it change, and neither keys nor pages make code recurse.

Invariant: at each key, every subtree that is off the stack has its right hash, in its page.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.trie import EMPTY_ROOT, LEAF_HEADS, split_bit
from comity.errors import InvariantViolated
from comity.limits import ENCODED_KEY_BYTES_MAX, TREE_DEPTH_MAX
from comity.store.tree_page import (
    HEAD_BYTES,
    NO_ENTRY,
    NODE_BYTES,
    NODES_AT,
    Page,
    slot_of,
)
from comity.store.tree_shape import copy_subtree, cut, fits

ROOT_NUMBER = 1
UPPER = 1 << 39  # pages with child pages are numbered from here, so that they lie side by side
_PAGE = -1  # stands on the stack for a page's top, in place of a node
_PAGE_BIT = TREE_DEPTH_MAX  # beyond every bit: a page without open nodes is closed
_ROOT_BIT = -1  # before every bit: the root page stays open
_ONE = ord("1")
_NO_BITS = b"0" * TREE_DEPTH_MAX  # bits past a key's end (R4.4)
_FORMATS = tuple(f"0{8 * size}b" for size in range(ENCODED_KEY_BYTES_MAX + 1))
_RIGHT = HEAD_BYTES + HASH_BYTES  # right side of a node in its record


class Batch:
    """Changes of one tree, kept apart from it.

    Attributes:
        puts: stored form of each page that is new or changed, by number.
        reshaped: numbers of those that are new, or may have another length than before.
        deletes: numbers of pages that are gone.
        next_pages: first numbers never used, of pages without and with child pages.
        rows_delta: rows added less rows removed.

    """

    def __init__(
        self,
        root_page: bytes | None,
        read: Callable[[int], bytes],
        base: int,
        next_pages: tuple[int, int],
        entries_max: int,
    ) -> None:
        """Stand at the root.

        Args:
            root_page: stored form of the root page; None for an empty tree.
            read: stored form of any other page, by id.
            base: what a page's number is added to for its id.

        """
        self.puts: dict[int, bytes] = {}
        self.reshaped: dict[int, None] = {}
        self.deletes: dict[int, None] = {}
        self.next_pages = next_pages
        self.rows_delta = 0
        self._read = read
        self._base = base
        self._entries_max = entries_max
        self._page = Page(ROOT_NUMBER, root_page) if root_page else Page.empty(ROOT_NUMBER)
        self._parents: list[Page] = []
        self._walked_from = 0  # height of the stack when the last walk down began
        self._digits = b""  # of the key that is being applied: "0" or "1" for each bit
        # bit, node, where its record is, where the slot is that it stands in
        self._stack: list[tuple[int, int, int, int]] = [(_ROOT_BIT, _PAGE, 0, 0)]

    def apply(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Apply row hashes by key, None to remove, and return the new root; call it once."""
        stack = self._stack
        last, last_number = b"", 0
        is_last_present = False  # whether the last key is in the tree now
        for key in sorted(changes):
            row_hash = changes[key]
            size, number = len(key), int.from_bytes(key, "big")
            if not 0 < size <= ENCODED_KEY_BYTES_MAX:
                raise InvariantViolated(f"tree key of {size} bytes; encode_key never makes one")
            if size == len(last):
                shared = 8 * size - (number ^ last_number).bit_length()
            else:
                shared = split_bit(last, key) if last else 0
            above = stack[-1][0]
            if above > shared:
                above = self._ascend(shared)
            self._digits = format(number, _FORMATS[size]).encode()
            record = LEAF_HEADS[size] + key
            leaf = None if row_hash is None else _leaf_hash(record, row_hash)
            if is_last_present and above != shared:
                # Below here all keys share more bits with the last key than this one does.
                if leaf is None:
                    continue
                self._insert(record, leaf, shared)
            else:
                is_last_present = self._change(*self._descend(), record, leaf)
            last, last_number = key, number
        self._ascend(_ROOT_BIT)
        return self._close_root()

    def _ascend(self, bit: int) -> int:
        """Hash the nodes beyond ``bit`` and take them off the stack; close pages left behind.

        Returns:
            The bit of the node on top of the stack then.

        """
        stack = self._stack
        hashes = self._page.hashes
        above, node, record, at = stack.pop()
        while above > bit:
            if node < 0:
                self._close_page(at)
                hashes = self._page.hashes
            else:
                hashes[at : at + HASH_BYTES] = sha256(hashes[record : record + NODE_BYTES]).digest()
            above, node, record, at = stack.pop()
        stack.append((above, node, record, at))
        return above

    def _descend(self) -> tuple[int, int]:
        """Walk down by the key's bits, opening pages; return the slot of the leaf at the end, and where it is."""
        push = self._stack.append
        self._walked_from = len(self._stack)
        digits, page = self._digits, self._page
        references, hashes = page.references, page.hashes
        slot, at = self._next_slot()
        for _ in range(2 * TREE_DEPTH_MAX):  # a damaged page may lead in circles
            reference = references[slot]
            if not reference & 1:
                record = NODES_AT + NODE_BYTES * (reference >> 1)
                bit = hashes[record + 1] << 8 | hashes[record + 2]
                push((bit, reference, record, at))
                if bit >= len(digits):
                    digits += _NO_BITS
                if digits[bit] == _ONE:
                    slot, at = reference + 2, record + _RIGHT
                else:
                    slot, at = reference + 1, record + HEAD_BYTES
            elif reference < 0:
                return slot, at
            else:
                push((_PAGE_BIT, _PAGE, 0, at))
                self._parents.append(page)
                page = self._page = self._open(page.child(reference))
                references, hashes = page.references, page.hashes
                slot = at = 0
        raise InvariantViolated(f"tree page {page.number} leads in circles; run comity audit")

    def _next_slot(self) -> tuple[int, int]:
        """Return the slot below the top of the stack on the key's side, and where its 32 bytes are."""
        bit, node, record, _ = self._stack[-1]
        if node == _PAGE:
            return 0, 0
        if self._digits[bit] == _ONE:
            return node + 2, record + _RIGHT
        return node + 1, record + HEAD_BYTES

    def _change(self, slot: int, at: int, record: bytes, leaf: bytes | None) -> bool:
        """Put, add or remove a leaf where its search ended; tell whether it is there now."""
        page = self._page
        reference = page.references[slot]
        found = b"" if reference == NO_ENTRY else page.record(reference)
        if found == record:
            if leaf is None:
                self._remove(slot)
                self.rows_delta -= 1
            else:
                page.hashes[at : at + HASH_BYTES] = leaf
                page.is_changed = True
        elif leaf is not None:
            if found:
                bit = split_bit(found[HEAD_BYTES:], record[HEAD_BYTES:])
                self._turn_back(bit)
                self._insert(record, leaf, bit)
            else:
                page.put(slot, page.add_leaf(record), leaf)
                page.is_changed = True
                self.rows_delta += 1
        return leaf is not None

    def _turn_back(self, bit: int) -> None:
        """Go up to where a new key parts, over nodes that need no hash: nothing changed below."""
        stack = self._stack
        while len(stack) > self._walked_from and stack[-1][0] > bit:
            if stack.pop()[1] == _PAGE:
                self._page = self._parents.pop()
        self._ascend(bit)

    def _insert(self, record: bytes, leaf: bytes, bit: int) -> None:
        """Add a leaf that parts at ``bit`` from what is below the top of the stack."""
        slot, at = self._next_slot()
        page = self._page
        page.unpack()
        beside = page.hashes[at : at + HASH_BYTES]
        side = self._digits[bit] - 48
        node = page.add_node(bit, beside + leaf if side else leaf + beside)
        page.references[node + 2 - side] = page.references[slot]
        page.references[node + 1 + side] = page.add_leaf(record)
        page.references[slot] = node
        page.is_changed = True
        self.rows_delta += 1
        self._stack.append((bit, node, NODES_AT + NODE_BYTES * (node >> 1), at))

    def _remove(self, slot: int) -> None:
        """Take the entry in ``slot`` away: what stands beside it moves up to its node's place."""
        page = self._page
        page.unpack()
        page.is_changed = True
        page.free(page.references[slot])
        if self._stack[-1][1] == _PAGE:
            page.references[slot] = NO_ENTRY
        else:
            _, node, _, above_at = self._stack.pop()
            beside = 2 * node + 3 - slot
            page.put(slot_of(above_at), page.references[beside], page.slot_hash(beside))
            page.free(node)

    # --- pages ---

    def _open(self, number: int) -> Page:
        return Page(number, self.puts.get(number) or self._read(self._base | number))

    def _new_number(self, page: Page) -> int:
        leaves, uppers = self.next_pages
        self.next_pages = (leaves, uppers + 1) if page.has_children else (leaves + 1, uppers)
        return uppers if page.has_children else leaves

    def _forget(self, number: int) -> None:
        self.puts.pop(number, None)
        self.reshaped.pop(number, None)
        self.deletes[number] = None

    def _close_page(self, at: int) -> None:
        """Leave the page for its parent, where the slot ``at`` refers to it."""
        page, parent = self._page, self._parents.pop()
        self._page = parent
        if not page.is_changed:
            return
        if page.is_packed:
            self.puts[page.number] = page.encode()
            parent.hashes[at : at + HASH_BYTES] = page.hashes[:HASH_BYTES]
            parent.is_changed = True
            return
        page.fill_holes()
        count = page.entries_count
        if count > 1 and fits(page, self._entries_max):
            self._put(page)
            parent.hashes[at : at + HASH_BYTES] = page.hashes[:HASH_BYTES]
            parent.is_changed = True
            return
        self._forget(page.number)
        parent.is_changed = True
        slot = slot_of(at)
        if count == 0:
            self._remove(slot)
            return
        parent.unpack()
        parent.free(parent.references[slot])
        copy_subtree(page, 0, parent, slot, self._cut(page))

    def _put(self, page: Page) -> None:
        """Keep a page's stored form."""
        self.puts[page.number] = page.encode()
        if not page.is_packed:
            self.reshaped[page.number] = None

    def _cut(self, page: Page) -> dict[int, int]:
        """Store the page's subtrees that fit a page as pages; return their numbers by slot."""
        numbers = {}
        if not fits(page, self._entries_max):
            for slot, part in cut(page, self._entries_max):
                part.number = numbers[slot] = self._new_number(part)
                self._put(part)
        return numbers

    def _close_root(self) -> bytes:
        page = self._page
        while page.is_changed:
            page.fill_holes()
            reference = page.references[0]
            if reference == NO_ENTRY:
                self._forget(ROOT_NUMBER)
                return EMPTY_ROOT
            if reference > 0 and reference & 1:  # one child page: it becomes the root page
                number = page.child(reference)
                page = self._open(number)
                if not page.is_sound():
                    raise InvariantViolated(f"tree page {number} is damaged; run comity audit")
                page.number, page.is_changed = ROOT_NUMBER, True
                self._forget(number)
                self.reshaped[ROOT_NUMBER] = None
            elif not fits(page, self._entries_max):
                upper = Page.empty(ROOT_NUMBER)
                copy_subtree(page, 0, upper, 0, self._cut(page))
                page = upper
            else:
                self._put(page)
                break
        return EMPTY_ROOT if page.references[0] == NO_ENTRY else page.slot_hash(0)


def _leaf_hash(record: bytes, row_hash: bytes) -> bytes:
    if len(row_hash) != HASH_BYTES:
        raise InvariantViolated(f"tree: a row hash of {len(row_hash)} bytes")
    return sha256(record + row_hash).digest()
