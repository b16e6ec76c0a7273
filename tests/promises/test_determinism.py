"""The same blocks have the same app hashes wherever they run: another hash seed, time zone, locale, cache, Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = 1_000
PLACES = {
    "a hash seed": {"PYTHONHASHSEED": "1"},
    "another hash seed and time zone": {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati"},
    "a small cache and the C locale": {"CACHE_PAGES": "10", "LC_ALL": "C", "PYTHONHASHSEED": "3"},
    "a large cache, assertions removed": {"CACHE_PAGES": "100000", "PYTHONOPTIMIZE": "1"},
}


def start(python: str | Path, variables: dict[str, str]) -> "subprocess.Popen[str]":
    """Start one run of the same random blocks."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [str(python), "-m", "tests.simulation.hashes", "1", str(BLOCKS)],
        cwd=ROOT, env={**kept, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def hashes(run: "subprocess.Popen[str]") -> list[str]:
    """Return what a run printed."""
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    found = out.split()
    assert len(found) == BLOCKS
    return found


@pytest.fixture(scope="module")
def here() -> list[str]:
    """Return the app hashes of the same blocks in a plain process of this Python."""
    return hashes(start(sys.executable, {"PYTHONHASHSEED": "0"}))


@pytest.mark.slow
@pytest.mark.xdist_group("determinism")
def test_other_environments_give_the_same_app_hashes(
    here: list[str], turkish_locale: dict[str, str]
) -> None:
    """1,000 random blocks; in the Turkish locale the small letter of I is not i."""
    places = {**PLACES, "Turkish": {**turkish_locale, "PYTHONHASHSEED": "4", "TZ": "Asia/Istanbul"}}
    for name, variables in places.items():
        assert hashes(start(sys.executable, variables)) == here, name
    assert len(set(here)) > BLOCKS - 10  # the first blocks of two ledgers may be alike


@pytest.mark.slow
@pytest.mark.xdist_group("determinism")
def test_another_python_gives_the_same_app_hashes(here: list[str], second_python: Path) -> None:
    """The same blocks under a second minor."""
    assert hashes(start(second_python, {"PYTHONHASHSEED": "5"})) == here


def test_a_dependence_on_the_hash_seed_is_seen(tmp_path: Path) -> None:
    """Canary: an action that iterates over a set gives other hashes under another seed (P09)."""
    program = tmp_path / "planted.py"
    program.write_text(
        "import sys\n"
        "from tests.simulation import script_app\n"
        "right = script_app._Runner.run\n"
        "def wrong(self, ctx, step):\n"
        "    if step[0] == 'add' and step[1] == 'Item':\n"
        "        step[2][3] = next(iter({'alpha', 'beta', 'gamma', 'delta'}))\n"
        "    return right(self, ctx, step)\n"
        "script_app._Runner.run = wrong\n"
        "from tests.simulation.hashes import main\n"
        "main()\n",
        encoding="utf-8",
    )
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, str(program), "1", "50"],
            cwd=ROOT, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        found.append(done.stdout)
    assert found[0] != found[1]
