"""The plugin runs in projects of strangers, so each test here is a project of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

APP = '''
"""Counts."""
from comity.sdk import App, Context, Count, Name, Row

app = App("counting", version=1)

@app.table(key="name")
class Tally(Row):
    """A count."""
    name: Name
    count: Count

@app.action
def start(ctx: Context, name: Name) -> Tally:
    """Begin to count."""
    return ctx.db.add(Tally(name=name, count=1))
'''
TEST = """
from counting import {names}

def test_it(ledger):
    assert ledger.run(start, by="ana", name="x") == Tally(name="x", count=1)
    assert list(ledger.apps) == ["counting"]
"""


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _project(folder: Path, test: str, settings: str = "") -> Path:
    (folder / "counting.py").write_text(APP, "utf-8")
    (folder / "test_it.py").write_text(test, "utf-8")
    head = '[tool.pytest.ini_options]\npythonpath = ["."]\nfilterwarnings = ["error"]\n'
    (folder / "pyproject.toml").write_text(head + settings, "utf-8")
    return folder


def test_the_app_of_the_tests_module_is_used(tmp_path: Path) -> None:
    """A test that imports ``app`` needs no setting."""
    done = _pytest(_project(tmp_path, TEST.format(names="Tally, app, start")))
    assert done.returncode == 0, done.stdout


def test_the_app_of_the_setting_is_used(tmp_path: Path) -> None:
    """A project names its app once, and its tests import what they use."""
    test = TEST.format(names="Tally, start")
    done = _pytest(_project(tmp_path, test, 'comity_app = "counting:app"\n'))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "the fixture `ledger` does not know the application"),
        ('comity_app = "counting"\n', 'write "package:app"'),
        ('comity_app = "counting:start"\n', "this is no App"),
        ('comity_app = "counting:nothing"\n', "has no attribute 'nothing'"),
        ('comity_app = "nowhere:app"\n', "No module named 'nowhere'"),
    ],
)
def test_a_project_without_its_app_is_told_what_to_write(
    tmp_path: Path, settings: str, told: str
) -> None:
    """Each mistake of the setting is an error in words."""
    done = _pytest(_project(tmp_path, TEST.format(names="Tally, start"), settings))
    assert done.returncode == 1
    assert told in done.stdout


def test_other_projects_see_nothing_of_it(tmp_path: Path) -> None:
    """Where nobody asks for the fixture, neither the machine, SQLite, libsodium nor Hypothesis is imported."""
    test = (
        "import sys\n"
        "def test_it():\n"
        "    loaded = [name for name in sys.modules if name.startswith('comity')]\n"
        "    assert sorted(loaded) == ['comity', 'comity.testing', 'comity.testing.plugin']\n"
        "    assert not {'apsw', 'nacl', 'msgspec', 'cbor2'} & set(sys.modules)\n"
    )
    done = _pytest(_project(tmp_path, test), "-p", "no:hypothesispytest")
    assert done.returncode == 0, done.stdout


def test_a_project_may_have_a_ledger_of_its_own(tmp_path: Path) -> None:
    """A fixture of the same name in a project comes before the plugin's."""
    test = (
        "import pytest\n"
        "@pytest.fixture\n"
        "def ledger():\n    return 'ours'\n"
        "def test_it(ledger):\n    assert ledger == 'ours'\n"
    )
    done = _pytest(_project(tmp_path, test))
    assert done.returncode == 0, done.stdout
