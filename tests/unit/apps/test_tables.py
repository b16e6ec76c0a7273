"""Shared tables: who may do what with them, and what becomes of their rows and schemas."""

from collections.abc import Iterator
from typing import Any

import pytest

from comity.apps.members import app as members
from comity.apps.tables import app as tables
from comity.apps.tables.errors import (
    NotRowOwner,
    NotTableCreator,
    NumberTooHigh,
    RuleRefused,
)
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
    TableExists,
    TableNotEmpty,
    TableNotFound,
)
from tests.unit.apps.small_ledger import Refused, SmallLedger, account_of, is_refusal

FRUIT: dict[str, Any] = {
    "name": "fruit",
    "columns": [
        {"name": "code", "type": "text", "maximum": 20, "required": True},
        {"name": "colour", "type": "enum", "values": ["green", "red"]},
        {"name": "price", "type": "decimal", "scale": 2, "minimum": 0},
        {"name": "label", "type": "text", "maximum": 20},
    ],
    "key": ["code"],
    "indexes": [{"name": "unique_label", "columns": ["label"], "unique": True}],
}
LIST: dict[str, Any] = {
    "name": "list",
    "columns": [
        {"name": "id", "type": "integer", "required": True},
        {"name": "item", "type": "text", "maximum": 20},
    ],
    "key": ["id"],
}


@pytest.fixture
def ledger() -> Iterator[SmallLedger]:
    """A ledger of Ana, an admin, Bo and Carla."""
    made = SmallLedger([members, tables], {"ana": ["admin"], "bo": [], "carla": []})
    yield made
    made.close()


def refusal_of(ledger: SmallLedger, by: str, action: str, **arguments: Any) -> Refused:
    """Return the refusal of a call, after which nothing has changed but the log."""
    before = {name: leaf for name, leaf in ledger.store.leaves.items() if name[:6] != "comity"}
    with pytest.raises(Refused) as caught:
        ledger.call(by, action, **arguments)
    assert before == {
        name: leaf for name, leaf in ledger.store.leaves.items() if name[:6] != "comity"
    }
    return caught.value


def is_refused(
    ledger: SmallLedger, refusal: type[Refusal], by: str, action: str, **arguments: Any
) -> bool:
    """Tell whether a call is refused in this way and changes nothing."""
    return is_refusal(refusal_of(ledger, by, action, **arguments), refusal)


def seen(ledger: SmallLedger, table: str, *key: int | str) -> bytes:
    """Return the row hash of a row as of now."""
    found: bytes = ledger.view("tables.row", table=table, key=list(key))["seen"]
    return found


def values(ledger: SmallLedger, table: str) -> list[list[Any]]:
    """Return the values of a table's rows, in key order."""
    page = ledger.view("tables.rows", table=table)
    return [list(row["values"].values()) for row in page["rows"]]


# --- making tables ---


def test_a_table_is_a_plain_strict_table_of_its_name(ledger: SmallLedger) -> None:
    """What a member makes is an SQLite table that any tool reads, with owner and writer beside."""
    ledger.call("bo", "tables.create", schema=FRUIT, preset="open")
    ledger.call("bo", "tables.add", table="fruit", rows=[["apple", "red", 120, "A"]])

    run = ledger.store.connection.execute
    row = run("SELECT code, colour, price, label, _owner FROM fruit").fetchall()
    assert row == [("apple", "red", 120, "A", account_of("bo"))]
    assert run("SELECT strict FROM pragma_table_list WHERE name = 'fruit'").fetchall() == [(1,)]


def test_who_makes_a_table_is_its_creator(ledger: SmallLedger) -> None:
    """The rule of a table is a row that names its creator and preset."""
    rule = ledger.call("bo", "tables.create", schema=FRUIT, preset="own-rows")
    expected = {"name": "fruit", "creator": account_of("bo"), "preset": "own-rows"}
    assert rule == expected | {"is_numbered": False}
    assert ledger.view("tables.ls") == [rule]


