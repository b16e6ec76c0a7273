"""What an audit says of the state tree's pages: each bad page with its table, its rows and their heights."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from comity.crypto.ordered import encode_key
from comity.crypto.trie import leaf_hash
from comity.machine.audit.report import Finding
from comity.store.store import Store
from comity.store.tree_page import Page
from tests.simulation.world import World
from tests.unit.machine.damage import audit_file, write_ledger

SHIFT = 40
TABLE = "trial__note"


class Pages:
    """The stored pages of one table, to bend."""

    def __init__(self, path: Path, world: World) -> None:
        self.path = path
        self._world = world
        connection = apsw.Connection(str(path))
        store = Store.over(connection)
        self.base = (store.number_of(TABLE) or 0) << SHIFT
        table = store.tables[TABLE]
        self.rows = {str(table.codec.key_values(row)[0]): row for row in table.scan()}
        self.codec = table.codec
        statement = "SELECT id - ?1, page FROM comity_tree WHERE id >> 40 = ?1 >> 40"
        self.pages: dict[int, bytes] = dict(connection.execute(statement, (self.base,)))
        connection.close()

    def write(self, number: int, page: bytes | None) -> None:
        """Store a page, or delete it."""
        connection = apsw.Connection(str(self.path))
        connection.execute("DELETE FROM comity_tree WHERE id = ?", (self.base | number,))
        if page is not None:
            statement = "INSERT INTO comity_tree VALUES(?, ?)"
            connection.execute(statement, (self.base | number, page))
        connection.close()

    def findings(self) -> list[Finding]:
        """Return what an audit says."""
        return audit_file(self.path, self._world).findings

    def with_key(self, name: str) -> int:
        """Return the number of the page that has a row's leaf."""
        key = self.codec.key(self.rows[name])
        return next(number for number, page in self.pages.items() if key in page)

    def names_in(self, number: int) -> list[str]:
        """Return the names of the rows whose leaves a page has, in order."""
        page = self.pages[number]
        return [name for name, row in self.rows.items() if self.codec.key(row) in page]

    def leaf_page(self) -> int:
        """Return the number of a page of leaves alone."""
        return next(number for number, page in self.pages.items() if page[-2] == 0)


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    """Return the pages of a table of more rows than one page holds."""
    path = tmp_path / "node.sqlite"
    made = Pages(path, write_ledger(path))
    assert len(made.pages) > 2
    return made


def bend(data: bytes, at: int) -> bytes:
    """Return bytes with another one at a place."""
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def bend_hash(number: int, data: bytes, is_of: Callable[[int], int]) -> bytes:
    """Return a page in which the stored hash of the first slot whose reference ``is_of`` takes is another."""
    page = Page(number, data)
    slot = next(slot for slot, one in enumerate(page.references) if slot and is_of(one))
    stored = page.slot_hash(slot)
    return data.replace(stored, bend(stored, 5))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: None, "is missing"),
        (lambda _: b"", "is damaged"),
        (lambda _: b"\0", "is damaged"),
        (lambda page: page[:-1], "is damaged"),
        (lambda page: bytes(len(page)), "is damaged"),
        (lambda page: b"\xff" * len(page), "is damaged"),
        (lambda page: bend_hash(1, page, is_of=lambda one: one % 2 == 0), "has a wrong hash"),
    ],
)
def test_a_bad_page_of_leaves_is_named_with_every_row_that_it_covers(
    pages: Pages, change: Callable[[bytes], bytes | None], words: str
) -> None:
    """Missing, cut, blank or with one wrong hash: table, page, each row and the height of its last version."""
    number = pages.leaf_page()
    names = pages.names_in(number)
    pages.write(number, change(pages.pages[number]))
    (finding,) = pages.findings()
    assert (finding.kind, finding.table, finding.height) == (
        "page",
        TABLE,
        6 if "n00007" in names else 2,
    )
    assert f"page {number} of the state tree of {TABLE} {words}" in finding.message
    assert finding.key == f"'{names[0]}' to '{names[-1]}'"
    for name in names:
        assert f"['{name}'] of height {6 if name == 'n00007' else 2}" in finding.message
    assert finding.message.count(" of height ") == len(names)


