"""A fault at each place where SQLite calls its disk: one block exactly, no receipt invented, the same end.

Long runs of equal calls are thinned here; ``python -m tests.simulation --places`` plays every single call.
"""

from collections.abc import Callable
from functools import cache

import pytest

from comity.engine.solo import SoloEngine
from tests.simulation.inspection import Wrong
from tests.simulation.places import CAN_FAIL, ScriptedLife, live, places
from tests.simulation.plants import commit_in_two, swallow_write_errors, without_fsync

PARTS = 2
PLACES_MIN = {"error": 250, "power": 150, "full": 120}


@cache
def reference() -> ScriptedLife:
    """Return the life without a fault."""
    return live()


def places_of(fault: str) -> list[int]:
    """Return the calls that meet a fault here."""
    return places(reference().disk.trace, fault, is_thinned=True)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("fault", CAN_FAIL)
def test_a_fault_at_any_call_of_the_disk(fault: str, part: int) -> None:
    """An error, a power cut with torn writes, a full disk: the node stops or waits, and the life ends as without."""
    play(fault, places_of(fault)[part::PARTS])


def test_the_places_are_many_and_of_every_kind() -> None:
    """The script meets each kind of call, in the database, its journal and its WAL; thinning leaves none out."""
    trace = reference().disk.trace
    for fault, kinds in CAN_FAIL.items():
        found = {trace[place] for place in places_of(fault)}
        assert found == {call for call in trace if call[0] in kinds}
        assert {kind for kind, _ in found} == set(kinds)
        assert len(places_of(fault)) >= PLACES_MIN[fault]
        every = places(trace, fault, is_thinned=False)
        assert len(every) == sum(call[0] in kinds for call in trace)


@pytest.mark.parametrize(
    ("plant", "fault"),
    [(without_fsync, "power"), (swallow_write_errors, "error"), (commit_in_two, "power")],
)
def test_a_planted_mistake_is_found(plant: Callable[[SoloEngine], None], fault: str) -> None:
    """Canaries: no fsync, an error that is swallowed, half a block."""
    with pytest.raises(Wrong, match=f"{fault} at call"):
        play(fault, places_of(fault)[::3], plant)


def play(fault: str, numbers: list[int], plant: Callable[[SoloEngine], None] | None = None) -> None:
    """Live the script once for each of these calls. Raises: Wrong."""
    for place in numbers:
        live(place, fault, like=reference(), plant=plant)
