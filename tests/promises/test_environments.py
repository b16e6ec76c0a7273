"""``scripts/env`` finds the Pythons that are there, and says so when one is not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "cat", "cut", "dirname", "env", "flock", "mkdir", "sha256sum")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with ``scripts/env`` on a machine that has no Python on PATH."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tools").mkdir()
    for tool in TOOLS:
        (tmp_path / "tools" / tool).symlink_to(shutil.which(tool) or tool)
    return tmp_path


def _env(checkout: Path, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts/env", name],
        env={"PATH": str(checkout / "tools"), "HOME": str(checkout / "home"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _give_python(path: Path, minor: str) -> None:
    """Plant an interpreter that says its minor and leaves a trace when asked for more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    trace = path.with_name("asked")
    path.write_text(
        "#!/usr/bin/env bash\n"
        f'if [ "$1" = -c ]; then echo {minor}; else echo "$@" >{trace}; exit 1; fi\n',
        encoding="utf-8",
    )
    path.chmod(0o755)


def test_an_environment_that_fits_is_left_alone(checkout: Path) -> None:
    """With a stamp of what it was made from, an environment is neither touched nor spoken of."""
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to(sys.executable)
    inputs = ["requirements/dev.txt", "pyproject.toml", "scripts/env"]
    made_from = b"".join((checkout / name).read_bytes() for name in inputs)
    stamp = subprocess.run(["sha256sum"], input=made_from, capture_output=True, check=True).stdout
    (checkout / ".venv/.comity-dev").write_bytes(stamp.split()[0] + b"\n")
    for name in ("dev", "demo"):  # what dev has is enough for the demo
        done = _env(checkout, name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    (checkout / "requirements/dev.txt").write_text("one==1.0\n", encoding="utf-8")
    assert "installing requirements/dev.txt" in _env(checkout, "dev").stdout


def test_a_missing_second_python_fails_in_ci_only(checkout: Path) -> None:
    """A user is told that no second Python was there; CI fails."""
    _give_python(checkout / ".venv/bin/python", "3.11")
    _give_python(checkout / "tools/python3.11", "3.11")
    user = _env(checkout, "second")
    assert user.returncode == 0
    assert "no second Python minor" in user.stderr
    assert "did not run" in user.stderr
    ci = _env(checkout, "second", CI="true")
    assert ci.returncode == 1
    assert "no second Python minor" in ci.stderr


@pytest.mark.parametrize("place", ["tools/python3.13", "home/.pyenv/versions/3.13.0/bin/python"])
def test_a_second_python_is_found(checkout: Path, place: str) -> None:
    """Another minor is found on PATH and under pyenv, and asked for an environment."""
    _give_python(checkout / ".venv/bin/python", "3.11")
    _give_python(checkout / place, "3.13")
    assert _env(checkout, "second", CI="true").returncode == 1  # the planted one makes none
    asked = (checkout / place).with_name("asked").read_text("utf-8")
    assert asked == "-m venv --clear .venv-second\n"


@pytest.mark.parametrize("minor", ["3.10", "3.15", "2.7"])
def test_an_unsupported_python_is_not_taken(checkout: Path, minor: str) -> None:
    """A Python too old or too new is passed over, with a word on what to install."""
    _give_python(checkout / "tools/python3", minor)
    _give_python(checkout / "tools/python3.11", minor)
    done = _env(checkout, "dev")
    assert done.returncode == 1
    assert "no Python of 3.11 3.12 3.13 3.14 found" in done.stderr
    assert not (checkout / "tools/asked").exists()


def test_an_unknown_environment_is_refused(checkout: Path) -> None:
    """A name that is none is answered with those that are."""
    done = _env(checkout, "nonsense")
    assert done.returncode == 2
    assert "choose demo, dev, second, verify, fuzz or lock" in done.stderr


def test_what_debian_lacks_is_named(checkout: Path) -> None:
    """A user who is not root is told which packages to install; CI fails without them."""
    nobody = checkout / "tools/id"
    nobody.write_text("#!/usr/bin/env bash\necho 1000\n", encoding="utf-8")
    nobody.chmod(0o755)
    listed = checkout / "requirements/debian.txt"
    listed.write_text("# A list.\none /no/such/file  why\ntwo /  why\n", encoding="utf-8")
    command = [checkout / "scripts/debian"]
    variables = {"PATH": str(checkout / "tools")}
    user = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert "install them: one\n" in user.stderr
    ci = subprocess.run(command, env=variables | {"CI": "true"}, capture_output=True, check=False)
    assert ci.returncode == 1
    listed.write_text("two /  why\n", encoding="utf-8")
    assert subprocess.run(command, env=variables, capture_output=True, check=True).stderr == b""
