"""Files that a person names are read within a bound, and nothing is waited for."""

import os
from pathlib import Path

import pytest

from comity.client.checkpoints import read_held
from comity.client.files.row_file import open_rows
from comity.client.files.table_file import read_table_file
from comity.client.key_file import read as read_key_file
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.client.plain_file import read_plain
from comity.errors import ConfigError


def passphrase_of(path: Path) -> object:
    """Read a passphrase from a file."""
    return read_passphrase(PassphraseSource(file=path), "key ana")


@pytest.mark.parametrize(
    "read", [passphrase_of, open_rows, read_table_file, read_key_file, read_held]
)
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "pipe"])
def test_pipes_and_devices_are_refused(read: object, device: str, tmp_path: Path) -> None:
    """A pipe without a writer would be waited for, a device would never end: neither is read."""
    path = Path(device)
    if device == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    assert callable(read)
    with pytest.raises(ConfigError, match=f"{path.name}: this is not a regular file"):
        read(path)


def test_no_more_is_read_than_the_bound_and_one_byte(tmp_path: Path) -> None:
    """One byte more tells the reader that the file is too large."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_plain(path, 3) == b"1234"
    assert read_plain(path, 5) == b"12345"


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The file, what it is meant to be, and what is wrong."""
    with pytest.raises(ConfigError, match=r"^key file .*none: No such file"):
        read_plain(tmp_path / "none", 1, "key file")
    with pytest.raises(ConfigError, match="this is a directory"):
        read_plain(tmp_path, 1)
