"""A copy of a ledger in one file, made while its node runs.

Invariant: the target is there whole or not at all, is of one block exactly, and was read back before it got its name.
"""

import time
from pathlib import Path

import apsw
import msgspec

import comity
from comity.client.key_file import SUFFIX, names_in
from comity.errors import ConfigError, ProofInvalid
from comity.model.genesis import Genesis
from comity.node.archive import FORMAT, KEYS, Archive, Manifest, Member, Progress, write_archive
from comity.node.folder import DATABASE_FILE, GENESIS_FILE, KEY_FILE, KEYS_FOLDER, Folder
from comity.node.inspection import Inspected, inspect_file
from comity.node.unfinished import folder_for, publish, sync_folder, unfinished
from comity.query.guard import connect

_PAGES_PER_STEP = 2_000  # 8 MiB: the bar moves, and Ctrl-C is heard


class BackupOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into a backup, and how sure it has to be.

    Args:
        is_checked: recompute the app hash of the copy.
        is_replacing: the target may exist.
    """

    has_node_key: bool = False
    has_member_keys: bool = False
    is_checked: bool = True
    is_replacing: bool = False


def back_up(directory: Path, target: Path, options: BackupOptions, progress: Progress) -> Manifest:
    """Write a backup of the ledger in ``directory`` and return its manifest.

    Raises: ConfigError, Unavailable; ProofInvalid, when the copy is not what the ledger signed: then nothing is left.
    Cost: the file is copied once, packed once and read back; with ``is_checked`` each row is hashed.
    """
    folder = Folder(directory)
    genesis = folder.read_genesis()
    if target.exists() and not options.is_replacing:
        raise ConfigError(f"{target} exists; name another file, or replace it with --force")
    with unfinished(folder_for(target)) as work:
        copy = work / DATABASE_FILE
        copy_database(folder.database, copy, progress)
        with progress("checking"):
            seen = inspect_file(copy, genesis, is_recomputing=options.is_checked)
        files = {GENESIS_FILE: directory / GENESIS_FILE, DATABASE_FILE: copy}
        files |= _keys(folder, options)
        draft = work / "backup.zip"
        manifest = write_archive(
            draft, files, lambda members: _manifest(genesis, seen, members), progress
        )
        with Archive(draft) as written:
            if written.manifest != manifest:
                raise ProofInvalid(
                    "the manifest was not read back as it was written: is the disk in order?"
                )
            written.verify(progress)
        draft.chmod(0o600)
        if options.is_replacing:
            draft.replace(target)
        else:
            publish(draft, target)
        sync_folder(target.parent)
    return manifest


def copy_database(source: Path, target: Path, progress: Progress) -> None:
    """Copy a ledger's file as of one block, beside a node that writes it. Raises: Unavailable.

    The copy needs no write-ahead log: it opens where nothing can be written.
    """
    reading, writing = connect(source), apsw.Connection(str(target))
    try:
        reading.execute("BEGIN").fetchall()  # one snapshot, however many blocks follow meanwhile
        reading.execute("SELECT count(*) FROM comity_block").fetchall()
        with progress("copying") as bar, writing.backup("main", reading, "main") as backup:
            while not backup.done:
                backup.step(_PAGES_PER_STEP)
                bar(backup.page_count - backup.remaining)
        writing.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        writing.close()
        reading.close()


def _keys(folder: Folder, options: BackupOptions) -> dict[str, Path]:
    files = {}
    if options.has_node_key:
        folder.read_key()  # a damaged one is told now, not when it is needed
        files[KEY_FILE] = folder.directory / KEY_FILE
    if options.has_member_keys:
        keys = folder.directory / KEYS_FOLDER
        files |= {KEYS + name + SUFFIX: keys / (name + SUFFIX) for name in names_in(keys)}
    return files


def _manifest(genesis: Genesis, seen: Inspected, members: dict[str, Member]) -> Manifest:
    return Manifest(
        format=FORMAT, comity=comity.__version__, ledger=genesis.chain_id,
        genesis=genesis.hash.hex(), height=seen.height, app_hash=seen.app_hash.hex(),
        log_size=seen.log_size, log_root=seen.log_root.hex(), block_time_ns=seen.time_ns,
        made=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        is_checked=seen.is_recomputed, files=members,
    )  # fmt: skip
