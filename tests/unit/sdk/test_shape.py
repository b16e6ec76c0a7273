"""What annotations may be."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Optional

import pytest

from comity.errors import BadDeclaration
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
    Row,
    Rows,
    SignedAmount,
    Text,
    TimeNs,
    Value,
    Values,
)
from comity.sdk.shape import columns_of, result_shape_of, shape_of
from tests.unit.sdk.tab import Member

BOUNDED = [Name, AccountId, Amount, SignedAmount, Count, Flag, Date, DateTime, TimeNs, Hash]


@pytest.mark.parametrize("annotation", BOUNDED)
def test_each_alias_is_a_scalar_with_bounds(annotation: object) -> None:
    """What the SDK offers by name is bounded, alone and as a value that may be absent."""
    shape = shape_of(annotation, "here")
    assert shape.kind == "scalar"
    assert shape.column is not None
    assert not shape.is_optional
    assert shape_of(Optional[annotation], "here").is_optional  # noqa: UP045 - annotation is a value


@pytest.mark.parametrize(
    ("annotation", "column"),
    [
        (Annotated[str, Text(80)], ColumnType(kind="text", minimum=0, maximum=80)),
        (Annotated[int, Integer(1, 12)], ColumnType(kind="integer", minimum=1, maximum=12)),
        (Annotated[bytes, Bytes(64)], ColumnType(kind="bytes", minimum=0, maximum=64)),
        (
            Annotated[int, Decimal(2, minimum=0, maximum=99)],
            ColumnType(kind="decimal", scale=2, minimum=0, maximum=99),
        ),
        (bool, ColumnType(kind="boolean")),
        (Literal["open", "closed"], ColumnType(kind="enum", values=("open", "closed"))),
        (bool | None, ColumnType(kind="boolean")),
    ],
)
def test_types_of_ones_own(annotation: object, column: ColumnType) -> None:
    """An author bounds a type beside the Python type that the type checker sees."""
    assert shape_of(annotation, "here").column == column


@pytest.mark.parametrize(
    ("annotation", "advice"),
    [
        (str, "Annotated[str, Text(80)]"),
        (int, "`Amount`"),
        (bytes, "`AccountId`"),
        (float, "whole numbers"),
        (list, "Many(10)"),
        (list[str], "Many(10)"),
        (list[Member], "Many(10)"),
        (tuple[int, ...], "Many(10)"),
        (dict[str, str], "`Record`"),
        (Any, "`Document`"),
        (object, "comity.sdk"),
        (Row, "comity.sdk"),
        (str | None, "Annotated[str, Text(80)]"),
        (Name | AccountId, "comity.sdk"),
        (Mapping[str, str], "comity.sdk"),
        (Literal[1, 2], "comity.sdk"),
        (Annotated[str, "words"], "Text(80)"),
        (Annotated[str, Integer(0, 1)], "Text(80)"),
        (Annotated[int, Text(5)], "`Amount`"),
        (Annotated[float, Integer(0, 1)], "whole numbers"),
        (Annotated[list[str], Many(3)], "Text(80)"),
        (Annotated[list[float], Many(3)], "whole numbers"),
        (Annotated[list[Name], Many(0)], "Many takes 1 to 1000"),
        (Annotated[list[Name], Many(1001)], "Many takes 1 to 1000"),
        (Annotated[str, Text(100_001)], "outside"),
        (Annotated[str, ColumnType(kind="text")], "bound is needed"),
        (Annotated[int, Integer(5, 4)], "above maximum"),
        (Annotated[int, Decimal(10)], "scale 10"),
        (Literal["a", "a "], ""),
    ],
)
def test_what_has_no_bound_is_refused_with_what_to_write(annotation: object, advice: str) -> None:
    """The message names the place and tells the author what to write instead."""
    if annotation == Literal["a", "a "]:  # the near miss: codes differ
        assert shape_of(annotation, "here").kind == "scalar"
        return
    with pytest.raises(BadDeclaration) as refusal:
        shape_of(annotation, "tab.pay, argument `x`")
    assert str(refusal.value).startswith("tab.pay, argument `x`")
    assert advice in str(refusal.value)


def test_lists_and_loose_shapes() -> None:
    """Batches of values, rows by position and by name, and nested documents have shapes."""
    assert shape_of(Annotated[list[Member], Many(5)], "").items_max == 5
    rows = shape_of(Rows, "")
    assert rows.items is not None
    assert (rows.items_max, rows.items.items_max) == (1_000, 100)
    assert rows.items == shape_of(Values, "")
    assert shape_of(Value, "").kind == "value"
    assert shape_of(Record, "").kind == "record"
    assert shape_of(Document, "").kind == "document"


def test_a_result_may_be_nothing_or_rows_without_a_bound_of_their_own() -> None:
    """``list[Member]`` is bounded by the rows of a call; ``None`` is no result."""
    assert result_shape_of(None, "") is None
    rows = result_shape_of(list[Member], "")
    assert rows is not None
    assert (rows.kind, rows.items_max) == ("list", 1_000)
    with pytest.raises(BadDeclaration):
        result_shape_of(list[str], "")


def test_columns_follow_the_fields() -> None:
    """Order, names, types and whether a value is required come from the class alone."""

    class Book(Row):
        isbn: Name
        year: Annotated[int, Integer(1450, 2100)] | None = None
        is_lent: bool = False

    isbn, year, is_lent = columns_of(Book)
    assert [isbn.name, year.name, is_lent.name] == ["isbn", "year", "is_lent"]
    assert [isbn.required, year.required, is_lent.required] == [True, False, True]
    assert year.type.minimum == 1450


def test_a_column_holds_one_scalar() -> None:
    """Lists and rows inside rows are refused, and so is a class that contains itself."""

    class Shelf(Row):
        names: Annotated[list[Name], Many(3)]

    class Box(Row):
        member: Member

    for table in (Shelf, Box):
        with pytest.raises(BadDeclaration, match="one scalar value"):
            columns_of(table)


def test_a_column_name_follows_the_grammar() -> None:
    """A name that SQLite or history would trip over is refused when it is declared."""

    class Odd(Row):
        Name: Name

    with pytest.raises(BadDeclaration, match="column"):
        columns_of(Odd)
