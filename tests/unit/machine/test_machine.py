"""Blocks (consensus rules R3.1 to R3.8 but R3.6): each test named after its rule."""

from typing import Any

import pytest

from comity.crypto import rfc9162
from comity.errors import BlockRejected, InvariantViolated
from comity.limits import (
    BLOCK_BYTES_MAX,
    BLOCK_TIME_AGE_NS_MAX,
    BLOCK_TIME_AHEAD_NS_MAX,
    CANDIDATES_KEPT_MAX,
)
from comity.machine import execution, machine
from comity.model.block import Link
from comity.model.receipt import genesis_entry
from tests.simulation.inspection import inspect, log_entries
from tests.simulation.world import SECOND_NS, START_NS, World, account_of, genesis_of
from tests.unit.machine import trial_app
from tests.unit.machine.blocks import (
    PROPOSER,
    WRITE,
    linked,
    notes,
    proposal,
    rejected,
    set_timers,
    write,
)


def test_r3_1_the_first_entry_is_a_link_that_names_what_was_before(world: World) -> None:
    """Height, app hash before (the genesis hash at height 1), time and proposer."""
    first = Link.decode(world.block(write(world)).entries[0])
    assert (first.height, first.app_hash) == (1, world.genesis.hash)
    app_hash = world.store.app_hash
    second = Link.decode(world.block(write(world)).entries[0])
    assert (second.height, second.app_hash, second.proposer) == (2, app_hash, PROPOSER)
    assert second.time_ns == world.now_ns


def test_r3_1_there_is_a_block_exactly_when_there_is_something_to_do(world: World) -> None:
    """Nothing pending makes no block; a link alone is refused; a due timer or a misbehaviour makes one."""
    assert world.prepare().candidate is None
    assert rejected(world, linked(world)) == "link"
    at_ns = set_timers(world, "mark", 5)
    assert world.prepare(forward_ns=at_ns - world.now_ns).candidate is None
    due = world.prepare(forward_ns=1).candidate
    assert due is not None
    assert len(due.entries) == 1
    blamed = world.machine.prepare((), world.now_ns, PROPOSER, ["double sign"]).candidate
    assert blamed is not None
    assert Link.decode(blamed.entries[0]).misbehaviour == ("double sign",)


def test_r3_1_the_link_repeats_the_misbehaviour_that_the_engine_reports(world: World) -> None:
    """A proposer can neither invent nor hide a report."""
    entries = linked(world, write(world), misbehaviour=("x",))
    assert rejected(world, entries) == "misbehaviour"
    with pytest.raises(BlockRejected) as caught:
        world.machine.process(linked(world, write(world)), world.now_ns + SECOND_NS, ["x"])
    assert caught.value.code == "misbehaviour"
    assert world.machine.process(entries, world.now_ns + SECOND_NS, ["x"]).height == 1


@pytest.mark.parametrize("changes", [{"height": 0 + 2}, {"height": 3}, {"app_hash": b"\1" * 32}])
def test_r3_1_a_link_that_does_not_follow_is_refused(world: World, changes: dict[str, Any]) -> None:
    """Another height or app hash than the state's."""
    assert rejected(world, linked(world, write(world), **changes)) == "link"


def test_r3_1_two_links_or_none_are_refused(world: World) -> None:
    """A link stands first and nowhere else (P16)."""
    entries = linked(world, write(world))
    assert rejected(world, entries[1:]) == "link"
    assert rejected(world, []) == "link"
    assert rejected(world, [entries[0], *entries]) == "entry"
    assert rejected(world, entries[::-1]) == "link"


def test_r3_2_time_is_after_the_last_block_also_when_the_clock_is_not(world: World) -> None:
    """max(clock, last + 1); a proposal at or before the last block's time is refused."""
    world.block(write(world))
    last = world.store.time_ns
    world.now_ns -= 3600 * SECOND_NS
    behind = proposal(world, write(world, valid_until=last + SECOND_NS))
    assert behind.time_ns == last + 1
    for time_ns in (last, last - 1):
        entries = linked(world, write(world), time_ns=time_ns)
        assert rejected(world, entries, last) == "time"


