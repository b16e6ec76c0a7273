"""What a hostile member tried on the machine, and what must come of it: a refusal, or nothing at all."""

from typing import Annotated

import msgspec
import pytest

from comity.apps.tables import actions as tables
from comity.errors import BlockRejected, ConfigError, Malformed
from comity.machine.machine import Machine
from comity.model.block import Link
from comity.model.schema import Index
from comity.sdk import App, BadSchema, Context, Integer, Many, Row, Text
from comity.store import ddl
from comity.store.store import Store
from comity.testing import Ledger, call

Number = Annotated[int, Integer(0, 10**9)]


@pytest.fixture(name="ledger")
def shared_ledger() -> Ledger:
    """A ledger with a table ``t`` of one key column and two more."""
    ledger = Ledger("members", "tables", founders=["anna", "ben"])
    columns = [
        {"name": "k", "type": "integer", "required": True},
        {"name": "a", "type": "integer", "required": True},
        {"name": "b", "type": "integer"},
    ]
    ledger.run(tables.create, "anna", {"name": "t", "columns": columns, "key": ["k"]}, "open")
    ledger.run(tables.add, "anna", "t", [[1, 10, 20]])
    return ledger


@pytest.mark.parametrize(
    "renames", [{"a": "b", "b": "a"}, {"a": "b", "b": "c"}, {"b": "a", "a": "z"}]
)
def test_columns_may_swap_their_names(ledger: Ledger, renames: dict[str, str]) -> None:
    """Renames that cross one another are made all the same: no schema that is accepted fails in SQLite."""
    ledger.run(tables.alter, "anna", "t", renames=renames)
    ledger.run(tables.add, "anna", "t", [[2, 30, 40]])
    names = [renames.get(name, name) for name in ("k", "a", "b")]
    assert [column.name for column in ledger.table("t").schema.columns] == names
    found = ledger.table("t").get([1])
    assert found is not None
    assert found.values == (1, 10, 20)
    ledger.check_replay()


def test_a_required_column_may_retire(ledger: Ledger) -> None:
    """Rows added after it have null there, and old rows can still be changed."""
    ledger.run(tables.alter, "anna", "t", retired=["a"])
    ledger.run(tables.add, "ben", "t", [[2, None, 5]])
    seen = ledger.table("t").get([1])
    assert seen is not None
    ledger.run(tables.change, "ben", "t", [[1, None, 6]], [seen.row_hash])
    changed = ledger.table("t").get([1])
    assert changed is not None
    assert changed.values == (1, None, 6)
    ledger.check_replay()


def test_a_schema_changes_or_is_refused(ledger: Ledger) -> None:
    """A version that changes nothing would cost a copy of the schema for ever."""
    refused = ledger.refuses(BadSchema, tables.alter, "anna", "t")
    assert refused.problem == "nothing would change"


def test_a_view_follows_a_renamed_column(ledger: Ledger) -> None:
    """What was read before a rename does not make a later read take a name for text."""
    assert ledger.table("t").get([1]) is not None
    ledger.run(tables.alter, "anna", "t", renames={"b": "w"})
    found = ledger.table("t").get([1])
    assert found is not None
    assert found.values == (1, 10, 20)
    assert found.row_hash == ledger.table("t").get([1]).row_hash  # type: ignore[union-attr]  # it is there


def test_one_window_for_a_role() -> None:
    """Two quotas of one role would count in one row: the genesis refuses them."""
    with pytest.raises((Malformed, ConfigError), match="a role stands twice"):
        Ledger(
            "members", founders=["anna"], parameters={"comity.quotas": [["", 3, 60], ["", 5, 3600]]}
        )


greedy = App("greedy", version=1)


@greedy.table(key="id")
class Item(Row):
    """One item."""

    id: Number
    name: Annotated[str, Text(20)]


@greedy.action
def fill(
    ctx: Context, start: Number, count: Number, items: Annotated[list[Number], Many(10)]
) -> Number:
    """Add items, and change the list that came as an argument."""
    last = items.pop()
    for at in range(count):
        ctx.db.add(Item(id=start + at, name=str(last)))
    return last


def test_an_action_owns_its_arguments() -> None:
    """A transaction that waits for the next block is executed there with the arguments that were signed."""
    ledger = Ledger(greedy, founders=["anna"])
    starts = (0, 100_000, 200_000)
    transactions = [
        ledger.transaction("anna", [call(fill, start, 9_000, [1, 2, 3])]) for start in starts
    ]
    now_ns = ledger.time_ns
    results = []
    waiting = [ledger.machine.check(data, now_ns) for data in transactions]
    while waiting:
        prepared = ledger.machine.prepare(waiting, now_ns, bytes(20))
        assert prepared.candidate is not None
        results += [outcome.receipt.results for outcome in prepared.candidate.outcomes]
        waiting = [left.checked for left in prepared.left_out]
        ledger.machine.finalize(prepared.candidate.entries)
        ledger.machine.commit()
        now_ns += 1
    assert results == [(3,), (3,), (3,)]


def test_a_decided_block_keeps_the_interval() -> None:
    """The block interval is a rule of the ledger, so it is checked also where nobody voted before."""
    ledger = Ledger(greedy, founders=["anna"])
    ledger.run(fill, "anna", 0, 1, [7])
    genesis = msgspec.structs.replace(ledger.genesis, block_interval_s=3_600)
    machine = Machine(Store.in_memory(), genesis, {"greedy": greedy.declaration})
    machine.start()
    machine.commit()
    first = Link(height=1, app_hash=genesis.hash, time_ns=genesis.time_ns + 1, proposer=bytes(20))
    misbehaved = msgspec.structs.replace(first, misbehaviour=("seen",))
    machine.finalize([misbehaved.encode()])
    machine.commit()
    early = msgspec.structs.replace(
        first, height=2, app_hash=machine.store.app_hash, time_ns=first.time_ns + 1
    )
    with pytest.raises(BlockRejected) as refused:
        machine.finalize([early.encode()])
    assert refused.value.code == "too-early"


def test_no_table_can_have_the_name_of_an_index() -> None:
    """What SQLite makes beside a table has two double underscores; names of tables have at most one."""
    schema = greedy.declaration.tables[Item]
    indexed = msgspec.structs.replace(schema, indexes=(Index(name="name", columns=("name",)),))
    made = [statement.split('"')[1] for statement in ddl.create(indexed)]
    assert [name.count("__") for name in made] == [1, 3, 2, 3]
