"""Two hundred simulated lives go well, and each mistake that is planted into the node is found in some of the first.

A life that goes wrong names its seed: ``make simulate SEED=n`` replays it exactly.
"""

from collections.abc import Callable
from typing import Any

import pytest

from comity.engine.solo import SoloEngine
from comity.machine import checks, machine
from comity.machine.execution import Execution
from comity.machine.state import State
from comity.query import asof
from comity.query.asof import Snapshot
from comity.store.store import Store
from tests.simulation.inspection import Wrong
from tests.simulation.life import live
from tests.simulation.plants import (
    acknowledge_before_commit,
    commit_in_two,
    go_on_after_errors,
    without_fsync,
)

LIVES = 200
CHUNK = 10
SEEDS_MAX = 60  # within which a planted mistake must be found


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, LIVES, CHUNK))
def test_lives_go_well(first: int) -> None:
    """Crashes, power cuts, disk errors, full disks, jumps of the clock: one block exactly, each receipt once."""
    for seed in range(first, first + CHUNK):
        live(seed)


def test_a_life_is_replayed_exactly() -> None:
    """The same seed tells the same story, call by call of SQLite's."""
    assert live(7) == live(7)
    assert live(7) != live(8)


def found(plant: Callable[[SoloEngine], None] | None = None) -> str:
    """Return what the first life that goes wrong says."""
    for seed in range(1, SEEDS_MAX + 1):
        try:
            live(seed, plant=plant)
        except Wrong as wrong:
            return str(wrong)
    return ""


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (without_fsync, ""),
        (acknowledge_before_commit, "a member was told"),
        (commit_in_two, ""),
        (go_on_after_errors, "after a disk error"),
    ],
)
def test_a_planted_fault_of_durability_is_found(
    plant: Callable[[SoloEngine], None], words: str
) -> None:
    """Canaries: no fsync, answers before the commit, half a block, errors that are swallowed."""
    wrong = found(plant)
    assert words in wrong
    assert "replay it with: make simulate SEED=" in wrong


def test_double_execution_after_a_restart_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: ids are remembered in memory alone."""
    seen: dict[int, dict[bytes, None]] = {}

    def remember(state: State, checked: checks.Checked, position: int) -> None:  # noqa: ARG001 - the signature of what it replaces
        seen.setdefault(id(state.store), {})[checked.identifier] = None

    def is_seen(self: checks.Checker, valid_until: int, identifier: bytes) -> bool:  # noqa: ARG001 - the signature of what it replaces
        return identifier in seen.get(id(self._store), {})

    monkeypatch.setattr(machine, "write_seen", remember)
    monkeypatch.setattr(checks.Checker, "is_seen", is_seen)
    assert "replay it with" in found()


def test_an_expiry_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: a transaction is still taken at the very end of its time."""
    right = checks.check_valid_until
    monkeypatch.setattr(checks, "check_valid_until", lambda until, now: right(until + 1, now))
    assert "holds what it may not" in found() or "although valid until" in found()


def test_a_deadline_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: a timer fires at its time instead of past it."""
    right = Execution.due_timers

    def early(self: Execution) -> list[Any]:
        self._facts.time_ns += 1
        try:
            return right(self)
        finally:
            self._facts.time_ns -= 1

    monkeypatch.setattr(Execution, "due_timers", early)
    assert "replay it with" in found()


@pytest.mark.parametrize("by", [-1, 1])
def test_as_of_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    """Canary: a height is read one log position too early, or too late (there stands the next link, for timers)."""
    right = asof.snapshot_of

    def shifted(connection: Any, height: int | None) -> Snapshot:
        snapshot = right(connection, height)
        values = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
        return Snapshot(**{**values, "position": snapshot.position + by})

    monkeypatch.setattr(asof, "snapshot_of", shifted)
    assert "as of height" in found()


def test_history_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: versions end one position too late."""
    right = State.seal

    def late(self: State) -> None:
        self.position += 1
        try:
            right(self)
        finally:
            self.position -= 1

    monkeypatch.setattr(State, "seal", late)
    assert "replay it with" in found()


def test_an_undo_of_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: the node's memory moves although the disk was full."""
    right = Store._commit

    def adopt_anyway(self: Store, *arguments: Any) -> None:
        try:
            right(self, *arguments)
        except BaseException:
            self.height += 1
            raise

    monkeypatch.setattr(Store, "_commit", adopt_anyway)
    assert "replay it with" in found()