def test_columns_may_have_names_that_sql_uses(ledger: SmallLedger) -> None:
    """Column names are quoted wherever SQL is made of them."""
    words = ["n", "select", "group", "order", "index", "values", "to", "key"]
    columns = [{"name": word, "type": "integer"} for word in words]
    schema = {"name": "table", "columns": [FRUIT["columns"][0], *columns], "key": ["code"]}
    ledger.call("bo", "tables.create", schema=schema, preset="open")
    ledger.call("bo", "tables.add", table="table", rows=[["x", *range(8)]])
    row_hash = seen(ledger, "table", "x")
    ledger.call("bo", "tables.change", table="table", rows=[["x", 9]], seen=[row_hash])
    assert values(ledger, "table") == [["x", 9, *range(1, 8)]]


def test_a_name_is_taken_once(ledger: SmallLedger) -> None:
    """A second table of the same name is refused, also after the first was dropped."""
    ledger.call("bo", "tables.create", schema=FRUIT, preset="open")
    assert is_refused(ledger, TableExists, "ana", "tables.create", schema=FRUIT, preset="open")
    ledger.call("bo", "tables.drop", table="fruit")
    assert is_refused(ledger, TableExists, "ana", "tables.create", schema=FRUIT, preset="open")
    assert ledger.view("tables.ls") == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "Fruit"}, "small letters"),
        ({"name": "fruit\u00e9"}, "small letters"),
        ({"name": "comity_fruit"}, "reserved"),
        ({"name": "members__member"}, "two underscores"),
        ({"name": "h"}, "reserved"),
        ({"name": 7}, "name must be text"),
        ({"columns": []}, "columns"),
        ({"columns": [7]}, "a map by name"),
        ({"columns": [{"name": "code"}]}, "type is missing"),
        ({"columns": [{"name": "code", "type": "number"}]}, "one of integer"),
        ({"columns": [{"name": "code", "type": "text", "required": 1}]}, "true or false"),
        ({"columns": [{"name": "code", "type": "text", "required": True}]}, "length bound"),
        ({"columns": [{"name": "code", "type": "integer", "size": 4}]}, "unknown"),
        ({"columns": [*FRUIT["columns"], FRUIT["columns"][1]]}, "stands twice"),
        ({"columns": [{"name": "code", "type": "account", "required": True}]}, "types of shared"),
        ({"columns": [{"name": "code", "type": "enum", "values": [7]}]}, "text is needed"),
        ({"key": []}, "a key of 1"),
        ({"key": ["colour"]}, "must be required"),
        ({"key": ["colour\u0301"]}, "small letters"),
        ({"key": "code"}, "a list"),
        ({"indexes": [{"name": "x", "columns": ["nothing"]}]}, "no column"),
        ({"history": 0}, "history"),
        ({"preset": "open"}, "unknown"),
    ],
)
def test_a_bad_schema_says_what_is_wrong(
    ledger: SmallLedger, change: dict[str, Any], problem: str
) -> None:
    """No document makes a table that could not stand, and the refusal says why."""
    schema = FRUIT | {"indexes": []} | change
    refused = refusal_of(ledger, "bo", "tables.create", schema=schema, preset="open")
    assert is_refusal(refused, BadSchema)
    assert problem in str(refused.fields["problem"])


def test_a_schema_needs_its_parts(ledger: SmallLedger) -> None:
    """A document without columns is refused by the name of what it lacks."""
    refused = refusal_of(ledger, "bo", "tables.create", schema={"name": "x"}, preset="open")
    assert refused.fields["problem"] == "schema: columns is missing"


