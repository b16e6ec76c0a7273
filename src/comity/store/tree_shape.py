"""Copy and cut subtrees of a page: how a page is split, or drawn into its parent.

Invariant: a copy keeps every bit, hash and leaf of what it copies; only their places change.
"""

from collections.abc import Iterator, Mapping

from comity.crypto.hashing import HASH_BYTES
from comity.store.tree_page import NO_ENTRY, Page


def copy_subtree(
    source: Page, source_slot: int, target: Page, target_slot: int, pages: Mapping[int, int]
) -> None:
    """Copy what stands in ``source_slot`` into ``target_slot`` of an unpacked page.

    Args:
        pages: source slots whose subtrees are pages of their own now, with the pages' numbers.

    """
    references, bits, hashes = source.references, source.bits, source.hashes
    start = HASH_BYTES * source_slot
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
            start = HASH_BYTES * (reference + 1)
            copy = target.add_node(bits[reference >> 1], hashes[start : start + 2 * HASH_BYTES])
            work.append((reference + 2, copy + 2))
            work.append((reference + 1, copy + 1))
        target.references[target_slot] = copy


def cut(page: Page, entries_max: int) -> Iterator[tuple[int, Page]]:
    """Yield the largest subtrees of 2 to ``entries_max`` entries, each as a page, by slot."""
    counts = _entries_by_slot(page)
    work = [0]
    while work:
        slot = work.pop()
        if counts[slot] > entries_max:
            node = page.references[slot]
            work += (node + 2, node + 1)
        elif counts[slot] > 1:
            part = Page.empty(0)
            copy_subtree(page, slot, part, 0, {})
            yield slot, part


def _entries_by_slot(page: Page) -> list[int]:
    """Return how many entries stand at and below each slot."""
    counts = [1] * len(page.references)
    order = [0]
    for slot in order:  # grows while it is walked: parents before children
        reference = page.references[slot]
        if not reference & 1:
            order += (reference + 1, reference + 2)
    for slot in reversed(order):
        node = page.references[slot]
        if not node & 1:
            counts[slot] = counts[node + 1] + counts[node + 2]
    return counts
