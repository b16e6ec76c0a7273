"""Pages walked between any commits hold each row of the first page's height, once, in order."""

import json
import tempfile
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.errors import QueryError
from comity.query import page
from comity.query.page_order import Order
from comity.query.reader import Reader
from comity.query.reads import Found, PageRead
from tests.shared_ledger import SharedLedger

# A change of one row: (its number, its place or None to remove it, its count).
Change: TypeAlias = tuple[int, str | None, int | None]
PLACES = st.none() | st.sampled_from(["", "a", "b", "é", "\U0001f600"])
CHANGES = st.lists(
    st.tuples(st.integers(0, 7), PLACES, st.none() | st.integers(-1, 2)), min_size=1, max_size=5
)
BLOCKS = st.lists(CHANGES, max_size=4)
SORTS = st.sampled_from(["", "-name", "place", "-place", "place,count", "-place,-count"])
PAGES_MAX = 20  # more than any walk here has


def _apply(ledger: SharedLedger, changes: list[Change]) -> None:
    """Commit one block: each change adds, changes or removes a row."""
    known = {row[0]: row for row in ledger.rows("stock")}
    calls = []
    for number, place, count in {change[0]: change for change in changes}.values():
        name = f"n{number}"
        values = (name, place, count, None, None)
        if count == -1 and name in known:
            calls.append(ledger.remove("stock", (name,)))
        elif name not in known:
            calls.append(ledger.add("stock", values))
        elif known[name] != values:
            calls.append(ledger.change("stock", values))
    if calls:
        ledger.commit(*calls)


def _walk(
    ledger: SharedLedger, first: PageRead, blocks: list[list[Change]]
) -> tuple[list[Any], list[int]]:
    """Return the names that pages show, with a block between each two, and the pages' heights."""
    reader = Reader(str(ledger.database), ledger.local.genesis, dict)
    names, heights = [], []
    waiting, after = list(blocks), ""
    while True:
        found = reader.answer(
            PageRead(
                table=first.table, sort=first.sort, limit=first.limit, filters=first.filters,
                after=after,
            )
        )  # fmt: skip
        assert isinstance(found, Found), found
        names += [row["name"] for row in json.loads(found.body)["rows"]]
        heights.append(found.height)
        after = found.next
        if not after or len(heights) == PAGES_MAX:
            return names, heights
        if waiting:
            _apply(ledger, waiting.pop(0))


def _sorted_names(rows: list[tuple[Any, ...]], sort: str) -> list[str]:
    """Return the names of rows in the order that ``sort`` means, by a model of its own."""
    columns = {"name": [0], "place": [1, 2, 0], "place,count": [1, 2, 0]}
    wanted = columns[sort.replace("-", "") or "name"]
    ordered = sorted(rows, key=lambda row: [(row[at] is not None, row[at] or 0) if at == 2 else (
        row[at] is not None, (row[at] or "").encode()) for at in wanted])  # fmt: skip
    names = [row[0] for row in ordered]
    return names[::-1] if sort.startswith("-") else names


@settings(max_examples=60, deadline=None)
@given(
    st.lists(CHANGES, min_size=1, max_size=3),
    BLOCKS,
    SORTS,
    st.integers(1, 3),
    st.sampled_from([0, page.READ_HISTORY_TAIL_MAX]),
)
def test_any_walk_agrees_with_its_first_height(
    before: list[list[Change]], between: list[list[Change]], sort: str, limit: int, tail_max: int
) -> None:
    """By the key and by an index with nulls, up and down; rows change, go and come between pages.

    A short history since the first height is sorted, a long one is read by its index.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(page, "READ_HISTORY_TAIL_MAX", tail_max),
    ):
        ledger = SharedLedger(Path(folder) / "ledger")
        for changes in before:
            _apply(ledger, changes)
        expected = _sorted_names(ledger.rows("stock"), sort)
        height = ledger.height
        names, heights = _walk(ledger, PageRead(table="stock", sort=sort, limit=limit), between)
        ledger.close()
        assert names == expected
        assert set(heights) == {height}


def _example(folder: Path) -> tuple[list[str], list[str]]:
    """Return names expected and walked where every kind of change comes between pages."""
    ledger = SharedLedger(folder / "ledger")
    _apply(ledger, [(number, "a", number) for number in range(6)])
    expected = [row[0] for row in ledger.rows("stock")]
    between = [
        [(4, "b", -1), (0, "a", -1), (3, "b", 1), (7, "a", 2)],
        [(3, "b", -1), (4, "a", 0), (5, "b", 2)],
        [(3, "c", 0)],
    ]
    try:
        names, _ = _walk(ledger, PageRead(table="stock", limit=1), between)
    except (AssertionError, QueryError) as error:
        names = [str(error)]
    ledger.close()
    return expected, names


def _plant(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name == "pages read the newest":
        monkeypatch.setattr(page, "_height", lambda *_: None)
    elif name == "history is left out":
        monkeypatch.setattr(
            page, "_of_arm", lambda _, __, arm, *___: (["0"] if arm.is_past else [], [])
        )
    elif name == "the tail begins too late":
        real = page.tail_start
        monkeypatch.setattr(
            page, "tail_start", lambda *given: (real(*given)[0] + 1, real(*given)[1])
        )
    elif name == "a page begins with the last row again":
        real_behind = Order.behind
        monkeypatch.setattr(
            Order,
            "behind",
            lambda order, row: (
                real_behind(order, row)[0].replace(" > ", " >= "),
                real_behind(order, row)[1],
            ),
        )


@pytest.mark.parametrize(
    "name",
    [
        "pages read the newest",
        "history is left out",
        "the tail begins too late",
        "a page begins with the last row again",
    ],
)
def test_a_wrong_walk_is_caught(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: each planted mistake of paging shows wrong rows."""
    expected, walked = _example(tmp_path / "whole")
    assert walked == expected
    _plant(monkeypatch, name)
    expected, walked = _example(tmp_path / "planted")
    assert walked != expected
