"""What is installed is exact, hashed, from nowhere in particular, small, and free to use."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.promises.requirements_files import (
    entries,
    licence_problem,
    licence_problems,
    lock_problems,
    missing_from,
    wanted_in,
)

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path for path in (ROOT / "requirements").glob("*.txt") if path.stem != "debian")
INSTALLED = [ROOT / f"requirements/{name}.txt" for name in ("run", "dev", "demo", "verify")]
PACKAGES_MAX = 30  # of a plain install, Comity among them

GOOD = f"""\
one==1.0 ; python_full_version < '3.12' \\
    --hash=sha256:{"0" * 64} \\
    --hash=sha256:{"1" * 64}
"""


def _name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", LOCKS, ids=_name)
def test_each_lock_is_exact_hashed_and_names_no_host(path: Path) -> None:
    """Each lock pins one version of each package by hash and names no place it comes from."""
    text = path.read_text("utf-8")
    assert list(lock_problems(text)) == []
    assert list(entries(text))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("==1.0", ">=1.0"),
        GOOD.replace("==1.0", ""),
        "one==1.0\n",
        GOOD.replace("sha256:", "md5:"),
        "-i https://packages.example/simple\n" + GOOD,
        "--index-url packages.example\n" + GOOD,
        "--find-links wheels\n" + GOOD,
        "one @ file:///wheels/one-1.0.whl\n",
        "# from https://packages.example\n" + GOOD,
    ],
)
def test_a_loose_lock_is_found(text: str) -> None:
    """An open version, a missing or weak hash, an index and a file are each found in a lock."""
    assert list(lock_problems(text))


def test_a_good_lock_is_no_problem() -> None:
    """A near miss: markers and several hashes are as they should be."""
    assert list(lock_problems(GOOD)) == []


def test_the_locks_hold_what_is_asked_for() -> None:
    """Each lock has what its source asks for: nobody forgot ``make lock``."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = settings["project"]["dependencies"]
    run = (ROOT / "requirements/run.txt").read_text("utf-8")
    assert missing_from(run, project) == []
    for path in LOCKS:
        source = path.with_suffix(".in")
        if source.exists():
            assert missing_from(path.read_text("utf-8"), wanted_in(source)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fuzz", "lock"])  # the suite itself was installed from the others
def test_each_lock_can_be_installed(name: str) -> None:
    """What the suite does not use can be installed for this Python too."""
    options = ["--quiet", "--dry-run", "--ignore-installed", "--require-hashes", "--requirement"]
    command = [sys.executable, "-m", "pip", "install", *options, f"requirements/{name}.txt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_forgotten_lock_is_found() -> None:
    """A requirement that is missing from a lock, or that its version does not satisfy, is found."""
    assert missing_from(GOOD, ["one>=0.9"]) == []
    assert missing_from(GOOD, ["One", "two"]) == ["two"]
    assert missing_from(GOOD, ["one>=2"]) == ["one>=2"]


def test_a_plain_install_is_small() -> None:
    """Comity and all that it needs are at most 30 packages."""
    run = (ROOT / "requirements/run.txt").read_text("utf-8")
    assert len({requirement.name for requirement, _ in entries(run)}) + 1 <= PACKAGES_MAX


@pytest.mark.parametrize("path", INSTALLED, ids=_name)
def test_each_licence_is_free_to_use(path: Path) -> None:
    """No package, of run time or development, comes under GPL, AGPL or BSL, or under nothing."""
    found = licence_problems(path.read_text("utf-8"))
    assert found
    assert {name: problem for name, problem in found.items() if problem} == {}


@pytest.mark.parametrize(
    ("declared", "is_free"),
    [
        (["AGPL-3.0-only"], False),
        (["GPL-2.0-or-later"], False),
        (["BUSL-1.1"], False),
        (["MIT", "GNU General Public License v3"], False),
        (["Business Source License 1.1"], False),
        (["License :: OSI Approved :: GNU Affero General Public License v3"], False),
        ([], False),
        (["Apache-2.0 OR BSD-3-Clause"], True),
        (["BSL-1.0"], True),  # Boost
    ],
)
def test_a_licence_that_binds_is_found(declared: list[str], *, is_free: bool) -> None:
    """Copyleft and source-available licences are refused, and so is none at all."""
    assert (licence_problem(declared) is None) is is_free
