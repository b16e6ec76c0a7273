"""Walks the stored pages of one table's state tree beside the rows that they must stand for, and names every bad page.

Invariant: a tree without a fault is the one trie over these rows, with every stored hash right and no page beside it.
Hashes are worked out from the rows, so a wrong one is named where it stands and not in the pages above it.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from comity.crypto.trie import leaf_hash, node_hash, shared_bits
from comity.limits import TREE_DEPTH_MAX, TREE_PAGE_ENTRIES_MAX
from comity.machine.audit.report import Finding
from comity.machine.audit.suspect import Cell, Damaged, Suspect
from comity.store.tree import TABLE_SHIFT
from comity.store.tree_batch import ROOT_NUMBER
from comity.store.tree_page import Page

_PAGE = "SELECT page FROM comity_tree WHERE id = ?"
_IDS = "SELECT id FROM comity_tree WHERE id BETWEEN ? AND ? ORDER BY id"
_NO_PAGE = (IndexError, ValueError, OverflowError, struct.error)  # of ``Page``, on other bytes

_DAMAGED = "is damaged: its parts do not fit one another"
_MISSING = "is missing"
_TWICE = "stands twice in the tree"
_WRONG_NODE = "has a wrong hash or a wrong bit"
_WRONG_ROW = "has another hash of a row"
_LACKS_ROW = "lacks a row"
_NO_ROW = "has a leaf that no row stands for"
_UNREACHED = "belongs to no place in the tree"


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A row as the tree has it, and how to name it: its key in words, and the height that wrote it."""

    key: bytes
    row_hash: bytes
    name: Callable[[], tuple[str, int | None]]


@dataclass(slots=True)
class _Rows:
    """Some rows in key order: as many as a page can hold, the last among them, and the count of all."""

    kept: list[TreeRow] = field(default_factory=list)
    count: int = 0

    def add(self, row: TreeRow) -> None:
        if len(self.kept) == TREE_PAGE_ENTRIES_MAX:
            self.kept.pop()
        self.kept.append(row)
        self.count += 1


