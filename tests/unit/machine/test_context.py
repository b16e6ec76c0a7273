"""What an action's context does within one transaction: calls inside calls, timers, tables, keys."""

from collections.abc import Callable
from typing import Any

import pytest

from comity.errors import Refusal
from comity.limits import ROWS_TOUCHED_PER_TRANSACTION_MAX
from comity.machine import context
from comity.model.receipt import Receipt
from comity.sdk.standard import NotAuthorized, TablesUsedUp, TooMuchWork
from tests.simulation.world import World, account_of, key_of
from tests.unit.machine import trial_app
from tests.unit.machine.blocks import notes, write


def run(world: World, planted: Callable[[Any], Any], by: str = "ana") -> Receipt:
    """Commit a block with one transaction of what the test plants, and return its receipt."""
    trial_app.CHAOS["plant"] = planted
    return world.block(world.transaction(by, ("trial.plant", {}))).outcomes[0].receipt


def swallowing(*calls: tuple[str, dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return what makes each inner call and goes on after whatever it refuses; the check of sources forbids that."""

    def plant(ctx: Any) -> dict[str, Any]:
        said = []
        for action, arguments in calls:
            try:
                ctx.call(action, arguments)
            except Refusal as refusal:
                said.append(refusal.code)
        return {"said": said}

    return plant


def test_a_refused_inner_call_leaves_nothing_also_when_its_refusal_is_swallowed(
    world: World,
) -> None:
    """Rows of the inner call go, those before and after it stay, and receipt and state are the same elsewhere."""
    receipt = run(
        world,
        swallowing(
            ("write", {"name": "before", "value": 1}),
            ("write_then_stop", {"name": "inner"}),
            ("write_then_stop", {"name": "before"}),
            ("write", {"name": "after", "value": 2}),
        ),
    )
    assert receipt.results == ({"said": [1, 1]},)
    assert notes(world) == {"before": 1, "after": 2}


def test_a_refused_inner_call_takes_back_timers_tables_and_accounts(world: World) -> None:
    """Whatever the journal holds: a timer set, a table made, an account admitted."""
    leaves = set(world.store.leaves)

    def inner(ctx: Any) -> dict[str, Any]:
        ctx.timers.set(ctx.time_ns + 10**10, "mark", {"name": "never"})
        ctx.schema.create(trial_app.schema("pool"))
        ctx.db.table("pool").add([1], ctx.sender)
        ctx.accounts.set_status(account_of("bo"), "suspended")
        raise NotAuthorized(account=ctx.sender)

    def outer(ctx: Any) -> dict[str, Any]:
        trial_app.CHAOS["plant"] = inner
        try:
            ctx.call("plant", {})
        except NotAuthorized:
            return {"status": ctx.accounts.status(account_of("bo"))}
        raise AssertionError("the inner call was not refused")

    assert run(world, outer).results == ({"status": "active"},)
    assert world.machine.next_timer_ns() is None
    assert set(world.store.leaves) == leaves
    assert run(world, lambda ctx: ctx.schema.create(trial_app.schema("pool")) or {}).is_ok


def test_timers_of_a_refused_inner_call_use_up_no_numbers(world: World) -> None:
    """A timer's number is its writer's count: one that runs ahead of the writes would meet the next writer's."""
    at_ns = world.now_ns + 10**11
    seen = []

    def inner(ctx: Any) -> dict[str, Any]:
        seen.append(ctx.timers.set(at_ns, "mark", {"name": "never"}))
        raise NotAuthorized(account=ctx.sender)

    def outer(ctx: Any) -> dict[str, Any]:
        trial_app.CHAOS["plant"] = inner
        for _ in range(3):
            try:
                ctx.call("plant", {})
            except NotAuthorized:
                seen.append(ctx.timers.set(at_ns, "mark", {"name": f"m{len(seen)}"}))
        return {}

    assert run(world, outer).is_ok
    numbers = [sequence & 0xFFFFF for _, sequence in seen]
    assert numbers == [0, 0, 1, 1, 2, 2]
    assert len(list(world.store.tables["comity_timer"].range((), ()))) == 3


def test_what_leaves_an_inner_call_otherwise_takes_it_back_too(world: World) -> None:
    """An exception that an app may catch, such as a ValueError, leaves no half of an inner call either."""

    def inner(ctx: Any) -> dict[str, Any]:
        ctx.call("write", {"name": "half", "value": 1})
        raise ValueError

    def outer(ctx: Any) -> dict[str, Any]:
        trial_app.CHAOS["plant"] = inner
        try:
            return ctx.call("plant", {})
        except ValueError:
            return {}

    assert run(world, outer).is_ok
    assert notes(world) == {}


@pytest.mark.parametrize(
    "work",
    [
        lambda ctx: ctx.schema.create(trial_app.schema("pool")),
        lambda ctx: ctx.accounts.admit(1, key_of("zoe")),
    ],
)
@pytest.mark.parametrize("left", range(1, 3))
def test_a_refused_change_of_several_parts_leaves_none(
    world: World, work: Callable[[Any], Any], left: int
) -> None:
    """A table without its schema stops the node, and an account without a key is nobody's.

    Args:
        left: rows that the transaction may still touch, which is not enough.
    """

    def plant(ctx: Any) -> dict[str, Any]:
        for _ in range(ROWS_TOUCHED_PER_TRANSACTION_MAX - left):
            ctx.db.find(trial_app.Note, "a")
        try:
            work(ctx)
        except Refusal as refusal:
            return {"code": refusal.code}
        raise AssertionError("it was not refused")

    before = set(world.store.leaves), list(world.store.tables["comity_account"].scan())
    assert run(world, plant).results == ({"code": TooMuchWork.code},)
    assert (set(world.store.leaves), list(world.store.tables["comity_account"].scan())) == before


def test_r3_4_recursion_without_end_is_the_apps_fault_and_leaves_no_trace(world: World) -> None:
    """However deep a node lets Python go: writes that the limit cut off are gone, and the rest of the block stands."""
    count = 0

    def deep(ctx: Any) -> dict[str, Any]:
        nonlocal count
        count += 1
        ctx.call("write", {"name": "deep", "value": count}) if count % 2 else ctx.db.put(
            trial_app.Note(name="deep", value=count)
        )
        return deep(ctx)

    trial_app.CHAOS["plant"] = deep
    prepared = world.prepare(world.transaction("ana", ("trial.plant", {})), write(world, "bo"))
    assert [(left.code, left.message) for left in prepared.left_out] == [
        ("app-fault", "trial.plant faults: RecursionError")
    ]
    assert count > 50
    assert prepared.candidate is not None
    twin = World([trial_app.app])
    again = twin.machine.process(prepared.candidate.entries, world.now_ns)
    assert again.app_hash == prepared.candidate.app_hash
    assert [outcome.receipt.is_ok for outcome in again.outcomes] == [True]


def test_r3_4_a_machine_without_memory_stops(world: World) -> None:
    """How much there is differs between nodes, so it decides nothing: no receipt, and nothing is left out."""
    trial_app.CHAOS["plant"] = lambda _: {"x": b"x" * (1 << 62)}
    with pytest.raises(MemoryError):
        world.prepare(world.transaction("ana", ("trial.plant", {})))
    assert world.store.height == 0


def test_a_ledger_makes_so_many_tables_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making and dropping in turn ends: what was dropped keeps its name, its schemas and its history."""
    before = world.store.leaf("comity_schema").row_count
    monkeypatch.setattr(context, "TABLES_EVER_MAX", before + 5)
    for at in range(5):
        name = f"t{at}"
        assert run(
            world, lambda ctx, name=name: ctx.schema.create(trial_app.schema(name)) or {}
        ).is_ok
        assert run(world, lambda ctx, name=name: ctx.schema.drop(name) or {}).is_ok
    refused = run(world, lambda ctx: ctx.schema.create(trial_app.schema("t5")) or {})
    assert (refused.app, refused.code, refused.fields) == (
        "comity", TablesUsedUp.code, {"tables_max": before + 5},
    )  # fmt: skip
    assert len(world.store.tables) == before


def test_tables_of_one_block_count_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten tables in one transaction are ten, and those that a refusal took back are none."""
    before = world.store.leaf("comity_schema").row_count
    monkeypatch.setattr(context, "TABLES_EVER_MAX", before + 10)

    def plant(ctx: Any) -> dict[str, Any]:
        for at in range(ctx.height * 100, ctx.height * 100 + (11 if ctx.height == 1 else 10)):
            ctx.schema.create(trial_app.schema(f"t{at}"))
        return {}

    assert run(world, plant).code == TablesUsedUp.code
    assert run(world, plant).is_ok
    assert run(world, lambda ctx: ctx.schema.create(trial_app.schema("x")) or {}).code == 35
