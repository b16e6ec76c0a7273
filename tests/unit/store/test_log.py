"""The log in SQLite is an RFC 9162 tree at every size it ever had."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from comity.crypto.rfc9162 import EMPTY_ROOT, leaf_hash, root_of, verify_consistency
from comity.crypto.rfc9162 import verify_inclusion as is_included
from comity.crypto.tlog_tiles import edge_tiles
from comity.errors import InvariantViolated, QueryError, Unavailable
from comity.limits import LOG_ENTRY_BYTES_MAX, LOG_SIZE_MAX
from comity.store import tiles
from comity.store.log import Log, LogUpdate, write

ENTRIES = [b"entry %d" % number for number in range(70_000)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A database with an empty table of tiles."""
    database = apsw.Connection(str(tmp_path / "log.sqlite"))
    database.execute(tiles.TABLE_SQL)
    yield database
    database.close()


def commit(connection: apsw.Connection, log: Log, entries: list[bytes]) -> LogUpdate:
    """Append a block of entries as the machine does."""
    update = log.append(entries)
    with connection:
        write(connection, update)
    log.adopt(update)
    return update


def stored(connection: apsw.Connection) -> list[tuple[Any, ...]]:
    """Every tile in the database."""
    return connection.execute("SELECT level, number, hashes FROM comity_tile").fetchall()


def test_every_small_log_has_the_roots_and_proofs_of_its_entries(
    connection: apsw.Connection,
) -> None:
    """Each (index, size) and (size_1, size_2) up to 70 gives a proof that verifies."""
    log = Log(connection, 0)
    for entry in ENTRIES[:70]:
        commit(connection, log, [entry])
    roots = [root_of(ENTRIES[:size]) for size in range(71)]
    for size in range(71):
        assert log.root(size) == roots[size]
        for index in range(size):
            path = log.inclusion(index, size)
            assert is_included(leaf_hash(ENTRIES[index]), index, size, path, roots[size])
        for older in range(size + 1):
            path = log.consistency(older, size)
            assert verify_consistency(older, size, path, roots[older], roots[size])


def test_a_log_of_70000_entries_has_the_tiles_of_the_specification(
    connection: apsw.Connection,
) -> None:
    """273 full tiles and one of 112 at level 0, one and one of 17 at level 1, one of 1 above."""
    log = Log(connection, 0)
    sizes = [0]
    for start, end in [(0, 1), (1, 255), (255, 256), (256, 257), (257, 66_000), (66_000, 70_000)]:
        assert commit(connection, log, ENTRIES[start:end]).root == root_of(ENTRIES[:end])
        sizes.append(end)
    widths = {(level, number): len(hashes) // 32 for level, number, hashes in stored(connection)}
    assert widths == {
        **{(0, number): 256 for number in range(273)},
        (0, 273): 112,
        (1, 0): 256,
        (1, 1): 17,
        (2, 0): 1,
    }
    assert log.tile(2, 0, 1) == root_of(ENTRIES[:65_536])
    assert log.tile(1, 1, 17)[-32:] == root_of(ENTRIES[272 * 256 : 273 * 256])
    roots = {size: log.root(size) for size in [*sizes, 65_536, 69_999]}
    for size, root in roots.items():
        assert root == root_of(ENTRIES[:size])
        for index in {0, 255, 256, 65_535, 65_536, size - 1}:
            if 0 <= index < size:
                path = log.inclusion(index, size)
                assert is_included(leaf_hash(ENTRIES[index]), index, size, path, root)
        for older, older_root in roots.items():
            if older <= size:
                path = log.consistency(older, size)
                assert verify_consistency(older, size, path, older_root, root)


def test_append_changes_nothing_until_it_is_adopted(connection: apsw.Connection) -> None:
    """Any number of candidates can be made from one log; the one adopted becomes the log."""
    log = Log(connection, 0)
    commit(connection, log, ENTRIES[:300])
    before = stored(connection)
    candidates = [log.append(ENTRIES[300 : 300 + count]) for count in (0, 1, 500)]
    other = log.append([b"something else"])
    assert stored(connection) == before
    assert (log.size, log.root(300)) == (300, root_of(ENTRIES[:300]))
    assert [update.root for update in candidates] == [
        root_of(ENTRIES[: 300 + count]) for count in (0, 1, 500)
    ]
    assert other.root == root_of([*ENTRIES[:300], b"something else"])
    with connection:
        write(connection, candidates[2])
    log.adopt(candidates[2])
    assert (log.size, log.root(800)) == (800, root_of(ENTRIES[:800]))


def test_an_empty_block_of_entries_changes_nothing(connection: apsw.Connection) -> None:
    """Appending nothing gives the same size and root, and no tile to write."""
    log = Log(connection, 0)
    update = log.append([])
    assert (update.size, update.root, dict(update.tiles)) == (0, EMPTY_ROOT, {})


def test_a_block_rolled_back_leaves_the_log_as_it_was(connection: apsw.Connection) -> None:
    """Written but neither committed nor adopted is never seen again."""
    log = Log(connection, 0)
    commit(connection, log, ENTRIES[:300])
    lost = log.append(ENTRIES[300:900])
    connection.execute("BEGIN IMMEDIATE")
    write(connection, lost)
    connection.execute("ROLLBACK")
    assert commit(connection, log, [b"next"]).root == root_of([*ENTRIES[:300], b"next"])


def test_an_update_of_another_size_is_never_adopted(connection: apsw.Connection) -> None:
    """Adopting the second of two candidates would lose the first: the node stops instead."""
    log = Log(connection, 0)
    first, second = log.append([b"a"]), log.append([b"b"])
    log.adopt(first)
    with pytest.raises(InvariantViolated, match="another log size"):
        log.adopt(second)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65_536, 65_537])
