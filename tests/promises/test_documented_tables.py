"""The auditor's page tells of every table and column that a ledger's file has."""

import sqlite3
from contextlib import closing
from pathlib import Path

from comity.crypto.ed25519 import public_key
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder
from comity.node.local import LocalLedger

PAGE = Path(__file__).parents[2] / "docs/audit/tables.md"
FOUNDER = Founder(
    name="ana", key_type=KEY_TYPE_ED25519, public_key=public_key(bytes(32)), roles=("admin",)
)


def undocumented(page: str, tables: dict[str, list[str]]) -> list[str]:
    """Return each table, and each column on a table's line, that the page does not name."""
    lines = {line.split("`")[1]: line for line in page.split("\n") if line.startswith("| `")}
    missing = []
    for table, columns in tables.items():
        if table.endswith("__h"):
            continue
        line = lines.get(table, "")
        names = [column for column in columns if column != "_from"]
        missing += [table] if not line else [f"{table}.{n}" for n in names if f"`{n}`" not in line]
    return missing


def test_every_table_and_column_is_on_the_page(tmp_path: Path) -> None:
    """Each table of a new ledger has its line, which names each of its columns."""
    LocalLedger.create(tmp_path, name="ledger", founders=[FOUNDER]).close()
    with closing(sqlite3.connect(tmp_path / "node.sqlite")) as file:
        names = [
            name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        tables = {
            name: [row[1] for row in file.execute(f'PRAGMA table_info("{name}")')] for name in names
        }
    assert len(tables) > 20
    assert undocumented(PAGE.read_text("utf-8"), tables) == []


def test_what_is_missing_is_found() -> None:
    """A table, and a column, that a page leaves out are named."""
    page = "| table | columns |\n|---|---|\n| `one` | `id` |\n"
    tables = {"one": ["id", "name", "_from"], "one__h": ["_n"], "two": ["id"]}
    assert undocumented(page, tables) == ["one.name", "two"]
