"""The store: one file that is at one block exactly; what is wrong with a file is told in words."""

import os
from pathlib import Path
from random import Random

import apsw
import pytest

from comity.errors import ConfigError, InvariantViolated, Unavailable
from comity.limits import FILE_FORMAT_NUMBER
from comity.store.store import APPLICATION_ID, Store
from tests.simulation.disk import Disk, Plan
from tests.simulation.inspection import inspect
from tests.simulation.script_app import declare
from tests.simulation.world import World

ITEM = ["a", 1, "x", "label", 1, True, b"\0"]


def world_of(path: Path, vfs: str | None = None) -> World:
    """Return a ledger in a file, with one row."""
    world = World([declare("shop")], store=Store.create(str(path), vfs=vfs))
    assert world.run("ana", "shop", ["add", "Item", ITEM]).is_ok
    return world


def change(world: World, amount: int) -> None:
    """Commit one block that changes the row."""
    receipt = world.run("ana", "shop", ["put", "Item", [*ITEM[:4], amount, *ITEM[5:]]])
    assert receipt.is_ok


def test_a_file_is_read_as_it_was_left(tmp_path: Path) -> None:
    """Height, app hash, time, log, tables and schemas come back from the file alone."""
    world = world_of(tmp_path / "a.sqlite")
    world.run("ana", "shop", ["create", "pool", 1])
    world.run("ana", "shop", ["create", "ring", 0])
    world.run("ana", "shop", ["drop", "ring"])
    left = world.store
    found = Store.open(str(tmp_path / "a.sqlite"))
    for name in ("height", "engine_height", "app_hash", "time_ns", "log_size", "leaves"):
        assert getattr(found, name) == getattr(left, name), name
    assert {n: t.schema for n, t in found.tables.items()} == {
        n: t.schema for n, t in left.tables.items()
    }
    assert found.versions("ring")[-1] == (4, None)
    assert found.next_number() == left.next_number()
    inspect(found, world.genesis.hash)
    with pytest.raises(KeyError):
        found.versions("nothing")
    with pytest.raises(KeyError):
        found.log_size_at(99)


def test_any_sqlite_program_sees_whose_file_it_is(tmp_path: Path) -> None:
    """The header names program and format; the file keeps a WAL and syncs in full."""
    store = world_of(tmp_path / "a.sqlite").store
    run = store.connection.execute
    assert run("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert run("PRAGMA user_version").fetchone() == (FILE_FORMAT_NUMBER,)
    assert run("PRAGMA journal_mode").fetchone() == ("wal",)
    assert run("PRAGMA synchronous").fetchone() == (2,)
    assert run("PRAGMA trusted_schema").fetchone() == (0,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing"),
        (b"not a database at all, but longer than a header of SQLite must be" * 20, "SQLite"),
        (b"", "no ledger file|not a ledger file"),
    ],
)
def test_what_is_no_ledger_is_told(tmp_path: Path, content: bytes | None, words: str) -> None:
    """A missing file, another program's file, an empty one."""
    path = tmp_path / "a.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        Store.open(str(path))


def test_a_file_of_another_format_is_told(tmp_path: Path) -> None:
    """A newer program's file is not guessed at."""
    world_of(tmp_path / "a.sqlite").store.close()
    connection = apsw.Connection(str(tmp_path / "a.sqlite"))
    connection.execute(f"PRAGMA user_version = {FILE_FORMAT_NUMBER + 1}").fetchall()
    connection.close()
    with pytest.raises(ConfigError, match="format"):
        Store.open(str(tmp_path / "a.sqlite"))


def test_a_file_that_was_never_finished_is_told(tmp_path: Path) -> None:
    """Tables, but no genesis block: made and killed."""
    Store.create(str(tmp_path / "a.sqlite")).close()
    with pytest.raises(ConfigError, match="no genesis block"):
        Store.open(str(tmp_path / "a.sqlite"))


def test_a_ledger_is_not_made_twice(tmp_path: Path) -> None:
    """An existing file stays as it is."""
    world = world_of(tmp_path / "a.sqlite")
    with pytest.raises(ConfigError, match="exists already"):
        Store.create(str(tmp_path / "a.sqlite"))
    assert Store.open(str(tmp_path / "a.sqlite")).app_hash == world.store.app_hash
    with pytest.raises(ConfigError, match="cannot be"):
        Store.create(str(tmp_path / "no folder" / "a.sqlite"))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE comity_block SET app_hash = zeroblob(32) WHERE height = 1",
        (
            "UPDATE comity_table SET leaf = (SELECT leaf FROM comity_root WHERE height = 0 AND name = 'comity_key')"
            " WHERE name = 'shop__item'"
        ),
        "UPDATE comity_chain SET height = 7",
        "DELETE FROM comity_tile",
        "DELETE FROM comity_block WHERE height = 1",
        "DELETE FROM comity_schema WHERE name = 'shop__item'",
        "DELETE FROM comity_table WHERE name = 'comity_chain'",
    ],
)
def test_a_file_that_contradicts_itself_is_not_opened(tmp_path: Path, damage: str) -> None:
    """Catalog, last block, chain row and log must agree before anything is answered."""
    world_of(tmp_path / "a.sqlite").store.close()
    connection = apsw.Connection(str(tmp_path / "a.sqlite"))
    connection.execute(damage)
    connection.close()
    with pytest.raises(InvariantViolated):
        Store.open(str(tmp_path / "a.sqlite"))


