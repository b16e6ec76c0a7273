"""A file is opened by its suffix, and refused by the name of what is wrong."""

from pathlib import Path

import pytest

from comity.client.files import row_file
from comity.client.files.row_file import open_rows, rows_of
from comity.errors import ConfigError


def test_the_suffix_decides_the_format(tmp_path: Path) -> None:
    """JSON Lines by ``.jsonl``, all else delimited."""
    (tmp_path / "a.JSONL").write_text('{"a": 1}\n')
    (tmp_path / "a.tsv").write_text("a\tb\n1\t2\n")
    assert open_rows(tmp_path / "a.JSONL").description == "utf-8, JSON lines"
    assert open_rows(tmp_path / "a.tsv").description == "utf-8, tab"


@pytest.mark.parametrize("delimiter", [";", "semicolon"])
def test_the_delimiter_named_by_the_reader_is_taken(delimiter: str) -> None:
    """As a character or by its name."""
    assert rows_of(b"a,b;c\n1,2;3\n", delimiter=delimiter).titles == ("a,b", "c")


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent, a folder, empty, too large: the file and what is wrong."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "large.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(row_file, "IMPORT_FILE_BYTES_MAX", 4)
    for name, words in (
        ("none.csv", "No such file"),
        ("", "is a directory"),
        ("empty.csv", r"empty.csv: the file is empty \(0 bytes\)"),
        ("large.csv", "more than 4 bytes .IMPORT_FILE_BYTES_MAX."),
    ):
        if not name:
            monkeypatch.setattr(row_file, "IMPORT_FILE_BYTES_MAX", 1 << 20)
        with pytest.raises(ConfigError, match=words):
            open_rows(tmp_path / name)
        monkeypatch.setattr(row_file, "IMPORT_FILE_BYTES_MAX", 4)


def test_a_file_of_several_troubles_is_still_read() -> None:
    """UTF-16, semicolons, an empty title, quotes and an emoji at once."""
    text = 'Náme;;\N{ROCKET} Ünit\n"a ""b"";c";1;x\n\nz;2;\N{ROCKET}\n'
    file = rows_of(text.encode("utf-16"))
    assert file.names == ("name", "column_2", "unit")
    assert file.notes == ["column 2 has no title: named column_2"]
    assert list(file.records()) == [(2, ['a "b";c', "1", "x"]), (4, ["z", "2", "\N{ROCKET}"])]
