"""The port between a node and what orders transactions: every engine looks like this.

Invariant: an engine decides order and time; what a transaction does is the machine's alone.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from comity.model.receipt import Receipt


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that a block holds: where, and what became of it."""

    identifier: bytes
    height: int
    position: int
    receipt: Receipt


class NotOrdered(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that no block holds, and why; ``waits`` when trying again unchanged may help."""

    code: str
    message: str
    waits: bool = False


class Engine(Protocol):
    """Orders transactions and tells what became of them."""

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in the same order, once they are final."""

    def run_due(self) -> int:
        """Make the blocks that timers need now; return how many."""
