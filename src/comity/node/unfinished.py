"""A folder for what is half done, so that a command that is killed leaves nothing that looks finished.

Invariant: one process at a time works in it; what an earlier one left is gone before work begins, and the folder itself
when it ends.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from comity.errors import ConfigError, Unavailable

MARK = ".comity-unfinished"  # how the name of such a folder ends
_TRIES = 10


def folder_for(target: Path) -> Path:
    """Return the folder in which ``target`` is prepared: beside it, on the same disk."""
    return target.with_name(f".{target.name}{MARK}")


@contextmanager
def unfinished(path: Path, before: Callable[[Path], object] | None = None) -> Iterator[Path]:
    """Give an empty folder, for the owner alone, and remove it afterwards.

    Args:
        before: called with what an earlier process left in it.
    Raises: Unavailable, when another process works in it; ConfigError, when it cannot be made.
    """
    descriptor = _open_locked(path)
    try:
        if before is not None:
            before(path)
        _empty(path)
        yield path
    finally:
        try:
            _empty(path)
            path.rmdir()
        finally:
            os.close(descriptor)


def publish(draft: Path, target: Path) -> None:
    """Give a draft its name in one step. Raises: ConfigError, where something has that name already."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise ConfigError(f"{target} came to be meanwhile; nothing was changed") from None
    except OSError:  # a file system without links
        if target.exists():
            raise ConfigError(f"{target} came to be meanwhile; nothing was changed") from None
        draft.rename(target)


def take_back(work: Path, target: Path) -> None:
    """Remove from ``target`` what a process that was killed had published from ``work``, and nothing else."""
    for draft in work.rglob("*"):
        published = target / draft.relative_to(work)
        if draft.is_file() and published.exists() and published.samefile(draft):
            published.unlink()


def sync_folder(path: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    import fcntl  # noqa: PLC0415  # absent on Windows, where other commands work all the same

    for _ in range(_TRIES):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"{path} cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise Unavailable(f"another process works in {path}; wait until it ends") from None
        except FileNotFoundError:
            pass  # the process that held it removed it in between
        os.close(descriptor)
    raise Unavailable(f"{path} is made and removed by other processes; try again")


def _empty(path: Path) -> None:
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
