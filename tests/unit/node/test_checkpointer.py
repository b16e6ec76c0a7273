"""The write-ahead log is moved beside the writer, and nothing rests on it."""

from pathlib import Path

import apsw
import pytest

from comity.node.checkpointer import Checkpointer
from comity.store.store import Store

ROWS = 2_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger file, not finished, whose store can be written as SQLite."""
    found = tmp_path / "a.sqlite"
    Store.create(str(found)).close()
    return found


def pages(store: Store) -> tuple[int, int]:
    """How many pages the log has, and how many of them are in the file."""
    return store.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)


def write(store: Store, rows: int = ROWS) -> None:
    """Let the log grow by some hundred pages, and tell as a block does."""
    with store.connection:
        store.connection.executemany(
            "INSERT INTO comity_undo VALUES((SELECT count(*) FROM comity_undo), zeroblob(?))",
            [(1_000,)] * rows,
        )
    store._checkpoint()


def opened(path: Path) -> Store:
    """A store over a file without a genesis block."""
    return Store(apsw.Connection(str(path)))


def test_a_long_log_is_moved_beside_the_writer(path: Path) -> None:
    """The writer's own pass never runs, and yet everything reaches the file."""
    store = opened(path)
    checkpointer = Checkpointer(store, path, pages_min=100)
    write(store)
    checkpointer.drain()
    grown, moved = pages(store)
    assert grown == moved > ROWS // 5
    write(store, ROWS // 2)
    checkpointer.drain()
    checkpointer.close()
    again, moved = pages(store)
    assert moved == again < grown, "the log began anew"
    store.close()


def test_a_short_log_is_left_alone(path: Path) -> None:
    """An idle ledger costs nothing."""
    store = opened(path)
    store.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    checkpointer = Checkpointer(store, path, pages_min=100_000)
    write(store)
    checkpointer.drain()
    checkpointer.close()
    grown, moved = pages(store)
    assert moved == 0 < grown
    store.close()


def test_the_writer_bounds_the_log_when_the_thread_cannot(path: Path) -> None:
    """A thread without its file: the writer does all the work."""
    store = opened(path)
    store.wal_pages_max = 50
    checkpointer = Checkpointer(store, path, pages_min=1)
    checkpointer.close()
    write(store)
    grown, moved = pages(store)
    assert grown == moved
    store.close()
