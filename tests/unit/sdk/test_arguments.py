"""Arguments of calls, checked against what an action declares."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.errors import Refusal
from comity.limits import BYTES_MAX, DOCUMENT_ITEMS_MAX
from comity.model.receipt import Receipt
from comity.sdk import (
    AccountId,
    Amount,
    App,
    BadArgument,
    Bytes,
    Context,
    Count,
    Date,
    DateTime,
    Decimal,
    Document,
    Flag,
    Hash,
    Integer,
    Many,
    Name,
    Record,
    Row,
    Rows,
    SignedAmount,
    Text,
    TimeNs,
    Value,
    Values,
)
from comity.sdk.arguments import check_arguments
from comity.sdk.checks import value_of
from comity.sdk.declaration import Action
from comity.sdk.standard import UnknownArgument
from tests.unit.sdk import tab
from tests.unit.sdk.strategies import cbor_values, scalars, values_of

PAY = tab.app.declaration.actions["pay"]
GOOD = {"source": "ana", "target": "bo", "amount_cents": 1}


class Colour(StrEnum):
    """Text, but not exactly text."""

    RED = "red"


class Seat(Row):
    """A seat."""

    number: Count
    name: Name | None = None


def _action(annotation: Any, default: Any = ...) -> Action:
    """Return an action with one argument, ``value``."""
    app = App("one", version=1)

    def act(ctx: Context, value: annotation) -> None:
        """Take a value."""

    if default is not ...:
        act.__defaults__ = (default,)
    app.action(act)
    return app.declaration.actions["act"]


def _problem(annotation: Any, value: Any) -> str:
    with pytest.raises(BadArgument) as raised:
        check_arguments(_action(annotation), {"value": value})
    assert raised.value.argument == "value"
    return raised.value.problem


def _nested(depth: int) -> list[Any]:
    return [_nested(depth - 1)] if depth > 1 else []


def test_arguments_are_handed_on_by_name() -> None:
    """What is right is passed as it is, and a default stands for what was left out."""
    assert check_arguments(PAY, GOOD) == GOOD
    debtors = tab.app.declaration.views["debtors"]
    assert check_arguments(debtors, {}) == {"limit": 50}
    assert check_arguments(debtors, {"limit": 7}) == {"limit": 7}


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({}, BadArgument(argument="source", problem="is missing")),
        (
            {**GOOD, "amount_cents": 0},
            BadArgument(argument="amount_cents", problem="outside 1..9223372036854775807"),
        ),
        (
            {**GOOD, "amount_cents": 1 << 63},
            BadArgument(argument="amount_cents", problem="outside 1..9223372036854775807"),
        ),
        (
            {**GOOD, "amount_cents": True},
            BadArgument(argument="amount_cents", problem="a whole number is needed"),
        ),
        ({**GOOD, "source": None}, BadArgument(argument="source", problem="a value is required")),
        ({**GOOD, "memo": "x"}, UnknownArgument(argument="memo")),
        ({"memo": "x"}, UnknownArgument(argument="memo")),
        ({**GOOD, "source": 1, "memo": "x"}, UnknownArgument(argument="memo")),
        ({"source": "ana", "memo": "x"}, UnknownArgument(argument="memo")),
    ],
)
def test_what_is_wrong_is_named(arguments: dict[str, Any], refusal: Refusal) -> None:
    """A refusal names the argument and the bound; an unknown name precedes what else is wrong (P07)."""
    with pytest.raises(type(refusal)) as raised:
        check_arguments(PAY, arguments)
    assert raised.value.to_fields() == refusal.to_fields()


SCALARS = [
    *(Name, AccountId, Amount, SignedAmount, Count, Flag, Date, DateTime, TimeNs, Hash),
    *(Annotated[str, Text(9)], Annotated[bytes, Bytes(9)], Annotated[int, Integer(-1, 1)]),
    *(Annotated[int, Decimal(2)], Literal["open", "closed"]),
]


@pytest.mark.parametrize("annotation", SCALARS)
def test_every_value_within_its_bounds_is_taken(annotation: Any) -> None:
    """What a type permits passes unchanged."""
    action = _action(annotation)
    column = action.parameters[0].shape.column
    assert column is not None

    @settings(max_examples=30)
    @given(values_of(column))
    def check(value: Any) -> None:
        assert check_arguments(action, {"value": value}) == {"value": value}

    check()


@pytest.mark.parametrize("annotation", [*SCALARS, Value, Values, Rows, Record, Document, Seat])
def test_any_value_is_taken_or_refused(annotation: Any) -> None:
    """Whatever CBOR can bring, the outcome is arguments or a ``BadArgument``, never a fault."""
    actions = [_action(annotation), _action(annotation | None, None)]

    @settings(max_examples=30)
    @given(cbor_values, st.sampled_from(actions))
    def check(value: Any, action: Action) -> None:
        try:
            checked = check_arguments(action, {"value": value})
        except BadArgument:
            return
        assert isinstance(checked["value"], Seat) or value_of(checked["value"]) == value

    check()


@given(st.dictionaries(st.text(), scalars, max_size=5))
def test_any_arguments_are_taken_or_refused(arguments: dict[str, Any]) -> None:
    """Names that no action declares are refusals, whatever they are."""
    with pytest.raises((BadArgument, UnknownArgument)):
        check_arguments(PAY, arguments)


def test_null_is_taken_where_a_value_may_be_absent() -> None:
    """``Name | None`` takes null; ``Name`` does not; a default need not be null."""
    assert check_arguments(_action(Name | None), {"value": None}) == {"value": None}
    assert check_arguments(_action(Name | None, "x"), {}) == {"value": "x"}
    assert _problem(Name, None) == "a value is required"
    assert _problem(Name | None, "") == "0 characters, 1 to 120 are allowed"
    assert check_arguments(_action(Seat | None), {"value": None}) == {"value": None}
    assert check_arguments(_action(Annotated[list[Seat], Many(2)] | None), {"value": None}) == {
        "value": None
    }


def test_a_map_becomes_a_row() -> None:
    """An action gets typed rows, singly or in a batch; what is left out takes the field's default."""
    assert check_arguments(_action(Seat), {"value": {"number": 3}}) == {"value": Seat(number=3)}
    batch = check_arguments(
        _action(Annotated[list[Seat], Many(2)]), {"value": [{"number": 1, "name": "a"}]}
    )
    assert batch == {"value": [Seat(number=1, name="a")]}


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (Seat, [], "a map of the row's columns is needed"),
        (Seat, {}, "number: a value is required"),
        (Seat, {"number": 0}, "number: outside 1..1000"),
        (Seat, {"number": 1, "row": 2}, "row: there is no such column"),
        (Annotated[list[Seat], Many(2)], [{"number": 1}, {}], "1: number: a value is required"),
        (Annotated[list[Name], Many(2)], ["a", "b", "c"], "3 items, at most 2 are allowed"),
        (Annotated[list[Name], Many(2)], "ab", "a list is needed"),
        (Annotated[list[Name], Many(2)], ["a", ""], "1: 0 characters, 1 to 120 are allowed"),
        (Value, [], "a number, text, bytes, true, false or nothing is needed"),
        (Value, "x" * (BYTES_MAX + 1), f"{BYTES_MAX + 1} long, at most {BYTES_MAX} are allowed"),
        (Record, [], "a map of values by column name is needed"),
        (Record, {1: 2}, "names are text"),
        (Record, {"a": []}, "a: a number, text, bytes, true, false or nothing is needed"),
        (Record, dict.fromkeys(map(str, range(101))), "101 values, at most 100 are allowed"),
        (Rows, [[1], [2, [3]]], "1: 1: a number, text, bytes, true, false or nothing is needed"),
        (Rows, [[]] * 1_001, "1001 items, at most 1000 are allowed"),
        (Values, [1] * 101, "101 items, at most 100 are allowed"),
        (Value, 1 << 63, "outside -9223372036854775808..9223372036854775807"),
        (Document, {"a": {1: 2}}, "names are text"),
        (Document, {"a": [1 << 63]}, "outside -9223372036854775808..9223372036854775807"),
        (Document, [], "a map by name is needed"),
        (Document, {"a": [0] * DOCUMENT_ITEMS_MAX}, f"more than {DOCUMENT_ITEMS_MAX} values"),
        (
            Document,
            {str(at): {"a": [1]} for at in range(4_000)},
            f"more than {DOCUMENT_ITEMS_MAX} values",
        ),
    ],
)
def test_the_place_inside_a_value_is_named(annotation: Any, value: Any, problem: str) -> None:
    """A problem in a batch names its item, 0-based, and its column."""
    assert _problem(annotation, value) == problem


