"""What the tests of the machine share: a ledger of the trial app, blocks of the test's choice, timers."""

from typing import Any

import pytest

from comity.errors import BlockRejected
from comity.machine.candidate import Candidate
from comity.model.account import key_id
from comity.model.block import Link
from tests.simulation.world import SECOND_NS, World, key_of

WRITE = ("trial.write", {"name": "a", "value": 1})
PROPOSER = key_id(key_of("node"))


def write(world: World, by: str = "ana", **options: Any) -> bytes:
    """Return a transaction that writes a note."""
    return world.transaction(by, WRITE, **options)


def proposal(world: World, *transactions: bytes) -> Candidate:
    """Return a block as this node proposes it."""
    prepared = world.prepare(*transactions)
    assert prepared.candidate is not None
    return prepared.candidate


def linked(world: World, *entries: bytes, **changes: Any) -> list[bytes]:
    """Return a block with a link of the test's choice."""
    fields = {
        "height": world.store.height + 1,
        "app_hash": world.genesis.hash if world.store.height == 0 else world.store.app_hash,
        "time_ns": world.now_ns + SECOND_NS,
        "proposer": PROPOSER,
    }
    return [Link(**{**fields, **changes}).encode(), *entries]


def rejected(world: World, entries: list[bytes], now_ns: int | None = None) -> str:
    """Return why a proposal is refused; the state stays as it was."""
    before = world.store.app_hash
    with pytest.raises(BlockRejected) as caught:
        world.machine.process(entries, world.now_ns + SECOND_NS if now_ns is None else now_ns)
    assert world.store.app_hash == before
    return caught.value.code


def set_timers(world: World, action: str, after_s: int, name: str = "t", count: int = 1) -> int:
    """Set timers ``after_s`` after now and return when they fire."""
    at_ns = world.now_ns + after_s * SECOND_NS
    arguments = {"at_ns": at_ns, "action": action, "name": name, "count": count}
    outcome = world.block(world.transaction("ana", ("trial.set_timer", arguments))).outcomes[0]
    assert outcome.receipt.is_ok, outcome.receipt
    return at_ns


def notes(world: World) -> dict[str, int]:
    """Return the notes by name."""
    return {row[1]: row[2] for row in world.store.tables["trial__note"].scan()}
