"""Timers and ticks (consensus rule R3.6): each test named after its rule."""

from typing import Any

import pytest

from comity.limits import TIMER_DELAY_NS_MIN, TIMERS_PER_BLOCK_MAX
from comity.machine import execution
from comity.model.block import Link, Tick
from tests.simulation.world import SECOND_NS, World
from tests.unit.machine import trial_app
from tests.unit.machine.blocks import linked, notes, rejected, set_timers, write


def test_r3_6_deadlines_are_inclusive(world: World) -> None:
    """At its time a timer waits; once block time is past it, it fires."""
    at_ns = set_timers(world, "mark", 5)
    world.block(write(world), forward_ns=at_ns - world.now_ns)
    assert world.store.time_ns == at_ns
    assert "marks" not in notes(world)
    world.block(write(world), forward_ns=1)
    assert notes(world)["marks"] == 1


def test_r3_6_timers_fire_in_order_five_hundred_a_block(world: World) -> None:
    """10,000 timers of one moment take twenty blocks: none lost, none twice, in the order that they were set (P13)."""
    at_ns = set_timers(world, "mark", 60, "a", 5_000)
    other = {"at_ns": at_ns, "action": "mark", "name": "b", "count": 5_000}
    world.block(world.transaction("bo", ("trial.set_timer", other)))
    earlier = {"at_ns": at_ns - 1, "action": "mark", "name": "first"}
    world.block(world.transaction("bo", ("trial.set_timer", earlier)))
    counts = []
    world.now_ns = at_ns
    while (candidate := world.prepare(forward_ns=1).candidate) is not None:
        before = notes(world).get("marks", 0)
        world.commit(world.machine.finalize(candidate.entries))
        counts.append(notes(world)["marks"] - before)
    assert counts == [TIMERS_PER_BLOCK_MAX] * 20 + [1]
    order = sorted((value, name) for name, value in notes(world).items() if name != "marks")
    names = [
        "first00000",
        *[f"a{at:05}" for at in range(5_000)],
        *[f"b{at:05}" for at in range(5_000)],
    ]
    assert [name for _, name in order] == names
    assert [value for value, _ in order] == list(range(10_001))


def test_r3_6_timers_run_before_the_blocks_transactions(world: World) -> None:
    """Their rows carry the link's position, and transactions see them."""
    at_ns = set_timers(world, "mark", 5)
    position = world.store.log_size
    data = world.transaction("ana", ("trial.grow", {"name": "marks", "amount": 7}))
    world.block(data, forward_ns=at_ns - world.now_ns + 1)
    rows = {row[1]: row for row in world.store.tables["trial__note"].scan()}
    assert rows["t00000"][0] == position
    assert rows["marks"] == (position + 1, "marks", 8)


def test_r3_6_a_refused_timer_takes_back_its_own_writes_only(world: World) -> None:
    """Neighbours stand, it is gone, and it is not quarantined."""
    at_ns = world.now_ns + 60 * SECOND_NS
    for action in ("mark", "refuse", "mark"):
        set_timers(
            world, action, (at_ns - world.now_ns) // SECOND_NS, f"{action}{world.store.height}"
        )
    candidate = world.prepare(forward_ns=100 * SECOND_NS).candidate
    assert candidate is not None
    assert Link.decode(candidate.entries[0]).quarantined == ()
    world.commit(world.machine.finalize(candidate.entries))
    assert notes(world)["marks"] == 2
    assert not [name for name in notes(world) if name.startswith("refuse")]
    assert world.machine.next_timer_ns() is None


def test_r3_6_a_timer_cancelled_by_an_earlier_one_of_its_block_does_not_fire(world: World) -> None:
    """``cancel`` said that it was still there, so it must not run."""
    at_ns = world.now_ns + 60 * SECOND_NS
    for action in ("cancel_planted", "mark"):
        arguments = {"at_ns": at_ns, "action": action, "name": action}
        receipt = world.block(world.transaction("ana", ("trial.set_timer", arguments))).outcomes[0]
        trial_app.CHAOS["cancel"] = receipt.receipt.results[0]["first"]
    candidate = world.prepare(forward_ns=100 * SECOND_NS).candidate
    assert candidate is not None
    world.commit(world.machine.finalize(candidate.entries))
    assert trial_app.CHAOS["cancelled"] is True
    assert notes(world) == {}


def test_r3_6_timers_set_by_timers_have_places_of_their_own(world: World) -> None:
    """Two timers that each set two make four, which fire in the next block."""
    at_ns = set_timers(world, "again", 5, "a")
    set_timers(world, "again", 4, "b")
    world.block(write(world), forward_ns=at_ns - world.now_ns + 1)
    assert "marks" not in notes(world)
    world.block(write(world))
    assert "marks" not in notes(world)
    world.block(write(world))
    assert notes(world)["marks"] == 4


