"""Target: pages of a state tree on a damaged disk. They end in a named error, in an answer, and never in a loop."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from comity.errors import InvariantViolated
from comity.store import tree_check
from comity.store.tree import Tree
from comity.store.tree_pages import MemoryPages
from comity.store.tree_proof import prove_path, prove_range
from tests.fuzz.target import BrokenPromise, Target

_ROWS = {bytes((n, n * 7 % 256, 0)): bytes((n,)) * 32 for n in range(0, 60, 3)}
_KEYS = (bytes((12, 84, 0)), bytes((13, 0, 0)), b"\xff")
_ENTRIES_MAX = 4


def _row_hash(key: bytes) -> bytes:
    if key not in _ROWS:
        raise InvariantViolated(f"no row {key.hex()}")
    return _ROWS[key]


def _pages(rows: dict[bytes, bytes]) -> dict[int, bytes]:
    return dict(Tree(MemoryPages(), 0, _ENTRIES_MAX).update(rows).puts)


def _damaged(data: bytes) -> Any:
    """Read, prove, check and change a tree one of whose pages is ``data``; the first byte says which."""
    if not data:
        raise InvariantViolated("the first byte chooses the page")
    pages = _pages(_ROWS)
    number = sorted(pages)[data[0] % len(pages)]
    source = MemoryPages()
    source.adopt({**pages, number: data[1:]}, ())
    tree = Tree(source, 0, _ENTRIES_MAX)
    fault = tree_check.check(tree, sorted(_ROWS.items()))
    if fault is None and pages[number] != data[1:]:
        raise BrokenPromise("tree check: a page that was altered passed")
    for key in _KEYS:
        with suppress(InvariantViolated):
            prove_path(tree, key, _row_hash)
        with suppress(InvariantViolated):
            tree.update({key: None, key + b"\1": bytes(32)})
    with suppress(InvariantViolated):
        prove_range(tree, b"", b"\xff", _row_hash)
    if fault is not None:
        raise InvariantViolated(f"tree page {fault.page}: {fault.message}")
    return tree.root


def _valid() -> Iterator[bytes]:
    for place, (_, page) in enumerate(sorted(_pages(_ROWS).items())):
        yield bytes((place,)) + page


TARGETS = (
    Target(
        name="tree_page",
        decode=_damaged,
        valid=_valid,
        covers=("comity.store.tree_page.Page",),
        refusals=(InvariantViolated,),
    ),
)