@pytest.mark.parametrize(
    ("off_ns", "code"),
    [
        (BLOCK_TIME_AHEAD_NS_MAX + 1, "time-ahead"),
        (-BLOCK_TIME_AGE_NS_MAX - 1, "time-old"),
        (BLOCK_TIME_AHEAD_NS_MAX, ""),
        (-BLOCK_TIME_AGE_NS_MAX, ""),
    ],
)
def test_r3_2_half_a_second_ahead_and_fifteen_old(world: World, off_ns: int, code: str) -> None:
    """Beyond the bounds refused, on them accepted (P15)."""
    world.now_ns += 1000 * SECOND_NS
    entries = linked(world, write(world), time_ns=world.now_ns + off_ns)
    if code:
        assert rejected(world, entries, world.now_ns) == code
    else:
        assert world.machine.process(entries, world.now_ns).time_ns == world.now_ns + off_ns


def test_r3_2_what_was_accepted_once_is_accepted_in_later_rounds(world: World) -> None:
    """However old it is by then, and also when its candidate was forgotten meanwhile."""
    entries = linked(world, write(world))
    hash_ = world.machine.process(entries, world.now_ns + SECOND_NS).app_hash
    for at in range(CANDIDATES_KEPT_MAX):
        world.machine.process(
            linked(world, write(world), time_ns=world.now_ns + at + 1), world.now_ns + SECOND_NS
        )
    late = world.now_ns + 600 * SECOND_NS
    assert world.machine.process(entries, late).app_hash == hash_


