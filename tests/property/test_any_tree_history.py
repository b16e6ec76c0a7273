"""Whatever was done to a state tree, it is the tree of its rows."""

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.crypto.range_proof import verify_range
from comity.crypto.trie import EMPTY_ROOT, root_of, verify_path
from comity.store.tree import Tree
from comity.store.tree_check import check
from comity.store.tree_diff import diff
from comity.store.tree_pages import TABLE_SQL, MemoryPages, SqlitePages, write
from comity.store.tree_proof import prove_path, prove_range

# Prefix-free keys: fixed length, dense and sparse, or of many lengths with an end.
FIXED = st.integers(0, 0xFFFF).map(lambda number: number.to_bytes(2, "big"))
ENDED = st.text("ab", max_size=12).map(lambda text: text.encode() + b"\0\1")
LONG = st.integers(0, 2047).map(lambda bit: (1 << bit).to_bytes(256, "big"))
VALUES = st.one_of(st.none(), st.binary(min_size=32, max_size=32))
HISTORIES = st.one_of(
    *(
        st.lists(st.dictionaries(keys, VALUES, max_size=60), max_size=12)
        for keys in (FIXED, ENDED, LONG)
    )
)


@settings(max_examples=150, deadline=None)
@given(HISTORIES, st.integers(2, 64))
def test_any_history_leaves_the_tree_of_its_rows(
    history: list[dict[bytes, bytes | None]], entries_max: int
) -> None:
    """After each batch root, stored pages and count are those of the rows; so is a reopened tree."""
    connection = apsw.Connection(":memory:")
    connection.execute(TABLE_SQL)
    pages = SqlitePages(connection)
    tree = Tree(pages, 5, entries_max)
    rows: dict[bytes, bytes] = {}
    for changes in history:
        update = tree.update(changes)
        count = len(rows)
        for key, value in changes.items():
            rows.pop(key, None)
            if value is not None:
                rows[key] = value
        ordered = sorted(rows.items())
        assert update.root == root_of(ordered)
        assert update.rows_delta == len(rows) - count
        write(connection, update)
        tree.adopt(update)
        assert check(tree, ordered) is None
        assert Tree(pages, 5, entries_max).root == tree.root
    assert (tree.root == EMPTY_ROOT) == (not rows)
    connection.close()


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.integers(2, 64), st.integers(2, 64))
def test_any_two_histories_of_the_same_rows_make_one_tree(
    history: list[dict[bytes, bytes | None]], entries_max: int, other_max: int
) -> None:
    """Batches, their order and the size of pages leave no trace: a diff finds nothing."""
    tree = Tree(MemoryPages(), 1, entries_max)
    rows: dict[bytes, bytes | None] = {}
    for changes in history:
        tree.adopt(tree.update(changes))
        rows |= changes
    once = Tree(MemoryPages(), 1, other_max)
    once.adopt(once.update(rows))
    assert once.root == tree.root
    assert list(diff(tree, once)) == []


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.dictionaries(FIXED, st.binary(min_size=32, max_size=32)),
        st.dictionaries(ENDED, st.binary(min_size=32, max_size=32)),
    ),
    st.lists(st.one_of(FIXED, ENDED, st.binary(max_size=300)), min_size=2),
)
def test_any_row_and_range_is_proved(rows: dict[bytes, bytes], queries: list[bytes]) -> None:
    """A proof says of any query, whole key or not, what the rows say."""
    tree = Tree(MemoryPages(), 1, 5)
    tree.adopt(tree.update(rows))
    for query in [*queries, *rows]:
        assert verify_path(tree.root, query, prove_path(tree, query, rows.__getitem__)) == rows.get(
            query
        )
    for one, two in zip(queries, [*rows, *queries[1:]], strict=False):
        low, high = min(one, two), max(one, two)
        proved = verify_range(tree.root, low, high, prove_range(tree, low, high, rows.__getitem__))
        assert proved == [row for row in sorted(rows.items()) if low <= row[0] <= high]
