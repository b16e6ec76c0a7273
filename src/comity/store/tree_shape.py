"""Copy and cut subtrees of a page: how a page is split, or drawn into its parent.

Invariant: a copy keeps every bit, hash and leaf of what it copies; only their places change.
"""

from collections.abc import Iterator, Mapping

from comity.crypto.hashing import HASH_BYTES
from comity.limits import TREE_PAGE_BYTES_MAX
from comity.store.tree_page import (
    CHILD_ENTRY_BYTES,
    LEAF_ENTRY_BYTES,
    NO_ENTRY,
    NODE_BYTES,
    Page,
    slot_at,
)

_NO_ENTRIES_BYTES = Page.empty(0).size_bytes - (NODE_BYTES + 2)  # of a page, beside its entries


def fits(page: Page, entries_max: int) -> bool:
    """Tell whether a page may be stored as it is."""
    return page.entries_count <= entries_max and page.size_bytes <= TREE_PAGE_BYTES_MAX


def copy_subtree(
    source: Page, source_slot: int, target: Page, target_slot: int, pages: Mapping[int, int]
) -> None:
    """Copy what stands in ``source_slot`` into ``target_slot`` of an unpacked page.

    Args:
        pages: source slots whose subtrees are pages of their own now, with the pages' numbers.

    """
    references, hashes = source.references, source.hashes
    start = slot_at(source_slot)
    target.put(target_slot, NO_ENTRY, hashes[start : start + HASH_BYTES])
    work = [(source_slot, target_slot)]
    while work:
        source_slot, target_slot = work.pop()
        reference = references[source_slot]
        if source_slot in pages:
            copy = target.add_child(pages[source_slot])
        elif reference < 0:
            copy = target.add_leaf(source.record(reference))
        elif reference & 1:
            copy = target.add_child(source.child(reference))
        else:
            start = slot_at(reference + 1)
            sides = hashes[start : start + 2 * HASH_BYTES]
            copy = target.add_node(source.bit(reference), sides)
            work.append((reference + 2, copy + 2))
            work.append((reference + 1, copy + 1))
        target.references[target_slot] = copy


def cut(page: Page, entries_max: int) -> Iterator[tuple[int, Page]]:
    """Yield the largest subtrees of 2 or more entries that fit a page, each as a page, by slot."""
    counts, sizes = _measure(page)
    work = [0]
    while work:
        slot = work.pop()
        if counts[slot] > entries_max or sizes[slot] + _NO_ENTRIES_BYTES > TREE_PAGE_BYTES_MAX:
            node = page.references[slot]
            work += (node + 2, node + 1)
        elif counts[slot] > 1:
            part = Page.empty(0)
            copy_subtree(page, slot, part, 0, {})
            yield slot, part


def _measure(page: Page) -> tuple[list[int], list[int]]:
    """Return how many entries stand at and below each slot, and how many bytes of a page they take."""
    references = page.references
    counts, sizes = [1] * len(references), [CHILD_ENTRY_BYTES] * len(references)
    order = [0]
    for slot in order:  # grows while it is walked: parents before children
        reference = references[slot]
        if not reference & 1:
            order += (reference + 1, reference + 2)
        elif reference < 0:
            sizes[slot] = LEAF_ENTRY_BYTES + len(page.record(reference))
    for slot in reversed(order):
        node = references[slot]
        if not node & 1:
            counts[slot] = counts[node + 1] + counts[node + 2]
            sizes[slot] = sizes[node + 1] + sizes[node + 2]
    return counts, sizes
