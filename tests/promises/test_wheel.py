"""Comity is one wheel that pip alone installs: complete, small, typed, under its licence."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import comity

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

ROOT = Path(__file__).parents[2]
PACKAGES_MAX = 30
UNPACKED_BYTES_MAX = 70_000_000


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the source as it stands, with the caches of earlier runs."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist")]
    _run(sys.executable, "-m", "pip", "wheel", *options, folder)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel and the locked dependencies into a fresh environment, by pip alone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-compile"]
    lock = ROOT / "requirements/run.txt"
    _run(python, *install, "--require-hashes", "--requirement", lock)
    _run(python, *install, "--no-deps", wheel)
    _run(python, "-m", "pip", "check")
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every file of the package is in the wheel, data and type marker among them; no test is."""
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/comity").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert {name for name in packed if ".dist-info/" not in name} == source
    assert "comity/py.typed" in packed
    assert any(name.endswith("licenses/LICENSE") for name in packed)


def test_a_fresh_environment_runs_it(environment: Path) -> None:
    """The command of an installed wheel starts and tells its version."""
    assert comity.__version__ in _run(environment / "bin/comity", "--version")
    where = _run(environment / "bin/python", "-I", "-c", "import comity; print(comity.__file__)")
    assert str(environment) in where


def test_every_module_of_it_can_be_imported(environment: Path) -> None:
    """No module needs what only a developer has, but those for the tests of applications."""
    code = (
        "import importlib, pkgutil, comity\n"
        "for m in pkgutil.walk_packages(comity.__path__, 'comity.'):\n"
        "    if not m.name.startswith('comity.testing') and not m.name.endswith('__main__'):\n"
        "        importlib.import_module(m.name)\n"
    )
    _run(environment / "bin/python", "-I", "-W", "error", "-c", code)


def test_a_plain_install_is_small(environment: Path) -> None:
    """At most 30 packages and 70 MB, unpacked."""
    (packages,) = environment.glob("lib/python*/site-packages")
    installer = {"pip", "setuptools", "_distutils_hack", "pkg_resources"}
    kept = [p for p in packages.iterdir() if p.name.partition("-")[0] not in installer]
    size = sum(f.stat().st_size for p in kept for f in [p, *p.rglob("*")] if f.is_file())
    assert len([p for p in kept if p.suffix == ".dist-info"]) <= PACKAGES_MAX
    assert size <= UNPACKED_BYTES_MAX
