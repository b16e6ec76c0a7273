"""A random history: blocks for the machine and, beside each, what the model says of it.

Invariant: blocks hold what a proposer would take, refused transactions and due timers included; a transaction that
faults is left out.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from comity.machine.candidate import Candidate
from comity.model.block import Link
from tests.simulation.chance import Chance
from tests.simulation.model import Fault, Model
from tests.simulation.script_app import declare
from tests.simulation.world import MEMBERS, SECOND_NS, World, account_of

APPS = ("shop", "mill")


def make_apps() -> list[Any]:
    """Return the two applications, declared anew."""
    return [declare(name) for name in APPS]


class Story:
    """Drives a world and its model along one random path."""

    def __init__(
        self,
        seed: int,
        world: World | None = None,
        *,
        faults: float = 0.05,
        transactions_max: int = 5,
    ) -> None:
        self.random = Random(seed)
        self.world = world or World(make_apps())
        self.model = Model(APPS)
        self.chance = Chance(self.random, apps=APPS, faults=faults)
        self._transactions_max = transactions_max

    def transaction(self) -> tuple[str, list[tuple[str, list[Any]]], bytes]:
        """Return (sender, calls, signed bytes) of a random transaction."""
        by = self.random.choice(MEMBERS)
        calls = self.chance.calls(self.world.now_ns)
        signed = self.world.transaction(
            by, *[(f"{app}.script", {"steps": {"steps": steps}}) for app, steps in calls]
        )
        return by, calls, signed

    def block(self) -> Candidate | None:
        """Make, check against the model, and commit one random block; None where there was nothing to do."""
        count = self.random.randrange(self._transactions_max + 1)
        drawn = [self.transaction() for _ in range(count)]
        forward = self.random.choice((1, SECOND_NS, 3 * SECOND_NS))
        prepared = self.world.prepare(*[signed for _, _, signed in drawn], forward_ns=forward)
        candidate = prepared.candidate
        height, position = self.world.store.height + 1, self.world.store.log_size
        quarantined = self.model.start_block(height, self.world.now_ns, position)
        expected, faulted = self._expect(drawn, position + 1)
        if [one.code for one in prepared.left_out] != ["app-fault"] * faulted:
            told = [(one.message, one.checked.transaction.calls) for one in prepared.left_out]
            raise AssertionError(f"left out: {told}; the model says {faulted} faults")
        if candidate is None:
            return None
        self._compare(candidate, expected)
        if list(Link.decode(candidate.entries[0]).quarantined) != quarantined:
            raise AssertionError("other timers fault than the model says")
        self.world.commit(self.world.machine.finalize(candidate.entries))
        return candidate

    def blocks(self, count: int) -> Iterator[Candidate]:
        """Yield ``count`` random blocks, each committed."""
        while count:
            candidate = self.block()
            if candidate is not None:
                count -= 1
                yield candidate

    def _expect(
        self, drawn: list[tuple[str, list[tuple[str, list[Any]]], bytes]], position: int
    ) -> tuple[list[Any], int]:
        expected: list[Any] = []
        faulted = 0
        for by, calls, _ in drawn:
            try:
                outcome = self.model.transaction(account_of(by), calls, position + len(expected))
            except Fault:
                faulted += 1
                continue
            expected.append(outcome)
        return expected, faulted

    def _compare(self, candidate: Candidate, expected: list[Any]) -> None:
        found: list[Any] = []
        for outcome in candidate.outcomes:
            receipt = outcome.receipt
            if receipt.is_ok:
                found.append(list(receipt.results))
            else:
                found.append((receipt.call_index, receipt.app, receipt.code))
        if found != expected:
            at = next(
                i for i, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1]
            )
            raise AssertionError(
                f"block {candidate.height}, transaction {at}: the machine says {found[at]}, the model {expected[at]};"
                f" calls {candidate.outcomes[at].checked.transaction.calls}"
            )
