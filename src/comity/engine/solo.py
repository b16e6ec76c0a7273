"""The embedded engine: one process orders, and the node's key signs each app hash.

Invariant: a block is committed before any of its transactions is answered, and its evidence with it.
"""

from collections.abc import Callable, Sequence

from comity.engine.port import NotOrdered, Ordered
from comity.errors import Rejected, Unavailable
from comity.limits import BLOCKS_PER_SUBMIT_MAX
from comity.machine.candidate import Candidate, Outcome
from comity.machine.checks import Checked
from comity.machine.machine import LeftOut, Machine, Prepared
from comity.model.evidence import Evidence

_NOT_DUE = NotOrdered(code="not-due", message="the ledger's next block is not due yet", waits=True)


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
        self.clock = clock
        self._kid = kid
        self._sign = sign

    def start(self) -> None:
        """Write the genesis block of an empty ledger."""
        self._commit(self.machine.start())

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Order signed transactions in as many blocks as they need; return one answer each, in order.

        Raises: Unavailable, when the disk is full and none is settled.
        """
        answers: dict[int, Ordered | NotOrdered] = {}
        waiting: list[tuple[int, Checked]] = []
        with self.machine.reading():
            for index, data in enumerate(transactions):
                try:
                    waiting.append((index, self.machine.check(data, self.clock())))
                except Rejected as error:
                    answers[index] = self.answer_rejected(data, error)
        self._make_blocks(waiting, answers)
        return [answers[index] for index in range(len(transactions))]

    def run_due(self) -> int:
        """Make the blocks that due timers need; return how many."""
        made, height = 0, self.machine.store.height
        while made < BLOCKS_PER_SUBMIT_MAX:
            self.make_block(())
            if self.machine.store.height == height:
                break
            made, height = made + 1, self.machine.store.height
        return made

    def prepare(self, waiting: Sequence[Checked]) -> Prepared:
        """Execute what waits and due timers as the next block, if there is anything to do and the interval has passed.

        Nothing is written: the block may still be another.
        """
        prepared = self.machine.prepare(waiting, self.clock(), self._kid)
        if prepared.candidate is not None:
            prepared.candidate.seal()
        return prepared

    def make_block(
        self, waiting: Sequence[Checked], prepared: Prepared | None = None
    ) -> list[Ordered | NotOrdered | None]:
        """Make one block of what waits and of due timers, if there is anything to do and the interval has passed.

        Args:
            prepared: what ``prepare`` made of the same transactions since the last block.
        Returns: what became of each, in order; None where it waits for a later block.
        Raises: Unavailable, when the disk is full: nothing was written.
        """
        if prepared is None:
            prepared = self.machine.prepare(waiting, self.clock(), self._kid)
        left = {each.checked.identifier: each for each in prepared.left_out}
        outcomes: dict[bytes, Outcome] = {}
        if prepared.candidate is not None:
            self._finish(prepared.candidate)
            outcomes = {one.checked.identifier: one for one in prepared.candidate.outcomes}
        answers: list[Ordered | NotOrdered | None] = []
        for checked in waiting:
            outcome = outcomes.get(checked.identifier)
            if outcome is None or prepared.candidate is None:
                answers.append(self._left(left.get(checked.identifier)))
                continue
            answers.append(
                Ordered(
                    identifier=checked.identifier,
                    height=prepared.candidate.height,
                    position=outcome.position,
                    receipt=outcome.receipt,
                )
            )
        return answers

    def answer_rejected(self, data: bytes, error: Rejected) -> Ordered | NotOrdered:
        """Return the answer of a transaction that the checks reject: its receipt, where it was ordered before."""
        known = self._known(data) if error.code in ("duplicate", "expired") else None
        return known or NotOrdered(code=error.code, message=str(error))

    def _make_blocks(
        self, waiting: list[tuple[int, Checked]], answers: dict[int, Ordered | NotOrdered]
    ) -> None:
        """Make blocks until nothing waits that a block could hold now; answer everything."""
        rest = NotOrdered(code="block-full", message="send it again", waits=True)
        for _ in range(BLOCKS_PER_SUBMIT_MAX):
            if not waiting:
                return
            height = self.machine.store.height
            try:
                made = self.make_block([checked for _, checked in waiting])
            except Unavailable as error:
                if not answers:
                    raise
                rest = NotOrdered(code=error.code, message=str(error), waits=True)
                break
            pairs = list(zip(waiting, made, strict=True))
            answers |= {index: each for (index, _), each in pairs if each is not None}
            waiting = [each for each, answer in pairs if answer is None]
            if self.machine.store.height == height:
                rest = _NOT_DUE
                break
        answers |= {index: rest for index, _ in waiting}

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

    def _left(self, left_out: LeftOut | None) -> Ordered | NotOrdered | None:
        """Return the answer of what a block does not hold; None when a later one may."""
        if left_out is None or left_out.waits:
            return None
        rejected = Rejected(left_out.code, left_out.message)
        return self.answer_rejected(left_out.checked.data, rejected)

    def _known(self, data: bytes) -> Ordered | None:
        """Return the answer of a transaction that was ordered before, or None."""
        identifier = self.machine.identify(data)
        found = None if identifier is None else self.machine.receipt(identifier)
        if identifier is None or found is None:
            return None
        height, position, receipt = found
        return Ordered(identifier=identifier, height=height, position=position, receipt=receipt)
