"""Row bytes: one for each row, and nothing else is read as a row."""

import pytest

from comity.crypto import cbor
from comity.errors import Malformed
from comity.model.column import Column, ColumnType
from comity.model.row import RowCodec
from comity.model.schema import TableSchema

CODEC = RowCodec(
    TableSchema(
        name="notes",
        columns=(
            Column(name="id", type=ColumnType(kind="integer")),
            Column(name="done", type=ColumnType(kind="boolean"), required=False),
            Column(name="text", type=ColumnType(kind="text", maximum=9), required=False),
        ),
        key=("id",),
        is_owned=True,
    )
)
OWNER = bytes(20)


def test_a_row_comes_back_in_full_width() -> None:
    """Nulls at its end are not written."""
    row = (4, OWNER, 1, True, None)
    assert CODEC.encode(row) == cbor.encode([4, OWNER, 1, True])
    assert CODEC.decode(CODEC.encode(row)) == row


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([4, OWNER, 1, None], id="a null at the end: a second spelling"),
        pytest.param([4, OWNER], id="no column at all"),
        pytest.param([4, OWNER, 1, True, "a", "b"], id="too many"),
        pytest.param([4, OWNER, 1, 1], id="1 for true"),
        pytest.param([4, OWNER, True], id="true for 1"),
        pytest.param([4, OWNER, 1, None, [1]], id="a list in a column"),
        pytest.param([None, OWNER, 1], id="written by nobody"),
        pytest.param([4, None, 1], id="owned by nobody"),
        pytest.param({0: 1}, id="a map"),
    ],
)
def test_what_no_row_is_written_as_is_no_row(value: cbor.Value) -> None:
    """Two byte strings for one row would have two hashes."""
    with pytest.raises(Malformed, match="row of 'notes'"):
        CODEC.decode(cbor.encode(value))