def test_r3_2_what_was_accepted_and_forgotten_is_accepted_still(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A height that goes on for ever takes a bounded memory, and no vote is taken back for it."""
    monkeypatch.setattr(machine, "ACCEPTED_KEPT_MAX", 20)
    blocks = [linked(world, write(world), time_ns=world.now_ns + at + 1) for at in range(40)]
    hashes = [world.machine.process(entries, world.now_ns).app_hash for entries in blocks]
    assert len(world.machine._accepted) == 20
    late = world.now_ns + 600 * SECOND_NS
    again = [world.machine.process(entries, late).app_hash for entries in blocks]
    assert again == hashes
    world.block(write(world))
    entries = linked(world, write(world), time_ns=world.now_ns + 1)
    assert rejected(world, entries, world.now_ns + 16 * SECOND_NS) == "time-old"


def test_r3_2_refusals_for_age_double_the_bound_until_the_height_ends(world: World) -> None:
    """15 s, 30 s, 60 s; then from 15 s again."""
    world.now_ns += 1000 * SECOND_NS
    entries = linked(world, write(world), time_ns=world.now_ns - 40 * SECOND_NS)
    assert rejected(world, entries, world.now_ns) == "time-old"
    assert rejected(world, entries, world.now_ns) == "time-old"
    world.machine.finalize(world.machine.process(entries, world.now_ns).entries)
    world.machine.commit()
    entries = linked(world, write(world), time_ns=world.now_ns - 16 * SECOND_NS)
    assert rejected(world, entries, world.now_ns) == "time-old"


def test_r3_2_finalize_reads_no_clock(world: World) -> None:
    """A decided block of any age is obeyed: wall-clock bounds live in ``process`` alone."""
    entries = linked(world, write(world), time_ns=world.now_ns + 10**15, height=1)
    transaction = world.transaction("ana", WRITE, valid_until=world.now_ns + 10**15 + 1)
    world.machine.finalize([entries[0], transaction])
    world.machine.commit()
    assert world.store.height == 1


def test_r3_3_each_reason_to_refuse_a_block(world: World) -> None:
    """Encoding, signature, sender, age and doubles (P16)."""
    good = write(world)
    committed = write(world)
    world.block(committed)
    stranger = world.transaction("dan", WRITE)
    later = world.transaction("ana", WRITE, valid_until=world.now_ns + SECOND_NS)
    flipped = good[:-1] + bytes((good[-1] ^ 1,))
    unsigned = good.replace(good[120:140], b"\0" * 20)
    for bad in (
        b"",
        b"\x80",
        flipped,
        unsigned,
        stranger,
        committed,
        later,
        b"\x83\x64tick\x00\x00",
    ):
        entries = linked(world, good, bad)
        assert rejected(world, entries) == "entry", bad
        with pytest.raises(BlockRejected):
            world.machine.finalize(entries)  # every deterministic check again
    assert rejected(world, linked(world, good, good)) == "entry"
    assert world.machine.process(linked(world, good), world.now_ns + SECOND_NS).height == 2


def test_r3_3_a_block_has_a_size(world: World) -> None:
    """More bytes than a block may have are refused, whatever they are."""
    data = world.transaction("ana", ("trial.write", {"name": "x" * 1_000_000, "value": 1}))
    assert rejected(world, linked(world, *[data] * (BLOCK_BYTES_MAX // len(data) + 1))) == "size"


def test_r3_3_what_does_not_fit_waits_for_the_next_block(world: World) -> None:
    """A proposer fills a block and leaves the rest for later, in order."""
    data = [
        world.transaction("ana", ("trial.write", {"name": "x" * 900_000, "value": at}))
        for at in range(6)
    ]
    prepared = world.prepare(*data)
    assert prepared.candidate is not None
    assert sum(map(len, prepared.candidate.entries)) <= BLOCK_BYTES_MAX
    kept = [outcome.checked.data for outcome in prepared.candidate.outcomes]
    left = [one.checked.data for one in prepared.left_out]
    assert [one.code for one in prepared.left_out] == ["block-full"] * len(left)
    assert kept + left == data
    assert all(one.waits for one in prepared.left_out)


def test_r3_3_rows_written_in_a_block_are_bounded(world: World) -> None:
    """The proposer stops before 20,000 rows, and a block beyond is refused (R2.6)."""
    calls = [world.transaction("ana", ("trial.many", {"prefix": p, "count": 9_000})) for p in "abc"]
    prepared = world.prepare(*calls)
    assert prepared.candidate is not None
    assert [one.code for one in prepared.left_out] == ["block-full"]
    assert len(prepared.candidate.outcomes) == 2
    assert rejected(world, linked(world, *calls)) == "execution"


def test_r3_3_rows_touched_in_a_block_are_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small transactions that read much cannot keep a block from ending; what faults is not counted against others."""
    monkeypatch.setattr(execution, "ROWS_TOUCHED_PER_BLOCK_MAX", 36_000)

    def plant(ctx: Any) -> dict[str, Any]:
        for _ in range(9_000 - 1):
            ctx.db.find(trial_app.Note, "a")
        return {"x": 1.5 if ctx.sender == account_of("cy") else 1}

    trial_app.CHAOS["plant"] = plant
    calls = [world.transaction(by, ("trial.plant", {})) for by in ("cy", *["ana"] * 5, "cy")]
    prepared = world.prepare(*calls)
    left = [one.code for one in prepared.left_out]
    assert left == ["app-fault", "block-full", "block-full"]
    assert prepared.candidate is not None
    assert len(prepared.candidate.outcomes) == 4
    twin = World([trial_app.app])
    again = twin.machine.process(prepared.candidate.entries, world.now_ns)
    assert again.app_hash == prepared.candidate.app_hash
    assert rejected(world, linked(world, *calls[1:6])) == "execution"


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("x"),
        KeyError(1),
        RecursionError(),
        SystemExit(),
        AssertionError(),
        UnicodeEncodeError("utf-8", "x", 0, 1, "x"),
        NotImplementedError(),
        StopIteration(),
        GeneratorExit(),
    ],
)
def test_r3_4_what_faults_is_left_out_and_a_block_with_it_refused(
    world: World, raised: BaseException
) -> None:
    """Whatever an action raises but a refusal: no receipt, no trace, the rest of the block goes on (P08)."""

    def fault(ctx: Any) -> Any:
        ctx.call("write", {"name": "trace", "value": 1})
        raise raised

    trial_app.CHAOS["plant"] = fault
    data = world.transaction("ana", ("trial.plant", {}))
    prepared = world.prepare(data, write(world))
    assert [(one.code, one.waits) for one in prepared.left_out] == [("app-fault", False)]
    assert prepared.candidate is not None
    twin = World([trial_app.app])
    assert twin.machine.process(prepared.candidate.entries, world.now_ns).app_hash == (
        prepared.candidate.app_hash
    )
    assert rejected(world, linked(world, data)) == "execution"
    world.commit(world.machine.finalize(prepared.candidate.entries))
    assert notes(world) == {"a": 1}
    assert world.machine.receipt(world.machine.identify(data) or b"") is None


