"""Schema versions read from bytes are what they say, of the kinds that they must be."""

from typing import Any

import pytest

from comity.errors import Malformed
from comity.model.column import Column, ColumnType
from comity.model.schema import Index, TableSchema, versions_from_value, versions_value

SCHEMA = TableSchema(
    name="notes",
    columns=(
        Column(name="id", type=ColumnType(kind="integer", minimum=0)),
        Column(name="text", type=ColumnType(kind="text", maximum=9), required=False),
    ),
    key=("id",),
    indexes=(Index(name="by_text", columns=("text",)),),
)
COLUMN = ["id", "integer", True, False, 0, None, 0, []]


def versions(*changes: tuple[int, Any]) -> list[list[Any]]:
    """The versions of SCHEMA as a value, with some of its fields replaced."""
    value = versions_value([(3, SCHEMA)])
    for at, field in changes:
        value[0][1][at] = field
    return value


def test_versions_come_back() -> None:
    """Also where a table was dropped."""
    several = [(3, SCHEMA), (8, None)]
    assert versions_from_value(versions_value(several)) == several


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="a map of none is no list"),
        pytest.param([[-1, None]], id="a height below 0"),
        pytest.param([[True, None]], id="true is no height"),
        pytest.param(versions((0, 2)), id="another format"),
        pytest.param(versions((1, 5)), id="a number for a name"),
        pytest.param(versions((2, [[*COLUMN[:2], 1, *COLUMN[3:]]])), id="1 for true"),
        pytest.param(versions((2, [[*COLUMN[:4], True, *COLUMN[5:]]])), id="true for 1"),
        pytest.param(versions((2, [["id", "uuid", *COLUMN[2:]]])), id="an unknown type"),
        pytest.param(versions((2, [[*COLUMN[:7], [1]]])), id="an enum of numbers"),
        pytest.param(versions((3, [False])), id="false for column 0"),
        pytest.param(versions((3, [-2])), id="a column counted from the end"),
        pytest.param(versions((4, [["by_text", [True], False]])), id="true for column 1"),
        pytest.param(versions((4, [["by_text", [1], 0]])), id="0 for false"),
        pytest.param(versions((5, None)), id="no history"),
        pytest.param(versions((6, 0)), id="0 for not owned"),
    ],
)
def test_a_field_of_another_kind_is_refused(value: Any) -> None:
    """What a bundle brings is checked before anything is done with it."""
    with pytest.raises(Malformed, match="schema"):
        versions_from_value(value)
