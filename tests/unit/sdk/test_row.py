"""Rows of applications."""

import msgspec
import pytest

from comity.sdk.row import replace, row_from_values, row_values
from tests.unit.sdk.tab import Member

ANA = Member(name="ana", owner=b"\1" * 20, balance_cents=-5)


def test_a_row_is_built_by_name_alone() -> None:
    """A column added or moved can never shift a value into another column."""
    with pytest.raises(TypeError):
        Member("ana", b"\1" * 20)  # type: ignore[call-arg]  # the type checker says so too


def test_a_row_cannot_be_changed_in_place() -> None:
    """What was read stays what it was; a change is another row."""
    with pytest.raises(AttributeError):
        ANA.balance_cents = 0  # type: ignore[misc]  # the type checker says so too
    assert replace(ANA, balance_cents=7).balance_cents == 7
    assert ANA.balance_cents == -5


def test_values_stand_in_the_order_of_the_class() -> None:
    """The columns' ordinals are the order of the fields, defaults or not."""
    assert row_values(ANA) == ("ana", b"\1" * 20, -5)
    assert row_from_values(Member, ("ana", b"\1" * 20, -5)) == ANA


@pytest.mark.parametrize("values", [("ana",), ("ana", b"", 1, 2)])
def test_a_row_takes_one_value_for_each_column(values: tuple[str | bytes | int, ...]) -> None:
    """A null column is given as null, never left out: a default must not stand in for it."""
    with pytest.raises(ValueError, match="zip"):
        row_from_values(Member, values)


def test_a_row_class_needs_no_settings() -> None:
    """A subclass is frozen and built by name without its author saying so."""
    config = Member.__struct_config__
    assert config.frozen
    assert [field.required for field in msgspec.structs.fields(Member)] == [True, True, False]
