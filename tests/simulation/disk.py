"""A disk that can lose power, fail and fill up: an SQLite file system over real files, which remembers what was synced.

Invariant: after ``lose_power`` a file holds what was synced last and, of each later write by itself, all, a part or
nothing, as chance decides; after ``stop`` it holds every write, as when only the process was killed.
"""

import contextlib
import os
from itertools import count
from pathlib import Path
from random import Random

import apsw

SECTOR_BYTES = 512
KINDS = ("open", "access", "lock", "read", "size", "write", "sync", "truncate", "delete")
_READING = KINDS[:5]
_CODES = {
    "open": apsw.SQLITE_CANTOPEN,
    "access": apsw.SQLITE_IOERR_ACCESS,
    "lock": apsw.SQLITE_IOERR_LOCK,
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "size": apsw.SQLITE_IOERR_FSTAT,
    "delete": apsw.SQLITE_IOERR_DELETE,
}
_names = count()

Write = tuple[int, bytes]  # offset and bytes; a truncation is (size, b"") with a negative offset


class Plan:
    """A fault to come.

    Args:
        kind: of the call that fails; ``any`` counts the calls that change something, ``all`` counts all.
        after: how many such calls go well before.
        fault: ``power`` and ``kill`` end the machine, ``error`` fails this call once, ``full`` fails every write until
            there is room again.
    """

    def __init__(self, kind: str, after: int, fault: str) -> None:
        self.kind = kind
        self.after = after
        self.fault = fault

    def __repr__(self) -> str:
        return f"{self.fault} at {self.kind} call {self.after}"


class Image:
    """What is known of one file: its synced bytes, and the writes since."""

    def __init__(self, synced: bytes) -> None:
        self.synced = synced
        self.pending: list[Write] = []

    def settle(self) -> None:
        """Sync: nothing of this can be lost any more."""
        self.synced = self.replayed([(write, len(write[1])) for write in self.pending])
        self.pending = []

    def replayed(self, kept: list[tuple[Write, int]]) -> bytes:
        """Return the file with these writes, each cut to so many bytes."""
        data = bytearray(self.synced)
        for (offset, written), size in kept:
            if offset < 0:
                del data[-offset - 1 :]
                continue
            data.extend(bytes(max(0, offset + size - len(data))))
            data[offset : offset + size] = written[:size]
        return bytes(data)


class Disk(apsw.VFS):
    """One disk with its own name as an SQLite file system."""

    def __init__(self, random: Random) -> None:
        self.name = f"simulated-{next(_names)}"
        super().__init__(self.name, "")
        self.random = random
        self.images: dict[str, Image] = {}
        self.plan: Plan | None = None
        self.is_dead = False
        self.is_full = False
        self.trace: list[tuple[str, str]] = []  # kind and file's name of each call
        self.calls = dict.fromkeys((*KINDS, "any", "all"), 0)
        self.failed = ""  # kind of the call that failed

    def xOpen(self, name: object, flags: list[int]) -> "File":  # noqa: N802 - SQLite's name
        """Open a file, which exists from then on."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.before("open", path)
        if path not in self.images:
            synced = Path(path).read_bytes() if Path(path).exists() else b""
            self.images[path] = Image(synced)
        return File(self, path, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802 - the name is SQLite's
        """Delete a file, at once and for ever."""
        if self.is_dead:
            return  # whoever still closes a file has no process any more
        self.before("delete", name)
        super().xDelete(name, sync)
        self.images.pop(name, None)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802 - the name is SQLite's
        """Tell whether a file is there."""
        self.before("access", name)
        return bool(super().xAccess(name, flags))

    def before(self, kind: str, path: str, *, grows: bool = False) -> None:
        """Count a call of SQLite's, and let it fail when its time has come. Raises: apsw.IOError, apsw.FullError."""
        if self.is_dead:
            raise apsw.exception_for(apsw.SQLITE_IOERR)
        self.trace.append((kind, os.path.basename(path)))
        kinds = (kind, "all") if kind in _READING else (kind, "any", "all")
        for counted in kinds:
            self.calls[counted] += 1
        plan = self.plan
        if plan is not None and plan.kind in kinds:
            if plan.after <= 0:
                self.plan = None
                self._fail(plan, kind)
            plan.after -= 1
        if self.is_full and grows:
            raise apsw.exception_for(apsw.SQLITE_FULL)

    def _fail(self, plan: Plan, kind: str) -> None:
        if plan.fault == "full":
            self.is_full = True
            return
        self.failed = kind
        self.is_dead = plan.fault in ("power", "kill")
        raise apsw.exception_for(_CODES[kind])

    def stop(self) -> None:
        """End the process: what it wrote is written, the rest of memory is gone."""
        self.is_dead = True

    def lose_power(self) -> list[str]:
        """Cut the power: rewrite every file as it may be found, and return what became of the writes."""
        self.is_dead = True
        story = []
        for path, image in self.images.items():
            kept: list[tuple[Write, int]] = []
            for write in image.pending:
                fate = self.random.choice(("kept", "kept", "dropped", "torn"))
                size = len(write[1])
                if fate == "torn":
                    size = self.random.randrange(0, size + 1, SECTOR_BYTES) if size else 0
                if fate != "dropped" and not (fate == "torn" and write[0] < 0):
                    kept.append((write, size))
                story.append(f"{os.path.basename(path)} {write[0]} +{len(write[1])}: {fate} {size}")
            Path(path).write_bytes(image.replayed(kept))
        return story

    def abandon(self) -> None:
        """Close whatever a process that ended had open here."""
        for connection in apsw.connections():
            if connection.filename in self.images:
                with contextlib.suppress(Exception):
                    connection.close(True)

    def revive(self) -> None:
        """Let a new process use the disk; what no power cut took is safe by now."""
        for path in list(self.images):
            Path(path + "-shm").unlink(missing_ok=True)
        self.images.clear()
        self.plan, self.is_dead, self.is_full, self.failed = None, False, False, ""


class File(apsw.VFSFile):
    """An open file of a ``Disk``."""

    def __init__(self, disk: Disk, path: str, name: object, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path

    @property
    def _image(self) -> Image:
        return self._disk.images.setdefault(self._path, Image(b""))

    def xLock(self, level: int) -> None:  # noqa: N802 - the name is SQLite's
        """Take a lock."""
        self._disk.before("lock", self._path)
        super().xLock(level)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - the name is SQLite's
        """Read."""
        self._disk.before("read", self._path)
        return bytes(super().xRead(amount, offset))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the name is SQLite's
        """Write; safe after the next sync only."""
        self._disk.before("write", self._path, grows=True)
        super().xWrite(data, offset)
        self._image.pending.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - the name is SQLite's
        """Cut the file."""
        self._disk.before("truncate", self._path)
        super().xTruncate(size)
        self._image.pending.append((-size - 1, b""))

    def xSync(self, flags: int) -> None:  # noqa: N802 - the name is SQLite's
        """Make every write so far safe; the real disk below need not hurry."""
        self._disk.before("sync", self._path)
        self._image.settle()

    def xFileSize(self) -> int:  # noqa: N802 - the name is SQLite's
        """Return the size."""
        self._disk.before("size", self._path)
        return int(super().xFileSize())
