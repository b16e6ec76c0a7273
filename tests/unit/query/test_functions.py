"""Functions of queries: what depends on nothing but its arguments, and decimals written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.errors import QueryError
from comity.query.functions import decimal
from comity.query.process import QueryProcess


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("date('2026-01-31', '+1 month')", "2026-03-03"),
        ("date('2026-11-22T21:40:11Z')", "2026-11-22"),
        ("time('2026-11-22T21:40:11Z')", "21:40:11"),
        ("datetime(0, 'unixepoch')", "1970-01-01 00:00:00"),
        ("strftime('%Y-%m', '2026-11-22')", "2026-11"),
        ("strftime('now %Y', '2026-11-22')", "now 2026"),
        ("unixepoch('1970-01-02')", 86_400),
        ("julianday('2000-01-01 12:00')", 2_451_545.0),
        ("date(NULL)", None),
        ("date('nowhere')", None),
    ],
)
def test_calendar_functions_work_without_clock(
    process: QueryProcess, call: str, expected: object
) -> None:
    """Dates and times are computed as SQLite does."""
    assert process.run(f"SELECT {call}").rows == ((expected,),)


@pytest.mark.parametrize(
    "call",
    [
        "date()",
        "date('now')",
        "date('NOW')",
        "date('no' || 'w')",
        "date(CAST('now' AS BLOB))",
        "date('now' || char(0) || 'x')",
        "datetime('subsec')",
        "strftime('%s')",
        "strftime('%s', 'now')",
        "unixepoch('now', 'subsec')",
        "julianday('now')",
        "datetime('2026-01-01', 'localtime')",
        "datetime('2026-01-01', 'UTC')",
        "current_date",
    ],
)
def test_the_clock_is_not_readable(process: QueryProcess, call: str) -> None:
    """However the current time or the machine's zone is asked for, it is refused."""
    with pytest.raises(QueryError) as refused:
        process.run(f"SELECT {call}")
    assert refused.value.code == "refused"


@pytest.mark.parametrize(
    ("units", "scale", "text"),
    [
        (1250, 2, "12.50"),
        (-5, 2, "-0.05"),
        (0, 2, "0.00"),
        (7, 0, "7"),
        (-(1 << 63), 9, "-9223372036.854775808"),
        (None, 2, None),
    ],
)
def test_decimals_are_exact(
    process: QueryProcess, units: int | None, scale: int, text: str | None
) -> None:
    """A decimal is written digit by digit, also below zero and at the edge of 64 bits."""
    assert decimal(units, scale) == text
    assert process.run("SELECT decimal(?, ?)", (units, scale)).rows == ((text,),)


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(1, 18))
def test_any_decimal_reads_back(units: int, scale: int) -> None:
    """Without its point the text is the number of units again."""
    text = decimal(units, scale)
    assert text is not None
    assert len(text.partition(".")[2]) == scale
    assert int(text.replace(".", "")) == units


@pytest.mark.parametrize("call", ["decimal('1', 2)", "decimal(1.5, 2)", "decimal(1, -1)"])
def test_a_decimal_of_something_else_is_told(process: QueryProcess, call: str) -> None:
    """Text, reals and impossible scales are no decimals."""
    with pytest.raises(QueryError, match="decimal") as wrong:
        process.run(f"SELECT {call}")
    assert wrong.value.code == "arguments"


def test_a_query_that_computes_with_decimals_says_in_what_units(process: QueryProcess) -> None:
    """Showing a decimal needs no note; a condition, a sum or an order on it gives one."""
    assert process.run("SELECT * FROM prices").notes == ()
    assert process.run("SELECT item, price AS p FROM prices", height=1).notes == ()
    for sql in ("SELECT sum(price) FROM prices", "SELECT price FROM prices WHERE price > 12"):
        for height in (None, 1):
            (note,) = process.run(sql, height=height).notes
            assert note.startswith("prices.price counts units of 10^-2")
            assert "100 is 1.00" in note
            assert "decimal(x, 2)" in note
