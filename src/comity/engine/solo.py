"""The embedded engine: one process orders, and the node's key signs each app hash.

Invariant: a block is committed before any of its transactions is answered, and its evidence with it.
"""

from collections.abc import Callable, Sequence

from comity.engine.port import NotOrdered, Ordered
from comity.errors import Rejected
from comity.limits import BLOCKS_PER_SUBMIT_MAX
from comity.machine.candidate import Candidate
from comity.machine.checks import Checked
from comity.machine.machine import LeftOut, Machine
from comity.model.evidence import Evidence


class SoloEngine:
    """Makes blocks at once from what is submitted.

    Args:
        clock: nanoseconds UTC.
        kid: the node's key id, 20 bytes; sign: makes its 64-byte Ed25519 signatures.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        clock: Callable[[], int],
        kid: bytes,
        sign: Callable[[bytes], bytes],
    ) -> None:
        self.machine = machine
        self._clock = clock
        self._kid = kid
        self._sign = sign

    def start(self) -> None:
        """Write the genesis block of an empty ledger."""
        self._commit(self.machine.start())

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Order signed transactions in as many blocks as they need; return one answer each, in order.

        Raises: Unavailable, when the disk is full: what was committed before stays.
        """
        answers: dict[int, Ordered | NotOrdered] = {}
        waiting: list[tuple[int, Checked]] = []
        for index, data in enumerate(transactions):
            try:
                waiting.append((index, self.machine.check(data, self._clock())))
            except Rejected as error:
                known = self._known(data) if error.code in ("duplicate", "expired") else None
                answers[index] = known or NotOrdered(code=error.code, message=str(error))
        for _ in range(BLOCKS_PER_SUBMIT_MAX):
            if not waiting:
                break
            waiting = self._make_block(waiting, answers)
        for index, _ in waiting:
            answers[index] = NotOrdered(code="block-full", message="send it again", waits=True)
        return [answers[index] for index in range(len(transactions))]

    def run_due(self) -> int:
        """Make the blocks that due timers need; return how many."""
        made = 0
        while made < BLOCKS_PER_SUBMIT_MAX:
            prepared = self.machine.prepare((), self._clock(), self._kid)
            if prepared.candidate is None:
                break
            self._finish(prepared.candidate)
            made += 1
        return made

    def _make_block(
        self, waiting: list[tuple[int, Checked]], answers: dict[int, Ordered | NotOrdered]
    ) -> list[tuple[int, Checked]]:
        """Make one block of what waits; answer what it settled; return what waits on."""
        prepared = self.machine.prepare(
            [checked for _, checked in waiting], self._clock(), self._kid
        )
        left = {left_out.checked.identifier: left_out for left_out in prepared.left_out}
        if prepared.candidate is None:
            for index, checked in waiting:
                answers[index] = _refused(left.get(checked.identifier))
            return []
        height = prepared.candidate.height
        outcomes = {outcome.checked.identifier: outcome for outcome in prepared.candidate.outcomes}
        self._finish(prepared.candidate)
        remaining: list[tuple[int, Checked]] = []
        for index, checked in waiting:
            outcome = outcomes.get(checked.identifier)
            if outcome is not None:
                answers[index] = Ordered(
                    identifier=checked.identifier,
                    height=height,
                    position=outcome.position,
                    receipt=outcome.receipt,
                )
            elif left[checked.identifier].waits:
                remaining.append((index, checked))
            else:
                answers[index] = _refused(left[checked.identifier])
        return remaining

    def _finish(self, candidate: Candidate) -> None:
        self._commit(self.machine.finalize(candidate.entries))

    def _commit(self, candidate: Candidate) -> None:
        evidence = Evidence(height=candidate.height, app_hash=candidate.app_hash, kid=self._kid)
        signature = self._sign(evidence.to_be_signed(self.machine.genesis.hash))
        signed = Evidence(
            height=evidence.height,
            app_hash=evidence.app_hash,
            kid=evidence.kid,
            signature=signature,
        )
        self.machine.commit(signed.encode())

    def _known(self, data: bytes) -> Ordered | None:
        """Return the answer of a transaction that was ordered before, or None."""
        identifier = self.machine.identify(data)
        found = None if identifier is None else self.machine.receipt(identifier)
        if identifier is None or found is None:
            return None
        height, position, receipt = found
        return Ordered(identifier=identifier, height=height, position=position, receipt=receipt)


def _refused(left_out: LeftOut | None) -> NotOrdered:
    if left_out is None:
        return NotOrdered(
            code="not-due", message="the ledger's next block is not due yet", waits=True
        )
    return NotOrdered(code=left_out.code, message=left_out.message, waits=left_out.waits)