def test_loose_values_pass_as_they_are() -> None:
    """Rows of tables made at run time are checked by their table, not by the action's types."""
    document = {"columns": [{"name": "id", "type": "text", "max": 40}], "key": ["id"]}
    for annotation, value in (
        (Rows, [["a", None, 1]]),
        (Record, {"a": b"x"}),
        (Document, document),
        (Value, None),
    ):
        assert check_arguments(_action(annotation), {"value": value}) == {"value": value}


def test_results_become_what_a_receipt_holds() -> None:
    """Rows become maps of their columns, wherever they stand; scalars stay."""
    seat = Seat(number=1)
    assert value_of(seat) == {"number": 1, "name": None}
    assert value_of([seat, None]) == [{"number": 1, "name": None}, None]
    assert value_of({"seats": (seat,)}) == {"seats": [{"number": 1, "name": None}]}
    assert value_of(None) is None


@pytest.mark.parametrize(
    "result",
    [
        1.5,
        {1, 2},
        object(),
        1 << 63,
        "\ud800",
        Seat(number=1 << 80),
        [1.5],
        {1: 2},
        {"\ud800": 1},
        _nested(15),
        Colour.RED,
        range(3),
    ],
)
def test_what_a_receipt_cannot_hold_is_a_fault(result: Any) -> None:
    """A result that has no canonical bytes is a mistake of the action, told before it is encoded."""
    with pytest.raises((TypeError, ValueError)):
        value_of(result)


@given(cbor_values)
def test_what_is_taken_as_a_result_can_be_encoded(result: Any) -> None:
    """The receipt of a result never fails: what would not encode was a fault of the action."""
    for value in (result, _nested(14)):
        try:
            taken = value_of(value)
        except (TypeError, ValueError):
            continue
        assert Receipt.decode(Receipt(results=(taken,)).encode()).results == (taken,)


def test_results_can_be_given_back() -> None:
    """What one action returns, another can take."""
    assert check_arguments(_action(Seat), {"value": value_of(Seat(number=9))}) == {
        "value": Seat(number=9)
    }