def test_presets_are_four(ledger: SmallLedger) -> None:
    """Another preset is refused before anything is made."""
    refused = refusal_of(ledger, "bo", "tables.create", schema=FRUIT, preset="approved")
    assert is_refusal(refused, BadArgument)
    assert "open, own-rows, append-only, read-only" in str(refused.fields["problem"])


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
def test_a_preset_says_who_may(ledger: SmallLedger, preset: str, by: str) -> None:
    """Each preset permits each verb to exactly the members that its table of rights names."""
    may_add, may_change, may_remove = MAY[preset]
    ledger.call("ana", "tables.create", schema=FRUIT, preset=preset)
    owner = "bo" if "bo" in may_add else "ana"
    ledger.call(owner, "tables.add", table="fruit", rows=[["apple"]])
    row_hash = seen(ledger, "fruit", "apple")
    verbs: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
        ("add", may_add, {"rows": [["pear"]]}),
        ("change", may_change, {"rows": [["apple", "red"]], "seen": [row_hash]}),
        ("remove", may_remove, {"keys": [["apple"]], "seen": [row_hash]}),
    ]
    for verb, may, arguments in verbs:
        receipt = ledger.run(by, (f"tables.{verb}", {"table": "fruit", **arguments}))
        assert receipt.is_ok == (by in may), (verb, receipt)
        if by not in may:
            assert receipt.app == "tables"
            assert receipt.fields["rule"][: len(verb)] == verb
        elif verb == "change":
            ledger.call(
                by,
                "tables.change",
                table="fruit",
                rows=[["apple", None]],
                seen=[seen(ledger, "fruit", "apple")],
            )
            verbs[2][2]["seen"] = [seen(ledger, "fruit", "apple")]


def test_a_foreign_row_names_its_owner_and_the_rule(ledger: SmallLedger) -> None:
    """Who may not change a row learns whose it is and which rule says so."""
    ledger.call("ana", "tables.create", schema=FRUIT, preset="own-rows")
    ledger.call("bo", "tables.add", table="fruit", rows=[["apple"]])
    refused = refusal_of(
        ledger, "ana", "tables.change", table="fruit", rows=[["apple", "red"]], seen=[bytes(8)]
    )
    assert is_refusal(refused, NotRowOwner)
    assert refused.fields == {
        "table": "fruit",
        "key": "apple",
        "owner": account_of("bo"),
        "rule": 'change = "owner"',
    }
    assert "cm1" in NotRowOwner.to_words(refused.fields)


def test_a_refused_verb_names_the_rule_and_who_may(ledger: SmallLedger) -> None:
    """A read-only table names its creator; where nobody may, the refusal says none."""
    ledger.call("ana", "tables.create", schema=FRUIT, preset="read-only")
    refused = refusal_of(ledger, "bo", "tables.add", table="fruit", rows=[["apple"]])
    assert is_refusal(refused, RuleRefused)
    assert refused.fields["rule"] == 'add = "creator"'
    assert refused.fields["may"] == account_of("ana")


# --- rows ---


@pytest.fixture
def fruit(ledger: SmallLedger) -> SmallLedger:
    """The ledger with a table of fruit that Bo made, open to everyone."""
    ledger.call("bo", "tables.create", schema=FRUIT, preset="open")
    ledger.call("bo", "tables.add", table="fruit", rows=[["apple", "red", 120, "A"], ["pear"]])
    return ledger


def test_rows_come_in_columns_that_the_call_names(fruit: SmallLedger) -> None:
    """Values stand in the order of the named columns; all others are null."""
    rows = [["B", "plum"], ["C", "fig"]]
    fruit.call("ana", "tables.add", table="fruit", columns=["label", "code"], rows=rows)
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
    fruit: SmallLedger, arguments: dict[str, Any], refusal: type[Refusal]
) -> None:
    """Types, bounds, keys and unique columns hold, and one bad row keeps all out."""
    arguments = {"table": "fruit"} | arguments
    if "columns" not in arguments and isinstance(arguments["rows"][0], list):
        arguments["rows"] = [["good"], *arguments["rows"]]
    assert is_refused(fruit, refusal, "ana", "tables.add", **arguments)