def test_a_log_opened_anew_continues_as_if_never_closed(
    connection: apsw.Connection, size: int
) -> None:
    """What is kept in memory follows from the right-edge tiles alone."""
    commit(connection, Log(connection, 0), ENTRIES[:size])
    log = Log(connection, size)
    assert commit(connection, log, ENTRIES[size : size + 300]).root == root_of(
        ENTRIES[: size + 300]
    )


def test_the_right_edge_alone_continues_the_log(connection: apsw.Connection) -> None:
    """A snapshot's right edge gives the root and appends; that older tiles are missing is said."""
    whole = Log(connection, 0)
    commit(connection, whole, ENTRIES[:67_000])
    edge = whole.right_edge(66_001)
    assert sum(len(hashes) for hashes in edge.values()) < 8192 * 3
    joiner = apsw.Connection(":memory:")
    joiner.execute(tiles.TABLE_SQL)
    tiles.write(joiner, edge.items())
    log = Log(joiner, 66_001)
    assert log.root(66_001) == root_of(ENTRIES[:66_001])
    commit(joiner, log, ENTRIES[66_001:70_000])
    assert log.root(70_000) == root_of(ENTRIES)
    with pytest.raises(Unavailable, match="tile level 0 number 0"):
        log.inclusion(0, 70_000)
    joiner.close()


@pytest.mark.parametrize("size", [0, 1, 256, 300, 65_536, 65_999])
def test_a_log_cut_back_is_the_older_log(connection: apsw.Connection, size: int) -> None:
    """Undoing blocks leaves just the tiles that the older log had, byte for byte."""
    log = Log(connection, 0)
    commit(connection, log, ENTRIES[:size])
    before = stored(connection)
    commit(connection, log, ENTRIES[size:66_000])
    with connection:
        tiles.cut(connection, size)
    assert stored(connection) == before
    assert Log(connection, size).root(size) == root_of(ENTRIES[:size])


def test_a_tile_of_an_older_size_is_cut_from_the_newer_one(connection: apsw.Connection) -> None:
    """Every partial tile that was ever served can be served again."""
    log = Log(connection, 0)
    widths = {}
    for size in range(1, 300):
        commit(connection, log, [ENTRIES[size - 1]])
        widths[size] = log.right_edge(size)
    assert {size: log.right_edge(size) for size in widths} == widths


def test_a_lost_edge_stops_the_node(connection: apsw.Connection) -> None:
    """A log whose right edge is missing or short is not opened."""
    commit(connection, Log(connection, 0), ENTRIES[:300])
    for size in (301, 600):
        with pytest.raises(InvariantViolated, match="right-edge"):
            Log(connection, size)
    connection.execute("DELETE FROM comity_tile WHERE level = 1")
    with pytest.raises(InvariantViolated, match="right-edge"):
        Log(connection, 300)


def test_what_no_log_has_is_refused(connection: apsw.Connection) -> None:
    """Indexes at or past the size, sizes in the wrong order and impossible tiles are errors."""
    log = Log(connection, 0)
    commit(connection, log, ENTRIES[:300])
    for index, size in ((300, 300), (-1, 300), (0, 0), (5, 2)):
        with pytest.raises(QueryError):
            log.inclusion(index, size)
    for size_1, size_2 in ((-1, 3), (4, 3), (1 << 63, 1 << 63)):
        with pytest.raises(QueryError):
            log.consistency(size_1, size_2)
    for shape in ((0, 0, 0), (0, 0, 257), (0, -1, 1), (-1, 0, 1), (8, 0, 1)):
        with pytest.raises(QueryError):
            log.tile(*shape)
    with pytest.raises(QueryError):
        log.root(-1)
    with pytest.raises(QueryError):
        log.right_edge(-1)
    for beyond in ((0, 1, 45), (0, 2, 1), (1, 0, 2)):
        with pytest.raises(Unavailable, match="not stored here"):
            log.tile(*beyond)


def test_a_log_of_the_greatest_size_opens_and_refuses_to_grow(
    connection: apsw.Connection,
) -> None:
    """Opening needs eight right-edge tiles and nothing else; past LOG_SIZE_MAX the node stops."""
    edge = {(level, number): bytes(32 * w) for level, number, w in edge_tiles(LOG_SIZE_MAX)}
    assert len(edge) == 8
    tiles.write(connection, edge.items())
    log = Log(connection, LOG_SIZE_MAX)
    assert log.root(LOG_SIZE_MAX) == log.append([]).root
    with pytest.raises(InvariantViolated, match="LOG_SIZE_MAX"):
        log.append([b"one more"])
    before = LOG_SIZE_MAX - 1
    assert Log(connection, before).append([b"last"]).size == LOG_SIZE_MAX


def test_an_entry_beyond_its_bound_stops_the_node(connection: apsw.Connection) -> None:
    """An entry that no bundle can hold is a bug of the machine, found before it is logged."""
    log = Log(connection, 0)
    assert log.append([b"x" * LOG_ENTRY_BYTES_MAX]).size == 1
    with pytest.raises(InvariantViolated, match="LOG_ENTRY_BYTES_MAX"):
        log.append([b"x" * (LOG_ENTRY_BYTES_MAX + 1)])
