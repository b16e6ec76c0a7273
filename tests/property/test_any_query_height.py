"""Whatever happened to a table, each height shows exactly the rows that were there."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.model.column import Column, ColumnType
from comity.query import asof, guard
from comity.query.asof import Plan, Snapshot
from tests.unit.query.ledger_file import PRICES, LedgerFile

# A step: (0 link's own work | 1 a new transaction first, key, value or None to delete).
Step: TypeAlias = tuple[int, int, int | None]
Blocks: TypeAlias = list[list[Step]]
Alter: TypeAlias = Callable[[Snapshot, Plan], tuple[Snapshot, Plan]]

STEPS = st.tuples(st.integers(0, 1), st.integers(0, 4), st.none() | st.integers(0, 3))
BLOCKS = st.lists(st.lists(STEPS, max_size=6), min_size=1, max_size=6)
NOTE = Column(name="note", type=ColumnType(kind="text", maximum=9), required=False)


def _write(folder: str, blocks: Blocks, altered_at: int) -> LedgerFile:
    file = LedgerFile(Path(folder) / "node.sqlite")
    file.begin_block()
    file.make(PRICES)
    file.end_block()
    for number, steps in enumerate(blocks):
        file.begin_block()
        if number == altered_at:
            renamed = msgspec.structs.replace(PRICES.columns[3], name="stock")
            file.alter(
                msgspec.structs.replace(PRICES, columns=(*PRICES.columns[:3], renamed, NOTE))
            )
        for is_transaction, key, value in steps:
            if is_transaction:
                file.transaction()
            item = f"item {key}"
            if value is not None:
                extra = (None,) * (len(file.schema("prices").columns) - 4)
                file.put("prices", (item, value, value % 2 == 0, value * key, *extra))
            elif (item,) in file.rows["prices"]:
                file.delete("prices", (item,))
        file.end_block()
    return file


def _as_made(snapshot: Snapshot, plan: Plan) -> tuple[Snapshot, Plan]:
    return snapshot, plan


def _read(file: LedgerFile, height: int, alter: Alter) -> list[tuple[Any, ...]]:
    connection = guard.connect(file.path)
    try:
        sql = "SELECT * FROM prices"
        snapshot = asof.snapshot_of(connection, height)
        snapshot, _ = alter(snapshot, Plan({}, {}))
        _, plan = alter(snapshot, asof.plan_of(connection, snapshot, sql))
        rules = plan.rules(plan.create(connection), snapshot, "SELECT")
        guard.restrict(connection, rules)
        return sorted(connection.execute(sql).fetchall(), key=repr)
    finally:
        connection.close()


def _wrong_heights(file: LedgerFile, alter: Alter = _as_made) -> list[int]:
    heights = range(1, file.height + 1)
    return [
        height for height in heights if _read(file, height, alter) != file.shown[height]["prices"]
    ]


@settings(max_examples=60)
@given(BLOCKS, st.integers(0, 6))
def test_any_height_shows_the_rows_of_that_height(blocks: Blocks, altered_at: int) -> None:
    """Rows added, changed, removed and added again, by transactions and by a block's timers."""
    with tempfile.TemporaryDirectory() as folder:
        assert _wrong_heights(_write(folder, blocks, altered_at)) == []


def _shifted(by: int) -> Alter:
    def alter(snapshot: Snapshot, plan: Plan) -> tuple[Snapshot, Plan]:
        if not plan.views and not snapshot.is_newest:  # called first for the snapshot alone
            snapshot = msgspec.structs.replace(snapshot, position=snapshot.position + by)
        return snapshot, plan

    return alter


def _with_text(old: str, new: str) -> Alter:
    def alter(snapshot: Snapshot, plan: Plan) -> tuple[Snapshot, Plan]:
        views = {
            name: msgspec.structs.replace(
                view, arms=tuple(arm.replace(old, new) for arm in view.arms)
            )
            for name, view in plan.views.items()
        }
        return snapshot, Plan(views, plan.reasons)

    return alter


PLANTED = {
    "one position late": _shifted(1),
    "one position early": _shifted(-1),
    "rows of the last event are missing": _with_text("_from <= ", "_from < "),
    "versions that just ended are shown": _with_text("_to > ", "_to >= "),
    "versions of the future are shown": _with_text("_from <= ", "_from >= "),
    "live rows are not cut": _with_text('main."prices" WHERE', 'main."prices" WHERE 1 OR'),
    "history is not cut": _with_text("_to > ", "_to > -"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_an_off_by_one_is_caught(name: str, tmp_path: Path) -> None:
    """Canary: each planted mistake of reading at a height shows wrong rows within ten histories."""
    for seed in range(10):
        chance = random.Random(seed)
        blocks = [
            [
                (chance.randrange(2), chance.randrange(5), chance.choice([None, 0, 1, 2, 3]))
                for _ in range(6)
            ]
            for _ in range(5)
        ]
        folder = tmp_path / str(seed)
        folder.mkdir()
        file = _write(str(folder), blocks, 2)
        assert _wrong_heights(file) == []
        if _wrong_heights(file, PLANTED[name]):
            return
    pytest.fail(f"nothing noticed that {name}")
