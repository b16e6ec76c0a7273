"""What would become of a transaction now: executed over the last block, and thrown away.

Only what a member signed is executed, as when it is sent: a stranger is answered by the check alone.

Invariant: nothing is written and no lock is taken: the connection can only read.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import apsw

from comity.errors import Rejected, Unavailable
from comity.machine.machine import Machine
from comity.model.genesis import Genesis
from comity.model.outcome import NotOrdered, Ordered
from comity.query.guard import connect
from comity.sdk.declaration import Declaration
from comity.store.store import Store


def rehearse(
    connection: apsw.Connection,
    genesis: Genesis,
    apps: Mapping[str, Declaration],
    transaction: bytes,
    key_id: bytes,
) -> Ordered | NotOrdered:
    """Return what would become of a signed transaction. Args: key_id: of the node that would propose it."""
    with connection:  # one snapshot
        machine, now_ns = Machine(Store.over(connection), genesis, apps), time.time_ns()
        try:
            checked = machine.check(transaction, now_ns)
        except Rejected as error:
            return NotOrdered(code=error.code, message=str(error))
        prepared = machine.prepare([checked], now_ns, key_id)
    if prepared.candidate is None or not prepared.candidate.outcomes:
        left = prepared.left_out[0] if prepared.left_out else None
        if left is None:
            return NotOrdered(code="not-due", message="the next block is not due yet", waits=True)
        return NotOrdered(code=left.code, message=left.message, waits=left.waits)
    outcome = prepared.candidate.outcomes[0]
    return Ordered(
        identifier=checked.identifier,
        height=prepared.candidate.height,
        position=outcome.position,
        receipt=outcome.receipt,
    )


class Rehearsals:
    """Rehearses for those who ask a running node, one at a time, beside its event loop."""

    def __init__(
        self, database: Path, genesis: Genesis, apps: Mapping[str, Declaration], key_id: bytes
    ) -> None:
        self._database = database
        self._genesis = genesis
        self._apps = apps
        self._key_id = key_id
        self._is_asked = False

    async def ask(self, transaction: bytes) -> Ordered | NotOrdered:
        """Return what would become of a transaction. Raises: Unavailable, while another one is rehearsed."""
        if self._is_asked:
            raise Unavailable("another transaction is being rehearsed", "busy")
        self._is_asked = True
        try:
            return await asyncio.to_thread(self._run, transaction)
        finally:
            self._is_asked = False

    def _run(self, transaction: bytes) -> Ordered | NotOrdered:
        connection = connect(self._database)
        try:
            return rehearse(connection, self._genesis, self._apps, transaction, self._key_id)
        finally:
            connection.close()
