"""How answers are written: a table for people, JSON and CSV for programs."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.model import account
from comity.query.answer import Answer, AnswerColumn, shown, to_csv, to_json, to_table
from comity.query.functions import SqlValue

VALUES = (
    st.none()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
ACCOUNT = bytes(range(20))


def _answer(columns: list[AnswerColumn], *rows: tuple[SqlValue, ...], **more: object) -> Answer:
    fields = {"height": 3, "app_hash": b"\xab" * 32, **more}
    return Answer(columns=tuple(columns), rows=rows, **fields)  # type: ignore[arg-type]  # fields by name


MIXED = _answer(
    [
        AnswerColumn("item", "text"),
        AnswerColumn("price", "decimal", 2),
        AnswerColumn("sold", "boolean"),
        AnswerColumn("_owner", "account"),
        AnswerColumn("sum(price)"),
        AnswerColumn("hash", "bytes"),
    ],
    ("=1+1", 1250, 1, ACCOUNT, 1 << 60, b"\x01\xff"),
    ("日本", -5, 0, None, 7, b""),
    ("", None, None, ACCOUNT, None, None),
)


def test_a_column_of_a_table_is_written_as_its_type_says() -> None:
    """Decimals get their point, booleans words, accounts their text; computed values stay."""
    assert shown(AnswerColumn("a", "decimal", 2), 1250) == "12.50"
    assert shown(AnswerColumn("a", "boolean"), 1) is True
    assert shown(AnswerColumn("a", "boolean"), 2) == 2
    assert shown(AnswerColumn("a", "account"), ACCOUNT) == account.to_text(ACCOUNT)
    assert shown(AnswerColumn("a", "account"), b"\x01") == "01"
    assert shown(AnswerColumn("a"), 1250) == 1250
    assert shown(AnswerColumn("a", "decimal", 2), "text of a UNION") == "text of a UNION"


def test_json_is_exact() -> None:
    """Large whole numbers, decimals and bytes are strings; height and app hash are there."""
    found = json.loads(to_json(MIXED))
    assert found["columns"] == ["item", "price", "sold", "_owner", "sum(price)", "hash"]
    text = account.to_text(ACCOUNT)
    assert found["rows"] == [
        ["=1+1", "12.50", True, text, str(1 << 60), "01ff"],
        ["日本", "-0.05", False, None, 7, ""],
        ["", None, None, text, None, None],
    ]
    assert (found["height"], found["app_hash"]) == (3, "ab" * 32)
    assert (found["truncated"], found["limit"]) == (False, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1 << 53) - 1, "9007199254740991"),
        (1 << 53, '"9007199254740992"'),
        (-(1 << 53), '"-9007199254740992"'),
        (1.5, "1.5"),
        (math.inf, '"inf"'),
    ],
)
def test_json_numbers_survive_every_reader(value: SqlValue, text: str) -> None:
    """Whole numbers that binary fractions hold are numbers; all others are strings."""
    assert f'"rows":[[{text}]]' in to_json(_answer([AnswerColumn("n")], (value,))).decode()


def test_a_cut_answer_says_so() -> None:
    """The limit that cut an answer is in it."""
    cut = _answer([AnswerColumn("n")], (1,), limit="QUERY_ROWS_MAX")
    assert cut.is_truncated
    assert json.loads(to_json(cut))["truncated"] is True
    assert json.loads(to_json(cut))["limit"] == "QUERY_ROWS_MAX"


def test_csv_follows_rfc_4180() -> None:
    """CRLF, quotes only where needed, null empty, empty text in quotes."""
    text = account.to_text(ACCOUNT)
    assert to_csv(MIXED) == (
        "item,price,sold,_owner,sum(price),hash\r\n"
        f"=1+1,12.50,true,{text},1152921504606846976,01ff\r\n"
        '日本,-0.05,false,,7,""\r\n'
        f'"",,,{text},,\r\n'
    )


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_any_csv_reads_back(rows: list[tuple[SqlValue, SqlValue]]) -> None:
    """Commas, quotes and line ends inside values never move a cell."""
    answer = _answer([AnswerColumn("a,b"), AnswerColumn('"c"\r\n')], *rows)
    found = list(csv.reader(io.StringIO(to_csv(answer), newline="")))
    assert found[0] == ["a,b", '"c"\r\n']
    expected = [
        ["" if value is None else str(shown(AnswerColumn("x"), value)) for value in row]
        for row in rows
    ]
    assert found[1:] == expected


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas_can_be_escaped(start: str) -> None:
    """For a spreadsheet, text that it would run gets an apostrophe; numbers stay numbers."""
    answer = _answer([AnswerColumn("a"), AnswerColumn("n")], (start + "cmd", -5))
    plain = list(csv.reader(io.StringIO(to_csv(answer), newline="")))[1]
    escaped = list(csv.reader(io.StringIO(to_csv(answer, escapes_formulas=True), newline="")))[1]
    assert plain == [start + "cmd", "-5"]
    assert escaped == ["'" + start + "cmd", "-5"]


def test_a_table_is_aligned() -> None:
    """Numbers stand right, text left, wide characters count twice."""
    answer = _answer(
        [AnswerColumn("item", "text"), AnswerColumn("price", "decimal", 2), AnswerColumn("n")],
        ("日本", 1250, 1),
        ("pear", -5, None),
    )
    assert to_table(answer) == ("item  price  n\n----  -----  -\n日本  12.50  1\npear  -0.05\n")


def test_a_table_cannot_move_the_terminal() -> None:
    """Escape sequences, line ends and marks that turn the direction are written out."""
    hostile = "\x1b[2J\n\u202egpj\x00"
    table = to_table(_answer([AnswerColumn("a")], (hostile,)))
    assert "\\x1b[2J\\n\\u202egpj\\x00" in table
    assert table.count("\n") == 3


def test_a_long_cell_is_cut_in_a_table_only() -> None:
    """A table shows the start of a long text; JSON and CSV have all of it."""
    answer = _answer([AnswerColumn("a")], ("x" * 500,))
    assert "x" * 79 + "…\n" in to_table(answer)
    assert "x" * 500 in to_csv(answer)
    assert b"x" * 500 in to_json(answer)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_any_answer_can_be_written(rows: list[tuple[SqlValue, SqlValue]]) -> None:
    """Whatever SQL gives, each form has one line or element a row."""
    answer = _answer([AnswerColumn("a"), AnswerColumn("b")], *rows)
    table = to_table(answer)
    assert table.count("\n") == len(rows) + 2
    assert len(json.loads(to_json(answer))["rows"]) == len(rows)
