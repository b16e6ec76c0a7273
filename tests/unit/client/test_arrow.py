"""Answers as Arrow and frames, and back: exact, with types, whatever the sign and whatever is missing."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import nanoarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.client.answers import Answer, AnswerColumn
from comity.client.arrow import records_of
from comity.client.row_source import batches
from comity.errors import Malformed, QueryError
from comity.limits import INT64_MAX, INT64_MIN
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema

UNITS_MAX = 10**18 - 1
TYPED = (
    AnswerColumn("price", "decimal", 2),
    AnswerColumn("day", "date"),
    AnswerColumn("at", "datetime", 3),
    AnswerColumn("is_sold", "boolean"),
    AnswerColumn("count", "integer"),
    AnswerColumn("name", "text"),
)
STORED = (
    (-1250, "1969-12-31", "1969-12-31T23:59:59.999Z", 0, INT64_MIN, "ü"),
    (None, None, None, None, None, None),
    (UNITS_MAX, "9999-12-31", "2026-11-22T21:40:11.001Z", 1, INT64_MAX, ""),
)
EARLY = datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)
LATE = datetime(2026, 11, 22, 21, 40, 11, 1_000, UTC)
PYTHON = (
    (Decimal("-12.50"), date(1969, 12, 31), EARLY, False, INT64_MIN, "ü"),
    (None,) * 6,
    (Decimal(UNITS_MAX).scaleb(-2), date(9999, 12, 31), LATE, True, INT64_MAX, ""),
)
COMPUTED = (
    ((1, None), "INT64"),
    ((1, 2.5), "DOUBLE"),
    (("a",), "STRING"),
    ((b"a",), "BINARY"),
    ((None,), "STRING"),
)
SCHEMA = TableSchema(
    name="stock",
    columns=(
        Column(name="price", type=ColumnType(kind="decimal", scale=2), required=False),
        Column(name="day", type=ColumnType(kind="date"), required=False),
        Column(name="at", type=ColumnType(kind="datetime", scale=3), required=False),
        Column(name="is_sold", type=ColumnType(kind="boolean"), required=False),
        Column(name="count", type=ColumnType(kind="integer"), required=False),
        Column(name="name", type=ColumnType(kind="text", minimum=0, maximum=40), required=False),
    ),
    key=("name",),
)


def answer(columns: Any, rows: Any) -> Answer:
    """Return an answer of some rows."""
    return Answer(columns=tuple(columns), records=tuple(rows), height=1, app_hash=bytes(32))


def test_a_tables_columns_keep_their_types() -> None:
    """Decimals, days, moments, truths and nulls are themselves in Arrow, at both ends of their ranges."""
    found = list(records_of(answer(TYPED, STORED)))
    assert [tuple(row.values()) for row in found] == list(PYTHON)
    types = [str(field.type) for field in answer(TYPED, STORED).arrow().schema.fields]
    assert [each.rpartition(".")[2] for each in types] == [
        "DECIMAL128", "DATE32", "TIMESTAMP", "BOOL", "INT64", "STRING",
    ]  # fmt: skip


def test_what_was_read_can_be_added_again() -> None:
    """An answer given to `add_many` as an Arrow stream holds the values that were stored."""
    (rows,) = batches(answer(TYPED, STORED), SCHEMA, 10)
    expected = [
        tuple(bool(it) if at == 3 and it is not None else it for at, it in enumerate(row))
        for row in STORED
    ]
    assert [tuple(row.values()) for row in rows] == expected


@given(st.lists(st.integers(-UNITS_MAX, UNITS_MAX) | st.none()), st.integers(0, 9))
def test_any_decimal_is_exact(units: list[int | None], scale: int) -> None:
    """Every decimal that a column can hold comes back from Arrow as it was."""
    made = answer([AnswerColumn("d", "decimal", scale)], [(it,) for it in units])
    expected = [None if it is None else Decimal(it).scaleb(-scale) for it in units]
    assert [row["d"] for row in records_of(made)] == expected


def test_computed_columns_have_the_type_of_their_values() -> None:
    """Whole numbers, fractions, text and bytes are told apart; what is of several types is refused."""
    for values, kind in COMPUTED:
        made = answer([AnswerColumn("c")], [(it,) for it in values])
        assert str(made.arrow().schema.fields[0].type).endswith(kind)
        assert [row["c"] for row in records_of(made)] == list(values)
    for values in ((1, "a"), (2**60, 0.5), (b"", "")):
        with pytest.raises(QueryError, match="cast"):
            answer([AnswerColumn("c")], [(it,) for it in values]).arrow()


def test_an_empty_answer_has_its_columns() -> None:
    """No rows are no rows: the schema stays."""
    stream = nanoarrow.ArrayStream(answer(TYPED, ()))
    assert [field.name for field in stream.schema.fields] == [column.name for column in TYPED]
    assert list(records_of(answer(TYPED, ()))) == []
    assert list(records_of(answer([AnswerColumn("n"), AnswerColumn("n")], [(1, 2)]))) == [{"n": 2}]


def test_nothing_is_rounded_or_guessed() -> None:
    """A fraction for a decimal, a whole number for one, and text for a number are refused, naming the column."""
    for name, value in (
        ("price", 1.5),
        ("price", 1),
        ("count", 1.0),
        ("count", "1"),
        ("is_sold", 1),
    ):
        made = answer([AnswerColumn(name)], [(value,)])
        with pytest.raises(Malformed, match=f"column {name}: "):
            list(batches(made, SCHEMA, 10))


def test_arrow_is_imported_when_it_is_needed() -> None:
    """A program that never asks for Arrow does not pay for it."""
    code = "import comity, sys; comity.Ledger; print('nanoarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_frames_are_named_when_they_are_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas or polars the error says what to install."""
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Exception, match=f"pip install {name}"):
        getattr(answer(TYPED, STORED), name)()


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_frames_hold_the_same(name: str) -> None:
    """Frames give back what was stored; names that repeat are told apart."""
    frame = getattr(answer((*TYPED, TYPED[0]), [(*row, row[0]) for row in STORED]), name)()
    assert list(frame.columns)[-1] == "price_2"
    (rows,) = batches(frame, SCHEMA, 10)
    expected = [
        tuple(bool(it) if at == 3 and it is not None else it for at, it in enumerate(row))
        for row in STORED
    ]
    assert [tuple(row.values())[:6] for row in rows] == expected