def test_a_long_key_is_refused(ledger: SmallLedger) -> None:
    """A key that would be too long for a proof is a refusal."""
    column = {"name": "code", "type": "text", "maximum": 256, "required": True}
    schema = {"name": "long", "columns": [column], "key": ["code"]}
    ledger.call("bo", "tables.create", schema=schema, preset="open")
    ledger.call("bo", "tables.add", table="long", rows=[["x" * 254]])
    assert is_refused(ledger, KeyTooLong, "bo", "tables.add", table="long", rows=[["x" * 255]])


def test_a_change_leaves_the_other_columns_and_the_owner(fruit: SmallLedger) -> None:
    """Only the named columns of a row change, whoever changes them."""
    row_hash = seen(fruit, "fruit", "apple")
    fruit.call(
        "ana",
        "tables.change",
        table="fruit",
        columns=["price", "code"],
        rows=[[99, "apple"]],
        seen=[row_hash[:8]],
    )
    row = fruit.view("tables.row", table="fruit", key=["apple"])
    assert list(row["values"].values()) == ["apple", "red", 99, "A"]
    assert row["owner"] == account_of("bo")


def test_a_stale_change_shows_both_versions(fruit: SmallLedger) -> None:
    """Two people who read the same row cannot overwrite one another in silence."""
    row_hash = seen(fruit, "fruit", "apple")
    change: dict[str, Any] = {"table": "fruit", "seen": [row_hash]}
    fruit.call("ana", "tables.change", rows=[["apple", "green"]], **change)
    refused = refusal_of(fruit, "bo", "tables.change", rows=[["apple", "red"]], **change)
    assert is_refusal(refused, RowChanged)
    assert refused.fields == {
        "table": "fruit",
        "key": "apple",
        "seen": row_hash,
        "now": seen(fruit, "fruit", "apple"),
    }
    removal = {"table": "fruit", "keys": [["apple"]], "seen": [row_hash]}
    assert is_refused(fruit, RowChanged, "bo", "tables.remove", **removal)


def test_a_row_changed_there_and_back_is_another_version(fruit: SmallLedger) -> None:
    """A row hash names a version, not a content: there is no A-B-A gap."""
    first = seen(fruit, "fruit", "apple")
    for colour in ("green", "red"):
        now = seen(fruit, "fruit", "apple")
        fruit.call("ana", "tables.change", table="fruit", rows=[["apple", colour]], seen=[now])
    stale = {"table": "fruit", "rows": [["apple", "green"]], "seen": [first]}
    assert is_refused(fruit, RowChanged, "bo", "tables.change", **stale)


def test_a_row_written_as_it_is_does_not_change(fruit: SmallLedger) -> None:
    """An import of equal rows leaves the table's root and history as they were."""
    row_hash, root = seen(fruit, "fruit", "apple"), fruit.store.leaves["fruit"]
    fruit.call("ana", "tables.change", table="fruit", rows=[["apple", "red"]], seen=[row_hash])
    assert fruit.store.leaves["fruit"] == root


def test_two_changes_of_a_row_in_one_call_are_stale(fruit: SmallLedger) -> None:
    """The second change of the same row in one call did not see the first."""
    row_hash = seen(fruit, "fruit", "apple")
    rows = [["apple", "green"], ["apple", None]]
    twice = {"table": "fruit", "rows": rows, "seen": [row_hash, row_hash]}
    assert is_refused(fruit, RowChanged, "ana", "tables.change", **twice)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": [["apple", "red"]], "seen": []},
        {"rows": [["apple", "red"]], "seen": [bytes(9)]},
        {"rows": [["apple", "red"]], "seen": [bytes(7)]},
        {"rows": [["red"]], "seen": [bytes(8)], "columns": ["colour"]},
        {"rows": [[]], "seen": [bytes(8)]},
        {"rows": [["apple"]]},
    ],
)
def test_a_change_names_whole_keys_and_what_it_saw(
    fruit: SmallLedger, arguments: dict[str, Any]
) -> None:
    """A change without a row hash for each row, or without a key, is refused."""
    assert is_refused(fruit, BadArgument, "ana", "tables.change", table="fruit", **arguments)


