"""Hypothesis strategies made from what an application declares: values, rows, arguments, transactions.

Every bound is tried on purpose, for that is where rules break: the least and the greatest number, the
longest text, nothing at all. Names and accounts come from a few people most of the time, so that
calls meet the rows of earlier calls.

Invariant: what a strategy gives for a declaration, the ledger accepts as an argument of it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from comity.limits import (
    ACCOUNT_ID_BYTES,
    BYTES_MAX,
    INT64_MAX,
    INT64_MIN,
    TEXT_CHARS_DEFAULT,
)
from comity.model.column import Column, ColumnType, check_of
from comity.sdk.app import App
from comity.sdk.row import Row
from comity.sdk.shape import Shape, columns_of
from comity.testing.people import NAMES, Person
from comity.testing.planned import PlannedCall

R = TypeVar("R", bound=Row)

_LIKELY_WEIGHT = 5  # to 1 for the edges and 1 for any value
_ITEMS_MAX = 5  # of a list; a bound of lists is a bound of size, not of meaning
_WORD_CHARS_MAX = 20
_BYTES_SHOWN_MAX = 64
_PLAIN = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n")
_HOSTILE = ("'", '"', "%_", "é", "\uff46\uff4f\uff4f", "\U0001f3db", "\u0130", "a\nb")
_DATES = ("2000-01-01", "2024-02-29", "0001-01-01", "9999-12-31")


def values(column: ColumnType, accounts: Sequence[str] = NAMES) -> SearchStrategy[Any]:
    """Give values of a column's type, its bounds among them.

    Args:
        accounts: names of people; texts are mostly these, accounts mostly theirs.

    """
    likely, edges, general = _MAKERS[column.kind](column, accounts)
    check = check_of(Column(name="value", type=column))
    weighted = [([value for value in likely if check(value) is None], _LIKELY_WEIGHT)]
    weighted += [([value for value in edges if check(value) is None], 1)]
    made = [
        st.sampled_from(fitting) for fitting, weight in weighted if fitting for _ in range(weight)
    ]
    # Not one_of, which would try equal strategies once.
    return st.sampled_from([*made, general]).flatmap(lambda chosen: chosen)


def shapes(shape: Shape, accounts: Sequence[str] = NAMES) -> SearchStrategy[Any]:
    """Give values of a shape, rows as rows. Recursion follows the written annotation."""
    if shape.column is not None:
        made = values(shape.column, accounts)
    elif shape.row is not None:
        made = rows(shape.row, accounts)
    elif shape.items is not None:
        size_max = min(shape.items_max, _ITEMS_MAX)
        made = st.lists(shapes(shape.items, accounts), max_size=size_max)
    else:
        made = {"value": _SCALARS, "record": _RECORDS}.get(shape.kind, _DOCUMENTS)
    return st.none() | made if shape.is_optional else made


def rows(
    table: type[R], accounts: Sequence[str] = NAMES, **columns: SearchStrategy[Any]
) -> SearchStrategy[R]:
    """Give rows of a class.

    Args:
        columns: strategies to use for some of the columns.

    """
    fields = msgspec.structs.fields(table)
    required = {field.name for field in fields if field.required}
    given = {
        column.name: columns[column.name]
        if column.name in columns
        else _column_values(column, accounts)
        for column in columns_of(table)
    }
    return _keywords(given, required).map(lambda chosen: table(**chosen))


def arguments(
    app: App,
    function: Callable[..., Any],
    accounts: Sequence[str] = NAMES,
    **overrides: SearchStrategy[Any],
) -> SearchStrategy[dict[str, Any]]:
    """Give arguments by name of an action, timer or view; those with a default are left out at times.

    Args:
        overrides: strategies to use for some of the arguments.

    """
    declared = (*app.declaration.actions.values(), *app.declaration.views.values())
    found = [one for one in declared if one.function is function]
    if not found:
        raise LookupError(f"{function.__name__} is no action or view of {app.name}")
    given = {
        one.name: overrides[one.name] if one.name in overrides else shapes(one.shape, accounts)
        for one in found[0].parameters
    }
    return _keywords(given, {one.name for one in found[0].parameters if one.is_required})


def transactions(
    app: App,
    accounts: Sequence[str] = NAMES,
    actions: Sequence[Callable[..., Any]] | None = None,
    **overrides: SearchStrategy[Any],
) -> SearchStrategy[tuple[str, PlannedCall[Any]]]:
    """Give (who signs, a call of the app), for ``Ledger.block``.

    Args:
        accounts: names of those who sign.
        actions: those to call; all of the app unless given.
        overrides: strategies to use for arguments of these names, whatever the action.

    """
    called = [
        action.function
        for action in app.declaration.actions.values()
        if not action.is_timer and (actions is None or action.function in actions)
    ]
    calls = [
        st.builds(PlannedCall, st.just(one), arguments(app, one, accounts, **overrides))
        for one in called
    ]
    return st.tuples(st.sampled_from(tuple(accounts)), st.one_of(calls))


def _keywords(
    given: Mapping[str, SearchStrategy[Any]], required: set[str]
) -> SearchStrategy[dict[str, Any]]:
    needed = {name: one for name, one in given.items() if name in required}
    optional = {name: one for name, one in given.items() if name not in required}
    return st.fixed_dictionaries(needed, optional=optional)


def _column_values(column: Column, accounts: Sequence[str]) -> SearchStrategy[Any]:
    made = values(column.type, accounts)
    return made if column.required else st.none() | made


# --- of each kind: likely values, values that must be tried, and any value ---

_Made = tuple[Sequence[Any], Sequence[Any], SearchStrategy[Any]]


def _numbers(column: ColumnType, _: Sequence[str]) -> _Made:
    low = INT64_MIN if column.minimum is None else column.minimum
    high = INT64_MAX if column.maximum is None else column.maximum
    near = sorted(
        {0, 1, -1, low, low + 1, high - 1, high}, key=lambda number: (abs(number), -number)
    )
    small = (
        st.integers(max(low, -100), min(high, 100)) if low <= 100 and high >= -100 else st.nothing()
    )
    return (), near, small | st.integers(low, high)


def _texts(column: ColumnType, accounts: Sequence[str]) -> _Made:
    low, high = column.minimum or 0, min(column.maximum or 0, TEXT_CHARS_DEFAULT)
    high = max(low, high)
    edges = [*_HOSTILE, "x" * low, "x" * high, "é" * high]
    general = st.text(_PLAIN, min_size=low, max_size=max(low, min(high, _WORD_CHARS_MAX)))
    return accounts, edges, general


def _bytes(column: ColumnType, _: Sequence[str]) -> _Made:
    low, high = column.minimum or 0, min(column.maximum or 0, BYTES_MAX)
    edges = [
        b"\0" * low,
        b"\xff" * min(high, TEXT_CHARS_DEFAULT),
        b"\0" * min(high, _BYTES_SHOWN_MAX),
    ]
    return (), edges, st.binary(min_size=low, max_size=max(low, min(high, _BYTES_SHOWN_MAX)))


def _accounts(_: ColumnType, accounts: Sequence[str]) -> _Made:
    known = [Person(name).account_id for name in accounts]
    size = ACCOUNT_ID_BYTES
    return known, (), st.binary(min_size=size, max_size=size)


def _dates(_: ColumnType, __: Sequence[str]) -> _Made:
    return (), _DATES, st.dates().map(date.isoformat)


def _moments(column: ColumnType, _: Sequence[str]) -> _Made:
    unit = {0: "seconds", 3: "milliseconds", 6: "microseconds"}[column.scale]

    def written(moment: datetime) -> str:
        return moment.isoformat(timespec=unit) + "Z"

    first, last = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 - written as UTC
    return (), [written(first), written(last)], st.datetimes().map(written)


_MAKERS: Mapping[str, Callable[[ColumnType, Sequence[str]], _Made]] = {
    "integer": _numbers,
    "decimal": _numbers,
    "boolean": lambda _, __: ((), (), st.booleans()),
    "text": _texts,
    "enum": lambda column, _: ((), (), st.sampled_from(column.values)),
    "date": _dates,
    "datetime": _moments,
    "bytes": _bytes,
    "account": _accounts,
}

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(INT64_MIN, INT64_MAX),
    st.text(_PLAIN, max_size=_WORD_CHARS_MAX),
    st.binary(max_size=_BYTES_SHOWN_MAX),
)
_RECORDS = st.dictionaries(st.text(_PLAIN, max_size=_WORD_CHARS_MAX), _SCALARS, max_size=_ITEMS_MAX)
_DOCUMENTS = st.dictionaries(
    st.text(_PLAIN, max_size=_WORD_CHARS_MAX),
    st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, max_size=_ITEMS_MAX)
            | st.dictionaries(st.text(_PLAIN, max_size=_WORD_CHARS_MAX), inner, max_size=_ITEMS_MAX)
        ),
        max_leaves=8,
    ),
    max_size=_ITEMS_MAX,
)
