"""What a careless or hostile application hands to the machine: it is refused or left out, and no node stops for it.

Invariant: after each, the ledger goes on, its hashes follow from its rows, and another node says the same.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
import pytest

from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema
from comity.sdk import Refusal
from tests.simulation.inspection import inspect
from tests.simulation.world import World, account_of, key_of
from tests.unit.machine import trial_app
from tests.unit.machine.blocks import notes, write


class Word(StrEnum):
    """Text to Python, with another type."""

    MARK = "mark"
    SUSPENDED = "suspended"
    DAILY = "daily"
    POOL = "pool"


class One(IntEnum):
    """A number to Python, with another type."""

    ONE = 1


class Text(str):
    """Text to Python."""

    __slots__ = ()


class Data(bytes):
    """Bytes to Python."""


class Changing(list[Any]):
    """A list that says something else when it is read again."""

    def __iter__(self) -> Iterator[Any]:
        found = list(super().__iter__())
        self[1] = 2.5
        return iter(found)


class Bottom(BaseException):
    """No ``Exception``."""


class Garbled(Refusal, code=7):
    """A refusal whose fields are no data."""

    def to_fields(self) -> Mapping[str, Any]:
        """Return what no receipt holds."""
        return {"x": object()}


class Nested(Refusal, code=8):
    """A refusal that refuses to be told."""

    def to_fields(self) -> Mapping[str, Any]:
        """Refuse."""
        raise trial_app.Stopped


def _refuse(refusal: Refusal, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(refusal, name, value)
    raise refusal


def _schema(**changes: Any) -> TableSchema:
    return msgspec.structs.replace(trial_app.schema("pool", 1), **changes)


def _column(**changes: Any) -> TableSchema:
    """Return a schema whose second column is of another kind than a column is."""
    key, column = _schema().columns
    type_ = ColumnType(kind="text", **{"maximum": 9, **changes.pop("type", {})})
    plain = {"name": column.name, "type": type_, "required": False}
    return _schema(columns=(key, Column(**{**plain, **changes})))


def _owned(ctx: Any, owner: Any, values: Any = (1, "x")) -> None:
    ctx.schema.create(_schema())
    ctx.db.table("pool").add(values, owner)


def _put(ctx: Any, owner: Any) -> None:
    _owned(ctx, ctx.sender)
    ctx.db.table("pool").put([1, "y"], owner)


HOSTILE: dict[str, Callable[[Any], Any]] = {
    "owner-text": lambda ctx: _owned(ctx, "ana"),
    "owner-none": lambda ctx: _owned(ctx, None),
    "owner-number": lambda ctx: _owned(ctx, 5),
    "owner-empty": lambda ctx: _owned(ctx, b""),
    "owner-long": lambda ctx: _owned(ctx, bytes(21)),
    "owner-subclass": lambda ctx: _owned(ctx, Data(ctx.sender)),
    "owner-put": lambda ctx: _put(ctx, 5),
    "values-subclass": lambda ctx: _owned(ctx, ctx.sender, [1, Text("x")]),
    "values-true": lambda ctx: _owned(ctx, ctx.sender, [True, "x"]),
    "schema-maximum-true": lambda ctx: ctx.schema.create(_column(type={"maximum": True})),
    "schema-maximum-text": lambda ctx: ctx.schema.create(_column(type={"maximum": "9"})),
    "schema-required-zero": lambda ctx: ctx.schema.create(_column(required=0)),
    "schema-retired-text": lambda ctx: ctx.schema.create(_column(retired="no")),
    "schema-owned-one": lambda ctx: ctx.schema.create(_schema(is_owned=1)),
    "schema-history-true": lambda ctx: ctx.schema.create(_schema(history=True)),
    "schema-name-object": lambda ctx: ctx.schema.create(_schema(name=object())),
    "schema-none": lambda ctx: ctx.schema.create(None),
    "drop-enum": lambda ctx: ctx.schema.drop(Word.POOL),
    "key-type-true": lambda ctx: ctx.accounts.admit(True, key_of("zoe")),
    "key-type-enum": lambda ctx: ctx.accounts.admit(One.ONE, key_of("zoe")),
    "key-subclass": lambda ctx: ctx.accounts.admit(1, Data(key_of("zoe"))),
    "key-text": lambda ctx: ctx.accounts.admit(1, "x" * 32),
    "status-enum": lambda ctx: ctx.accounts.set_status(account_of("bo"), Word.SUSPENDED),
    "scope-enum": lambda ctx: ctx.accounts.add_key(ctx.sender, 1, key_of("z"), Word.DAILY, b""),
    "timer-true": lambda ctx: ctx.timers.set(True, "mark", {"name": "x"}),
    "raise-base": lambda _: _refuse(Bottom()),  # type: ignore[arg-type]  # raised all the same
    "refusal-fields": lambda _: _refuse(Garbled()),
    "refusal-nested": lambda _: _refuse(Nested()),
    "refusal-code": lambda _: _refuse(trial_app.Stopped(), code=1 << 70),
    "refusal-app": lambda _: _refuse(trial_app.Stopped(), app=None),
    "refusal-code-true": lambda _: _refuse(trial_app.Stopped(), code=True),
}
CARELESS: dict[str, Callable[[Any], Any]] = {
    "values-changing": lambda ctx: _owned(ctx, ctx.sender, Changing([1, "x"])),
    "timer-enum": lambda ctx: ctx.timers.set(ctx.time_ns + 10**10, Word.MARK, {"name": "x"}),
    "schema-lists": lambda ctx: ctx.schema.create(_schema(columns=list(_schema().columns))),
    "schema-enum": lambda ctx: ctx.schema.create(_schema(name=Word.POOL)),
}


def _run(world: World, planted: Callable[[Any], Any], name: str) -> bool:
    """Commit a block with it and a good transaction, on two nodes; tell whether it was executed."""

    def plant(ctx: Any) -> dict[str, Any]:
        planted(ctx)
        return {}

    trial_app.CHAOS["plant"] = plant
    good = world.transaction("bo", ("trial.write", {"name": name, "value": 1}))
    prepared = world.prepare(world.transaction("ana", ("trial.plant", {})), good)
    assert prepared.candidate is not None
    if world.store.height == 0:
        twin = World([trial_app.app])
        again = twin.machine.process(prepared.candidate.entries, world.now_ns)
        assert again.app_hash == prepared.candidate.app_hash
    outcomes = prepared.candidate.outcomes
    assert outcomes[-1].receipt.is_ok
    world.commit(world.machine.finalize(prepared.candidate.entries))
    inspect(world.store, world.genesis.hash)
    return len(outcomes) == 2 and outcomes[0].receipt.is_ok


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_row_or_receipt_can_hold_stops_no_node(world: World, name: str) -> None:
    """It is refused, or its transaction is left out; the next one of the block is executed."""
    assert not _run(world, HOSTILE[name], name)
    assert notes(world) == {name: 1}
    world.block(write(world))
    inspect(world.store, world.genesis.hash)


@pytest.mark.parametrize("name", CARELESS)
def test_what_means_the_same_is_held_in_one_way(world: World, name: str) -> None:
    """A node that executed it holds what a node reads from its file: the same types."""
    assert _run(world, CARELESS[name], name)
    row = next(iter(world.store.tables["comity_timer"].range((), ())), None)
    assert row is None or [type(value) for value in row] == [int, int, int, str, str, bytes, bytes]
    table = world.store.tables.get("pool")
    assert table is None or (type(table.schema.name), type(table.schema.columns)) == (str, tuple)


def test_a_schema_of_lists_is_the_one_that_is_there(world: World) -> None:
    """Whether an alteration changes something does not depend on who wrote the schema, or on a restart."""
    assert _run(world, CARELESS["schema-lists"], "a")
    assert not _run(world, lambda ctx: ctx.schema.alter(_schema()), "b")
    assert not _run(world, lambda ctx: ctx.schema.alter(_schema(key=["name"])), "c")
