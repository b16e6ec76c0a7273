"""Checks of arguments, and the way between rows and the maps that CBOR holds.

Invariant: whether a value has a shape is a pure function of both. A value comes as decoded CBOR;
only a ``Row`` is built anew from it, all else is handed on as it is.
"""

from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, TypeAlias

import msgspec

from comity.errors import BadDeclaration
from comity.limits import (
    BYTES_MAX,
    COLUMNS_PER_TABLE_MAX,
    DOCUMENT_ITEMS_MAX,
    INT64_MAX,
    INT64_MIN,
    NESTING_MAX,
)
from comity.model.column import Column, check_of
from comity.sdk.row import Row
from comity.sdk.shape import Kind, Shape, columns_of

Check: TypeAlias = Callable[[Any], str | None]
Build: TypeAlias = Callable[[Any], Any]

_SCALARS = (int, str, bytes, bool, NoneType)


def check_of_shape(shape: Shape) -> Check:
    """Return a function that says in words what is wrong with a value, or None when nothing is."""
    if shape.column is not None:
        return check_of(Column(name="value", type=shape.column, required=not shape.is_optional))
    check = _MAKERS[shape.kind](shape)
    if shape.is_optional:
        return lambda value: None if value is None else check(value)
    return check


def build_of_shape(shape: Shape) -> Build | None:
    """Return a function that makes rows of the maps in a checked value; None where it has none."""
    if shape.row is not None:
        row = shape.row
        return lambda value: None if value is None else row(**value)
    build = None if shape.items is None else build_of_shape(shape.items)
    if build is None:
        return None
    return lambda values: None if values is None else [build(value) for value in values]


def value_of(result: Any, nesting_max: int = NESTING_MAX - 2) -> Any:
    """Return what CBOR can hold of a result or an argument: a row becomes a map of its columns.

    Args:
        nesting_max: most lists and maps inside one another; a receipt adds two of its own.

    Raises: TypeError or ValueError for what no receipt can hold.
    """
    if type(result) in _SCALARS:
        return _scalar(result)
    if nesting_max <= 0:
        raise ValueError("a result is nested too deeply")
    if isinstance(result, Row):
        values = msgspec.structs.astuple(result)
        return dict(zip(result.__struct_fields__, map(_scalar, values), strict=True))
    if isinstance(result, Mapping):
        if any(type(name) is not str for name in result):
            raise TypeError("the names in a result are text")
        return {_scalar(name): value_of(value, nesting_max - 1) for name, value in result.items()}
    if isinstance(result, list | tuple):
        return [value_of(value, nesting_max - 1) for value in result]
    raise TypeError(f"a {type(result).__name__} is neither a scalar, a row, a list nor a map")


def _scalar(value: Any) -> Any:
    if type(value) is int and not INT64_MIN <= value <= INT64_MAX:
        raise ValueError("a result is a number of at most 64 bits")
    if type(value) is str and not value.isascii():
        value.encode()  # refuses a lone surrogate, which UTF-8 cannot write
    return value


def _value(_: Shape) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is int:
            is_within = INT64_MIN <= value <= INT64_MAX
            return None if is_within else f"outside {INT64_MIN}..{INT64_MAX}"
        if type(value) not in _SCALARS:
            return "a number, text, bytes, true, false or nothing is needed"
        if type(value) in (str, bytes) and len(value) > BYTES_MAX:
            return f"{len(value)} long, at most {BYTES_MAX} are allowed"
        return None

    return check


def _record(shape: Shape) -> Check:
    check_value = _value(shape)

    def check(value: Any) -> str | None:
        if type(value) is not dict:
            return "a map of values by column name is needed"
        if len(value) > COLUMNS_PER_TABLE_MAX:
            return f"{len(value)} values, at most {COLUMNS_PER_TABLE_MAX} are allowed"
        if any(type(name) is not str for name in value):
            return "names are text"
        return _first_problem(value.items(), check_value)

    return check


def _document(shape: Shape) -> Check:
    check_value = _value(shape)

    def check(value: Any) -> str | None:
        if type(value) is not dict:
            return "a map by name is needed"
        count = 0
        left: list[Any] = [value]
        while left:
            item = left.pop()
            count += 1
            if type(item) is dict:
                if any(type(name) is not str for name in item):
                    return "names are text"
                left += item.values()
            elif type(item) is list:
                left += item
            elif problem := check_value(item):
                return problem
            if count + len(left) > DOCUMENT_ITEMS_MAX:
                return f"more than {DOCUMENT_ITEMS_MAX} values"
        return None

    return check


def _row(shape: Shape) -> Check:
    if shape.row is None:
        raise BadDeclaration("a row shape names its class")
    fields = msgspec.structs.fields(shape.row)
    columns = dict(zip(shape.row.__struct_fields__, columns_of(shape.row), strict=True))
    checks = {name: check_of(column) for name, column in columns.items()}
    required = [field.name for field in fields if field.required]

    def check(value: Any) -> str | None:
        if type(value) is not dict:
            return "a map of the row's columns is needed"
        for name, item in value.items():
            problem = checks[name](item) if name in checks else "there is no such column"
            if problem is not None:
                return f"{name}: {problem}"
        return next(
            (f"{name}: a value is required" for name in required if name not in value), None
        )

    return check


def _items(shape: Shape) -> Check:
    if shape.items is None:
        raise BadDeclaration("a list shape names the shape of its items")
    check_item, items_max = check_of_shape(shape.items), shape.items_max

    def check(value: Any) -> str | None:
        if type(value) is not list:
            return "a list is needed"
        if len(value) > items_max:
            return f"{len(value)} items, at most {items_max} are allowed"
        return _first_problem(enumerate(value), check_item)

    return check


def _first_problem(items: Iterable[tuple[object, object]], check: Check) -> str | None:
    for name, item in items:
        problem = check(item)
        if problem is not None:
            return f"{name}: {problem}"
    return None


_MAKERS: Mapping[Kind, Callable[[Shape], Check]] = {
    "value": _value,
    "record": _record,
    "document": _document,
    "row": _row,
    "list": _items,
}
