"""What became of a transaction that was handed in: the same records for an engine, a node and a client.

Invariant: a transaction is ordered, with a place and a receipt, or it is not, with a reason; never both.
"""

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