def test_a_block_that_does_not_follow_is_not_written(tmp_path: Path) -> None:
    """The same block twice, or one of another log, is a bug and is named as one."""
    world = world_of(tmp_path / "a.sqlite")
    prepared = world.prepare(world.script("ana", "shop", ["delete", "Item", ["a", 1]]))
    assert prepared.candidate is not None
    write = prepared.candidate.seal()
    world.commit(world.machine.finalize(prepared.candidate.entries))
    with pytest.raises(InvariantViolated, match="does not follow"):
        world.store.write_block(write, {})
    inspect(world.store, world.genesis.hash)


@pytest.mark.parametrize("after", range(12))
def test_p21_a_full_disk_takes_the_block_back_and_the_same_block_can_be_written_later(
    tmp_path: Path, after: int
) -> None:
    """Whichever write finds no room: one clear line, nothing changed, and it goes on when there is room (P21)."""
    disk = Disk(Random(1))
    world = world_of(tmp_path / "a.sqlite", vfs=disk.name)
    before = world.store.app_hash
    prepared = world.prepare(world.script("ana", "shop", ["delete", "Item", ["a", 1]]))
    assert prepared.candidate is not None
    candidate = world.machine.finalize(prepared.candidate.entries)
    disk.plan = Plan("write", after, "full")
    caught = None
    try:
        world.commit(candidate)
    except Unavailable as error:
        caught = error
    if caught is not None:
        assert "disk is full" in str(caught)
        assert (world.store.height, world.store.app_hash) == (1, before)
        inspect(world.store, world.genesis.hash)
        disk.is_full = False
        world.commit(candidate)
    assert world.store.app_hash == candidate.app_hash
    disk.plan, disk.is_full = None, False
    inspect(world.store, world.genesis.hash)
    world.store.close()


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_p20_after_a_disk_error_a_store_writes_nothing_more(tmp_path: Path, kind: str) -> None:
    """The error passes through, and the next block is refused until the file is opened anew (P20)."""
    disk = Disk(Random(1))
    world = world_of(tmp_path / "a.sqlite", vfs=disk.name)
    before = world.store.app_hash
    disk.plan = Plan(kind, 0, "error")
    with pytest.raises(apsw.IOError):
        change(world, 2)
    with pytest.raises(InvariantViolated, match="an earlier write failed"):
        change(world, 3)
    world.store.close()
    found = Store.open(str(tmp_path / "a.sqlite"))
    assert (found.height, found.app_hash) == (1, before)
    inspect(found, world.genesis.hash)


def test_p20_an_error_of_a_checkpoint_is_not_swallowed(tmp_path: Path) -> None:
    """SQLite's own checkpoint would hide it: here the block stays, and the node stops."""
    disk = Disk(Random(1))
    world = world_of(tmp_path / "a.sqlite", vfs=disk.name)
    world.store.wal_pages_max = 0
    disk.plan = Plan("sync", 1, "error")  # the commit's sync goes well, the checkpoint's does not
    with pytest.raises(apsw.IOError):
        change(world, 2)
    with pytest.raises(InvariantViolated):
        change(world, 3)
    world.store.close()
    found = Store.open(str(tmp_path / "a.sqlite"))
    assert found.height == 2
    inspect(found, world.genesis.hash)


def test_a_checkpoint_without_room_waits(tmp_path: Path) -> None:
    """What is committed is safe in the WAL; a full disk below it stops nothing."""
    disk = Disk(Random(1))
    world = world_of(tmp_path / "a.sqlite", vfs=disk.name)
    change(world, 2)
    world.store.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    writes = disk.calls["write"]
    change(world, 3)
    of_a_block = disk.calls["write"] - writes
    world.store.wal_pages_max = 0
    disk.plan = Plan("write", of_a_block, "full")
    change(world, 4)
    assert disk.is_full
    disk.is_full = False
    change(world, 5)
    inspect(world.store, world.genesis.hash)


def test_a_long_wal_is_moved_into_the_file(tmp_path: Path) -> None:
    """The WAL does not grow without end."""
    world = world_of(tmp_path / "a.sqlite")
    world.store.wal_pages_max = 20
    for amount in range(60):
        change(world, amount % 7 + 2)
    assert os.path.getsize(tmp_path / "a.sqlite-wal") < 100 * 4_096
    inspect(world.store, world.genesis.hash)