@dataclass(slots=True)
class PageFault:
    """A page: what is wrong with it, the rows that this touches, and the rows that stand in it."""

    page: int
    reasons: list[str] = field(default_factory=list)
    touched: _Rows = field(default_factory=_Rows)
    held: _Rows = field(default_factory=_Rows)

    def note(self, reason: str, row: TreeRow | None = None) -> None:
        """Note what is wrong, and with which row where that is known."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        if row is not None:
            self.touched.add(row)

    def to_finding(self, table: str) -> Finding:
        """Return the fault in words: page, table, rows and the heights of their last versions."""
        rows = self.touched if self.touched.count else self.held
        named = [row.name() for row in rows.kept]
        shown = [f"[{key}]" + ("" if at is None else f" of height {at}") for key, at in named]
        if rows.count > len(shown):
            shown.insert(-1, f"{rows.count - len(shown):,} more")
        message = f"page {self.page} of the state tree of {table} " + " and ".join(self.reasons)
        ends = dict.fromkeys(key for key, _ in (*named[:1], *named[-1:]))
        return Finding(
            kind="page",
            message=message + (f"; it stands for {', '.join(shown)}" if shown else ""),
            table=table,
            key=" to ".join(ends),
            height=max((at for _, at in named if at is not None), default=None),
        )


@dataclass(slots=True)
class _Part:
    """A part of the tree that was walked: its hash as the rows make it, its first and its last key, as far as known."""

    hash: bytes | None = None
    first: bytes | None = None
    last: bytes | None = None


def table_of(cells: tuple[Cell, ...]) -> int:
    """Return the table number in the id of a page, the first of its cells."""
    return cells[0] >> TABLE_SHIFT if cells and isinstance(cells[0], int) else 0


class TreeWalk:
    """One walk over one tree, in key order.

    Args:
        rows: that the tree must stand for, in rising key order.
        is_row: tells whether a row has this encoded key.
    """

    def __init__(
        self,
        suspect: Suspect,
        table_number: int,
        rows: Iterator[TreeRow],
        is_row: Callable[[bytes], bool],
    ) -> None:
        self._suspect = suspect
        self._base = table_number << TABLE_SHIFT
        self._rows = rows
        self._is_row = is_row
        self._row = next(rows, None)
        self._reached: dict[int, None] = {}
        self._open: dict[int, PageFault] = {}  # the pages on the way from the root
        self._holes: list[PageFault] = []  # unreadable pages since the last good leaf
        self._missed = _Rows()  # rows that no leaf stood for since then
        self._has_holes = False
        self._found: list[PageFault] = []

    def run(self) -> Iterator[PageFault]:
        """Yield every bad page. Raises: Damaged. Cost: one read of all pages, two hashes a row."""
        is_empty = self._row is None and self._read(ROOT_NUMBER) is None
        top = None if is_empty else self._enter(ROOT_NUMBER)
        for _ in () if top is None else self._walk(top):
            yield from self._take()
        while self._row is not None:
            self._miss(self._row)
        self._settle(self._open.get(ROOT_NUMBER))
        self._leave(ROOT_NUMBER)
        if not self._has_holes:
            self._find_unreached()
        yield from self._take()

    def _walk(self, top: Page) -> Iterator[None]:
        """Visit every slot, what stands below it first; pause after each leaf."""
        work, parts = [(top, 0, False)], list[_Part]()
        below: tuple[tuple[Page, int, bool], ...]
        while work:
            page, slot, is_done = work.pop()
            reference = page.references[slot]
            if reference < 0:
                parts.append(self._leaf(page, slot))
                yield
            elif not is_done:
                below = ((page, reference + 2, False), (page, reference + 1, False))
                if reference & 1:
                    child = self._enter(page.child(reference))
                    if child is None:
                        parts.append(_Part(page.slot_hash(slot)))
                        continue
                    below = ((child, 0, False),)
                work += ((page, slot, True), *below)
            else:
                part = parts.pop()
                if reference & 1:
                    self._leave(page.child(reference))
                else:
                    part = self._join(page, reference, parts.pop(), part)
                stored = page.slot_hash(slot)
                if part.hash not in (None, stored):
                    self._open[page.number].note(_WRONG_NODE)
                elif reference & 1:
                    part.hash = stored  # what a bad page made unknown, its parent still says
                parts.append(part)

    def _leaf(self, page: Page, slot: int) -> _Part:
        """Compare a leaf with the next row."""
        key, here = page.key(page.references[slot]), self._open[page.number]
        is_next = self._row is not None and self._row.key == key
        if not is_next and not self._is_ahead(key):
            here.note(_NO_ROW)
            return _Part(None, key, key)
        while self._row is not None and self._row.key < key:
            self._miss(self._row)
        self._settle(here)
        row, self._row = self._row, next(self._rows, None)
        if row is None:
            return _Part(None, key, key)
        here.held.add(row)
        if page.slot_hash(slot) != leaf_hash(key, row.row_hash):
            here.note(_WRONG_ROW, row)
        return _Part(leaf_hash(key, row.row_hash), key, key)

    def _is_ahead(self, key: bytes) -> bool:
        """Tell whether a leaf is that of a later row, so that rows between have none."""
        return self._row is not None and self._row.key < key and self._is_row(key)

    def _join(self, page: Page, node: int, left: _Part, right: _Part) -> _Part:
        """Return the part below a node, whose bit must be where the keys of its sides part."""
        joined = _Part(None, left.first, right.last)
        stored = page.slot_hash(node + 1), page.slot_hash(node + 2)
        if left.last is None or right.first is None:  # beside a page that cannot be walked
            if (left.hash, right.hash) == stored:
                joined.hash = page.hash_node(node)
            return joined
        parting = min(shared_bits(left.last, right.first), TREE_DEPTH_MAX - 1)
        if page.hash_node(node) != node_hash(parting, *stored):
            self._open[page.number].note(_WRONG_NODE)
        if left.hash is not None and right.hash is not None:
            joined.hash = node_hash(parting, left.hash, right.hash)
        return joined

    def _enter(self, number: int) -> Page | None:
        """Open a page to walk it; a page that cannot be walked is a hole."""
        try:
            page = self._page(number)
        except Damaged as damage:
            self._has_holes = True
            self._holes.append(PageFault(number, [str(damage)]))
            return None
        self._reached[number] = None
        self._open[number] = PageFault(number)
        return page

    def _page(self, number: int) -> Page:
        """Return a page whose parts fit one another. Raises: Damaged."""
        if number in self._reached:
            raise Damaged(_TWICE)
        blob = self._read(number)
        if blob is None:
            raise Damaged(_MISSING)
        try:
            page = Page(number, blob)
            is_sound = page.is_sound()
        except _NO_PAGE:
            is_sound = False
        if not is_sound:
            raise Damaged(_DAMAGED)
        return page

    def _read(self, number: int) -> bytes | None:
        for (blob,) in self._suspect.rows(_PAGE, (self._base | number,), (bytes,)):
            return blob if isinstance(blob, bytes) else None
        return None

    def _miss(self, row: TreeRow) -> None:
        """Pass over a row that no leaf stands for."""
        self._missed.add(row)
        self._row = next(self._rows, None)

    def _settle(self, here: PageFault | None) -> None:
        """Lay the rows that were missed to the bad pages before this place, or else to the page at this place."""
        for hole in self._holes:
            hole.touched = self._missed
        if here is not None and not self._holes:
            for row in self._missed.kept:
                here.note(_LACKS_ROW, row)
        self._found += self._holes
        self._holes, self._missed = [], _Rows()

    def _leave(self, number: int) -> None:
        """Close a page that was walked whole."""
        fault = self._open.pop(number, None)
        if fault is not None and fault.reasons:
            self._found.append(fault)

    def _find_unreached(self) -> None:
        first = self._base
        for (page_id,) in self._suspect.rows(_IDS, (first, first + (1 << TABLE_SHIFT) - 1), (int,)):
            number = page_id - first if isinstance(page_id, int) else 0
            if number not in self._reached:
                self._found.append(PageFault(number, [_UNREACHED]))

    def _take(self) -> Iterator[PageFault]:
        found, self._found = self._found, []
        yield from found
