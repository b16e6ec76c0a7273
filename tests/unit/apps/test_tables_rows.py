"""Rows of shared tables: who may add, change and remove them, and what is refused."""

from typing import Any

import pytest

from comity.apps.tables import views
from comity.apps.tables.actions import add, change, create, drop, remove
from comity.apps.tables.errors import NotRowOwner, NumberTooHigh, RuleRefused
from comity.sdk import (
    BadArgument,
    BadRow,
    BadSchema,
    KeyTooLong,
    NotUnique,
    Refusal,
    RowChanged,
    RowExists,
    RowNotFound,
    TableNotFound,
)
from comity.testing import Ledger, call
from tests.unit.apps.fruit import FRUIT, LIST, seen, values

# --- who may ---

EVERYONE, OWNER, CREATOR, NOBODY = ("ana", "bo", "carla"), ("bo",), ("ana",), ()
MAY = {  # ana makes the table; bo owns its row, or ana where bo cannot add
    "open": (EVERYONE, EVERYONE, EVERYONE),
    "own-rows": (EVERYONE, OWNER, NOBODY),
    "append-only": (EVERYONE, NOBODY, NOBODY),
    "read-only": (CREATOR, CREATOR, CREATOR),
}


@pytest.mark.parametrize("preset", MAY)
@pytest.mark.parametrize("by", EVERYONE)
def test_a_preset_says_who_may(ledger: Ledger, preset: Any, by: str) -> None:
    """Each preset permits each verb to exactly the members that its table of rights names."""
    may_add, may_change, may_remove = MAY[preset]
    ledger.run(create, "ana", schema=FRUIT, preset=preset)
    owner = "bo" if "bo" in may_add else "ana"
    ledger.run(add, owner, table="fruit", rows=[["apple"]])
    row_hash = seen(ledger, "fruit", "apple")
    outcomes = ledger.block(
        [
            (by, call(add, table="fruit", rows=[["pear"]])),
            (by, call(change, table="fruit", rows=[["apple", None]], seen=[row_hash])),
            (by, call(remove, table="fruit", keys=[["apple"]], seen=[row_hash])),
        ]
    )
    for may, outcome in zip((may_add, may_change, may_remove), outcomes, strict=True):
        assert isinstance(outcome, RuleRefused | NotRowOwner) == (by not in may)


def test_a_foreign_row_names_its_owner_and_the_rule(ledger: Ledger) -> None:
    """Who may not change a row learns whose it is and which rule says so."""
    ledger.run(create, "ana", schema=FRUIT, preset="own-rows")
    ledger.run(add, "bo", table="fruit", rows=[["apple"]])
    stale: dict[str, Any] = {"table": "fruit", "rows": [["apple", "red"]], "seen": [bytes(8)]}
    refused = ledger.refuses(NotRowOwner, change, "ana", **stale)
    assert refused.to_fields() == {
        "table": "fruit",
        "key": "apple",
        "owner": ledger.account("bo"),
        "rule": 'change = "owner"',
    }
    assert "cm1" in str(refused)


def test_a_refused_verb_names_the_rule_and_who_may(ledger: Ledger) -> None:
    """A read-only table names its creator; where nobody may, the refusal says none."""
    ledger.run(create, "ana", schema=FRUIT, preset="read-only")
    refused = ledger.refuses(RuleRefused, add, "bo", table="fruit", rows=[["apple"]])
    assert refused.rule == 'add = "creator"'
    assert refused.may == ledger.account("ana")


# --- rows ---


def test_rows_come_in_columns_that_the_call_names(fruit: Ledger) -> None:
    """Values stand in the order of the named columns; all others are null."""
    rows: list[list[Any]] = [["B", "plum"], ["C", "fig"]]
    fruit.run(add, "ana", table="fruit", columns=["label", "code"], rows=rows)
    assert values(fruit, "fruit")[1:] == [
        ["fig", None, None, "C"],
        ["pear", None, None, None],
        ["plum", None, None, "B"],
    ]


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"rows": [["fig", "blue"]]}, BadRow),
        ({"rows": [["fig", None, -1]]}, BadRow),
        ({"rows": [["fig", None, True]]}, BadRow),
        ({"rows": [["f" * 21]]}, BadRow),
        ({"rows": [[None]]}, BadRow),
        ({"rows": [[7]]}, BadRow),
        ({"rows": [["f\0"]]}, BadRow),
        ({"rows": [[]]}, BadRow),
        ({"rows": [["fig", None, None, None, None]]}, BadRow),
        ({"rows": [["apple"]]}, RowExists),
        ({"rows": [["fig"], ["fig"]]}, RowExists),
        ({"rows": [["fig", None, None, "A"]]}, NotUnique),
        ({"rows": [["fig", None, None, "Z"], ["kiwi", None, None, "Z"]]}, NotUnique),
        ({"rows": [["fig"]], "columns": ["nothing"]}, BadArgument),
        ({"rows": [["fig", "fig"]], "columns": ["code", "code"]}, BadArgument),
        ({"rows": [["fig"]] * 1001}, BadArgument),
        ({"rows": ["fig"]}, BadArgument),
        ({"rows": [["fig"]], "table": "veg"}, TableNotFound),
        ({"rows": [["fig"]], "table": "tables__rule"}, TableNotFound),
        ({"rows": [["fig"]], "table": "comity_chain"}, TableNotFound),
    ],
)
def test_a_bad_row_is_refused_with_all_of_its_call(
    fruit: Ledger, arguments: dict[str, Any], refusal: type[Refusal]
) -> None:
    """Types, bounds, keys and unique columns hold, and one bad row keeps all out."""
    arguments = {"table": "fruit"} | arguments
    if "columns" not in arguments and isinstance(arguments["rows"][0], list):
        arguments["rows"] = [["good"], *arguments["rows"]]
    fruit.refuses(refusal, add, "ana", **arguments)


