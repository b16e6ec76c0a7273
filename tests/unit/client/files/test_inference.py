"""Types and keys come from every row, each with its reason."""

import csv
import io
from importlib.resources import files
from pathlib import Path

import pytest

from comity.client.files.inference import Inference, infer
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import RowFile, open_rows, rows_of
from comity.client.files.typed_rows import TypedRows
from comity.client.files.values import to_text
from comity.errors import ConfigError
from comity.limits import ENCODED_KEY_BYTES_MAX


def table(header: str, *rows: str) -> RowFile:
    """A CSV file of these lines."""
    return rows_of("\n".join([header, *rows]).encode())


def column(values: list[str], **options: str) -> tuple[str, str]:
    """The type's kind and the reason of a column with these values, beside a key."""
    text = io.StringIO()
    csv.writer(text).writerows([["key", "c"], *([f"k{n}", v] for n, v in enumerate(values))])
    found = infer(rows_of(text.getvalue().encode()), **options).columns[1]
    kind = found.type.kind
    words = f"{kind}({found.type.scale})" if kind in ("decimal", "datetime") else kind
    return words, found.why + (f"; {found.changes}" if found.changes else "")


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (["1", "-2", "0", ""], "integer", "3/3 are whole numbers, 1 empty"),
        (["9" * 18], "integer", "1/1 are whole numbers"),
        (["9" * 19, "1"], "text", '1 value, "9999999999999999999", has more than 18 digits'),
        (["1000000000000000000", "1"], "text", "has more than 18 digits"),
        (["08509", "3500"], "text", '1 value, "08509", has a leading zero'),
        (["+49", "1"], "text", '1 value, "+49", starts with +'),
        ([" 5 ", "6", "7.5"], "text", '1 value, " 5 ", has spaces around a number'),
        (["-0", "1"], "text", '1 value, "-0", is not a number'),
        (["1", "NA", "2"], "text", '1 value, "NA", is not a number'),
        (["2013", "2013 (1888)", "1999"], "text", '1 value, "2013 (1888)", is not a number'),
        (["1.5", "2", "2.25"], "decimal(2)", "2 of them written with zeros to 2 digits"),
        (["1.50", "2.25"], "decimal(2)", "2/2 are numbers with up to 2 digits after the point"),
        (["-0.0", "1.5"], "decimal(1)", "1 minus zero made zero"),
        (["1,50", "2,25"], "text", 'values such as "1,50" have a comma where a number has a point'),
        (["1e5", "2"], "text", '1 value, "1e5", is not a number'),
        (["8.9495600000000001", "1"], "text", "16 after the point, too many for a decimal"),
        (["123456789012.1234567", "1"], "text", "too many for a decimal"),
        (["true", "false"], "boolean", "2/2 are true or false"),
        (["True", "FALSE"], "boolean", "2 of them written in small letters"),
        (["true", "maybe", "false"], "text", '1 value, "maybe", is not true or false'),
        (["2026-11-22", "2024-02-29"], "date", "2/2 are YYYY-MM-DD"),
        (["2026-11-22", "2023-02-29"], "text", '1 value, "2023-02-29", is not a day YYYY-MM-DD'),
        (["22.11.2026", "1.2.2026"], "date", 'written YYYY-MM-DD instead of "22.11.2026"'),
        (["11/22/2026", "1/2/2026"], "date", "2/2 are MM/DD/YYYY"),
        (["01/02/2026", "03/04/2026"], "text", "may be DD/MM/YYYY or MM/DD/YYYY"),
        (["2026-11-22T10:00:00Z"], "datetime(0)", "1/1 are moments with an offset"),
        (["2026-11-22 10:00:00.25+01:00"], "datetime(3)", "1 of them written in UTC"),
        (["2026-11-22T10:00:00.1234Z"], "datetime(6)", "are moments"),
        (["2026-11-22T10:00:00.1234567Z"], "text", "7 digits of a second, at most 6 are kept"),
        (["2026-11-22T10:00:00"], "text", "has no offset from UTC"),
        (["2026-11-22T10:00:00Z", "2026-11-22T25:00:00Z"], "text", "is not a moment"),
        (["low", "high"] * 10, "enum", "2 values: high, low"),
        (["low", "high"] * 9, "text", 'words such as "low"'),
        (["a\tb", "c"] * 50, "text", "words such as"),
        (["same"] * 50, "text", 'words such as "same"'),
        (["1", "NA"] * 50, "text", '50 values such as "NA" are not numbers'),
        (["", ""], "text", "every row is empty"),
        (["a\u0301", "x"], "text", "1 of them written in NFC"),
    ],
)  # fmt: skip
def test_a_type_has_its_reason(values: list[str], kind: str, why: str) -> None:
    """The narrowest type that takes every text back to the same characters, and why."""
    found, reason = column(values)
    assert found == kind
    assert why in reason


