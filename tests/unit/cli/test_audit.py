"""``comity audit``: whatever is taken out of a ledger file ends it with exit code 3 and a finding that names it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from comity.machine.audit.compare import Comparison
from tests.unit.cli.command import Comity

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"


@pytest.fixture
def people(comity: Comity) -> Comity:
    """Give a ledger with a table that has a history, and tables of the machine that hold rows."""
    comity.import_people()
    comity("row", "set", "people", "bo", "age=28")
    return comity


def _alter(node: Path, *statements: str) -> int:
    with closing(sqlite3.connect(node / "node.sqlite")) as file, file:
        return sum(file.execute(statement).rowcount for statement in statements)


def _tables(node: Path) -> list[str]:
    with closing(sqlite3.connect(node / "node.sqlite")) as file:
        return [name for (name,) in file.execute(_TABLES)]


@pytest.mark.slow
def test_whatever_table_is_emptied_is_named(people: Comity) -> None:
    """Every table in turn, the machine's and the people's: rows gone, named by table; exit code 3."""
    whole = (people.node / "node.sqlite").read_bytes()
    emptied = []
    for table in _tables(people.node):
        if not _alter(people.node, f'DELETE FROM "{table}"'):
            continue
        emptied.append(table)
        findings = people("audit", "--json", code=3).json["findings"]
        where = "page" if table == "comity_tree" else "row"
        assert where in {one["kind"] for one in findings} or table == "comity_transaction", table
        assert table in " ".join(one["message"] for one in findings) or table in (
            "comity_tree",  # is named by the tables whose trees its pages are
            "comity_transaction",  # its blocks are
        ), findings
        _restore(people.node, whole)
    assert {"comity_block", "comity_chain", "comity_schema", "comity_table", "people__h"} <= set(
        emptied
    )
    assert {"comity_tree", "comity_transaction", "comity_tile", "comity_undo"} <= set(emptied)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM comity_block WHERE height = (SELECT max(height) FROM comity_block)",
         "comity_block[3], height 3 is missing"),
        ("DELETE FROM comity_block", "comity_block[0], height 0 is missing"),
        ("DELETE FROM comity_chain", "comity_chain[0], height 3 is missing"),
        ("DELETE FROM comity_schema WHERE name = 'people'", "comity_schema['people'], height 1 is missing"),
        ("DELETE FROM comity_table WHERE name = 'people'", "comity_table["),
        ("DELETE FROM comity_transaction WHERE height = 2", "block 2 has no entries"),
        ("PRAGMA user_version = 9", "user_version of SQLite's header is 9, must be 2"),
        ("PRAGMA application_id = 9", "application_id of SQLite's header is 9"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(people: Comity, statement: str, words: str) -> None:
    """The words name the block, row or field; opening the file is not what fails."""
    _alter(people.node, statement)
    said = people("audit", code=3)
    assert words in said.out
    assert said.out.startswith("BROKEN")
    assert said.err == ""


def test_a_bug_of_the_audit_is_a_fault(people: Comity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: an error in the program's own code ends with exit code 70, and accuses no file."""

    def fail(*_: Any) -> Iterator[Any]:
        raise KeyError("a bug")

    monkeypatch.setattr(Comparison, "_compare_table", fail)
    said = people("audit", code=70)
    assert said.out == ""
    assert "KeyError" in said.err


def _restore(node: Path, whole: bytes) -> None:
    for suffix in ("-wal", "-shm"):
        (node / f"node.sqlite{suffix}").unlink(missing_ok=True)
    (node / "node.sqlite").write_bytes(whole)
