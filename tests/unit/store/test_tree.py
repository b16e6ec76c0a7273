"""The state tree in pages: updates, candidates, building, and what corrupt pages do."""

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from comity.crypto.trie import EMPTY_ROOT, leaf_hash, root_of
from comity.errors import InvariantViolated
from comity.limits import ENCODED_KEY_BYTES_MAX, TREE_PAGE_ENTRIES_MAX
from comity.store import tree_pages
from comity.store.tree import Tree, TreeUpdate
from comity.store.tree_check import check
from comity.store.tree_page import Page
from comity.store.tree_pages import MemoryPages, SqlitePages

Rows = dict[bytes, bytes]
Changes = dict[bytes, bytes | None]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A database with an empty table of pages."""
    database = apsw.Connection(str(tmp_path / "tree.sqlite"))
    database.execute(tree_pages.TABLE_SQL)
    yield database
    database.close()


def some_rows(count: int, seed: int = 1) -> Rows:
    """Rows with random 8-byte keys."""
    chance = random.Random(seed)
    return {chance.randbytes(8): chance.randbytes(32) for _ in range(count)}


def commit(connection: apsw.Connection, tree: Tree, update: TreeUpdate) -> None:
    """Write and adopt an update as the machine does."""
    with connection:
        tree_pages.write(connection, update)
    tree.adopt(update)


def memory_tree(rows: Rows, entries_max: int = TREE_PAGE_ENTRIES_MAX) -> Tree:
    """Build a tree in memory."""
    tree = Tree(MemoryPages(), 1, entries_max)
    for update in tree.build(sorted(rows.items())):
        tree.adopt(update)
    return tree


def test_a_tree_without_rows_has_the_empty_root_and_no_page(connection: apsw.Connection) -> None:
    """An empty table costs nothing, before its first row and after its last."""
    tree = Tree(SqlitePages(connection), 1)
    assert tree.root == EMPTY_ROOT
    rows = some_rows(500)
    commit(connection, tree, tree.update(rows))
    commit(connection, tree, tree.update(dict.fromkeys(rows)))
    assert tree.root == EMPTY_ROOT
    assert Tree(tree._source, 1).root == EMPTY_ROOT
    assert connection.execute("SELECT count(*) FROM comity_tree").get == 0


def test_many_tables_share_one_table_of_pages(connection: apsw.Connection) -> None:
    """Trees with different numbers do not see one another, before and after opening anew."""
    pages = SqlitePages(connection)
    rows = {number: some_rows(300 * number, number) for number in (1, 2, 3)}
    trees = {number: Tree(pages, number) for number in rows}
    for number, tree in trees.items():
        commit(connection, tree, tree.update(rows[number]))
    for number, tree in trees.items():
        assert tree.root == root_of(sorted(rows[number].items()))
        reopened = Tree(SqlitePages(connection), number)
        assert reopened.root == tree.root
        assert check(reopened, sorted(rows[number].items())) is None


def test_an_update_changes_nothing_until_it_is_adopted(connection: apsw.Connection) -> None:
    """Candidates of one base do not disturb one another; the one that is adopted counts."""
    rows = some_rows(2_000)
    tree = Tree(SqlitePages(connection), 1)
    commit(connection, tree, tree.update(rows))
    root = tree.root
    before = connection.execute("SELECT * FROM comity_tree").fetchall()
    keys = sorted(rows)
    changes: list[Changes] = [
        dict(some_rows(200, 5)),
        dict.fromkeys(keys[:900]),
        {keys[7]: b"\1" * 32},
    ]
    candidates = [tree.update(change) for change in changes]
    again = [tree.update(change) for change in changes]
    assert candidates == again
    assert tree.root == root
    assert connection.execute("SELECT * FROM comity_tree").fetchall() == before
    commit(connection, tree, candidates[1])
    left = {key: rows[key] for key in keys[900:]}
    assert tree.root == root_of(sorted(left.items()))
    assert check(tree, sorted(left.items())) is None
    with pytest.raises(InvariantViolated, match="another root"):
        tree.adopt(candidates[0])


def test_an_update_tells_how_many_rows_came_and_went() -> None:
    """rows_delta counts rows added less rows removed; a changed row counts for nothing."""
    rows = some_rows(100)
    tree = memory_tree(rows)
    first, second, *_ = rows
    changes = {first: None, second: b"\2" * 32, b"new row": b"\3" * 32, b"no row": None}
    assert tree.update(changes).rows_delta == 0
    assert tree.update({first: None, second: None}).rows_delta == -2
    assert tree.update({b"new row": b"\3" * 32}).rows_delta == 1


def test_no_change_is_no_page() -> None:
    """Nothing is written for no changes, nor for the removal of rows that are not there."""
    tree = memory_tree(some_rows(1_000))
    for update in (tree.update({}), tree.update({b"no row": None, b"nor this": None})):
        assert update.root == tree.root
        assert not update.puts
        assert not update.deletes


def test_one_changed_row_writes_one_page_a_level() -> None:
    """The pages that a changed row dirties are those on its path."""
    rows = some_rows(5_000)
    tree = memory_tree(rows)
    assert len(tree.update({min(rows): b"\1" * 32}).puts) <= 3


@pytest.mark.parametrize("entries_max", [2, 3, 7, 24, 64])
def test_the_root_does_not_depend_on_the_size_of_pages(entries_max: int) -> None:
    """Pages may be cut otherwise without a fork."""
    rows = some_rows(1_500)
    tree = memory_tree(rows, entries_max)
    assert tree.root == root_of(sorted(rows.items()))
    removed = sorted(rows)[::3]
    tree.adopt(tree.update(dict.fromkeys(removed)))
    left = {key: value for key, value in rows.items() if key not in removed}
    assert tree.root == root_of(sorted(left.items()))
    assert check(tree, sorted(left.items())) is None


def test_rising_and_falling_and_shuffled_keys_build_one_tree() -> None:
    """History leaves no trace."""
    rows = {number.to_bytes(8, "big"): bytes(32) for number in range(3_000)}
    root = root_of(sorted(rows.items()))
    shuffled = list(rows)
    random.Random(2).shuffle(shuffled)
    for order in (list(rows), list(reversed(rows)), shuffled):
        tree = Tree(MemoryPages(), 1)
        for start in range(0, len(order), 100):
            tree.adopt(tree.update({key: rows[key] for key in order[start : start + 100]}))
        assert tree.root == root
        assert check(tree, sorted(rows.items())) is None


def test_building_in_chunks_is_building_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk's size is a matter of memory only."""
    rows = sorted(some_rows(2_000).items())
    monkeypatch.setattr("comity.store.tree.TREE_BUILD_ROWS", 333)
    tree = Tree(MemoryPages(), 1)
    updates = 0
    for update in tree.build(iter(rows)):
        tree.adopt(update)
        updates += 1
    assert updates == 7
    assert tree.root == root_of(rows)


