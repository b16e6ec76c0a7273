"""The journal of an import whose rows have no key of their own: what was signed, before it is sent.

Rows that the ledger numbers cannot be found again by a key. So each signed transaction is written here,
on disk, before it is sent: whoever runs the import again can tell, by the transaction's id, which rows
the ledger has, and sends the rest.

Invariant: a transaction that was sent stands here whole; a line that was cut by a crash was never sent.
"""

import os
from base64 import b64decode, b64encode
from pathlib import Path

import msgspec

from comity.errors import ConfigError
from comity.limits import JOURNAL_BYTES_MAX


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One signed transaction: the rows that it adds, counted from 0 in the file, and its bytes."""

    first: int
    count: int
    identifier: str  # hex
    expires_ns: int
    transaction: str  # base64

    @classmethod
    def of(
        cls, *, first: int, count: int, identifier: bytes, expires_ns: int, data: bytes
    ) -> "Entry":
        """Return the entry of a signed transaction."""
        return cls(
            first=first,
            count=count,
            identifier=identifier.hex(),
            expires_ns=expires_ns,
            transaction=b64encode(data).decode(),
        )

    @property
    def data(self) -> bytes:
        """Return the transaction's bytes."""
        return b64decode(self.transaction)


class Journal:
    """The journal in one file. Raises: ConfigError, when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = _read(path)

    def add(self, entries: list[Entry]) -> None:
        """Write entries and return once they are on disk. Raises: OSError."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
            file.flush()
            os.fsync(file.fileno())
        self.entries += entries

    def remove(self) -> None:
        """Forget the import, so that the same file may be added once more."""
        self.path.unlink(missing_ok=True)
        self.entries = []


def _read(path: Path) -> list[Entry]:
    try:
        if path.stat().st_size > JOURNAL_BYTES_MAX:
            raise ConfigError(f"{path}: longer than {JOURNAL_BYTES_MAX} bytes (JOURNAL_BYTES_MAX)")
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    whole, _, cut = data.rpartition(b"\n")
    if (
        cut
    ):  # the crash came while this was written: take it away, so that the next line stands alone
        with path.open("r+b") as file:
            file.truncate(len(data) - len(cut))
    try:
        return [msgspec.json.decode(line, type=Entry) for line in whole.split(b"\n") if line]
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not a journal ({error}); restore or remove it") from error
