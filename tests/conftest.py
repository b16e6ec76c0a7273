"""What every test shares: how hard Hypothesis tries, no skips in CI, and another Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.strictness import (  # noqa: F401 - pytest finds hooks by their names
    IS_CI,
    pytest_make_collect_report,
    pytest_runtest_makereport,
)

ROOT = Path(__file__).parents[1]
SECOND_PYTHON = ROOT / ".venv-second/bin/python"
VERIFY_PYTHON = ROOT / ".venv-verify/bin/python"

# A deadline would time the machine, not the code. In CI the examples are the same in every run.
settings.register_profile("user", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", deadline=None, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IS_CI else "user"))


def _minor(python: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def second_python() -> Path:
    """Give an interpreter of another Python minor in whose environment Comity is installed.

    ``scripts/env second`` makes it. A user may have no second Python; CI must have one.
    """
    if not SECOND_PYTHON.exists():
        pytest.skip("no second Python minor on this machine: install one of 3.11 to 3.14")
    assert _minor(SECOND_PYTHON) != _minor(ROOT / ".venv/bin/python")
    return SECOND_PYTHON


@pytest.fixture(scope="session")
def verify_python() -> Path:
    """Give an interpreter that has ``cbor2`` and ``cryptography``, and no Comity."""
    if not VERIFY_PYTHON.exists():
        pytest.fail("the verifier's environment is missing: run scripts/env verify")
    return VERIFY_PYTHON


@pytest.fixture(scope="session")
def turkish_locale(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the variables under which a process runs in a Turkish locale, made by localedef.

    There the small letter of I is not i, a classic of code that trusts the locale.
    """
    if not Path("/usr/share/i18n/locales/tr_TR").exists() or not shutil.which("localedef"):
        pytest.skip("no locale sources on this machine: see requirements/debian.txt")
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "tr_TR.UTF-8"
    command = ["localedef", "--no-archive", "-i", "tr_TR", "-f", "UTF-8", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    variables = {"LOCPATH": str(folder), "LC_ALL": "tr_TR.UTF-8"}
    code = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.getlocale()[0])"
    shown = subprocess.run(
        [sys.executable, "-c", code], env=variables, check=True, capture_output=True, text=True
    ).stdout
    assert shown == "tr_TR\n"
    return variables