def test_hostile_keys_stay_within_bounds() -> None:
    """Keys that part from a 256-byte victim at each of its 2,048 bits neither recurse nor grow."""
    victim = int.from_bytes(bytes(ENCODED_KEY_BYTES_MAX), "big")
    keys = [victim, *(victim ^ 1 << bit for bit in range(8 * ENCODED_KEY_BYTES_MAX))]
    rows = {key.to_bytes(ENCODED_KEY_BYTES_MAX, "big"): bytes(32) for key in keys}
    for order in (sorted(rows), sorted(rows, reverse=True)):
        tree = Tree(MemoryPages(), 1)
        for start in range(0, len(order), 50):
            tree.adopt(tree.update(dict.fromkeys(order[start : start + 50], bytes(32))))
        assert tree.root == root_of(sorted(rows.items()))
    # Thin out every page, so that pages stand one below the other.
    kept = sorted(rows)[::40]
    tree.adopt(tree.update({key: None for key in rows if key not in kept}))
    assert tree.root == root_of((key, bytes(32)) for key in kept)
    assert check(tree, [(key, bytes(32)) for key in kept]) is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({b"": bytes(32)}, id="empty key"),
        pytest.param({b"k" * 257: bytes(32)}, id="long key"),
        pytest.param({b"a": bytes(32), b"ab": bytes(32)}, id="prefix in the batch"),
        pytest.param({b"stored more": bytes(32)}, id="begins with a stored key"),
        pytest.param({b"stor": bytes(32)}, id="a stored key begins with it"),
        pytest.param({b"new": bytes(31)}, id="short row hash"),
        pytest.param({b"stored": bytes(33)}, id="long row hash"),
    ],
)
def test_what_no_encoder_makes_stops_the_node(changes: dict[bytes, bytes | None]) -> None:
    """A bug above the tree is not hashed."""
    tree = memory_tree({b"stored": bytes(32), b"tidy": bytes(32)})
    with pytest.raises(InvariantViolated):
        tree.update(changes)


def test_a_lost_page_stops_the_node(connection: apsw.Connection) -> None:
    """A missing page is a corrupt disk, for updates and reads, on disk and in memory."""
    rows = some_rows(2_000)
    tree = Tree(SqlitePages(connection), 1)
    commit(connection, tree, tree.update(rows))
    connection.execute("DELETE FROM comity_tree WHERE id & 0xFFFF > 1")
    tree = Tree(SqlitePages(connection), 1)
    with pytest.raises(InvariantViolated, match="missing"):
        tree.update({min(rows): None})
    with pytest.raises(InvariantViolated, match="missing"):
        check(tree, sorted(rows.items()))
    pages = MemoryPages()
    pages.adopt(dict(connection.execute("SELECT id, page FROM comity_tree")), ())
    with pytest.raises(InvariantViolated, match="missing"):
        Tree(pages, 1).update({min(rows): None})