@pytest.mark.parametrize(
    "result",
    [
        {"x": 1.5},
        {"x": 1 << 64},
        {"x": "\ud800"},
        {"x": object()},
        {1: 1, "x": 2},
        {"x": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]},
        {"x": {1, 2}},
        1.5,
    ],
)
def test_r3_4_results_that_no_receipt_holds_are_faults(world: World, result: Any) -> None:
    """They are left out like any fault, instead of stopping the node."""
    trial_app.CHAOS["plant"] = lambda ctx: ctx.call("write", {"name": "t", "value": 1}) and result
    prepared = world.prepare(world.transaction("ana", ("trial.plant", {})), write(world))
    assert [one.code for one in prepared.left_out] == ["app-fault"]
    assert prepared.candidate is not None
    world.commit(world.machine.finalize(prepared.candidate.entries))
    assert notes(world) == {"a": 1}


def test_r3_4_a_result_that_a_receipt_holds_can_be_read_again(world: World) -> None:
    """The deepest result that is taken comes back from the file."""
    value: Any = 1
    for _ in range(30):
        value = [value]
        trial_app.CHAOS["plant"] = lambda _, value=value: {"x": value}
        prepared = world.prepare(world.transaction("ana", ("trial.plant", {})))
        if prepared.candidate is None:
            return
        candidate = world.machine.finalize(prepared.candidate.entries)
        world.commit(candidate)
        found = world.machine.receipt(candidate.outcomes[0].checked.identifier)
        assert found is not None
        assert found[2].results == ({"x": value},)
    raise AssertionError("no depth was refused")


def test_r3_4_a_result_has_a_size(world: World) -> None:
    """A receipt that is too large is a refusal, and nothing of the transaction stays."""
    trial_app.CHAOS["plant"] = lambda _: {"x": "y" * 99_000}
    calls = [("trial.plant", {})] * 50
    receipt = world.block(world.transaction("ana", *calls)).outcomes[0].receipt
    assert (receipt.app, receipt.code, receipt.call_index) == ("comity", 21, 50)


@pytest.mark.parametrize("fault", [OSError(5, "I/O"), MemoryError(), InvariantViolated("x")])
def test_r3_4_a_fault_of_the_node_is_no_outcome(world: World, fault: BaseException) -> None:
    """A fault of disk or memory passes through: this node stops, and makes no receipt."""

    def raise_it(_: Any) -> Any:
        raise fault

    trial_app.CHAOS["plant"] = raise_it
    data = world.transaction("ana", ("trial.plant", {}))
    with pytest.raises(type(fault)):
        world.prepare(data)
    with pytest.raises(type(fault)):
        world.machine.process(linked(world, data), world.now_ns + SECOND_NS)
    assert world.store.height == 0


def test_r3_4_an_inner_refusal_takes_everything_back(world: World) -> None:
    """What an inner call wrote is gone, and fields of refusals are cut (P11, P12)."""
    data = world.transaction(
        "ana", WRITE, *[("trial.write", {"name": f"n{at}", "value": 1}) for at in range(998)],
        ("trial.write_then_stop", {"name": "inner"}),
    )  # fmt: skip
    receipt = world.block(data).outcomes[0].receipt
    assert (receipt.call_index, receipt.app, receipt.code) == (999, "trial", 1)
    assert receipt.fields == {"detail": "x" * 200}
    assert notes(world) == {}
    assert world.machine.receipt(world.machine.identify(data) or b"") is not None


def test_r3_4_calls_inside_calls_are_bounded(world: World) -> None:
    """Deeper than eight is a refusal, not a recursion error."""
    receipt = world.block(world.transaction("ana", ("trial.descend", {"depth": 8}))).outcomes[0]
    assert receipt.receipt.results == (8,)
    receipt = world.block(world.transaction("ana", ("trial.descend", {"depth": 9}))).outcomes[0]
    assert (receipt.receipt.app, receipt.receipt.code) == ("comity", 17)


def test_r3_4_a_block_is_executed_once(world: World) -> None:
    """Finalize takes over the candidate of prepare or process, and commit moves one block."""
    runs = []
    trial_app.CHAOS["plant"] = lambda _: {"run": runs.append(1) or len(runs)}
    candidate = proposal(world, world.transaction("ana", ("trial.plant", {})))
    assert world.machine.process(candidate.entries, world.now_ns) is candidate
    assert world.machine.finalize(candidate.entries) is candidate
    world.machine.commit()
    assert runs == [1]
    with pytest.raises(InvariantViolated):
        world.machine.commit()