def test_a_long_text_is_judged_quickly() -> None:
    """No pattern goes over a text again and again (100,000 digits would take hours)."""
    for text in ("1" * 100_000 + "x", "1." * 50_000, "0" * 100_000 + "x", "1 " * 50_000 + ","):
        assert column([text, "1"])[0] == "text"


def test_the_last_row_counts_as_much_as_the_first() -> None:
    """A text in row 10,000 keeps the column text; nothing is sampled."""
    assert column(["1"] * 10_000)[0] == "integer"
    assert column([*["1"] * 9_999, "x"]) == ("text", '1 value, "x", is not a number')


def test_a_date_format_is_asked_for_and_taken() -> None:
    """An ambiguous column says which patterns fit; the reader's choice decides, even over numbers."""
    file = table("key,c", "a,01/02/2026", "b,03/04/2026")
    (warning,) = infer(file).warnings
    assert "DD/MM/YYYY or MM/DD/YYYY" in warning
    assert column(["01/02/2026", "03/04/2026"], date_format="MM/DD/YYYY")[0] == "date"
    assert column(["20260102", "20261231"], date_format="YYYYMMDD")[0] == "date"
    assert column(["20260102", "20261331"], date_format="YYYYMMDD")[0] == "integer"
    inference = infer(file, date_format="MM/DD/YYYY")
    rows = TypedRows(file, inference.to_declaration("t").schema, inference.date_formats).rows()
    assert [values for _, values in rows] == [("a", "2026-01-02"), ("b", "2026-03-04")]


def test_required_means_that_no_row_is_empty() -> None:
    """And a text's bound leaves room for twice what was seen."""
    inference = infer(table("key,a,b", "1,x," + "y" * 100, "2,,y"))
    assert [c.required for c in inference.columns] == [True, False, True]
    assert [c.type.maximum for c in inference.columns] == [None, 120, 200]


