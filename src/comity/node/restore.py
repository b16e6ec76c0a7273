"""A ledger's folder made from a backup.

Invariant: ``genesis.cbor`` comes last, so the folder is a ledger's only when all of it is there and was found whole;
nothing that stood there before is changed.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from comity.client.checkpoints import log_key, open_held
from comity.errors import ConfigError, ProofInvalid
from comity.model.genesis import Genesis
from comity.node.archive import KEYS, Archive, Manifest, Progress
from comity.node.folder import DATABASE_FILE, GENESIS_FILE, KEY_FILE, LOCK_FILE, Folder
from comity.node.inspection import inspect_file, log_root_at
from comity.node.unfinished import folder_for, publish, sync_folder, take_back, unfinished

_OF_A_LEDGER = (GENESIS_FILE, DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")


class Restored(msgspec.Struct, frozen=True):
    """What was restored; ``can_sign``: the node's key is in the folder, so blocks can follow."""

    manifest: Manifest
    can_sign: bool


def restore(
    source: Path, directory: Path, progress: Progress, *, is_checked: bool = True,
    checkpoint: bytes | None = None,
) -> Restored:  # fmt: skip
    """Make a ledger's folder from a backup.

    Args:
        is_checked: recompute the app hash from the rows; without it the file's hash and the node's signature count.
        checkpoint: one that a member holds: the backup must not be older.
    Raises: ConfigError, for what is no backup, or a folder that holds a ledger; ProofInvalid, for a backup that is
        damaged, or older than the checkpoint; Unavailable. Then the folder is as it was.
    """
    with Archive(source) as archive:
        manifest, folder = archive.manifest, Folder(directory)
        is_new = not directory.exists()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{directory} cannot be made: {error.strerror}") from error
        lock = folder.lock()  # so that no node starts here meanwhile
        try:
            can_sign = _unpack(archive, folder, progress, checkpoint, is_checked=is_checked)
        except BaseException:
            if is_new:
                with suppress(OSError):
                    (directory / LOCK_FILE).unlink()
                    directory.rmdir()
            raise
        finally:
            lock.release()
    return Restored(manifest, can_sign)


def _unpack(
    archive: Archive, folder: Folder, progress: Progress, checkpoint: bytes | None, *, is_checked: bool
) -> bool:  # fmt: skip
    """Unpack, check and publish; tell whether the node's key is there."""
    directory, manifest = folder.directory, archive.manifest
    place = folder_for(directory / "restore")
    with unfinished(place, before=lambda work: _take_back(work, directory)) as work:
        _check_free(directory, manifest)
        try:
            for name in manifest.files:
                draft = work / name
                draft.parent.mkdir(exist_ok=True, mode=0o700)
                archive.extract(name, draft, progress)
            _check(work, manifest, checkpoint, progress, is_checked=is_checked)
            can_sign = _check_key(folder, work)
            _publish(work, directory, manifest)
        except BaseException:
            _take_back(work, directory)
            raise
    return can_sign


def _take_back(work: Path, directory: Path) -> None:
    """Remove what was published of a restore that did not reach its end."""
    if not (directory / GENESIS_FILE).exists():
        take_back(work, directory)


def _check_free(directory: Path, manifest: Manifest) -> None:
    """Raises: ConfigError, when the folder holds what the backup would bring."""
    for name in (*_OF_A_LEDGER, *(name for name in manifest.files if name.startswith(KEYS))):
        if (directory / name).exists():
            raise ConfigError(
                f"{directory} holds {name} already: restore into another folder, or move it away first"
            )


def _check(
    work: Path,
    manifest: Manifest,
    checkpoint: bytes | None,
    progress: Progress,
    *,
    is_checked: bool,
) -> None:
    """Compare what was unpacked with the manifest, the genesis and a checkpoint. Raises: ProofInvalid."""
    genesis = Folder(work).read_genesis()
    if genesis.hash.hex() != manifest.genesis:
        raise ProofInvalid(f"the backup's {GENESIS_FILE} is not the one that its manifest names")
    with progress("checking"):
        seen = inspect_file(work / DATABASE_FILE, genesis, is_recomputing=is_checked)
    if (seen.height, seen.app_hash.hex()) != (manifest.height, manifest.app_hash):
        raise ProofInvalid(
            f"the backup holds block {seen.height}, its manifest names block {manifest.height}"
        )
    if checkpoint is None:
        return
    held = open_held(checkpoint, genesis, [log_key(genesis, node) for node in genesis.nodes])
    if held.size > seen.log_size:
        raise ProofInvalid(
            f"the backup is older than the checkpoint: its log has {seen.log_size:,} entries, the checkpoint"
            f" {held.size:,}; a ledger that went on from here would have a second history. Restore a newer backup"
        )
    if log_root_at(work / DATABASE_FILE, held.size) != held.root:
        raise ProofInvalid("the checkpoint is of another history than the backup: ask who holds it")


def _check_key(folder: Folder, work: Path) -> bool:
    """Tell whether the node's key is, or will be, in the folder. Raises: ConfigError, when it is another ledger's."""
    genesis = Folder(work).read_genesis()
    for place in (folder, Folder(work)):
        if (place.directory / KEY_FILE).exists():
            _check_own(place, genesis)
            return True
    return False


def _check_own(place: Folder, genesis: Genesis) -> None:
    if place.read_key().public_key not in [node.public_key for node in genesis.nodes]:
        raise ConfigError(
            f"{place.directory / KEY_FILE} is the key of another ledger's node: move it away first"
        )


def _publish(work: Path, directory: Path, manifest: Manifest) -> None:
    """Move everything to its place, the genesis last."""
    for name in sorted(manifest.files, key=lambda name: name == GENESIS_FILE):
        if name == GENESIS_FILE:
            sync_folder(directory)
        if name == KEY_FILE and (directory / name).exists():
            continue
        if name == KEY_FILE or name.startswith(KEYS):
            (work / name).chmod(0o600)
            (directory / name).parent.mkdir(exist_ok=True, mode=0o700)
        publish(work / name, directory / name)
    sync_folder(directory)