def test_every_bad_page_is_named(pages: Pages) -> None:
    """Not the first alone: one finding for each, and none for pages that are right."""
    bad = sorted(number for number, page in pages.pages.items() if page[-2] == 0)[:3]
    assert len(bad) > 1
    for number in bad:
        page = pages.pages[number]
        pages.write(number, bend_hash(number, page, is_of=lambda one: one % 2 == 0))
    said = [finding.message.split(" ")[1] for finding in pages.findings()]
    assert sorted(map(int, said)) == bad


def test_a_wrong_row_hash_is_named_with_its_row_alone(pages: Pages) -> None:
    """One leaf of one page: the row, and the height that wrote it."""
    row = pages.rows["n00050"]
    number, row_hash = pages.with_key("n00050"), pages.codec.row_hash(row)
    leaf = leaf_hash(encode_key(("n00050",)), row_hash)
    pages.write(number, pages.pages[number].replace(leaf, bend(leaf, 9)))
    (finding,) = pages.findings()
    assert (finding.key, finding.height) == ("'n00050'", 2)
    assert "another hash of a row" in finding.message


def test_a_wrong_key_is_named_with_its_row_alone(pages: Pages) -> None:
    """A leaf under another key: no row stands for it, and the row has none."""
    key = pages.codec.key(pages.rows["n00050"])
    number = pages.with_key("n00050")
    pages.write(number, pages.pages[number].replace(key, key.replace(b"5", b"x")))
    (finding,) = pages.findings()
    assert (finding.key, finding.height) == ("'n00050'", 2)
    assert "no row stands for and lacks a row" in finding.message


@pytest.mark.parametrize("is_root", [True, False])
def test_a_page_above_others_is_named_alone(pages: Pages, is_root: bool) -> None:
    """A wrong hash in a page with child pages is not laid to the pages below it, which are right."""
    number = 1 if is_root else next(n for n, page in pages.pages.items() if page[-2])
    pages.write(
        number, bend_hash(number, pages.pages[number], is_of=lambda one: one % 2 and one > 0)
    )
    (finding,) = pages.findings()
    assert finding.message.startswith(f"page {number} of the state tree of {TABLE} has a wrong")


def test_a_missing_root_covers_every_row(pages: Pages) -> None:
    """Without its root page a tree says nothing of any row: the first rows, the count of the others and the last."""
    pages.write(1, None)
    (finding,) = pages.findings()
    names = list(pages.rows)
    assert finding.key == f"'{names[0]}' to {names[-1]!a}"
    assert f"{len(names) - 64:,} more" in finding.message


def test_pages_that_nobody_reaches_are_named(pages: Pages) -> None:
    """A page beside the tree changes no answer, and is no ledger's."""
    number = max(pages.pages) + 5
    pages.write(number, pages.pages[pages.leaf_page()])
    pages.write(0, b"anything")
    said = {finding.message.split(";")[0] for finding in pages.findings()}
    assert said == {
        f"page {at} of the state tree of {TABLE} belongs to no place in the tree"
        for at in (0, number)
    }


def test_pages_of_no_table_are_named(pages: Pages) -> None:
    """Whole trees under numbers that no table has, before the first and after the last."""
    for number in (99 << SHIFT, -(3 << SHIFT)):
        pages.write(number, b"\0")
    said = [finding.message for finding in pages.findings()]
    assert len(said) == 2
    assert all("which there is not" in words for words in said)


def test_a_page_that_stands_above_itself_ends_the_walk(pages: Pages) -> None:
    """A cycle is named where it closes."""
    number = next(n for n, page in pages.pages.items() if page[-2])
    page, child = pages.pages[number], pages.leaf_page().to_bytes(5, "little")
    pages.write(number, page.replace(child, number.to_bytes(5, "little")))
    assert "stands twice in the tree" in " ".join(f.message for f in pages.findings())


def test_another_layout_of_the_same_tree_is_sound(pages: Pages) -> None:
    """How a tree is cut into pages is not hashed: the same nodes in other pages are no finding."""
    connection = apsw.Connection(str(pages.path))
    largest = max(pages.pages)
    page = pages.pages[largest]
    for number, other in pages.pages.items():
        moved = other.replace(largest.to_bytes(5, "little"), (largest + 9).to_bytes(5, "little"))
        connection.execute(
            "UPDATE comity_tree SET page = ? WHERE id = ?", (moved, pages.base | number)
        )
    connection.execute("DELETE FROM comity_tree WHERE id = ?", (pages.base | largest,))
    connection.execute("INSERT INTO comity_tree VALUES(?, ?)", (pages.base | (largest + 9), page))
    connection.close()
    assert pages.findings() == []
