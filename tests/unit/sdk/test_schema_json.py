"""JSON Schemas from declarations."""

import re
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings

from comity.client.files.values import to_json
from comity.model.column import ColumnType
from comity.sdk import (
    AccountId,
    Amount,
    Bytes,
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
    Rows,
    SignedAmount,
    Text,
    TimeNs,
)
from comity.sdk.schema_json import (
    DIALECT,
    arguments_schema,
    result_schema,
    shape_schema,
    table_schema,
    type_schema,
)
from comity.sdk.shape import shape_of
from tests.unit.sdk import tab
from tests.unit.sdk.strategies import values_of

TAB = tab.app.declaration
NAME = {"type": "string", "minLength": 1, "maxLength": 120}


def test_arguments_of_an_action() -> None:
    """Names, bounds, what is required and what the default is come from the signature."""
    schema = arguments_schema(TAB.actions["pay"])
    assert schema["$schema"] == DIALECT
    assert schema["required"] == ["source", "target", "amount_cents"]
    assert schema["properties"]["source"] == NAME
    assert schema["additionalProperties"] is False
    limit = arguments_schema(TAB.views["debtors"])
    assert limit["properties"]["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 50,
    }
    assert limit["required"] == []


def test_results_and_rows() -> None:
    """A result is a row, rows or nothing; a row of a table has all its columns."""
    rows = result_schema(TAB.views["debtors"])
    assert (rows["type"], rows["maxItems"]) == ("array", 1_000)
    row = table_schema(TAB.tables[tab.Member])
    assert row["required"] == ["name", "owner", "balance_cents"]
    assert row["properties"]["name"] == NAME
    assert rows["items"]["properties"] == row["properties"]


def test_values_that_may_be_absent_and_nested_ones() -> None:
    """Null is permitted where the annotation says so; lists carry their bound."""
    assert shape_schema(shape_of(Name | None, "")) == {"anyOf": [NAME, {"type": "null"}]}
    names = shape_schema(shape_of(Annotated[list[Name], Many(3)], ""))
    assert names == {"type": "array", "items": NAME, "maxItems": 3}
    assert shape_schema(shape_of(Rows, ""))["items"]["maxItems"] == 100
    assert shape_schema(shape_of(Record, ""))["maxProperties"] == 100
    assert shape_schema(shape_of(Document, "")) == {"type": "object"}


TYPES = [
    *(Name, AccountId, Amount, SignedAmount, Count, Flag, Date, DateTime, TimeNs, Hash),
    *(Annotated[str, Text(9)], Annotated[bytes, Bytes(9)], Annotated[int, Integer(-1, 1)]),
    *(Annotated[int, Decimal(2)], Annotated[int, Decimal(0)], Literal["open", "closed"]),
]


def _column(annotation: Any) -> ColumnType:
    column = shape_of(annotation, "").column
    assert column is not None
    return column


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    """Tell whether a schema of a scalar accepts a value, by the keywords that we use."""
    if "anyOf" in schema:
        return any(_accepts(one, value) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "boolean":
        return type(value) is bool
    if schema["type"] == "integer":
        return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
    if type(value) is not str:
        return False
    is_long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 20)
    return is_long_enough and re.search(schema.get("pattern", ""), value) is not None


@pytest.mark.parametrize("annotation", TYPES)
def test_what_the_ledger_accepts_the_schema_accepts(annotation: Any) -> None:
    """A form that checks by the schema never turns away what the rules would take."""
    column = _column(annotation)

    @settings(max_examples=30)
    @given(values_of(column))
    def check(value: Any) -> None:
        assert _accepts(type_schema(column), to_json(value, column))

    check()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Name, ""),
        (Name, "x" * 121),
        (Count, 0),
        (Count, "1"),
        (Amount, 0),
        (Amount, "1.5"),
        (Flag, 1),
        (Date, "2026-11-2"),
        (DateTime, "2026-11-22T21:40:11"),
        (AccountId, "cm1qq"),
        (Hash, "ab"),
        (Annotated[bytes, Bytes(2)], "abcdef"),
        (Annotated[bytes, Bytes(2)], "AB"),
        (Annotated[int, Decimal(2)], "1.234"),
        (Annotated[int, Decimal(0)], "1.2"),
        (Literal["open", "closed"], "shut"),
    ],
)
def test_what_is_outside_its_bounds_the_schema_refuses(annotation: Any, value: Any) -> None:
    """The schema carries the bounds, not only the type."""
    assert not _accepts(type_schema(_column(annotation)), value)
