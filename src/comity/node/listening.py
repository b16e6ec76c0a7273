"""Where the node that runs a folder listens, for commands that are given the folder.

Invariant: an address is believed only while the process that wrote it holds the folder's lock.
"""

import os

from comity.limits import CONFIG_TEXT_CHARS_MAX
from comity.node.folder import Folder
from comity.node.folder_checks import lock_holder

ADDRESS_FILE = "node.url"
_BYTES_MAX = CONFIG_TEXT_CHARS_MAX + 64


def announce(folder: Folder, url: str) -> None:
    """Write where this process listens; it holds the folder's lock."""
    path = folder.directory / ADDRESS_FILE
    new = path.with_suffix(".new")
    new.write_text(f"{os.getpid()} {url}\n", "ascii")
    new.replace(path)


def withdraw(folder: Folder) -> None:
    """Remove what ``announce`` wrote."""
    (folder.directory / ADDRESS_FILE).unlink(missing_ok=True)


def listening_url(folder: Folder) -> str | None:
    """Return where the node that runs this folder listens, as this machine reaches it, or None."""
    holder = lock_holder(folder)
    if holder is None:
        return None
    try:
        with (folder.directory / ADDRESS_FILE).open("rb") as file:
            words = file.read(_BYTES_MAX).decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        return None
    return words[1] if len(words) == 2 and words[0] == holder else None
