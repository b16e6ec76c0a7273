"""The journal of an import: whole lines stay, cut ones go."""

from pathlib import Path

import pytest

from comity.client.journal import Entry, Journal
from comity.errors import ConfigError

ONE = Entry.of(first=0, count=2, identifier=b"\x01" * 32, expires_ns=5, data=b"signed")


def test_entries_outlive_the_process(tmp_path: Path) -> None:
    """What was added is read back, bytes and all."""
    path = tmp_path / "imports" / "x.journal"
    Journal(path).add([ONE])
    again = Journal(path)
    assert again.entries == [ONE]
    assert again.entries[0].data == b"signed"
    again.add([ONE])
    assert Journal(path).entries == [ONE, ONE]
    again.remove()
    assert Journal(path).entries == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_crash_cut_was_never_sent(tmp_path: Path, cut: int) -> None:
    """The torn end is dropped, and the next entry starts on a line of its own."""
    path = tmp_path / "x.journal"
    Journal(path).add([ONE, ONE])
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(path)
    assert journal.entries == [ONE]
    journal.add([ONE])
    assert Journal(path).entries == [ONE, ONE]


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    """A file that is no journal is not guessed at: adding rows twice would be worse."""
    path = tmp_path / "x.journal"
    path.write_bytes(b"what\n")
    with pytest.raises(ConfigError, match="not a journal"):
        Journal(path)
