"""The synchronous engine: answers that are settled stay, whatever comes after them."""

import time

import pytest

from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.errors import Unavailable
from comity.limits import CALLS_PER_SENDER_PER_BLOCK_MAX, CALLS_PER_TRANSACTION_MAX
from comity.model.transaction import Call
from tests.unit.engine.test_batching import NODE, Rig

FULL = (
    CALLS_PER_SENDER_PER_BLOCK_MAX // CALLS_PER_TRANSACTION_MAX
)  # transactions of one sender in a block


def _engine(rig: Rig) -> SoloEngine:
    return SoloEngine(rig.machine, clock=time.time_ns, kid=NODE.key_id, sign=NODE.sign)


def _large(rig: Rig) -> list[bytes]:
    calls = [Call("bell.none", {})] * CALLS_PER_TRANSACTION_MAX
    return [rig.signed(*calls) for _ in range(FULL + 2)]


def test_what_an_earlier_block_settled_outlives_a_full_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk fills before the second block: the first block's answers are given, the rest may be sent again."""
    rig = Rig()
    transactions, write = _large(rig), rig.store.write_block

    def write_one(*arguments: object) -> None:
        if rig.store.height == 1:
            raise Unavailable("the disk is full: no block was written")
        write(*arguments)

    monkeypatch.setattr(rig.store, "write_block", write_one)
    answers = _engine(rig).submit(transactions)
    assert all(isinstance(answer, Ordered) for answer in answers[:FULL])
    for answer in answers[FULL:]:
        assert isinstance(answer, NotOrdered)
        assert (answer.code, answer.waits) == ("unavailable", True)
        assert answer.message.startswith("the disk is full")
    monkeypatch.undo()
    again = _engine(rig).submit(transactions)
    assert again[:FULL] == answers[:FULL]
    assert {answer.height for answer in again[FULL:] if isinstance(answer, Ordered)} == {2}


def test_a_full_disk_at_the_first_block_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing settled there is nothing to lose: the error says it."""
    rig = Rig()

    def refuse(*_: object) -> None:
        raise Unavailable("the disk is full: no block was written")

    monkeypatch.setattr(rig.store, "write_block", refuse)
    with pytest.raises(Unavailable, match="the disk is full"):
        _engine(rig).submit([rig.signed()])


def test_early_ones_are_told_that_the_block_is_not_due() -> None:
    """With an interval, what comes early is not ordered, and may be sent again."""
    rig = Rig(interval_s=600)
    engine = _engine(rig)
    assert isinstance(engine.submit([rig.signed()])[0], Ordered)
    (answer,) = engine.submit([rig.signed()])
    assert isinstance(answer, NotOrdered)
    assert (answer.code, answer.waits) == ("not-due", True)
