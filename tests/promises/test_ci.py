"""``.ci/run`` fails when a check fails, when a test fails, and when no test ran."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOSING = "===== 12 passed, 1 warning in 3.45s ====="


def _run(folder: Path, *, check: str = "true", test: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/run where ``make`` does what is planted for each target."""
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    make = folder / "make"
    make.write_text(
        f'#!/usr/bin/env bash\n[ "$CI" = true ] || exit 9\ncase $1 in\n'
        f"check) {check} ;;\ntest) {test} ;;\nesac\n",
        encoding="utf-8",
    )
    make.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    return subprocess.run(
        ["bash", folder / ".ci/run"], env=environment, capture_output=True, text=True, check=False
    )


def test_a_good_run_ends_with_the_closing_line(tmp_path: Path) -> None:
    """What CI reads last is how many tests ran."""
    done = _run(tmp_path, test=f"echo '{CLOSING}'; echo more")
    assert done.returncode == 0
    assert done.stdout.rstrip("\n").split("\n")[-1] == CLOSING


@pytest.mark.parametrize(
    ("check", "test"),
    [
        ("exit 1", f"echo '{CLOSING}'"),
        ("true", f"echo '{CLOSING}'; exit 1"),
        ("true", "echo '===== no tests ran in 0.01s ====='"),
        ("true", "true"),
    ],
)
def test_a_bad_run_fails(tmp_path: Path, check: str, test: str) -> None:
    """A failed check, a failed test, an empty run and a silent one each fail."""
    assert _run(tmp_path, check=check, test=test).returncode != 0