def test_a_long_key_is_refused(ledger: Ledger) -> None:
    """A key that would be too long for a proof is a refusal."""
    column: dict[str, Any] = {"name": "code", "type": "text", "maximum": 256, "required": True}
    schema: dict[str, Any] = {"name": "long", "columns": [column], "key": ["code"]}
    ledger.run(create, "bo", schema=schema, preset="open")
    ledger.run(add, "bo", table="long", rows=[["x" * 254]])
    ledger.refuses(KeyTooLong, add, "bo", table="long", rows=[["x" * 255]])


def test_a_change_leaves_the_other_columns_and_the_owner(fruit: Ledger) -> None:
    """Only the named columns of a row change, whoever changes them."""
    row_hash = seen(fruit, "fruit", "apple")
    fruit.run(
        change,
        "ana",
        table="fruit",
        columns=["price", "code"],
        rows=[[99, "apple"]],
        seen=[row_hash[:8]],
    )
    row = fruit.view(views.row, table="fruit", key=["apple"])
    assert list(row["values"].values()) == ["apple", "red", 99, "A"]
    assert row["owner"] == fruit.account("bo")


def test_a_stale_change_shows_both_versions(fruit: Ledger) -> None:
    """Two people who read the same row cannot overwrite one another in silence."""
    row_hash = seen(fruit, "fruit", "apple")
    edit: dict[str, Any] = {"table": "fruit", "seen": [row_hash]}
    fruit.run(change, "ana", rows=[["apple", "green"]], **edit)
    refused = fruit.refuses(RowChanged, change, "bo", rows=[["apple", "red"]], **edit)
    assert refused.to_fields() == {
        "table": "fruit",
        "key": "apple",
        "seen": row_hash,
        "now": seen(fruit, "fruit", "apple"),
    }
    removal: dict[str, Any] = {"table": "fruit", "keys": [["apple"]], "seen": [row_hash]}
    fruit.refuses(RowChanged, remove, "bo", **removal)


def test_a_row_changed_there_and_back_is_another_version(fruit: Ledger) -> None:
    """A row hash names a version, not a content: there is no A-B-A gap."""
    first = seen(fruit, "fruit", "apple")
    for colour in ("green", "red"):
        now = seen(fruit, "fruit", "apple")
        fruit.run(change, "ana", table="fruit", rows=[["apple", colour]], seen=[now])
    stale: dict[str, Any] = {"table": "fruit", "rows": [["apple", "green"]], "seen": [first]}
    fruit.refuses(RowChanged, change, "bo", **stale)


def test_a_row_written_as_it_is_does_not_change(fruit: Ledger) -> None:
    """An import of equal rows leaves the table's root and history as they were."""
    row_hash, root = seen(fruit, "fruit", "apple"), fruit.store.leaves["fruit"]
    fruit.run(change, "ana", table="fruit", rows=[["apple", "red"]], seen=[row_hash])
    assert fruit.store.leaves["fruit"] == root


def test_two_changes_of_a_row_in_one_call_are_stale(fruit: Ledger) -> None:
    """The second change of the same row in one call did not see the first."""
    row_hash = seen(fruit, "fruit", "apple")
    rows = [["apple", "green"], ["apple", None]]
    twice: dict[str, Any] = {"table": "fruit", "rows": rows, "seen": [row_hash, row_hash]}
    fruit.refuses(RowChanged, change, "ana", **twice)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": [["apple", "red"]], "seen": []},
        {"rows": [["apple", "red"]], "seen": [bytes(9)]},
        {"rows": [["apple", "red"]], "seen": [bytes(7)]},
        {"rows": [["red"]], "seen": [bytes(8)], "columns": ["colour"]},
        {"rows": [["red"] * 9], "seen": [bytes(8)], "columns": ["colour"]},
        {"rows": [[]], "seen": [bytes(8)]},
    ],
)
def test_a_change_names_whole_keys_and_what_it_saw(
    fruit: Ledger, arguments: dict[str, Any]
) -> None:
    """A change without a row hash for each row, or without a key, is refused."""
    fruit.refuses(BadArgument, change, "ana", table="fruit", **arguments)


