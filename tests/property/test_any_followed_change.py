"""Whoever follows a table sees each change once, in order, however often it comes back."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.query import changes
from comity.query.reader import Reader
from comity.query.reads import ChangesRead, Found
from comity.store.undo import UNDO_BLOCKS
from tests.shared_ledger import SharedLedger

# A change of one row: its number, and its count or None to remove it.
Change: TypeAlias = tuple[int, int | None]
CHANGES = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 3)), max_size=5)
BLOCKS = st.lists(st.lists(CHANGES, min_size=1, max_size=2), min_size=1, max_size=6)
Told: TypeAlias = tuple[int, str, str, int | None, int | None]  # position, key, kind, old, new


class _Followed:
    """A ledger, and a model of what its followers must be told."""

    def __init__(self, folder: Path) -> None:
        self.ledger = SharedLedger(folder / "ledger")
        self.expected: list[Told] = []
        self._counts: dict[str, int] = {}

    def commit(self, transactions: list[list[Change]]) -> None:
        """Commit a block of transactions, of which no two touch the same row."""
        signed, told, touched = [], [], set()
        for steps in transactions:
            calls, here = [], []
            for number, count in dict(steps).items():
                name = f"n{number}"
                old = self._counts.get(name)
                if name in touched or old == count:
                    continue
                touched.add(name)
                calls.append(self._call(name, old, count))
                kind = "added" if old is None else "removed" if count is None else "changed"
                here.append((name, kind, old, count))
            if calls:
                signed.append(self.ledger.signed(*calls))
                told.append(sorted(here))
        if not signed:
            return
        ordered = self.ledger.commit_many(*signed)
        for outcome, here in zip(ordered, told, strict=True):
            for name, kind, old, new in here:
                self.expected.append((outcome.position, name, kind, old, new))
                self._counts[name] = new  # type: ignore[assignment]  # removed below
                if new is None:
                    del self._counts[name]

    def _call(self, name: str, old: int | None, new: int | None) -> Any:
        values = (name, None, new, None, None)
        if old is None:
            return self.ledger.add("stock", values)
        return (
            self.ledger.remove("stock", (name,))
            if new is None
            else self.ledger.change("stock", values)
        )

    def reader(self) -> Reader:
        return Reader(str(self.ledger.database), self.ledger.local.genesis, dict)


def _followed(
    followed: _Followed, limit: int, *, comes_back: bool, start: tuple[int, int] = (0, 1)
) -> Iterator[tuple[str, Told]]:
    """Yield (id, event) of what is told from ``start`` on, until nothing new is."""
    reader, place = followed.reader(), start
    while True:
        found = reader.answer(
            ChangesRead(table="stock", position=place[0], index=place[1], limit=limit)
        )
        assert isinstance(found, Found), found
        events = [json.loads(line) for line in found.body.splitlines()]
        for event in events:
            old, new = (
                None if row is None else row["count"] for row in (event["old"], event["new"])
            )
            position = int(event["id"].partition(".")[0])
            yield event["id"], (position, event["key"], event["kind"], old, new)
        if not events:
            return
        following = found.next
        if comes_back:  # with the id of the last event alone, to another process
            reader, following = followed.reader(), events[-1]["id"]
        position, _, index = following.partition(".")
        place = (int(position), int(index))


@settings(max_examples=25, deadline=None)
@given(BLOCKS, st.integers(1, 4), st.booleans(), st.booleans(), st.integers(1, 9))
def test_any_follower_is_told_every_change_once(
    blocks: list[list[list[Change]]],
    limit: int,
    comes_back: bool,
    is_by_undo: bool,
    points_max: int,
) -> None:
    """Found by the records that undo blocks, or by a pass over the table, whole or in parts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(changes, "CHANGES_UNDO_KEYS_MAX", 2_000 if is_by_undo else -1),
        patch.object(changes, "_POINTS_MAX", changes._POINTS_MAX if is_by_undo else 5 + points_max),
    ):
        followed = _Followed(Path(folder))
        for transactions in blocks:
            followed.commit(transactions)
        told = list(_followed(followed, limit, comes_back=comes_back))
        assert [event for _, event in told] == followed.expected
        for at in (
            {0, len(told) // 2} if told else ()
        ):  # whoever comes back with any id goes on behind it
            position, _, index = told[at][0].partition(".")
            rest = _followed(followed, 100, comes_back=False, start=(int(position), int(index)))
            assert [event for _, event in rest] == followed.expected[at + 1 :]
        followed.ledger.close()


def test_changes_before_the_undo_records_are_told(tmp_path: Path) -> None:
    """A follower that was away for longer than blocks can be undone goes on without a gap."""
    followed = _Followed(tmp_path)
    for count in range(2 * UNDO_BLOCKS):
        followed.commit([[(count % 3, count), (3 + count % 2, None if count % 4 < 2 else count)]])
    told = [event for _, event in _followed(followed, 3, comes_back=True)]
    assert told == followed.expected
    followed.ledger.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_looked_up", lambda *_: []),
        ("_complete_to", lambda _, newest: newest),
        ("tail_start", lambda *_: (1 << 40, 0)),
    ],
    ids=["added rows are forgotten", "what was cut counts as whole", "history is left out"],
)
def test_a_gap_is_caught(name: str, value: Any, tmp_path: Path) -> None:
    """Canary: each planted mistake leaves out a change."""
    followed = _Followed(tmp_path)
    for count in range(4):
        followed.commit([[(number, count + number) for number in range(6)]])
    followed.commit([[(0, None), (6, 1)]])
    is_cut = name == "_complete_to"
    with (
        patch.object(changes, "CHANGES_UNDO_KEYS_MAX", -1 if is_cut else 2_000),
        patch.object(changes, "_POINTS_MAX", 7 if is_cut else changes._POINTS_MAX),
    ):
        told = [event for _, event in _followed(followed, 4, comes_back=False)]
        assert told == followed.expected
        with patch.object(changes, name, value):
            told = [event for _, event in _followed(followed, 4, comes_back=False)]
        assert told != followed.expected
    followed.ledger.close()
