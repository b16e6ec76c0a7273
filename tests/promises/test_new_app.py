"""What ``make new-app`` makes is an application whose tests pass, and that runs wherever Comity does."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from comity.errors import ConfigError
from comity.testing.new_app import TEMPLATE, check_app_name, main, new_app

ROOT = Path(__file__).parents[2]
LONG = "a_very_long_name_that_is_still_permitted"
CLIENT = """
from comity import Ledger

with Ledger.connect("demo", key="ana") as ledger:
    done = ledger.call("library.add", name="saw")
    assert done.result["owner"] == ledger.account, done
    held = ledger.view("library.held_by", holder=ledger.account)
    assert [(item.name, item.moves) for item in held] == [("drill", 0), ("saw", 0)], held
    rows = ledger.sql("SELECT name FROM library__item ORDER BY name").rows()
    assert [tuple(row) for row in rows] == [("drill",), ("saw",)], rows
"""


def _run(folder: Path, *command: str | Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an application as a user would."""
    folder = tmp_path_factory.mktemp("new_app") / "library"
    new_app("library", folder)
    return folder


def test_every_file_of_the_template_is_used(library: Path) -> None:
    """Nothing of the template is left out, no mark is left in, and the test file has the app's name."""
    made = [path for path in library.rglob("*") if path.is_file()]
    assert len(made) == len([path for path in TEMPLATE.rglob("*") if path.is_file()])
    assert not [path for path in made if "@name@" in path.read_text("utf-8")]
    names = sorted(path.relative_to(library).as_posix() for path in made)
    assert names == [
        ".gitignore",
        "README.md",
        "pyproject.toml",
        *(
            f"src/library/{name}.py"
            for name in ("__init__", "actions", "errors", "tables", "views")
        ),
        "tests/test_library.py",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["library", LONG])
def test_what_is_made_passes_its_own_checks(tmp_path: Path, name: str) -> None:
    """Tests pass and linter, formatter and type checker find nothing, however long the name is."""
    folder = tmp_path / name
    new_app(name, folder)
    python = [sys.executable, "-m"]
    assert " passed" in _run(folder, *python, "pytest", "-q", "-p", "no:cacheprovider")
    _run(folder, *python, "ruff", "check", "--no-cache", ".")
    _run(folder, *python, "ruff", "format", "--no-cache", "--check", ".")
    _run(folder, *python, "mypy", "--cache-dir", os.devnull)


@pytest.mark.slow
def test_its_tests_find_a_broken_rule(tmp_path: Path) -> None:
    """Canary: without the check of who signs, the generated tests fail."""
    folder = tmp_path / "library"
    new_app("library", folder)
    actions = folder / "src/library/actions.py"
    source, guard = actions.read_text("utf-8"), "    ctx.authorize(item.holder)\n"
    assert source.count(guard) == 1
    actions.write_text(source.replace(guard, ""), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "test_only_the_holder_hands_an_item_on" in done.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("json", "a module of Python"),
        ("class", "a word or a module of Python"),
        ("match", "a word or a module of Python"),
        ("members", "an app 'members' is installed already"),
        ("pytest", "a module 'pytest' is installed already"),
        ("comity", "is reserved"),
        ("Library", "small letters"),
        ("two__words", "small letters"),
        ("a-b", "small letters"),
        ("../x", "small letters"),
        ("", "1 to 40 characters"),
        ("x" * 41, "1 to 40 characters"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, told: str) -> None:
    """Names of Python, of what is installed, and outside of the grammar make no application."""
    with pytest.raises(ConfigError, match=told):
        check_app_name(name)


def test_what_exists_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing file or folder, a missing parent and a bad name each end with words and change nothing."""
    (tmp_path / "full").mkdir()
    (tmp_path / "file").write_text("mine", "utf-8")
    before = sorted(tmp_path.rglob("*"))
    for name, folder in (("library", "full"), ("library", "file"), ("library", "a/b"), ("h", "h")):
        assert main([name, str(tmp_path / folder)]) == 2
        assert capsys.readouterr().err
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_it_tells_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands that it shows name the folder that it made."""
    assert main(["library", str(tmp_path / "library")]) == 0
    shown = capsys.readouterr().out
    assert f"-m pytest {tmp_path / 'library'}" in shown
    assert f"-m pip install --editable {tmp_path / 'library'}" in shown


@pytest.fixture(scope="module")
def installed(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install Comity's wheel and the application's into a fresh environment, by pip alone."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "comity"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(library, folder / "library")
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    for package in (source, folder / "library"):
        _run(folder, sys.executable, *build, "wheels", package)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
    ]
    lock = ROOT / "requirements/run.txt"
    _run(folder, *install, "--require-hashes", "--requirement", lock)
    _run(folder, *install, "--no-deps", *sorted((folder / "wheels").glob("*.whl")))
    _run(folder, python, "-m", "pip", "check")
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("wheel")
def test_its_wheel_runs_through_the_command_line_and_the_client(installed: Path) -> None:
    """In an environment with two wheels and nothing else, a ledger is made, changed, read and audited."""
    passphrase = {"COMITY_PASSPHRASE": "a passphrase of a test"}
    comity = installed / "venv/bin/comity"
    made = _run(installed, comity, "init", "demo", "--app", "library", "--as", "ana", **passphrase)
    assert "library 1" in made
    call: list[str | Path] = [comity, "call", "library.add", "name=drill", "--node", "demo"]
    assert '"name": "drill"' in _run(installed, *call, **passphrase)
    view: list[str | Path] = [comity, "view", "library.held_by", "holder=ana", "--node", "demo"]
    assert "drill" in _run(installed, *view)
    again = subprocess.run(
        call,
        cwd=installed,
        env=os.environ | passphrase,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "row-exists" in again.stderr
    (installed / "client.py").write_text(CLIENT, "utf-8")
    _run(installed, installed / "venv/bin/python", "-W", "error", "client.py", **passphrase)
    assert "sound" in _run(installed, comity, "audit", "--node", "demo")
