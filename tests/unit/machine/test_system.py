"""The machine's own tables, and the classes that name what stands where in their rows."""

from typing import Any, get_type_hints

import pytest

from comity.machine import system
from comity.model.schema import TableSchema


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (system.ACCOUNT, system.AccountRow),
        (system.KEY, system.KeyRow),
        (system.TIMER, system.TimerRow),
        (system.PARAMETER, system.ParameterRow),
        (system.QUOTA, system.QuotaRow),
        (system.SCHEMA, system.SchemaRow),
    ],
)
def test_a_row_class_names_the_columns_of_its_table(schema: TableSchema, row: Any) -> None:
    """In their order, behind the writer's position, each of the column's type."""
    columns = {column.name: column.type.python_type for column in schema.columns}
    hints = get_type_hints(row)
    optional = {column.name for column in schema.columns if not column.required}
    assert row._fields == ("position", *columns)
    assert [hints[name] for name in columns] == [
        kind | None if name in optional else kind for name, kind in columns.items()
    ]