def test_r3_6_a_timer_is_set_a_second_ahead_at_least(world: World) -> None:
    """A nanosecond less is refused; so timers that set timers make one block a second, not one after the other."""
    arguments = {"action": "mark", "name": "m"}
    for ahead_ns, code in ((TIMER_DELAY_NS_MIN, 0), (TIMER_DELAY_NS_MIN - 1, 20)):
        at_ns = world.now_ns + SECOND_NS + ahead_ns
        data = world.transaction("ana", ("trial.set_timer", {**arguments, "at_ns": at_ns}))
        receipt = world.block(data).outcomes[0].receipt
        assert (receipt.app, receipt.code) == ("comity" if code else "", code)
    for delay_ns, blocks in ((TIMER_DELAY_NS_MIN, 4), (TIMER_DELAY_NS_MIN - 1, 1)):
        trial_app.CHAOS["delay_ns"] = delay_ns
        world.now_ns = set_timers(world, "hurry", 2, "h")
        before = world.store.height
        for _ in range(20):  # a node that looks five times a second
            candidate = world.prepare(forward_ns=SECOND_NS // 5).candidate
            if candidate is not None:
                world.commit(world.machine.finalize(candidate.entries))
        assert world.store.height - before == blocks
        while (at_ns := world.machine.next_timer_ns()) is not None:
            trial_app.CHAOS["delay_ns"] = 0
            world.block(write(world), forward_ns=at_ns - world.now_ns + 1)


def test_r3_6_timers_that_write_much_are_spread_over_blocks(world: World) -> None:
    """What would pass 20,000 rows waits for the next block (R2.6, P14)."""
    at_ns = set_timers(world, "flood", 5, "f", 3)
    world.now_ns = at_ns
    counts = []
    while (candidate := world.prepare(forward_ns=1).candidate) is not None:
        world.commit(world.machine.finalize(candidate.entries))
        counts.append(len(notes(world)))
    assert counts == [18_000, 27_000]


def test_r3_6_timers_that_read_much_are_spread_over_blocks_alike_on_every_node(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what a block may touch is theirs; one that faults counts nowhere, because a follower does not run it."""
    monkeypatch.setattr(execution, "ROWS_TOUCHED_PER_BLOCK_MAX", 36_000)

    def read_and_fault(ctx: Any) -> None:
        for _ in range(9_000):
            ctx.db.find(trial_app.Note, "a")
        raise ZeroDivisionError

    trial_app.CHAOS["poison"] = read_and_fault
    follower = World([trial_app.app])
    at_ns = world.now_ns + 60 * SECOND_NS
    for action in ("poison", "poison", "poison", "flood", "flood", "mark"):
        arguments = {"at_ns": at_ns, "action": action, "name": f"{action}{world.store.height}"}
        block = world.block(world.transaction("ana", ("trial.set_timer", arguments)))
        follower.commit(follower.machine.finalize(block.entries))
    world.now_ns, counts = at_ns, []
    while (candidate := world.prepare(forward_ns=1).candidate) is not None:
        counts.append(len(Link.decode(candidate.entries[0]).quarantined))
        followed = follower.machine.finalize(candidate.entries)
        assert followed.app_hash == candidate.app_hash
        follower.commit(followed)
        world.commit(world.machine.finalize(candidate.entries))
    assert counts == [3, 0]
    assert len(notes(world)) == 18_000 + 2


def test_r3_6_a_tick_stands_after_the_link_for_a_due_timer_and_is_not_logged(world: World) -> None:
    """Anywhere else, or for another timer, it is refused; with or without it the app hash is the same."""
    at_ns = set_timers(world, "mark", 5)
    sequence = next(world.store.tables["comity_timer"].range((), ()))[2]
    tick = Tick(at_ns, sequence).encode()
    time_ns = at_ns + 1
    good = linked(world, tick, time_ns=time_ns)
    bare = linked(world, time_ns=time_ns)
    assert rejected(world, linked(world, write(world), tick, time_ns=time_ns), time_ns) == "entry"
    wrong = Tick(at_ns, sequence + 1).encode()
    assert rejected(world, linked(world, wrong, time_ns=time_ns), time_ns) == "entry"
    assert rejected(world, linked(world, tick, time_ns=at_ns), at_ns) == "entry"
    with_tick = world.machine.process(good, time_ns)
    assert world.machine.process(bare, time_ns).app_hash == with_tick.app_hash
    size = world.store.log_size
    world.machine.finalize(good)
    world.machine.commit()
    assert world.store.log_size == size + 1
    assert (
        rejected(world, linked(world, tick, write(world), time_ns=time_ns + 1), time_ns + 1)
        == "entry"
    )
