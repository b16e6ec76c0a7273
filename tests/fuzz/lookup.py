"""Targets by name, the planted one too."""

from tests.fuzz.planted import PLANTED
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target


def target_of(name: str) -> Target:
    """Return a target. Raises: SystemExit, naming those that there are."""
    target = {**TARGETS, PLANTED.name: PLANTED}.get(name)
    if target is None:
        raise SystemExit(f"there is no target {name!r}; there are: {', '.join(TARGETS)}")
    return target
