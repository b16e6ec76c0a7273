"""The programs that docs/build shows are good programs: the page runner runs them, this reads them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from comity.sdk import lint_rules
from comity.testing.new_app import new_app
from tests.docs_pages import parse
from tests.unit.sdk import tab

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "docs/build"


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of the tutorial over a new application, as its reader does."""
    folder = tmp_path_factory.mktemp("tutorial")
    new_app("tab", folder / "tab")
    for block in parse((BUILD / "first-app.md").read_text("utf-8")).blocks:
        if block.file:
            path = folder / block.file
            path.write_text("".join(f"{line}\n" for line in block.lines), "utf-8")
    return folder / "tab"


@pytest.mark.slow
def test_the_tutorial_is_typed_and_formatted(tutorial: Path) -> None:
    """Strict types, linter and formatter find nothing in what a reader is told to write."""
    checks = (
        ["mypy", "--cache-dir", os.devnull],
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
    )
    for check in checks:
        command = [sys.executable, "-m", *check]
        done = subprocess.run(command, cwd=tutorial, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_tutorial_is_the_tab_that_is_tested(tutorial: Path) -> None:
    """The tutorial's application declares what the Tab of the suite declares, to the byte."""
    code = "import tab; print(tab.app.declaration.schema_hash.hex())"
    variables = os.environ | {"PYTHONPATH": str(tutorial / "src")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tab.app.declaration.schema_hash.hex()}\n"


def test_each_rule_of_the_source_check_is_on_its_page() -> None:
    """Whatever an action may not do is in the list, with the words that tell what to write instead."""
    page = (BUILD / "actions.md").read_text("utf-8")
    for name in (*lint_rules.BUILTINS, *lint_rules.METHODS, *lint_rules.BARE_METHODS):
        assert f"`{name}`" in page, name
    for name in lint_rules.NAMES_OF:
        assert f"`{name}`" in page, name
    for name in lint_rules.CATCHABLE:
        assert f"`{name}`" in page, name
