"""Any bytes are rows, rejects or one clear error; any table that was written is read as it was."""

import csv
import io
from contextlib import suppress

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from comity.client.files.csv_file import DELIMITERS
from comity.client.files.inference import infer
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import rows_of
from comity.client.files.texts import normalised
from comity.client.files.typed_rows import TypedRows
from comity.client.files.values import to_text
from comity.errors import ConfigError
from comity.limits import IMPORT_QUOTED_LINES_MAX
from comity.model.column import check_of

PRINTED = st.characters(blacklist_categories=("Cs", "Cc"))
WORD = st.text(PRINTED, max_size=8) | st.sampled_from(
    ['say "no"', "a,b", "x;y\tz|", "2\nlines", "'"]
)
NUMBER = st.from_regex(r"-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,3})?", fullmatch=True)
CELL = WORD | NUMBER | st.sampled_from(["", "NA", "true", "2026-11-22", "007", "1e5", "-0.0"])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header and rows of as many cells, none of which is blank whole."""
    width = draw(st.integers(2, 5))
    header = [f"column {position}" for position in range(width)]
    cell = draw(st.sampled_from([CELL, NUMBER, WORD, st.dates().map(str)]))
    row = st.lists(cell, min_size=width, max_size=width).filter(any)
    return [header, *draw(st.lists(row, min_size=1, max_size=30))]


def written(table: list[list[str]], delimiter: str = ",") -> str:
    """The table as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(table)
    return text.getvalue()


@settings(max_examples=300, deadline=None)
@given(table=tables(), delimiter=st.sampled_from(sorted(DELIMITERS)), bom=st.booleans())
def test_any_table_is_read_as_it_was_written(
    table: list[list[str]], delimiter: str, bom: bool
) -> None:
    """Whatever stands in cells, the delimiter is found and every cell comes back."""
    file = rows_of(written(table, delimiter).encode("utf-8-sig" if bom else "utf-8"))
    rejects = Rejects()
    assert [fields for _, fields in file.records(rejects)] == table[1:]
    assert rejects == []


@settings(max_examples=400, deadline=None)
@given(table=tables())
@example(table=[["a", "b"], ["-0.0", "1"], ["1.50", "2"]])
@example(table=[["a", "b"], ["e\u0301", "1"], ["\u00e9", "2"]])
def test_any_table_is_typed_without_losing_a_character(table: list[list[str]]) -> None:
    """Each cell of an inferred column is its value's text again, or the preview tells the change."""
    assume(not any("\t" in cell for row in table for cell in row))  # no text column takes a tab
    file = rows_of(written(table).encode())
    inference = infer(file)
    schema = inference.to_declaration("things").schema
    schema.check()
    rejects = Rejects()
    rows = list(TypedRows(file, schema, inference.date_formats).rows(rejects))
    assert rejects == []
    shift = len(schema.columns) - len(file.names)  # a generated key stands first
    checks = [check_of(column) for column in schema.columns]
    for (_, values), cells in zip(rows, table[1:], strict=True):
        assert [check(value) for check, value in zip(checks, values, strict=True)] == [None] * len(
            values
        )
        for column, value, cell in zip(
            inference.columns[shift:], values[shift:], cells, strict=True
        ):
            text = to_text(value, column.type)
            assert text == cell or column.changes
            assert text == normalised(cell) or column.type.kind != "text"


@settings(max_examples=300, deadline=None)
@given(table=tables(), data=st.data())
def test_any_stray_quote_costs_at_most_its_own_line(
    table: list[list[str]], data: st.DataObject
) -> None:
    """A quote at the start of a field of plain lines loses that line with a reason, or stops the import."""
    plain = [[cell.translate({34: None, 10: None}) or "-" for cell in row] for row in table]
    lines = written(plain).splitlines(keepends=True)
    assume(len(lines) == len(plain))
    assume(not any('"' in line for line in lines))
    at = data.draw(st.integers(1, len(lines) - 1))
    lines[at] = '"' + lines[at]
    rejects = Rejects()
    stopped = ""
    rows = []
    try:
        rows = [
            fields for _, fields in rows_of("".join(lines).encode(), delimiter=",").records(rejects)
        ]
    except ConfigError as error:
        stopped = str(error)
    if stopped:
        assert f"line {at + 1}:" in stopped
        assert len(lines) - at > IMPORT_QUOTED_LINES_MAX
    else:
        assert rows == [row for index, row in enumerate(plain) if index not in (0, at)]
        assert [reject.line for reject in rejects] == [at + 1]


@settings(max_examples=600, deadline=None)
@given(
    data=st.binary(max_size=300) | st.text('a1,;"\n\r\t\0 {}[]:é', max_size=200).map(str.encode),
    suffix=st.sampled_from([".csv", ".jsonl"]),
)
def test_any_bytes_are_rows_rejects_or_one_error(data: bytes, suffix: str) -> None:
    """No other exception than ConfigError; every record fits the header."""
    with suppress(ConfigError):
        file = rows_of(data, suffix)
        rejects = Rejects()
        records = list(file.records(rejects))
        assert all(len(fields) == len(file.titles) for _, fields in records)
        inference = infer(file)
        inference.to_preview_lines()
        schema = inference.to_declaration("things").schema
        schema.check()
        typed = Rejects()
        rows = list(TypedRows(file, schema, inference.date_formats).rows(typed))
        assert len(rows) + len(typed) == len(records) + len(rejects)
