"""The port between a node and what orders transactions: every engine looks like this.

Invariant: an engine decides order and time; what a transaction does is the machine's alone.
"""

from collections.abc import Sequence
from typing import Protocol

from comity.model.outcome import NotOrdered, Ordered

__all__ = ["Engine", "NotOrdered", "Ordered"]


class Engine(Protocol):
    """Orders transactions and tells what became of them."""

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in the same order, once they are final.

        No answer of a committed block is lost: an engine that cannot go on in a later one (a full disk, say) answers
        what it settled, and the rest with ``NotOrdered(waits=True)`` of the fault's code and message.
        Raises: Unavailable, when it settled nothing.
        """

    def run_due(self) -> int:
        """Make the blocks that timers need now; return how many."""
