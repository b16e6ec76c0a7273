"""Two tables that the tests of shared tables use, and short ways to read them."""

from typing import Any

from comity.apps.tables import views
from comity.testing import Ledger

FRUIT: dict[str, Any] = {
    "name": "fruit",
    "columns": [
        {"name": "code", "type": "text", "maximum": 20, "required": True},
        {"name": "colour", "type": "enum", "values": ["green", "red"]},
        {"name": "price", "type": "decimal", "scale": 2, "minimum": 0},
        {"name": "label", "type": "text", "maximum": 20},
    ],
    "key": ["code"],
    "indexes": [{"name": "unique_label", "columns": ["label"], "unique": True}],
}
LIST: dict[str, Any] = {
    "name": "list",
    "columns": [
        {"name": "id", "type": "integer", "required": True},
        {"name": "item", "type": "text", "maximum": 20},
    ],
    "key": ["id"],
}


def seen(ledger: Ledger, table: str, *key: int | str) -> bytes:
    """Return the row hash of a row as of now."""
    found: bytes = ledger.view(views.row, table=table, key=list(key))["seen"]
    return found


def values(ledger: Ledger, table: str) -> list[list[Any]]:
    """Return the values of a table's rows, in key order."""
    page = ledger.view(views.rows, table=table)
    return [list(row["values"].values()) for row in page["rows"]]
