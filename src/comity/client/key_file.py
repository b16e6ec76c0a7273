"""One key file: its JSON, its bounds, and how it reaches the disk.

    {"version": 1, "account": "cm1...", "public_key": "<base64>",
     "kdf": {"name": "argon2id", "salt": "<base64>", "operations": 2, "memory_bytes": 67108864},
     "cipher": "xsalsa20-poly1305", "ciphertext": "<base64: nonce, then box>"}

A key's name is the name of its file, and stands nowhere inside: so a copy under another name is
simply another key file. The account is the one that this key founds.

Invariant: a key file is there whole or not at all, is never replaced, and is read only while nobody
but its owner may read it, as ssh demands of its keys.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from comity.client.files.texts import shown
from comity.client.plain_file import open_plain
from comity.errors import ConfigError, Malformed
from comity.limits import (
    KDF_MEMORY_BYTES_MAX,
    KDF_OPERATIONS_MAX,
    KEY_FILE_BYTES_MAX,
    KEY_FILES_MAX,
    KEY_NAME_CHARS_MAX,
    PUBLIC_KEY_BYTES,
)
from comity.model import account

SUFFIX = ".key.json"
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


class Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the passphrase becomes a key; bounds keep a hostile file from taking all memory."""

    name: Literal["argon2id"]
    salt: Annotated[bytes, Meta(min_length=16, max_length=16)]
    operations: Annotated[int, Meta(ge=1, le=KDF_OPERATIONS_MAX)]
    memory_bytes: Annotated[int, Meta(ge=8 * 1024, le=KDF_MEMORY_BYTES_MAX)]


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key file says; the ciphertext holds entropy and derivation path."""

    version: Literal[1]
    account: Annotated[str, Meta(max_length=account.TEXT_CHARS)]
    public_key: Annotated[bytes, Meta(min_length=PUBLIC_KEY_BYTES, max_length=PUBLIC_KEY_BYTES)]
    kdf: Kdf
    cipher: Literal["xsalsa20-poly1305"]
    ciphertext: Annotated[bytes, Meta(min_length=40, max_length=1024)]


def encode(file: KeyFile) -> bytes:
    """Return the bytes of a key file."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def decode(data: bytes) -> KeyFile:
    """Return what the bytes of a key file say.

    Raises:
        Malformed: not this JSON, out of bounds, or an account that is not the public key's.
    """
    if len(data) > KEY_FILE_BYTES_MAX:
        raise Malformed(f"longer than the {KEY_FILE_BYTES_MAX} bytes that a key file may have")
    try:
        file = msgspec.json.decode(data, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a key file of version 1: {shown(str(error), 120)}") from None
    if file.account != account.to_text(account.account_id(file.public_key)):
        raise Malformed("the account is not the public key's: the file was altered")
    return file


def path_of(directory: Path, name: str) -> Path:
    """Return where the key ``name`` lies.

    Raises:
        ConfigError: not 1 to 40 of a-z, 0-9, ``_`` and ``-``.
    """
    if not 1 <= len(name) <= KEY_NAME_CHARS_MAX or not _NAME_CHARS.issuperset(name):
        raise ConfigError(
            f"key name {name[:KEY_NAME_CHARS_MAX]!a}: use 1 to {KEY_NAME_CHARS_MAX} of the"
            " characters a-z, 0-9, _ and -"
        )
    return directory / (name + SUFFIX)


def names_in(directory: Path) -> list[str]:
    """Return the names of all key files in a folder, sorted; none where there is no folder."""
    try:
        entries = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"key folder {directory}: {error.strerror}") from error
    names = [entry.removesuffix(SUFFIX) for entry in entries if entry.endswith(SUFFIX)]
    if len(names) > KEY_FILES_MAX:
        raise ConfigError(
            f"key folder {directory} has {len(names)} keys, more than {KEY_FILES_MAX}"
        )
    return names


def read(path: Path) -> KeyFile:
    """Read and check one key file.

    Raises:
        ConfigError: missing, no regular file, readable by others, or malformed.
    """
    with open_plain(path, "key file") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        data = stream.read(KEY_FILE_BYTES_MAX + 1)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"key file {path} is open to other users (mode {stat.S_IMODE(mode):o}):"
            f" run chmod 600 {path}"
        )
    try:
        return decode(data)
    except Malformed as error:
        raise ConfigError(f"key file {path}: {error}") from error


def write(path: Path, file: KeyFile) -> None:
    """Create a key file and its folder; both are on disk when this returns.

    Raises:
        ConfigError: a key of that name exists, or the folder cannot be written; nothing changed.
    """
    data = encode(file)
    decode(data)  # what could not be read again must not be written
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write_new(draft, data)
            _publish(draft, path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"key file {path} cannot be written: {error.strerror}") from error


def _publish(draft: Path, path: Path) -> None:
    """Give the draft its name; unlike a rename, a link never replaces an older key."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise ConfigError(f"key file {path} exists: choose another name; nothing changed") from None


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that did not exist, for its owner alone, through to the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    """Make the folder's entries durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