def test_r3_4_a_timer_that_faults_is_named_and_given_up(world: World) -> None:
    """The link names it, voters accept that only where it faults too, followers obey without trying."""
    voter, lucky, follower = (World([trial_app.app]) for _ in range(3))
    blocks = []
    trial_app.CHAOS["poison"] = lambda _: 1 // 0
    at_ns = world.now_ns + 5 * SECOND_NS
    for action in ("poison", "mark"):
        arguments = {"at_ns": at_ns, "action": action, "name": action}
        blocks.append(world.block(world.transaction("ana", ("trial.set_timer", arguments))))
    for other in (voter, lucky, follower):
        for block in blocks:
            other.machine.finalize(block.entries)
            other.machine.commit()
    candidate = world.prepare(forward_ns=10 * SECOND_NS).candidate
    assert candidate is not None
    link = Link.decode(candidate.entries[0])
    assert [at for at, _ in link.quarantined] == [at_ns]
    accepted = voter.machine.process(candidate.entries, world.now_ns)
    assert accepted.app_hash == candidate.app_hash
    trial_app.CHAOS["poison"] = lambda _: None
    assert rejected(lucky, list(candidate.entries), world.now_ns) == "quarantine"
    decided = follower.machine.finalize(candidate.entries)
    assert decided.app_hash == candidate.app_hash
    world.commit(world.machine.finalize(candidate.entries))
    assert notes(world) == {"marks": 1, "mark00000": 0}
    assert world.machine.next_timer_ns() is None
    hiding = linked(lucky, time_ns=link.time_ns)
    assert lucky.machine.process(hiding, link.time_ns).height == 3  # there it does not fault


def test_r3_4_a_link_cannot_give_up_a_timer_that_is_not_due(world: World) -> None:
    """Naming a timer that is absent, later or sound is refused."""
    at_ns = set_timers(world, "mark", 5)
    for named in ((at_ns, 0), (at_ns, 1 << 20), (0, 0)):
        entries = linked(world, time_ns=at_ns + 1, quarantined=(named,))
        assert rejected(world, entries, at_ns + 1) == "quarantine"
        with pytest.raises(BlockRejected):
            world.machine.finalize(linked(world, time_ns=at_ns + 1, quarantined=((at_ns, 0),)))


def test_r3_5_a_block_interval_is_kept() -> None:
    """No block before last time + interval, proposed or accepted; only a misbehaviour makes one at once."""
    world = World([trial_app.app], genesis=genesis_of([trial_app.app], block_interval_s=60))
    world.block(write(world))
    data = write(world)
    early = world.prepare(data, forward_ns=59 * SECOND_NS)
    assert (early.candidate, early.left_out) == (None, ())
    entries = linked(world, data, time_ns=world.now_ns)
    assert rejected(world, entries, world.now_ns) == "too-early"
    blamed = world.machine.prepare([world.check(data)], world.now_ns, PROPOSER, ["x"])
    assert blamed.candidate is not None
    assert world.prepare(data, forward_ns=SECOND_NS).candidate is not None


def test_r3_7_the_log_holds_genesis_links_and_transactions_in_order(world: World) -> None:
    """The root in the app hash is that of the RFC 9162 tree over these leaves."""
    stopped = world.transaction("bo", ("trial.write_then_stop", {"name": "x"}))
    world.block(write(world), stopped)
    world.block(write(world))
    entries = [genesis_entry(world.genesis.hash), *log_entries(world.store.connection)]
    assert len(entries) == world.store.log_size == 6
    assert rfc9162.root_of(entries) == world.store.log.root(6)
    inspect(world.store, world.genesis.hash)


def test_r3_8_the_same_blocks_give_the_same_state_on_any_node(world: World) -> None:
    """Genesis, links and entries decide every app hash; engine heights and evidence decide nothing."""
    made = [world.block(write(world), write(world, "bo")) for _ in range(3)]
    other = World([trial_app.app])
    for block in made:
        candidate = other.machine.finalize(block.entries, engine_height=1_000 + block.height)
        assert candidate.app_hash == block.app_hash
        other.machine.commit(b"other evidence")
    assert other.store.app_hash == world.store.app_hash
    assert account_of("ana") != account_of("bo")
    assert other.store.time_ns > START_NS
