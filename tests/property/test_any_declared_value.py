"""What the strategies of ``comity.testing`` make, the ledger accepts; and they reach every bound."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from comity.crypto import cbor
from comity.limits import INT64_MAX, INT64_MIN
from comity.model.column import KINDS, Column, ColumnType, check_of
from comity.model.row import RowCodec
from comity.model.schema import TableSchema
from comity.sdk.arguments import check_arguments
from comity.sdk.checks import check_of_shape, value_of
from comity.sdk.load import load_apps
from comity.sdk.shape import columns_of
from comity.testing import strategies
from tests.unit.sdk import tab
from tests.unit.testing import alarm

APPS = [tab.app, alarm.app, *load_apps(["members", "tables"]).values()]
FUNCTIONS = [
    (app, function)
    for app in APPS
    for function in (*app.declaration.actions.values(), *app.declaration.views.values())
]


@st.composite
def _types(draw: st.DrawFn) -> ColumnType:
    """Give any column type that may be declared."""
    kind = draw(st.sampled_from(KINDS))
    low = high = None
    if kind in ("integer", "decimal"):
        most = INT64_MAX if kind == "integer" else 10**18 - 1
        low, high = sorted(draw(st.tuples(*[st.integers(-most, most)] * 2)))
    elif kind in ("text", "bytes"):
        low, high = sorted(draw(st.tuples(*[st.integers(0, 300)] * 2)))
        high = max(1, high)
    scale = {"decimal": range(10), "datetime": (0, 3, 6)}.get(kind, (0,))
    codes = ("open", "closed") if kind == "enum" else ()
    return ColumnType(
        kind=kind, minimum=low, maximum=high, scale=draw(st.sampled_from(scale)), values=codes
    )


@given(st.data(), _types())
def test_any_value_is_one_of_its_type(data: st.DataObject, column: ColumnType) -> None:
    """Whatever a type may be, values made for it pass its own check."""
    value = data.draw(strategies.values(column))
    assert check_of(Column(name="c", type=column))(value) is None


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.text(max_size=400),
    st.binary(max_size=40),
    st.sampled_from(["a\n", "\x7f", "é", "\ud800", "\u00a0", "open", "2026-11-23"]),
)


@given(
    st.data(), st.lists(st.tuples(_types(), st.booleans(), st.booleans()), min_size=1, max_size=5)
)
def test_any_row_is_judged_column_by_column(
    data: st.DataObject, columns: list[tuple[ColumnType, bool, bool]]
) -> None:
    """The quick way of a row's check says what the checks of its columns say, of the first that is wrong."""
    declared = [
        Column(name=f"c{at}", type=type_, required=required, retired=retired)
        for at, (type_, required, retired) in enumerate(columns)
    ]
    key = Column(name="k", type=ColumnType(kind="integer"))
    codec = RowCodec(TableSchema(name="t", columns=(key, *declared), key=("k",)))
    values = [1, *(data.draw(st.one_of(ODD, strategies.values(one.type))) for one in declared)]
    wrong = [
        (one.name, check_of(one)(value))
        for one, value in zip((key, *declared), values, strict=True)
    ]
    assert codec.problem(values) == next((each for each in wrong if each[1] is not None), None)


@pytest.mark.parametrize(("app", "function"), FUNCTIONS, ids=lambda one: one.name)
@given(data=st.data())
def test_any_arguments_are_accepted(data: st.DataObject, app: Any, function: Any) -> None:
    """Arguments for each action and view of our apps pass the check before it runs, and fit into CBOR."""
    made = data.draw(strategies.arguments(app, function.function))
    plain = {name: value_of(value) for name, value in made.items()}
    cbor.encode(plain)
    check_arguments(function, plain)


@pytest.mark.parametrize("table", [tab.Member, alarm.Alarm])
@given(data=st.data())
def test_any_row_fits_its_table(data: st.DataObject, table: Any) -> None:
    """Rows pass the checks of their columns; a chosen column is what was chosen."""
    row = data.draw(strategies.rows(table, name=st.just("chosen")))
    assert row.name == "chosen"
    for column in columns_of(table):
        assert check_of(column)(getattr(row, column.name)) is None


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (ColumnType(kind="integer"), [0, 1, -1, INT64_MIN, INT64_MAX]),
        (ColumnType(kind="integer", minimum=1, maximum=INT64_MAX), [1, 2, INT64_MAX]),
        (ColumnType(kind="integer", minimum=5, maximum=5), [5]),
        (ColumnType(kind="text", minimum=0, maximum=120), ["", "x" * 120, "ana", "'"]),
        (ColumnType(kind="text", minimum=1, maximum=1), ["x"]),
        (ColumnType(kind="bytes", minimum=0, maximum=64), [b"", b"\xff" * 64]),
        (ColumnType(kind="bytes", minimum=32, maximum=32), [bytes(32)]),
        (ColumnType(kind="date"), ["0001-01-01", "9999-12-31"]),
        (ColumnType(kind="datetime", scale=3), ["9999-12-31T23:59:59.999Z"]),
        (ColumnType(kind="boolean"), [True, False]),
    ],
)
def test_every_bound_is_tried(column: ColumnType, wanted: list[Any]) -> None:
    """Among few examples are the least and the greatest of each type, and what is awkward."""
    made = strategies.values(column)
    for value in wanted:
        assert find(made, _is(value)) == value


def _is(value: object) -> Callable[[object], bool]:
    return lambda made: made == value and type(made) is type(value)


@given(data=st.data())
def test_any_loose_value_is_accepted(data: st.DataObject) -> None:
    """Scalars, records and documents, whose meaning an action decides, pass the check of their shape."""
    for parameter in load_apps(["tables"])["tables"].declaration.actions["create"].parameters:
        value = data.draw(strategies.shapes(parameter.shape))
        assert check_of_shape(parameter.shape)(value_of(value)) is None


def test_an_unknown_function_is_told() -> None:
    """A function that the app does not declare has no arguments to make."""
    with pytest.raises(LookupError, match="wake is no action or view of tab"):
        strategies.arguments(tab.app, alarm.wake)
