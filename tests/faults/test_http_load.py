"""A node under more than it can do: memory is bounded, answers are clear, the ledger keeps its pace. Short forms.

The long ones: ``python -m tests.faults.http_load --long``.
"""

from pathlib import Path

import pytest

from tests.faults.http_crowd import crowd
from tests.faults.http_followers import followers
from tests.faults.http_overload import overload

pytestmark = pytest.mark.slow


def test_three_times_what_it_takes_in(tmp_path: Path) -> None:
    """Beyond its bound the answer is "busy", and at least half as much as before becomes final."""
    figures = overload(tmp_path / "shared", 4)
    assert figures["busy"] > 0


def test_everybody_at_once(tmp_path: Path) -> None:
    """A thousand idle, a hundred half, slow, unread and too large: one writer beside them is hardly slower."""
    crowd(tmp_path / "shared", 4)


def test_a_follower_who_reads_nothing(tmp_path: Path) -> None:
    """It is let go; by its last id it hears every change once and in order; one who reads slowly keeps its place."""
    followers(tmp_path / "shared", 4)
