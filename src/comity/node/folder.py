"""A ledger's folder: its genesis, its SQLite file and the node's key, and who may write them.

    genesis.cbor    the genesis, canonical bytes
    node.sqlite     the ledger, readable by any SQLite program
    node.key        the seed of the node's key, for its owner alone (mode 0600)
    node.lock       held by the one process that writes

Invariant: at most one process writes a folder; a folder that was not made whole is not opened.
"""

import os
from pathlib import Path

from comity.crypto import cose_receipt, ed25519
from comity.crypto.cose_receipt import Proof, ReceiptClaims
from comity.errors import ConfigError, Malformed, Unavailable
from comity.limits import SEED_BYTES
from comity.model.account import key_id
from comity.model.genesis import GENESIS_BYTES_MAX, Genesis

GENESIS_FILE = "genesis.cbor"
DATABASE_FILE = "node.sqlite"
KEY_FILE = "node.key"
LOCK_FILE = "node.lock"
KEYS_FOLDER = "keys"  # of members, beside the node's; clients read it


class NodeKey:
    """The key with which a node signs app hashes and checkpoints; it stands unencrypted, as the node runs alone."""

    __slots__ = ("_seed", "key_id", "public_key")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.public_key = ed25519.public_key(seed)
        self.key_id = key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of ``message``."""
        return ed25519.sign(self._seed, message)

    def issue_receipt(self, claims: ReceiptClaims, proof: Proof, root: bytes) -> bytes:
        """Return a COSE receipt over a root of the log. Raises: Malformed."""
        return cose_receipt.issue(self._seed, claims, proof, root)

    def __repr__(self) -> str:
        return f"NodeKey({self.key_id.hex()})"


class Folder:
    """Paths and small files of one ledger."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / DATABASE_FILE

    def make(self) -> None:
        """Make the directory, where it is absent. Raises: ConfigError, when it holds a ledger or cannot be made."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.directory} cannot be made: {error.strerror}") from error
        if (self.directory / GENESIS_FILE).exists():
            raise ConfigError(f"{self.directory} holds a ledger already; choose another folder")
        for name in (DATABASE_FILE, KEY_FILE):
            if (self.directory / name).exists():
                raise ConfigError(
                    f"{self.directory} has a {name} but no {GENESIS_FILE}: restore that from a backup,"
                    " or choose another folder"
                )

    def remove_unfinished(self) -> None:
        """Remove what ``make`` was followed by, as long as there is no genesis."""
        if (self.directory / GENESIS_FILE).exists():
            return
        for name in (KEY_FILE, DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm"):
            (self.directory / name).unlink(missing_ok=True)

    def write_key(self, seed: bytes) -> NodeKey:
        """Store the node's seed, for its owner alone. Raises: ConfigError."""
        _write_new(self.directory / KEY_FILE, seed.hex().encode() + b"\n", mode=0o600)
        return NodeKey(seed)

    def read_key(self) -> NodeKey:
        """Return the node's key. Raises: ConfigError."""
        path = self.directory / KEY_FILE
        try:
            seed = bytes.fromhex(path.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} is missing or damaged; restore it from a backup") from error
        if len(seed) != SEED_BYTES:
            raise ConfigError(f"{path} is damaged: {SEED_BYTES} bytes in hex are needed")
        return NodeKey(seed)

    def write_genesis(self, genesis: Genesis) -> None:
        """Store the genesis; the folder is a ledger's from then on."""
        _write_new(self.directory / GENESIS_FILE, genesis.encode(), mode=0o644)

    def read_genesis(self) -> Genesis:
        """Return the genesis. Raises: ConfigError."""
        path = self.directory / GENESIS_FILE
        try:
            with path.open("rb") as file:
                data = file.read(GENESIS_BYTES_MAX + 1)
        except FileNotFoundError:
            raise ConfigError(
                f"{self.directory} holds no ledger (no {GENESIS_FILE}); make one with 'comity init {self.directory}'"
            ) from None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        try:
            return Genesis.decode(data)
        except Malformed as error:
            raise ConfigError(f"{path} is damaged: {error}") from error

    def lock(self) -> "FolderLock":
        """Return the right to write, held until released or this process ends. Raises: Unavailable, ConfigError."""
        return FolderLock(self.directory / LOCK_FILE)


class FolderLock:
    """An advisory lock of the operating system; it cannot outlive its process."""

    def __init__(self, path: Path) -> None:
        import fcntl  # noqa: PLC0415  # absent on Windows, where reading a ledger works all the same

        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigError(f"{path.parent} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = (
                os.read(self._descriptor, 32).decode("ascii", "replace").strip()
                or "another process"
            )
            os.close(self._descriptor)
            raise Unavailable(
                f"the ledger in {path.parent} is being written by process {holder}; wait until it ends, then try again"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let another process write."""
        os.close(self._descriptor)


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that does not exist yet, whole and on disk. Raises: ConfigError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; choose another folder") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