def test_an_absent_row_cannot_be_changed_or_removed(fruit: Ledger) -> None:
    """Who changes what is gone is told so."""
    edit: dict[str, Any] = {"table": "fruit", "rows": [["fig", "red"]], "seen": [bytes(8)]}
    fruit.refuses(RowNotFound, change, "ana", **edit)
    removal: dict[str, Any] = {"table": "fruit", "keys": [["fig"]], "seen": [bytes(8)]}
    fruit.refuses(RowNotFound, remove, "ana", **removal)
    wrong: dict[str, Any] = {"table": "fruit", "keys": [["fig", 1]], "seen": [bytes(8)]}
    fruit.refuses(BadRow, remove, "ana", **wrong)
    with pytest.raises(RowNotFound):
        fruit.view(views.row, table="fruit", key=["fig"])
    with pytest.raises(BadArgument):
        fruit.view(views.row, table="fruit", key=["fig", "fig"])


def test_a_removed_row_can_be_added_anew_by_another(fruit: Ledger) -> None:
    """Who adds a row is its owner, whoever owned an earlier one of the same key."""
    row_hash = seen(fruit, "fruit", "pear")
    fruit.run(remove, "ana", table="fruit", keys=[["pear"]], seen=[row_hash])
    fruit.run(add, "carla", table="fruit", rows=[["pear"]])
    row = fruit.view(views.row, table="fruit", key=["pear"])
    assert row["owner"] == fruit.account("carla")


def test_a_transaction_whose_last_call_is_refused_changes_nothing(fruit: Ledger) -> None:
    """P11: 1,000 calls, the last refused: no row changes, and one receipt names that call."""
    before = fruit.root()
    calls = [call(add, table="fruit", rows=[[f"x{at}"]]) for at in range(999)]
    outcomes = fruit.block([("ana", [*calls, call(add, table="fruit", rows=[["x0"]])])])
    assert [str(outcome) for outcome in outcomes] == [str(RowExists(table="fruit", key="x0"))]
    assert fruit.root() == before


# --- numbers ---


def test_the_ledger_numbers_rows(numbered: Ledger) -> None:
    """Rows without a key get the next numbers, in order, whoever adds them, also in one block."""
    two = call(add, table="list", columns=["item"], rows=[["a"], ["b"]])
    assert numbered.block([("ana", [two, two]), ("bo", two)]) == [[[1, 2], [3, 4]], [5, 6]]
    assert [row[0] for row in values(numbered, "list")] == [1, 2, 3, 4, 5, 6]


def test_a_number_is_never_given_twice(numbered: Ledger) -> None:
    """The number of a removed row stays used."""
    assert numbered.run(add, "ana", table="list", rows=[[None, "a"]]) == [1]
    row_hash = seen(numbered, "list", 1)
    numbered.run(remove, "ana", table="list", keys=[[1]], seen=[row_hash])
    assert numbered.run(add, "ana", table="list", rows=[[None, "b"]]) == [2]


def test_numbers_may_come_along_in_reach(numbered: Ledger) -> None:
    """An import keeps its own numbers; nobody can use the numbers up by one far ahead."""
    rows: list[list[Any]] = [[7, "a"], [None, "b"], [3, "c"]]
    assert numbered.run(add, "ana", table="list", rows=rows) == [8]
    far: dict[str, Any] = {"table": "list", "rows": [[1009, "far"]]}
    refused = numbered.refuses(NumberTooHigh, add, "ana", **far)
    assert refused.to_fields() == {"table": "list", "number": 1009, "number_max": 1008}
    assert numbered.run(add, "ana", table="list", rows=[[1008]]) == []
    clash: dict[str, Any] = {"table": "list", "rows": [[8, "x"]]}
    numbered.refuses(RowExists, add, "ana", **clash)
    text: dict[str, Any] = {"table": "list", "rows": [["8", "x"]]}
    numbered.refuses(BadRow, add, "ana", **text)


def test_only_one_integer_can_be_numbered(ledger: Ledger) -> None:
    """A table with a text key is not numbered, and a plain table asks for its key."""
    wrong: dict[str, Any] = {"schema": FRUIT, "preset": "open", "is_numbered": True}
    ledger.refuses(BadSchema, create, "bo", **wrong)
    ledger.run(create, "bo", schema=LIST, preset="open")
    ledger.refuses(BadRow, add, "bo", table="list", rows=[[None, "a"]])
    ledger.run(add, "bo", table="list", rows=[[10**15, "a"]])


def test_a_dropped_numbered_table_leaves_nothing(numbered: Ledger) -> None:
    """Rule and counter go with the table."""
    numbered.run(drop, "bo", table="list")
    run = numbered.store.connection.execute
    assert run("SELECT count(*) FROM tables__counter").fetchone() == (0,)
    assert run("SELECT count(*) FROM tables__rule").fetchone() == (0,)