def test_the_check_names_the_first_fault(connection: apsw.Connection) -> None:
    """A row too many, a row too few and a row of another value are named."""
    rows = sorted(some_rows(200).items())
    tree = Tree(SqlitePages(connection), 1, 8)
    commit(connection, tree, tree.update(dict(rows)))
    assert check(tree, rows) is None
    missing = check(tree, rows[:50] + rows[51:])
    assert missing is not None
    assert missing.key == rows[50][0]
    added = check(tree, [*rows, (b"\xff" * 9, bytes(32))])
    assert added is not None
    assert added.key == b"\xff" * 9
    assert added.page is None
    changed = check(tree, [*rows[:9], (rows[9][0], bytes(32)), *rows[10:]])
    assert changed is not None
    assert changed.key == rows[9][0]


def test_the_check_finds_every_flipped_hash() -> None:
    """A stored hash that is not what lies below it is named with its page."""
    rows = sorted(some_rows(60).items())
    tree = memory_tree(dict(rows), 8)
    stored = tree.update(dict(rows)).puts
    for page_id, blob in stored.items():
        slots = 2 * (blob[-1] + blob[-2]) - 1
        for slot in range(slots):
            bent = bytearray(blob)
            bent[32 * slot] ^= 1
            pages = MemoryPages()
            pages.adopt(stored, ())
            pages.adopt({page_id: bytes(bent)}, ())
            fault = check(Tree(pages, 1, 8), rows)
            assert fault is not None, (page_id, slot)


def test_the_check_finds_a_page_of_another_time() -> None:
    """A page that is sound by itself but not the one that its parent means is named."""
    rows = some_rows(60)
    tree = memory_tree(rows, 8)
    first = min(rows)
    changed = tree.update({first: bytes(32)}).puts
    deepest = max(changed, key=lambda page_id: first in changed[page_id])
    tree._source.adopt({deepest: changed[deepest]}, ())
    fault = check(tree, sorted((rows | {first: bytes(32)}).items()))
    assert fault is not None
    assert fault.page == deepest & 0xFFFF
    assert "parent" in fault.message


@pytest.mark.parametrize(
    ("bits", "is_turned"),
    [
        pytest.param((1, 0), False, id="as keys part"),
        pytest.param((2, 0), False, id="another bit"),
        pytest.param((0, 1), True, id="rising towards the root"),
    ],
)
def test_the_check_finds_wrong_bits_under_right_hashes(
    bits: tuple[int, int], is_turned: bool
) -> None:
    """Hashes that fit prove nothing about the bits: here 00, 40 and 80 part at 1 and 0."""
    keys = [b"\x00", b"\x40", b"\x80"] if not is_turned else [b"\x00", b"\x80", b"\xc0"]
    page = Page.empty(1)
    top = page.references[0] = page.add_node(bits[1], bytes(64))
    low = page.references[top + 1] = page.add_node(bits[0], bytes(64))
    for slot, key in zip((low + 1, low + 2, top + 2), keys, strict=True):
        page.put(slot, page.add_leaf(b"\x10\x00\x01" + key), leaf_hash(key, bytes(32)))
    page.put(top + 1, low, page.hash_node(low))
    page.put(0, top, page.hash_node(top))
    pages = MemoryPages()
    pages.adopt({1: page.encode()}, ())
    fault = check(Tree(pages, 0), [(key, bytes(32)) for key in keys])
    assert (fault is None) == (bits == (1, 0))


def test_a_table_that_shrinks_reads_as_it_is(connection: apsw.Connection) -> None:
    """No page that was cached outlives its change or removal, down to the last row."""
    connection.execute("PRAGMA synchronous = OFF")
    pages = SqlitePages(connection)
    rows = some_rows(60)
    tree = Tree(pages, 1, 4)
    commit(connection, tree, tree.update(rows))
    for key in list(rows):
        commit(connection, tree, tree.update({key: None}))
        del rows[key]
        assert Tree(pages, 1, 4).root == tree.root == root_of(sorted(rows.items()))
        assert check(tree, sorted(rows.items())) is None


def test_upper_pages_are_cached_and_the_cache_is_bounded(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small cache gives the same roots as a large one."""
    rows = some_rows(3_000)
    roots = []
    for cached in (1, 4_096):
        monkeypatch.setattr("comity.store.tree_pages.TREE_CACHE_PAGES_MAX", cached)
        connection.execute("DELETE FROM comity_tree")
        pages = SqlitePages(connection)
        tree = Tree(pages, 1, 8)
        for start in range(0, 3_000, 500):
            commit(connection, tree, tree.update(dict(list(rows.items())[start : start + 500])))
        commit(connection, tree, tree.update(dict.fromkeys(list(rows)[::2])))
        assert len(pages._cache) <= cached
        roots.append(tree.root)
    assert roots[0] == roots[1] == root_of(sorted(list(rows.items())[1::2]))
