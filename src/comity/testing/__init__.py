"""For authors of applications: a ledger in memory, strategies for Hypothesis, a pytest plugin.

Invariant: importing this package imports nothing else of Comity, so that the pytest plugin costs
other projects nothing; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comity.testing.failures import (
        InvariantBroken,
        NotRefused,
        ReplayDiffers,
        ResultNotDeclared,
        StateChanged,
    )
    from comity.testing.ledger import Ledger
    from comity.testing.planned import PlannedCall, call
    from comity.testing.source import check_app

__all__ = [
    "InvariantBroken",
    "Ledger",
    "NotRefused",
    "PlannedCall",
    "ReplayDiffers",
    "ResultNotDeclared",
    "StateChanged",
    "call",
    "check_app",
]

_HOMES = {"Ledger": "ledger", "PlannedCall": "planned", "call": "planned", "check_app": "source"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'failures')}"), name)
