"""A folder of keys, each under a passphrase: make, import, export, list and unlock them.

What a key file seals is the 32 bytes that its 24 words encode, and the derivation path; the seed
that signs is derived from them at each unlock. The sealing key is argon2id of the passphrase.

Invariant: secrets pass in and out as `Secret` or inside a `SigningKey`; no error shows one. A wrong
passphrase changes nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox

from comity.client import key_file
from comity.client.key_file import Kdf, KeyFile
from comity.client.secret import Secret, sealed
from comity.crypto import cbor, ed25519, words
from comity.errors import ConfigError, Unavailable
from comity.limits import ENTROPY_BYTES, KEY_FILE_BYTES_MAX
from comity.model import account


@dataclass(frozen=True)
class KdfCost:
    """What one guess at a passphrase costs: passes over so much memory."""

    operations: int
    memory_bytes: int


INTERACTIVE = KdfCost(argon2id.OPSLIMIT_INTERACTIVE, argon2id.MEMLIMIT_INTERACTIVE)  # 0.1 s, 64 MiB


@dataclass(frozen=True)
class KeyInfo:
    """What may be known of a key without its passphrase."""

    name: str
    path: Path
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Return the 20 bytes that name this key in an envelope."""
        return account.key_id(self.public_key)

    @property
    def account_id(self) -> bytes:
        """Return the 20-byte id of the account that this key founds."""
        return account.account_id(self.public_key)

    @property
    def account_text(self) -> str:
        """Return the text form of that account."""
        return account.to_text(self.account_id)


class SigningKey:
    """An unlocked key: signs, and shows only its public half."""

    __slots__ = ("_seed", "account_id", "key_id", "public_key")

    def __init__(self, seed: Secret, public_key: bytes) -> None:
        self._seed = seed
        self.public_key = public_key
        self.key_id = account.key_id(public_key)
        self.account_id = account.account_id(public_key)  # that this key founds

    @classmethod
    @sealed
    def from_seed(cls, seed: Secret) -> "SigningKey":
        """Return the key of a 32-byte seed."""
        return cls(seed, ed25519.public_key(seed.reveal()))

    @sealed
    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message."""
        return ed25519.sign(self._seed.reveal(), message)

    def __repr__(self) -> str:
        return f"SigningKey({account.to_text(self.account_id)})"


@sealed
def create(
    directory: Path,
    name: str,
    passphrase: Secret,
    entropy: Secret | None = None,
    cost: KdfCost = INTERACTIVE,
) -> KeyInfo:
    """Make a key and store it.

    Args:
        directory: made, for its owner alone, where missing.
        name: 1 to 40 of a-z, 0-9, ``_`` and ``-``; no key of that name may exist.
        passphrase: as `read_passphrase` gives it.
        entropy: 32 bytes; drawn from the operating system unless given.
        cost: kept in the file.

    Raises:
        ConfigError: name, existing key, folder.
        Unavailable: not enough memory for ``cost``.
    """
    path = key_file.path_of(directory, name)
    secret = (entropy or Secret(os.urandom(ENTROPY_BYTES))).reveal()
    public_key = ed25519.public_key(words.derive_seed(secret))
    info = KeyInfo(name, path, public_key)
    kdf = Kdf("argon2id", os.urandom(argon2id.SALTBYTES), cost.operations, cost.memory_bytes)
    ciphertext = bytes(_box(passphrase, kdf).encrypt(cbor.encode([secret, words.PATH])))
    file = KeyFile(1, info.account_text, public_key, kdf, "xsalsa20-poly1305", ciphertext)
    key_file.write(path, file)
    return info


@sealed
def import_words(
    directory: Path,
    name: str,
    phrase: Secret,
    passphrase: Secret,
    cost: KdfCost = INTERACTIVE,
) -> KeyInfo:
    """Store the key that 24 words restore.

    Args:
        phrase: the words; capitals and any white space between them are forgiven.

    Raises:
        Malformed: count, word (which, and the nearest one), checksum.
        ConfigError, Unavailable: as `create`.
    """
    plain = " ".join(phrase.reveal_text().lower().split())
    return create(directory, name, passphrase, Secret(words.to_entropy(plain)), cost)


@sealed
def export_words(directory: Path, name: str, passphrase: Secret) -> Secret:
    """Return the 24 words that restore a key.

    Raises:
        ConfigError, Unavailable: as `unlock`.
    """
    path = key_file.path_of(directory, name)
    entropy, _seed = _open(path, key_file.read(path), passphrase)
    return Secret.from_text(words.to_words(entropy))


@sealed
def unlock(directory: Path, name: str, passphrase: Secret) -> SigningKey:
    """Return the key ready to sign.

    Raises:
        ConfigError: no such key, its file readable by others or malformed, wrong passphrase.
        Unavailable: not enough memory for the file's KDF.

    Cost: that of the KDF, by default 0.1 s and 64 MiB.
    """
    path = key_file.path_of(directory, name)
    _entropy, seed = _open(path, key_file.read(path), passphrase)
    return SigningKey.from_seed(Secret(seed))


def list_keys(directory: Path) -> list[KeyInfo]:
    """Return all keys of a folder, by name; none where there is no folder.

    Raises:
        ConfigError: names every file that cannot be read, and why.
    """
    infos, problems = [], []
    for name in key_file.names_in(directory):
        try:
            path = key_file.path_of(directory, name)
            infos.append(KeyInfo(name, path, key_file.read(path).public_key))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("; ".join(problems))
    return infos


def _box(passphrase: Secret, kdf: Kdf) -> SecretBox:
    """Return the box that the passphrase locks. Source: RFC 9106 (argon2id)."""
    size, limits = SecretBox.KEY_SIZE, (kdf.operations, kdf.memory_bytes)
    try:
        return SecretBox(argon2id.kdf(size, passphrase.reveal(), kdf.salt, *limits))
    except (RuntimeError, MemoryError):
        raise Unavailable(
            f"not enough memory: this key takes {kdf.memory_bytes >> 20} MiB to unlock"
        ) from None


def _open(path: Path, file: KeyFile, passphrase: Secret) -> tuple[bytes, bytes]:
    """Return entropy and seed of a key file, checked against its public key."""
    try:
        plain = _box(passphrase, file.kdf).decrypt(file.ciphertext)
    except CryptoError:
        raise ConfigError(f"wrong passphrase for key file {path}; nothing changed") from None
    match cbor.decode(plain, size_max=KEY_FILE_BYTES_MAX):
        case [bytes() as entropy, str() as derivation_path]:
            seed = words.derive_seed(entropy, derivation_path)
        case _:
            raise ConfigError(f"key file {path} seals something else than a key of version 1")
    if ed25519.public_key(seed) != file.public_key:
        raise ConfigError(f"key file {path} was altered: its public key is not its secret's")
    return entropy, seed
