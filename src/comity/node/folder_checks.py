"""Checks of a ledger's folder: who may read what, whether the file is whole, who holds it, what was left behind.

Invariant: the folder is only read, and only a finding's ``mend`` changes it.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from comity.client.key_file import SUFFIX, names_in
from comity.errors import ConfigError, ProofInvalid
from comity.limits import DOCTOR_CHECK_TIME_S, QUERY_PROGRESS_OPS, WAL_PAGES_MAX
from comity.node.finding import Finding, State, well
from comity.node.folder import DATABASE_FILE, GENESIS_FILE, KEY_FILE, KEYS_FOLDER, LOCK_FILE, Folder
from comity.node.inspection import inspect_file
from comity.node.unfinished import MARK, unfinished
from comity.query.guard import connect
from comity.store.store import Store

_PAGE_BYTES = 4_096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def lock_holder(folder: Folder) -> str | None:
    """Return the number of the process that writes the ledger, or None."""
    try:
        descriptor = os.open(folder.directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(descriptor)


def has_ledger(folder: Folder) -> bool:
    """Tell whether the files of a ledger are there."""
    return folder.database.exists() and (folder.directory / GENESIS_FILE).exists()


def check_folder(folder: Folder) -> Iterator[Finding]:
    """Look whether there is a ledger, and whether this user can write it."""
    directory = folder.directory
    try:
        genesis = folder.read_genesis()
    except ConfigError as error:
        fix = "name the ledger's folder: comity doctor FOLDER; or restore a backup"
        has_one = (directory / GENESIS_FILE).exists()
        state: State = "damaged" if has_one else "wrong"
        yield Finding(name="folder", state=state, words=str(error), fix=fix)
        return
    if not folder.database.exists():
        words = f"{directory} has a genesis and no {DATABASE_FILE}"
        yield Finding(
            name="folder", state="wrong", words=words, fix="comity restore BACKUP NEW-FOLDER"
        )
        return
    for path in (directory, folder.database):
        if not os.access(path, os.W_OK):
            fix = f"run as the user who owns it, or: chown -R USER {directory}"
            words = f"this user cannot write {path}: it can be read, and no node can run"
            yield Finding(name="folder", state="wrong", words=words, fix=fix)
            return
    yield well("folder", f"{directory} holds {genesis.chain_id}")


def check_keys(folder: Folder) -> Iterator[Finding]:
    """Look whether the node can sign, and whether others can read its key or the members'."""
    path = folder.directory / KEY_FILE
    if not path.exists():
        words = f"{path} is missing: the ledger can be read and audited, and makes no block"
        fix = "put the copy there that you kept apart (mode 600)"
        yield Finding(name="keys", state="wrong", words=words, fix=fix)
    elif folder.read_key().public_key not in [
        node.public_key for node in folder.read_genesis().nodes
    ]:
        words = f"{path} is not the key of this ledger's node"
        yield Finding(name="keys", state="wrong", words=words, fix="put the right copy there")
    keys = folder.directory / KEYS_FOLDER
    open_to_others = [
        each
        for each in (path, *(keys / (name + SUFFIX) for name in names_in(keys)))
        if each.exists() and each.stat().st_mode & _OTHERS
    ]
    for each in open_to_others:
        yield Finding(
            name="keys", state="wrong", words=f"{each} can be read by others", fix=f"chmod 600 {each}",
            mend=lambda each=each: each.chmod(0o600),  # type: ignore[misc]  # bound now
        )  # fmt: skip
    if path.exists() and not open_to_others:
        yield well("keys", f"{KEY_FILE} and {len(names_in(keys))} in {keys}, for their owner alone")


def check_file(folder: Folder) -> Iterator[Finding]:
    """Look at the last block's signature, then at SQLite's own structure for as long as there is time."""
    fix = "comity audit names what is damaged; restore a backup that is sound: comity restore"
    try:
        seen = inspect_file(folder.database, folder.read_genesis(), is_recomputing=False)
    except ProofInvalid as error:
        yield Finding(name="file", state="damaged", words=str(error), fix=fix)
        return
    found = _quick_check(folder.database)
    head = f"height {seen.height:,}, {seen.rows_count:,} rows, signed by this ledger's node"
    if found is None:
        in_time = f"its structure was not looked through within {DOCTOR_CHECK_TIME_S} s"
        yield Finding(
            name="file",
            state="note",
            words=f"{head}; {in_time}",
            fix="comity audit looks at all of it",
        )
    elif found:
        yield Finding(name="file", state="damaged", words=f"SQLite says: {found[0]}", fix=fix)
    else:
        yield well("file", f"{head}; its structure is in order (comity audit looks at every row)")


def _quick_check(database: Path) -> list[str] | None:
    """Return what SQLite finds wrong with the file's structure; None when time ran out."""
    deadline_s = time.monotonic() + DOCTOR_CHECK_TIME_S
    connection = connect(database)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > deadline_s, QUERY_PROGRESS_OPS)
        lines = [row[0] for row in connection.execute("PRAGMA quick_check(10)")]
        return [str(line) for line in lines if line != "ok"]
    except apsw.InterruptError:
        return None
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return [str(error)]
    finally:
        connection.close()


def check_wal(folder: Folder, *, is_running: bool) -> Iterator[Finding]:
    """Look how long the write-ahead log is."""
    path = folder.database.with_name(DATABASE_FILE + "-wal")
    pages = path.stat().st_size // _PAGE_BYTES if path.exists() else 0
    words = f"the write-ahead log has {pages * _PAGE_BYTES >> 20:,} MiB"
    if pages <= 2 * WAL_PAGES_MAX:
        yield well("wal", words)
    elif is_running:
        fix = f"a program may hold an old snapshot of {DATABASE_FILE}: end its transaction (lsof shows it)"
        yield Finding(name="wal", state="warning", words=words, fix=fix)
    else:
        yield Finding(
            name="wal", state="warning", words=words, fix="comity doctor --fix writes it back into the file",
            mend=lambda: _write_back(folder),
        )  # fmt: skip


def _write_back(folder: Folder) -> None:
    lock = folder.lock()
    try:
        store = Store.open(str(folder.database))
        store.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        store.close()
    finally:
        lock.release()


def last_block_ns(folder: Folder) -> int:
    """Return the time of the last block. Raises: ConfigError."""
    connection = connect(folder.database)
    try:
        found: Any = connection.execute("SELECT time_ns FROM comity_chain").fetchone()
    finally:
        connection.close()
    if found is None:
        raise ConfigError("the ledger's file has no block; restore a backup")
    return int(found[0])


def check_leftovers(folder: Folder) -> Iterator[Finding]:
    """Look for what a command left that was killed."""
    found = sorted(path for path in folder.directory.glob(f".*{MARK}") if path.is_dir())
    for path in found:
        words = f"a command that was killed left {path}"
        yield Finding(
            name="leftovers", state="warning", words=words, fix=f"rm -r {path}",
            mend=lambda path=path: _remove(path),  # type: ignore[misc]  # bound now
        )  # fmt: skip
    if not found:
        yield well("leftovers", "none")


def _remove(path: Path) -> None:
    with unfinished(path):
        pass
