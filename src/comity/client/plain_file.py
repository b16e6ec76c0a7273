"""Reading a file that a person named: whole, within a bound, and never waiting.

A pipe would make us wait for ever, and a device such as ``/dev/zero`` has no end.

Invariant: what is no regular file is refused before a byte of it is read.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from comity.errors import ConfigError


def open_plain(path: Path, title: str = "") -> BinaryIO:
    """Open a regular file for reading.

    Args:
        title: what it is, to stand before its path in a message, such as ``key file``.

    Raises:
        ConfigError: absent, unreadable, or no regular file; names it.
    """
    name = f"{title} {path}" if title else str(path)
    try:
        # Without O_NONBLOCK a named pipe would make us wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
    raise ConfigError(f"{name}: this is {what}; give the path of a file")


def read_plain(path: Path, bytes_max: int, title: str = "") -> bytes:
    """Return a regular file; of one beyond ``bytes_max``, one byte more than that. Raises: as ``open_plain``."""
    with open_plain(path, title) as stream:
        try:
            return stream.read(bytes_max + 1)
        except OSError as error:
            raise ConfigError(f"{title}{' ' * bool(title)}{path}: {error.strerror}") from error
