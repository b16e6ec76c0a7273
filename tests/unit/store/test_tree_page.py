"""The stored form of a tree page."""

import random

import pytest

from comity.crypto.trie import node_hash
from comity.errors import InvariantViolated
from comity.limits import TREE_PAGE_ENTRIES_MAX
from comity.store.tree_page import NO_ENTRY, Page

ROW_HASHES = [bytes((n,)) * 32 for n in range(1, 4)]
CHILD_NUMBER = 0x0102030405
STORED = b"".join(
    (
        bytes(32),  # slot 0: the top, not hashed yet
        *(b"\x11\x00\x01", ROW_HASHES[0], ROW_HASHES[1]),  # node 0, of bit 1: slots 1 and 2
        *(b"\x11\x01\x02", ROW_HASHES[2], bytes(32)),  # node 2, of bit 258: slots 3 and 4
        bytes((0, 0xFF, 2, 0xFD, 1)),  # node 0; leaf 0, node 2; leaf 1, child 0
        b"\x05\x04\x03\x02\x01",
        b"\x00\x00\x04\x00\x09\x00",  # records end at 4 and 9
        b"\x10\x00\x01a\x10\x00\x02bc",
        bytes((1, 2)),  # one child, two leaves
    )
)


def example() -> Page:
    """A page of two leaves and a child page."""
    page = Page.empty(7)
    page.references[0] = page.add_node(1, ROW_HASHES[0] + ROW_HASHES[1])
    page.references[1] = page.add_leaf(b"\x10\x00\x01a")
    page.references[2] = page.add_node(258, ROW_HASHES[2] + bytes(32))
    page.references[3] = page.add_leaf(b"\x10\x00\x02bc")
    page.references[4] = page.add_child(CHILD_NUMBER)
    return page


def test_the_stored_form_is_the_documented_one() -> None:
    """Byte for byte, on every machine."""
    assert example().encode() == STORED


def test_a_stored_page_reads_as_it_was_made() -> None:
    """Packed and unpacked, a page answers the same."""
    stored, unpacked = Page(7, STORED), Page(7, STORED)
    unpacked.unpack()
    for page in (example(), stored, unpacked):
        assert list(page.references) == [0, -1, 2, -3, 1]
        assert [page.bit(0), page.bit(2)] == [1, 258]
        assert [page.key(-1), page.key(-3)] == [b"a", b"bc"]
        assert page.child(1) == CHILD_NUMBER
        assert page.slot_hash(3) == ROW_HASHES[2]
        assert page.entries_count == 3
        assert page.hash_node(2) == node_hash(258, ROW_HASHES[2], bytes(32))
        assert page.encode() == STORED


def test_a_full_page_of_the_longest_keys_fits() -> None:
    """No count or place outgrows its bytes."""
    page = Page.empty(7)
    slot = 0
    for place in range(TREE_PAGE_ENTRIES_MAX - 1):
        node = page.references[slot] = page.add_node(place, bytes(64))
        page.references[node + 1] = page.add_leaf(b"\x10\x01\x00" + bytes((place,)) * 256)
        slot = node + 2
    page.references[slot] = page.add_leaf(b"\x10\x01\x00" + b"\xff" * 256)
    reopened = Page(7, page.encode())
    assert reopened.entries_count == TREE_PAGE_ENTRIES_MAX
    assert reopened.key(reopened.references[slot]) == b"\xff" * 256
    reopened.unpack()
    reopened.references[slot] = reopened.add_node(2_047, bytes(64))
    with pytest.raises(InvariantViolated, match="entries"):
        reopened.encode()


def test_an_empty_page_is_not_stored() -> None:
    """A table without rows has no page."""
    page = Page.empty(7)
    assert page.references[0] == NO_ENTRY
    assert page.entries_count == 0
    with pytest.raises(InvariantViolated, match="entries"):
        page.encode()


@pytest.mark.parametrize("size", [31, 33])
def test_a_hash_of_another_size_is_not_stored(size: int) -> None:
    """It would shift every hash behind it."""
    for page in (example(), Page(7, STORED)):
        page.hashes[35:67] = bytes(size)
        with pytest.raises(InvariantViolated, match="32 bytes"):
            page.encode()


def test_holes_are_filled_in_any_order() -> None:
    """Whatever is freed, the entries that stay keep their keys, numbers and hashes."""
    chance = random.Random(1)
    for _ in range(300):
        page, kept = comb(chance, chance.randrange(2, 20))
        page.fill_holes()
        found = {}
        slot = 0
        while not (node := page.references[slot]) & 1:
            found[content(page, node + 1)] = page.slot_hash(node + 1)
            slot = node + 2
        found[content(page, slot)] = page.slot_hash(slot)
        assert found == kept
        assert page.entries_count == len(kept)
        assert len(page.references) == 2 * len(kept) - 1


def content(page: Page, slot: int) -> bytes | int:
    """The key or child number in a slot."""
    reference = page.references[slot]
    return page.key(reference) if reference < 0 else page.child(reference)


def comb(chance: random.Random, size: int) -> tuple[Page, dict[bytes | int, bytes]]:
    """Make a page whose nodes each have an entry on their left, then take some entries away."""
    page = Page.empty(7)
    entries: dict[bytes | int, bytes] = {}
    slot, nodes = 0, []
    for place in range(size):
        value = chance.randbytes(32)
        if chance.random() < 0.5:
            key = bytes((place,)) + chance.randbytes(chance.randrange(9))
            reference = page.add_leaf(b"\x10\x00" + bytes((len(key),)) + key)
            entries[key] = value
        else:
            reference = page.add_child(place)
            entries[place] = value
        if place < size - 1:
            node = page.references[slot] = page.add_node(place, bytes(64))
            page.put(node + 1, reference, value)
            nodes.append((slot, node))
            slot = node + 2
        else:
            page.put(slot, reference, value)
    for above, node in reversed(nodes):
        if chance.random() < 0.4:
            del entries[content(page, node + 1)]
            page.free(page.references[node + 1])
            page.put(above, page.references[node + 2], page.slot_hash(node + 2))
            page.free(node)
    return page, entries