def test_an_absent_row_cannot_be_changed_or_removed(fruit: SmallLedger) -> None:
    """Who changes what is gone is told so."""
    change = {"table": "fruit", "rows": [["fig", "red"]], "seen": [bytes(8)]}
    assert is_refused(fruit, RowNotFound, "ana", "tables.change", **change)
    removal = {"table": "fruit", "keys": [["fig"]], "seen": [bytes(8)]}
    assert is_refused(fruit, RowNotFound, "ana", "tables.remove", **removal)
    wrong = {"table": "fruit", "keys": [["fig", 1]], "seen": [bytes(8)]}
    assert is_refused(fruit, BadRow, "ana", "tables.remove", **wrong)
    assert is_refusal_of_view(fruit, RowNotFound, table="fruit", key=["fig"])


def is_refusal_of_view(ledger: SmallLedger, refusal: type[Refusal], **arguments: Any) -> bool:
    """Tell whether the view of a row is refused in this way."""
    with pytest.raises(refusal):
        ledger.view("tables.row", **arguments)
    return True


def test_a_removed_row_can_be_added_anew_by_another(fruit: SmallLedger) -> None:
    """Who adds a row is its owner, whoever owned an earlier one of the same key."""
    row_hash = seen(fruit, "fruit", "pear")
    fruit.call("ana", "tables.remove", table="fruit", keys=[["pear"]], seen=[row_hash])
    fruit.call("carla", "tables.add", table="fruit", rows=[["pear"]])
    row = fruit.view("tables.row", table="fruit", key=["pear"])
    assert row["owner"] == account_of("carla")


def test_a_transaction_whose_last_call_is_refused_changes_nothing(fruit: SmallLedger) -> None:
    """P11: 1,000 calls, the last refused: no row changes, and one receipt names that call."""
    before = fruit.store.leaves["fruit"]
    calls = [("tables.add", {"table": "fruit", "rows": [[f"x{at}"]]}) for at in range(999)]
    receipts = fruit.block(
        fruit.transaction("ana", [*calls, ("tables.add", {"table": "fruit", "rows": [["x0"]]})])
    )
    assert [receipt.call_index for receipt in receipts] == [999]
    assert is_refusal(Refused(receipts[0]), RowExists)
    assert fruit.store.leaves["fruit"] == before
    assert len(values(fruit, "fruit")) == 2


# --- numbers ---


@pytest.fixture
def numbered(ledger: SmallLedger) -> SmallLedger:
    """The ledger with a numbered table, open to everyone."""
    ledger.call("bo", "tables.create", schema=LIST, preset="open", is_numbered=True)
    return ledger


def test_the_ledger_numbers_rows(numbered: SmallLedger) -> None:
    """Rows without a key get the next numbers, in order, whoever adds them, also in one block."""
    add = ("tables.add", {"table": "list", "columns": ["item"], "rows": [["a"], ["b"]]})
    receipts = numbered.block(
        numbered.transaction("ana", [add, add]), numbered.transaction("bo", [add])
    )
    assert [receipt.results for receipt in receipts] == [([1, 2], [3, 4]), ([5, 6],)]
    assert [row[0] for row in values(numbered, "list")] == [1, 2, 3, 4, 5, 6]


def test_a_number_is_never_given_twice(numbered: SmallLedger) -> None:
    """The number of a removed row stays used."""
    assert numbered.call("ana", "tables.add", table="list", rows=[[None, "a"]]) == [1]
    row_hash = seen(numbered, "list", 1)
    numbered.call("ana", "tables.remove", table="list", keys=[[1]], seen=[row_hash])
    assert numbered.call("ana", "tables.add", table="list", rows=[[None, "b"]]) == [2]


