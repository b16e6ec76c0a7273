"""The one file of a backup: a zip that any program opens, with a manifest that says what is in it.

    manifest.json    ledger, height, app hash, and size and SHA-256 of each other file
    genesis.cbor     node.sqlite     as in the ledger's folder
    node.key         keys/NAME.key.json     only where asked for

Invariant: nothing is taken from a backup but what its manifest names; each has one of the names above, and the size and
hash that the manifest states.
"""

import errno
import hashlib
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import msgspec

from comity.client.key_file import SUFFIX
from comity.client.plain_file import open_plain
from comity.errors import ConfigError, ProofInvalid
from comity.limits import BACKUP_MEMBERS_MAX, KEY_NAME_CHARS_MAX, MANIFEST_BYTES_MAX
from comity.node.folder import DATABASE_FILE, GENESIS_FILE, KEY_FILE

MANIFEST = "manifest.json"
FORMAT = "comity backup 1"
KEYS = "keys/"
_CHUNK_BYTES = 1 << 20
_KEY_NAME = re.compile(rf"keys/[a-z0-9_-]{{1,{KEY_NAME_CHARS_MAX}}}{re.escape(SUFFIX)}")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (  # what zipfile raises of files that are none, or were altered
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(
        IndexError,
        RuntimeError,
        ValueError,
    ),  # NotImplementedError, of a newer zip, is a RuntimeError
)

Bar = Callable[[int], object]


class Progress(Protocol):
    """Shows how far something is: a bar, or nothing."""

    def __call__(self, title: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Show ``title`` while the block runs, which tells how many of ``total`` are done."""


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    Args:
        comity: version of the program that wrote it.
        genesis, app_hash, log_root: 64 hex digits.
        made: such as 2026-11-22T21:40:11Z.
        is_checked: the app hash was recomputed from the copied rows.
    """

    format: str
    comity: str
    ledger: str
    genesis: str
    height: int
    app_hash: str
    log_size: int
    log_root: str
    block_time_ns: int
    made: str
    is_checked: bool
    files: dict[str, Member]

    @property
    def has_node_key(self) -> bool:
        """Tell whether whoever has the backup can sign blocks."""
        return KEY_FILE in self.files

    @property
    def key_names(self) -> list[str]:
        """Return the names of the members' keys in it."""
        found = [name for name in self.files if name.startswith(KEYS)]
        return [name.removeprefix(KEYS).removesuffix(SUFFIX) for name in found]


def write_archive(
    path: Path, files: Mapping[str, Path], describe: Callable[[dict[str, Member]], Manifest],
    progress: Progress,
) -> Manifest:  # fmt: skip
    """Write a new archive, whole and on disk; return its manifest.

    Args:
        files: what to put in, by name in the archive.
        describe: makes the manifest once sizes and hashes are known.
    """
    total = sum(source.stat().st_size for source in files.values())
    with path.open("xb") as file, progress("packing", total) as bar:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            members, done = {}, 0
            for name, source in files.items():
                with source.open("rb") as stream, archive.open(name, "w", force_zip64=True) as sink:
                    members[name] = _copy(stream, sink, _after(done, bar))
                done += members[name].bytes
            manifest = describe(members)
            encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
            archive.writestr(MANIFEST, encoded + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return manifest


class Archive:
    """A backup that is being read. Raises: ConfigError, for what is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_plain(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
            self.manifest = self._read_manifest()
        except (*_UNREADABLE, OSError) as error:
            self._file.close()
            words = f"{path} is no backup of Comity, or was cut off ({error})"
            raise ConfigError(words) from error
        except BaseException:
            self._file.close()
            raise

    def extract(self, name: str, target: Path, progress: Progress) -> None:
        """Write one file of the backup to a new path, on disk when this returns. Raises: ProofInvalid."""
        member = self.manifest.files[name]
        with target.open("xb") as sink, progress(f"unpacking {name}", member.bytes) as bar:
            found = self._copy(name, sink, bar)
            sink.flush()
            os.fsync(sink.fileno())
        self._compare(name, found)

    def verify(self, progress: Progress) -> None:
        """Read every file of the backup and compare it with the manifest. Raises: ProofInvalid."""
        total = sum(member.bytes for member in self.manifest.files.values())
        done = 0
        with progress("reading back", total) as bar:
            for name, member in self.manifest.files.items():
                found = self._copy(name, None, _after(done, bar))
                self._compare(name, found)
                done += member.bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()

    def _copy(self, name: str, sink: IO[bytes] | None, bar: Bar) -> Member:
        try:
            with self._zip.open(name) as stream:
                return _copy(stream, sink, bar, self.manifest.files[name].bytes)
        except (*_UNREADABLE, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # of the disk, not of what the file holds
            words = f"{self.path}: {name} is damaged ({error}); take another backup"
            raise ProofInvalid(words) from error

    def _compare(self, name: str, found: Member) -> None:
        if found != self.manifest.files[name]:
            raise ProofInvalid(
                f"{self.path}: {name} is not what the manifest says; take another backup"
            )

    def _read_manifest(self) -> Manifest:
        infos = self._zip.infolist()
        names = [info.filename for info in infos]
        if MANIFEST not in names or len(infos) > BACKUP_MEMBERS_MAX:
            raise ConfigError(f"{self.path} is no backup of Comity: it has no {MANIFEST}")
        if any(info.compress_type not in _METHODS for info in infos):
            raise ConfigError(f"{self.path} is no backup of Comity: it is packed in another way")
        with self._zip.open(MANIFEST) as stream:
            data = stream.read(MANIFEST_BYTES_MAX + 1)
        try:
            manifest = msgspec.json.decode(data[:MANIFEST_BYTES_MAX], type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProofInvalid(f"{self.path}: {MANIFEST} is damaged ({error})") from error
        if manifest.format != FORMAT:
            raise ConfigError(
                f"{self.path} has the format {manifest.format!r}, this program knows {FORMAT!r}"
            )
        if sorted(names) != sorted([MANIFEST, *manifest.files]):
            raise ProofInvalid(f"{self.path} holds other files than its manifest names")
        for name in manifest.files:
            if name not in (GENESIS_FILE, DATABASE_FILE, KEY_FILE) and not _KEY_NAME.fullmatch(
                name
            ):
                raise ProofInvalid(f"{self.path} holds {name!a}, which no backup has")
        if GENESIS_FILE not in manifest.files or DATABASE_FILE not in manifest.files:
            raise ProofInvalid(f"{self.path} lacks {GENESIS_FILE} or {DATABASE_FILE}")
        return manifest


def _after(before: int, bar: Bar) -> Bar:
    return lambda more: bar(before + more)


def _copy(
    source: IO[bytes], sink: IO[bytes] | None, bar: Bar, bytes_max: int | None = None
) -> Member:
    """Copy a stream in pieces, at most one piece past ``bytes_max``; return its size and hash."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        if bytes_max is not None and size > bytes_max:
            break
        if sink is not None:
            sink.write(chunk)
        bar(size)
    return Member(size, digest.hexdigest())