def keys(file: RowFile) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The key taken and the candidates."""
    inference = infer(file)
    return inference.key, inference.key_candidates


def test_a_natural_key_is_complete_and_unique() -> None:
    """The first such column; one that is named like a key goes before it."""
    assert keys(table("name,sku,x", "a,1,p", "b,2,p")) == (("sku",), (("sku",), ("name",)))
    assert keys(table("name,x,y", "a,1,p", "b,,p"))[0] == ("name",)
    assert keys(table("bank code,name", "007,x", "008,x"))[0] == ("bank_code",)


def test_two_columns_are_a_key_when_no_single_one_is() -> None:
    """Neither study nor sample tells rows apart, both together do."""
    file = table("study,sample,v", "A,1,1", "A,2,2", "B,1,1", "B,2,2")
    assert keys(file)[1] == (("study", "sample"), ("study", "v"))
    assert keys(table("a,b,v", "1,,1", "1,2,1", "2,1,1"))[1] == ()


def test_a_value_that_stands_twice_is_seen_however_far_apart() -> None:
    """Over more rows than are read at once."""
    rows = [f"{n},{n % 7}" for n in range(10_000)]
    assert keys(table("a,b", *rows))[0] == ("a",)
    assert keys(table("a,b", *rows, "0,0"))[0] == ("id",)


def test_rows_are_numbered_when_nothing_is_a_key() -> None:
    """A generated id stands first, and never takes the name of another column."""
    inference = infer(table("a,b", "1,1", "1,1", "2,2"))
    assert (inference.key, inference.key_candidates) == (("id",), ())
    assert infer(table("id,b", "1,1", "1,1")).key == ("row_id",)
    file = table("a,b", "1,1", "x,1", "1,1")
    rows = TypedRows(file, infer(file).to_declaration("t").schema).rows()
    assert [values[0] for _, values in rows] == [1, 2, 3]


def test_a_key_fits_its_bound() -> None:
    """A unique text longer than an encoded key is no key."""
    assert keys(table("t,v", "a" * 255 + ",1", "b,1"))[0] == ("id",)
    assert keys(table("t,v", "a" * 254 + ",1", "b,1"))[0] == ("t",)
    assert keys(table("t,v", "é" * 128 + ",1", "b,1"))[0] == ("id",)
    inference = infer(table("t,v", "a" * 254 + ",1", "b,1"))
    assert inference.columns[0].type.maximum == ENCODED_KEY_BYTES_MAX - 2


def test_a_key_that_was_asked_for_is_checked() -> None:
    """By name or title; a clash names both lines."""
    file = table("A b,v,w,ok", "x,1,,true", "y,1,2,true", "x,2,3,true")
    assert infer(file, key=["A b", "v"]).key == ("a_b", "v")
    for key, words in (
        (["a_b"], "in lines 2 and 4"),
        (["w"], "line 2 has no w"),
        (["none"], "is no column"),
        (["v", "v"], "different"),
        (["ok"], "boolean"),
    ):
        with pytest.raises(ConfigError, match=words):
            infer(file, key=key)


def test_a_file_without_rows_teaches_nothing() -> None:
    """What to do instead is told."""
    with pytest.raises(ConfigError, match="declare the table in TOML"):
        infer(table("a,b"))


def test_the_preview_reads_like_the_console_sample() -> None:
    """What was read, then a line for each column, then what was rejected and noted."""
    lines = ["symbol,Date Added,founded", *(f"S{n},2026-01-01,{1900 + n}" for n in range(9))]
    file = rows_of("\n".join([*lines, "X,2026-01-02,2013 (1888)", "Y,1", ""]).encode())
    assert infer(file).to_preview_lines() == [
        "read 10 rows, 3 columns, utf-8, comma (whole file, no sampling)",
        "  symbol      text  key?  10 distinct, none empty",
        '  date_added  date  10/10 are YYYY-MM-DD  (titled "Date Added")',
        '  founded     text  1 value, "2013 (1888)", is not a number',
        "line 12 cannot be a row: 2 fields, the header has 3",
    ]


def airports() -> tuple[RowFile, Inference]:
    """The register of 28,298 airports, and what it would become."""
    file = open_rows(Path(str(files("airportsdata").joinpath("airports.csv"))))
    return file, infer(file)


def test_the_airports_lose_nothing() -> None:
    """All 28,298 x 11 cells of a real register are typed, and give their characters back."""
    file, inference = airports()
    schema = inference.to_declaration("airports").schema
    schema.check()
    kinds = {c.name: c.type.kind for c in inference.columns}
    assert inference.key == ("icao",)
    assert {name for name, kind in kinds.items() if kind == "decimal"} == {
        "elevation",
        "lat",
        "lon",
    }
    assert set(kinds.values()) == {"decimal", "text"}
    rejects = Rejects()
    rows = TypedRows(file, schema).rows(rejects)
    count = 0
    for (_, values), (_, cells) in zip(rows, file.records(), strict=True):
        count += 1
        texts = [to_text(value, c.type) for value, c in zip(values, schema.columns, strict=True)]
        padded = [
            cell + ("" if "." in cell else ".") + "0" * 6 if c.type.kind == "decimal" else cell
            for cell, c in zip(cells, schema.columns, strict=True)
        ]
        assert all(cell.startswith(text) for cell, text in zip(padded, texts, strict=True))
    assert (count, len(rejects)) == (28_298, 0)