def test_numbers_may_come_along_in_reach(numbered: SmallLedger) -> None:
    """An import keeps its own numbers; nobody can use the numbers up by one far ahead."""
    rows: list[list[Any]] = [[7, "a"], [None, "b"], [3, "c"]]
    assert numbered.call("ana", "tables.add", table="list", rows=rows) == [8]
    far = {"table": "list", "rows": [[1009, "far"]]}
    refused = refusal_of(numbered, "ana", "tables.add", **far)
    assert is_refusal(refused, NumberTooHigh)
    assert refused.fields == {"table": "list", "number": 1009, "number_max": 1008}
    assert numbered.call("ana", "tables.add", table="list", rows=[[1008]]) == []
    clash = {"table": "list", "rows": [[8, "x"]]}
    assert is_refused(numbered, RowExists, "ana", "tables.add", **clash)
    text = {"table": "list", "rows": [["8", "x"]]}
    assert is_refused(numbered, BadRow, "ana", "tables.add", **text)


def test_only_one_integer_can_be_numbered(ledger: SmallLedger) -> None:
    """A table with a text key is not numbered, and a plain table asks for its key."""
    wrong = {"schema": FRUIT, "preset": "open", "is_numbered": True}
    assert is_refused(ledger, BadSchema, "bo", "tables.create", **wrong)
    ledger.call("bo", "tables.create", schema=LIST, preset="open")
    assert is_refused(ledger, BadRow, "bo", "tables.add", table="list", rows=[[None, "a"]])
    ledger.call("bo", "tables.add", table="list", rows=[[10**15, "a"]])


def test_a_dropped_numbered_table_leaves_nothing(numbered: SmallLedger) -> None:
    """Rule and counter go with the table."""
    numbered.call("bo", "tables.drop", table="list")
    run = numbered.store.connection.execute
    assert run("SELECT count(*) FROM tables__counter").fetchone() == (0,)
    assert run("SELECT count(*) FROM tables__rule").fetchone() == (0,)


# --- schemas that change ---


def test_a_table_is_altered_column_by_column(fruit: SmallLedger) -> None:
    """Columns are appended, renamed and retired, codes added; rows keep what they hold."""
    fruit.call(
        "bo",
        "tables.alter",
        table="fruit",
        columns=[{"name": "note", "type": "text", "maximum": 9}],
        renames={"code": "fruit_code", "label": "sticker"},
        retired=["price"],
        values={"colour": ["blue"]},
    )
    schema = fruit.view("tables.describe", table="fruit")["schema"]
    names = [column["name"] for column in schema["columns"]]
    assert names == ["fruit_code", "colour", "price", "sticker", "note"]
    assert schema["key"] == ["fruit_code"]
    assert schema["indexes"] == [
        {"name": "unique_label", "columns": ["sticker"], "unique": True},
    ]
    fruit.call("ana", "tables.add", table="fruit", rows=[["sloe", "blue", None, "S", "tart"]])
    assert values(fruit, "fruit") == [
        ["apple", "red", "A", None],
        ["pear", None, None, None],
        ["sloe", "blue", "S", "tart"],
    ]
    priced = {"table": "fruit", "rows": [["fig", None, 7]]}
    assert is_refused(fruit, BadRow, "ana", "tables.add", **priced)


def test_a_row_from_before_a_column_was_retired_can_be_changed(fruit: SmallLedger) -> None:
    """A change lets go of what a retired column held, so the row stays one that is permitted."""
    fruit.call("bo", "tables.alter", table="fruit", retired=["price"])
    row_hash = seen(fruit, "fruit", "apple")
    fruit.call("ana", "tables.change", table="fruit", rows=[["apple", "green"]], seen=[row_hash])
    found = fruit.store.connection.execute("SELECT * FROM fruit WHERE code = 'apple'").fetchone()
    assert found is not None
    assert found[:4] == ("apple", "green", None, "A")


