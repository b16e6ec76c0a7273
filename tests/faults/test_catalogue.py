"""The table of faults names tests that exist, and every case that one process can play."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "tests/faults/README.md").read_text("utf-8")
CASES = [f"P{number:02}" for number in (*range(1, 15), *range(18, 23), *range(24, 28))]


def unknown(text: str) -> list[str]:
    """Return the tests that a text names and no file has."""
    found = []
    for path, name in re.findall(r"`(tests/[a-z_/0-9]+\.py)::(\w+)`", text):
        file = ROOT / path
        tree = ast.parse(file.read_text("utf-8")) if file.exists() else ast.Module([], [])
        if name not in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]:
            found.append(f"{path}::{name}")
    return found


def test_every_test_that_the_table_names_exists() -> None:
    """A renamed test takes its line in the table along."""
    assert unknown(TABLE) == []
    assert unknown("`tests/faults/test_kill.py::test_nothing`") != []


def test_every_case_has_a_line() -> None:
    """P01 to P14, P18 to P22 and P24 to P27."""
    first_cells = [line.split("|")[1] for line in TABLE.splitlines() if line.startswith("| P")]
    named = re.findall(r"P\d\d", " ".join(first_cells))
    assert [case for case in CASES if case not in named] == []
