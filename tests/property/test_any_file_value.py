"""Any value survives the way into a file and back; any text is a valid value or is refused."""

import json
from contextlib import suppress
from unicodedata import normalize

from hypothesis import example, given, settings
from hypothesis import strategies as st

from comity.client.files.json_lines import to_cells
from comity.client.files.moments import is_day
from comity.client.files.values import from_text, to_json, to_text
from comity.errors import Malformed
from comity.limits import INT64_MAX, INT64_MIN, JSON_INTEGER_MAX
from comity.model.column import Column, ColumnType, ColumnValue, check_column, check_of, is_date

DIGITS_18 = 10**18 - 1
PLAIN = st.text(
    st.characters(blacklist_categories=("Cs", "Cc")) | st.just("\n"), min_size=1, max_size=30
).map(lambda text: normalize("NFC", text))


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[ColumnType, ColumnValue]:
    """A type and a value that it takes."""
    kind = draw(st.sampled_from(sorted(MAKERS)))
    type_, values = draw(MAKERS[kind])
    return type_, draw(values)


def _datetimes(scale: int) -> st.SearchStrategy[str]:
    fraction = st.text("0123456789", min_size=scale, max_size=scale)
    return st.builds(
        lambda moment, digits: (
            moment.replace(microsecond=0).isoformat() + (f".{digits}" if scale else "") + "Z"
        ),
        st.datetimes(),
        fraction,
    )


def _texts(code_points: list[str]) -> tuple[ColumnType, st.SearchStrategy[ColumnValue]]:
    return ColumnType(kind="enum", values=tuple(code_points)), st.sampled_from(code_points)


MAKERS: dict[str, st.SearchStrategy[tuple[ColumnType, st.SearchStrategy[ColumnValue]]]] = {
    "integer": st.just((ColumnType(kind="integer"), st.integers(INT64_MIN, INT64_MAX))),
    "decimal": st.integers(0, 9).map(
        lambda scale: (
            ColumnType(kind="decimal", scale=scale),
            st.integers(-DIGITS_18, DIGITS_18),
        )
    ),
    "boolean": st.just((ColumnType(kind="boolean"), st.booleans())),
    "text": st.just((ColumnType(kind="text", maximum=30), PLAIN)),
    "enum": st.lists(PLAIN, min_size=1, max_size=5, unique=True).map(_texts),
    "date": st.just((ColumnType(kind="date"), st.dates().map(lambda day: day.isoformat()))),
    "datetime": st.sampled_from([0, 3, 6]).map(
        lambda scale: (ColumnType(kind="datetime", scale=scale), _datetimes(scale))
    ),
    "bytes": st.just((ColumnType(kind="bytes", maximum=40), st.binary(min_size=1, max_size=40))),
    "account": st.just((ColumnType(kind="account"), st.binary(min_size=20, max_size=20))),
}


@settings(max_examples=2_000, deadline=None)
@given(typed=typed_values())
@example(typed=(ColumnType(kind="decimal", scale=9), -1))
@example(typed=(ColumnType(kind="integer"), INT64_MIN))
def test_any_value_is_read_back_as_itself(typed: tuple[ColumnType, ColumnValue]) -> None:
    """The value is one that the column takes, and its text gives it back."""
    type_, value = typed
    check_column(Column(name="value", type=type_))
    assert check_of(Column(name="value", type=type_))(value) is None
    assert from_text(to_text(value, type_), type_) == value
    assert from_text(to_text(None, type_), type_) is None


@settings(max_examples=1_000, deadline=None)
@given(typed=typed_values())
@example(typed=(ColumnType(kind="integer"), JSON_INTEGER_MAX + 1))
def test_any_value_passes_through_json(typed: tuple[ColumnType, ColumnValue]) -> None:
    """JSON gives it back, even to a reader that has only binary fractions."""
    type_, value = typed
    line = json.dumps({"value": to_json(value, type_)})
    assert from_text(to_cells(line)["value"] or "", type_) == value
    assert json.loads(line, parse_int=float)["value"] == json.loads(line)["value"]


@settings(max_examples=1_000, deadline=None)
@given(
    text=st.from_regex(r"[0-9W]{3,4}-?[0-9W]{1,3}-?[0-9]{1,3}", fullmatch=True)
    | st.text(max_size=10)
)
@example(text="2026-W01-1")
@example(text="2024-02-29")
def test_any_day_is_one_for_the_client_and_the_ledger(text: str) -> None:
    """The fast check of the client and the ledger's own agree."""
    assert is_day(text) is is_date(text)


NUMBERS = st.text("0123456789+-.,eE_ \u0663\uff11", max_size=24)
WRITTEN = st.text(max_size=20) | NUMBERS | st.datetimes().map(str) | st.dates().map(str)


@settings(max_examples=2_000, deadline=None)
@given(typed=typed_values(), text=WRITTEN)
@example(typed=(ColumnType(kind="datetime"), None), text="0001-01-01T00:00+01:00")
@example(typed=(ColumnType(kind="integer"), None), text="9" * 5_000)
def test_any_text_is_a_valid_value_or_refused(
    typed: tuple[ColumnType, ColumnValue], text: str
) -> None:
    """Nothing that ``from_text`` returns is refused by the ledger's own check."""
    type_, _ = typed
    with suppress(Malformed):
        value = from_text(text, type_)
        assert check_of(Column(name="value", type=type_, required=False))(value) is None