def test_a_call_signed_before_a_column_was_appended_still_fits(fruit: SmallLedger) -> None:
    """Rows without values for columns that came later are added with nulls."""
    note = {"name": "note", "type": "text", "maximum": 9}
    fruit.call("bo", "tables.alter", table="fruit", columns=[note])
    fruit.call("ana", "tables.add", table="fruit", rows=[["fig", "green", 5, "F"]])
    assert values(fruit, "fruit")[1] == ["fig", "green", 5, "F", None]


@pytest.mark.parametrize(
    "arguments",
    [
        {"columns": [{"name": "note", "type": "text", "maximum": 9, "required": True}]},
        {"columns": [{"name": "note", "type": "bytes", "maximum": 9}]},
        {"columns": [{"name": "label", "type": "integer"}]},
        {"columns": [{"name": "Note", "type": "integer"}]},
        {"renames": {"label": "code"}},
        {"renames": {"nothing": "x"}},
        {"renames": {"label": 7}},
        {"renames": {"label": "l\u00e4bel"}},
        {"retired": ["code"]},
        {"retired": ["label"]},
        {"retired": ["nothing"]},
        {"values": {"colour": ["red"]}},
        {"values": {"colour": "red"}},
        {"values": {"colour": [7]}},
        {"values": {"label": ["red"]}},
        {"values": {"nothing": ["red"]}},
    ],
)
def test_a_table_cannot_be_altered_into_what_it_is_not(
    fruit: SmallLedger, arguments: dict[str, Any]
) -> None:
    """What would break rows, key or indexes is a refusal of the schema."""
    assert is_refused(fruit, BadSchema, "bo", "tables.alter", table="fruit", **arguments)


def test_only_the_creator_alters_and_drops(fruit: SmallLedger) -> None:
    """A table's shape and end are its creator's, and rows keep it from being dropped."""
    for action in ("tables.alter", "tables.drop"):
        refused = refusal_of(fruit, "ana", action, table="fruit")
        assert is_refusal(refused, NotTableCreator)
        assert refused.fields["creator"] == account_of("bo")
        assert is_refused(fruit, TableNotFound, "ana", action, table="veg")
    assert is_refused(fruit, TableNotEmpty, "bo", "tables.drop", table="fruit")


# --- reading ---


def test_rows_come_in_pages(ledger: SmallLedger) -> None:
    """Pages in key order join up to the whole table, also when the last row seen is gone."""
    ledger.call("bo", "tables.create", schema=LIST, preset="open", is_numbered=True)
    ledger.call("bo", "tables.add", table="list", columns=["item"], rows=[["x"]] * 7)
    found: list[int] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = ledger.view("tables.rows", table="list", after=after, limit=3)
        found += [row["values"]["id"] for row in page["rows"]]
        after, pages = page["next"], pages + 1
        if after == [6]:
            row_hash = seen(ledger, "list", 6)
            ledger.call("bo", "tables.remove", table="list", keys=[[6]], seen=[row_hash])
    assert (found, pages) == ([1, 2, 3, 4, 5, 6, 7], 3)


def test_tables_come_in_pages(ledger: SmallLedger) -> None:
    """The list of tables goes on behind a name."""
    for name in ("a", "b", "c"):
        ledger.call("bo", "tables.create", schema=LIST | {"name": name}, preset="open")
    assert [rule["name"] for rule in ledger.view("tables.ls", limit=2)] == ["a", "b"]
    assert [rule["name"] for rule in ledger.view("tables.ls", after="b")] == ["c"]


def test_rules_are_said_in_sentences(ledger: SmallLedger) -> None:
    """Everyone can read who may do what with a table."""
    ledger.call("bo", "tables.create", schema=FRUIT, preset="own-rows")
    assert ledger.view("tables.describe", table="fruit")["rules"] == [
        "Every member may add rows.",
        "A row's owner, who added it, may change it.",
        "Nobody may remove rows.",
        "The table's creator may alter it, and drop it when it is empty.",
    ]
