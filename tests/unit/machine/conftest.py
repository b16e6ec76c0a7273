"""Fixtures of the machine's tests."""

from collections.abc import Iterator

import pytest

from tests.simulation.world import World
from tests.unit.machine import trial_app


@pytest.fixture
def world() -> World:
    """Return a ledger with the trial app."""
    return World([trial_app.app])


@pytest.fixture(autouse=True)
def _chaos() -> Iterator[None]:
    trial_app.CHAOS.clear()
    yield
    trial_app.CHAOS.clear()
