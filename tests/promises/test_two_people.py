"""Two people share a table through one node within a minute, from an environment with nothing in it."""

from pathlib import Path

import pytest

from benchmarks.two_people import Steps, install, play

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60


def test_two_people_share_a_table_within_a_minute(tmp_path: Path) -> None:
    """Installed, started, imported, invited, joined, changed, refused and verified offline: all within a minute."""
    steps = Steps()
    command = install(ROOT, tmp_path, steps)
    said = play(tmp_path, command, steps)
    assert "valid" in said.out
    assert "suppliers[BO1]" in said.out
    assert steps.total <= SECONDS_MAX, steps.seconds
