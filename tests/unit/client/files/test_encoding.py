"""Bytes of a file become text whole, or an error says where they cannot."""

import pytest

from comity.client.files.encoding import decode
from comity.client.files.row_file import rows_of
from comity.errors import ConfigError

GERMAN = "Name;Ort\nMüller;Köln\nGroß;Düsseldorf\n"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-32", "utf-32")],
)
def test_unicode_is_known_by_its_marks(encoding: str, name: str) -> None:
    """UTF-8 with or without its mark, UTF-16 and UTF-32 with theirs need no flag, and lose it."""
    decoded = decode(GERMAN.encode(encoding))
    assert (decoded.text, decoded.encoding, decoded.note) == (GERMAN, name, "")


def test_an_old_encoding_is_guessed_and_shown() -> None:
    """Umlauts of cp1252 are read, and the guess is told with a word to judge it by."""
    decoded = decode(GERMAN.encode("cp1252"))
    assert (decoded.text, decoded.encoding) == (GERMAN, "cp1252")
    assert "line 2, byte 10 " in decoded.note
    assert "Müller" in decoded.note
    file = rows_of(GERMAN.encode("cp1252"))
    assert file.description == "cp1252 (guessed), semicolon"
    assert decoded.note in file.notes


def test_a_guess_prefers_letters_inside_words() -> None:
    """Polish read as cp1252 has a pound sign in a word: cp1250 reads it better."""
    text = "miasto\nŁódź\nKraków\nGdańsk\n"
    assert decode(text.encode("cp1250")).text == text


def test_the_encoding_named_by_the_reader_is_taken() -> None:
    """No guess overrides ``--encoding``."""
    assert decode(GERMAN.encode("mac_roman"), "mac_roman").text == GERMAN
    assert decode(GERMAN.encode("utf-16-le"), "utf-16-le").text == GERMAN


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (b"a,b\n1,\xfc\n", "utf-8", "line 2, byte 6 of the file (fc) is not utf-8"),
        (b"a\nb", "klingon", '"klingon" is unknown'),
        (b"a\nb", "rot13", '"rot13" is unknown'),
        ("a,b\n1,2\n".encode("utf-16-le"), None, "utf-16-le"),
        (b"a\n" + bytes(range(0x80, 0x100)), None, "no other encoding fits"),
        (b"PK\x03\x04rest", None, "spreadsheet"),
        (b"a\n\xff\xfe\xfd\x81\x8d", "ascii", "line 2, byte 2"),
    ],
)
def test_wrong_bytes_are_named_with_their_place(
    data: bytes, encoding: str | None, words: str
) -> None:
    """What, where, and what to do."""
    with pytest.raises(ConfigError, match=words.replace("(", r"\(").replace(")", r"\)")):
        decode(data, encoding)
