"""The suite cannot pass by testing nothing: skips, zero tests, unknown markers, warnings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strictness import SKIPS_ALLOWED

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-p", "tests.strictness", "-p", "no:cacheprovider"]


def _run(folder: Path, source: str, *, is_ci: bool) -> subprocess.CompletedProcess[str]:
    """Run one planted test module under the project's own pytest settings."""
    (folder / "test_planted.py").write_text(source, encoding="utf-8")
    environment = {**os.environ, "CI": "true" if is_ci else "", "PYTHONPATH": str(ROOT)}
    arguments = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", str(folder)]
    return subprocess.run(
        [*PYTEST, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\ndef test_a(): pytest.skip('nothing here')",
        "import pytest\n@pytest.mark.skip(reason='nothing here')\ndef test_a(): ...",
        "import pytest\npytest.skip('nothing here', allow_module_level=True)",
        "import pytest\npytest.importorskip('no_such_module')\ndef test_a(): ...",
    ],
)
def test_a_skip_fails_in_ci_only(tmp_path: Path, source: str) -> None:
    """A skipped test or module passes on a user's machine with its reason, and fails in CI."""
    passing = "\ndef test_b(): ..."
    user = _run(tmp_path, source, is_ci=False)
    assert user.returncode in {0, 5}, user.stdout
    assert "1 skipped" in user.stdout
    ci = _run(tmp_path, source + passing, is_ci=True)
    assert ci.returncode != 0
    assert "skipped in CI, where nothing may be missing" in ci.stdout


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import warnings\ndef test_a(): warnings.warn('old')", "UserWarning: old"),
        ("import pytest\n@pytest.mark.no_such\ndef test_a(): ...", "'no_such' not found"),
        ("import pytest\n@pytest.mark.xfail\ndef test_a(): ...", "XPASS(strict)"),
        ("x = 1", "no tests ran"),
    ],
)
def test_what_tests_nothing_fails(tmp_path: Path, source: str, complaint: str) -> None:
    """A warning, an unknown marker, an unexpected pass and an empty run each fail."""
    run = _run(tmp_path, source, is_ci=True)
    assert run.returncode != 0
    assert complaint in run.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    """A near miss: a test that is expected to fail, and does, passes in CI."""
    source = "import pytest\n@pytest.mark.xfail\ndef test_a(): assert 0\ndef test_b(): ..."
    assert _run(tmp_path, source, is_ci=True).returncode == 0


def test_no_skip_is_allowed_without_a_reason() -> None:
    """The list of skips that CI lets pass is empty, or says why."""
    assert all(len(reason) > 10 for reason in SKIPS_ALLOWED.values())
