"""Damaged pages: named by the check, and no walk over them goes on for ever."""

from collections.abc import Callable

import pytest

from comity.crypto.hashing import sha256
from comity.errors import InvariantViolated
from comity.store.tree import Tree
from comity.store.tree_check import check
from comity.store.tree_diff import diff
from comity.store.tree_page import Page
from comity.store.tree_pages import MemoryPages
from comity.store.tree_proof import prove_path, prove_range

KEY = b"\x00"


def tree_of(page: Page) -> Tree:
    """A tree whose root page is ``page``."""
    pages = MemoryPages()
    pages.adopt({1: page.encode()}, ())
    return Tree(pages, 0)


def root_below_itself() -> Page:
    """The root page as its own child, beside a leaf."""
    page = Page.empty(1)
    node = page.references[0] = page.add_node(0, bytes(64))
    page.references[node + 1] = page.add_child(1)
    page.references[node + 2] = page.add_leaf(b"\x10\x00\x01\x80")
    return page


def child_alone() -> Page:
    """A page that holds nothing but itself: every hash in it is right."""
    page = Page.empty(1)
    page.references[0] = page.add_child(1)
    return page


def node_below_itself() -> Page:
    """A node whose left side is the node."""
    page = Page.empty(1)
    node = page.references[0] = page.add_node(0, bytes(64))
    page.references[node + 1] = node
    page.references[node + 2] = page.add_leaf(b"\x10\x00\x01\x80")
    return page


def slot_nowhere() -> Page:
    """A node that the page does not have."""
    page = Page.empty(1)
    page.references[0] = page.add_node(0, bytes(64))
    page.references[1], page.references[2] = 40, page.add_leaf(b"\x10\x00\x01\x80")
    return page


def leaf_of_another_length() -> Page:
    """A record that says to be longer than it is."""
    page = Page.empty(1)
    page.references[0] = page.add_leaf(b"\x10\x00\x02\x00")
    return page


@pytest.mark.parametrize(
    "damaged", [root_below_itself, child_alone, node_below_itself, slot_nowhere]
)
def test_no_walk_over_a_damaged_page_is_endless(damaged: Callable[[], Page]) -> None:
    """Proofs, differences, changes and the check of the whole tree end in a named error."""
    tree = tree_of(damaged())
    with pytest.raises(InvariantViolated, match="page"):
        prove_path(tree, KEY, sha256)
    with pytest.raises(InvariantViolated, match="page"):
        prove_range(tree, b"", b"\xff", sha256)
    with pytest.raises(InvariantViolated, match="page"):
        list(diff(tree, Tree(MemoryPages(), 0)))
    with pytest.raises(InvariantViolated, match="page"):
        tree.update({KEY: bytes(32)})
    assert check(tree, []) is not None


def test_the_check_reads_what_no_hash_covers() -> None:
    """A page's parts that lead to no hash are checked too."""
    fault = check(tree_of(leaf_of_another_length()), [(KEY, bytes(32))])
    assert fault is not None
    assert "parts" in fault.message


def prove_over(data: bytes) -> None:
    """Use a tree whose root page is ``data``."""
    pages = MemoryPages()
    pages.adopt({1: data}, ())
    tree = Tree(pages, 0)
    assert check(tree, []) is not None
    prove_path(tree, KEY, sha256)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\xff" * 40, bytes(200)])
def test_what_is_no_page_is_named(data: bytes) -> None:
    """A page that is cut or overwritten whole."""
    with pytest.raises(InvariantViolated):
        prove_over(data)
