"""Texts become values exactly, or a sentence says what is needed."""

import pytest

from comity.client.files.decimals import scaled_from_text, scaled_text
from comity.client.files.texts import normalised, shown
from comity.client.files.values import from_text, parser_of, to_json, to_text
from comity.errors import Malformed
from comity.model.column import ColumnType, ColumnValue

INTEGER = ColumnType(kind="integer", minimum=0, maximum=9)
DECIMAL = ColumnType(kind="decimal", scale=2, minimum=0, maximum=1_000)
TEXT = ColumnType(kind="text", minimum=1, maximum=5)
ENUM = ColumnType(kind="enum", values=("low", "\u00e9"))
BIG = ColumnType(kind="integer")


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("7", INTEGER, 7),
        ("-9223372036854775808", BIG, -(1 << 63)),
        ("1000000000000000000", BIG, 10**18),
        ("9.5", DECIMAL, 950),
        ("9.5000", DECIMAL, 950),
        ("9", DECIMAL, 900),
        ("-0.00", DECIMAL, 0),
        ("YES", ColumnType(kind="boolean"), True),
        ("false", ColumnType(kind="boolean"), False),
        ("e\u0301\r\n", TEXT, "\u00e9\n"),
        ("NA", TEXT, "NA"),
        ("e\u0301", ENUM, "\u00e9"),
        ("", TEXT, None),
        ("", INTEGER, None),
        ("00ff", ColumnType(kind="bytes", maximum=2), b"\x00\xff"),
    ],
)
def test_a_text_is_read(text: str, type_: ColumnType, value: ColumnValue) -> None:
    """The empty text is null in every type; ``NA`` is a text like any other."""
    assert from_text(text, type_) == value


@pytest.mark.parametrize(
    ("text", "type_", "words"),
    [
        ("007", INTEGER, "leading zero"),
        ("+7", INTEGER, "leave out the +"),
        ("7.0", INTEGER, "whole number"),
        ("１", INTEGER, "whole number"),
        ("1e3", DECIMAL, "plain number"),
        ("1,5", DECIMAL, "a point, not a comma"),
        ("1.005", DECIMAL, "3 digits after the point, 2 are kept"),
        ("10.01", DECIMAL, "must be at least 0.00 and at most 10.00"),
        ("10", INTEGER, "outside 0..9"),
        ("9223372036854775808", BIG, "outside"),
        ("1", ColumnType(kind="boolean"), "true or false"),
        ("12345x", TEXT, "6 characters, 1 to 5"),
        ("a\tb", TEXT, "U\\+0009"),
        ("a\0b", TEXT, "U\\+0000"),
        ("mid", ENUM, 'one of "low"'),
        ("22.11.2026", ColumnType(kind="date"), "date format"),
        ("2026-11-22T10:00:00", ColumnType(kind="datetime"), "offset"),
        ("FF", ColumnType(kind="bytes", maximum=2), "hexadecimal"),
        ("cm1x", ColumnType(kind="account"), "account"),
    ],
)
def test_a_wrong_text_is_told_what_is_needed(text: str, type_: ColumnType, words: str) -> None:
    """The sentence names the need, not the machinery."""
    with pytest.raises(Malformed, match=words):
        from_text(text, type_)


def test_days_of_a_pattern_are_read_beside_iso_ones() -> None:
    """So that a file mended by hand is read too."""
    parse = parser_of(ColumnType(kind="date"), "DD.MM.YYYY")
    assert [parse("1.2.2026"), parse("2026-02-01"), parse("")] == ["2026-02-01", "2026-02-01", None]
    with pytest.raises(Malformed, match=r"DD\.MM\.YYYY"):
        parse("2/1/2026")


def test_json_shows_what_every_reader_reads() -> None:
    """Decimals and integers beyond 2^53 are strings."""
    assert to_json(1 << 53, BIG) == 1 << 53
    assert to_json((1 << 53) + 1, BIG) == "9007199254740993"
    assert to_json(1250, DECIMAL) == "12.50"
    assert to_json(True, ColumnType(kind="boolean")) is True
    assert to_json(None, BIG) is None


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(-5, 2, "-0.05"), (0, 0, "0"), (12, 0, "12"), (-1, 9, "-0.000000001"), (100, 2, "1.00")],
)
def test_a_decimal_moves_digits_only(value: int, scale: int, text: str) -> None:
    """There and back."""
    assert scaled_text(value, scale) == text
    assert scaled_from_text(text, scale) == value


def test_prices_sum_exactly() -> None:
    """0.1 three times is 0.3, which binary fractions miss."""
    assert sum(scaled_from_text("0.1", 2) for _ in range(3)) == scaled_from_text("0.3", 2)


def test_what_is_shown_obeys_no_terminal() -> None:
    """Escape sequences and line ends are written out; long texts are cut."""
    assert shown("a\x1b[31m\n\u202eb") == '"a\\x1b[31m\\n\\u202eb"'
    assert shown("x" * 50) == '"' + "x" * 37 + '..."'


def test_line_ends_and_accents_have_one_form() -> None:
    """NFC and line feeds."""
    assert normalised("e\u0301\r\nx\ry\n") == "\u00e9\nx\ny\n"
    assert to_text(None, TEXT) == ""
