"""Shared tables made, altered, dropped and described."""

from typing import Any

import pytest

from comity.apps.tables import views
from comity.apps.tables.actions import add, alter, change, create, drop, remove
from comity.apps.tables.errors import (
    MemberHasTablesEnough,
    MemberMadeTablesEnough,
    NotTableCreator,
)
from comity.apps.tables.tables import Rule
from comity.errors import ConfigError
from comity.sdk import (
    BadArgument,
    BadRow,
    BadSchema,
    TableExists,
    TableNotEmpty,
    TableNotFound,
)
from comity.testing import Ledger
from tests.unit.apps.fruit import FRUIT, LIST, seen, values

# --- making tables ---


def test_a_table_is_a_plain_strict_table_of_its_name(ledger: Ledger) -> None:
    """What a member makes is an SQLite table that any tool reads, with owner and writer beside."""
    ledger.run(create, "bo", schema=FRUIT, preset="open")
    ledger.run(add, "bo", table="fruit", rows=[["apple", "red", 120, "A"]])

    run = ledger.store.connection.execute
    row = run("SELECT code, colour, price, label, _owner FROM fruit").fetchall()
    assert row == [("apple", "red", 120, "A", ledger.account("bo"))]
    assert run("SELECT strict FROM pragma_table_list WHERE name = 'fruit'").fetchall() == [(1,)]


def test_who_makes_a_table_is_its_creator(ledger: Ledger) -> None:
    """The rule of a table is a row that names its creator and preset."""
    rule = ledger.run(create, "bo", schema=FRUIT, preset="own-rows")
    assert rule == Rule(name="fruit", creator=ledger.account("bo"), preset="own-rows")
    assert ledger.view(views.ls) == [rule]


def test_columns_may_have_names_that_sql_uses(ledger: Ledger) -> None:
    """Column names are quoted wherever SQL is made of them."""
    words = ["n", "select", "group", "order", "index", "values", "to", "key"]
    columns = [{"name": word, "type": "integer"} for word in words]
    schema: dict[str, Any] = {
        "name": "table",
        "columns": [FRUIT["columns"][0], *columns],
        "key": ["code"],
    }
    ledger.run(create, "bo", schema=schema, preset="open")
    ledger.run(add, "bo", table="table", rows=[["x", *range(8)]])
    row_hash = seen(ledger, "table", "x")
    ledger.run(change, "bo", table="table", rows=[["x", 9]], seen=[row_hash])
    assert values(ledger, "table") == [["x", 9, *range(1, 8)]]


def test_a_member_has_and_makes_so_many_tables_and_leaves_room_for_others() -> None:
    """Making and dropping in turn ends too, for one member; another goes on."""
    parameters = {"tables.per_member": 2}
    with Ledger("tables", founders=("ana", "bo"), parameters=parameters) as ledger:
        names = iter(range(100))

        def plan() -> dict[str, Any]:
            return {"schema": FRUIT | {"name": f"t{next(names)}"}, "preset": "open"}

        ledger.run(create, "bo", **plan())
        ledger.run(create, "bo", **plan())
        refused = ledger.refuses(MemberHasTablesEnough, create, "bo", **plan())
        assert refused.tables_max == 2
        made = 2
        while made < 20:
            ledger.run(drop, "bo", table=f"t{made - 1 + (made > 2)}")
            ledger.run(create, "bo", **plan())
            made += 1
        ledger.run(drop, "bo", table="t0")
        used_up = ledger.refuses(MemberMadeTablesEnough, create, "bo", **plan())
        assert used_up.tables_max == 20
        ledger.run(create, "ana", **plan())
        ledger.check_replay()


@pytest.mark.parametrize("value", [-1, 1_001, "many"])
def test_a_genesis_says_how_many_tables_a_member_has(value: int | str) -> None:
    """What the rules could not read is told when the ledger is made."""
    with pytest.raises(ConfigError, match="a whole number from 0 to 1000 is needed"):
        Ledger("tables", parameters={"tables.per_member": value})


def test_a_name_is_taken_once(ledger: Ledger) -> None:
    """A second table of the same name is refused, also after the first was dropped."""
    ledger.run(create, "bo", schema=FRUIT, preset="open")
    ledger.refuses(TableExists, create, "ana", schema=FRUIT, preset="open")
    ledger.run(drop, "bo", table="fruit")
    ledger.refuses(TableExists, create, "ana", schema=FRUIT, preset="open")
    assert ledger.view(views.ls) == []


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
    ledger: Ledger, change: dict[str, Any], problem: str
) -> None:
    """No document makes a table that could not stand, and the refusal says why."""
    schema = FRUIT | {"indexes": []} | change
    refused = ledger.refuses(BadSchema, create, "bo", schema=schema, preset="open")
    assert problem in refused.problem


def test_a_schema_needs_its_parts(ledger: Ledger) -> None:
    """A document without columns is refused by the name of what it lacks."""
    refused = ledger.refuses(BadSchema, create, "bo", schema={"name": "x"}, preset="open")
    assert refused.problem == "schema: columns is missing"


def test_presets_are_four(ledger: Ledger) -> None:
    """Another preset is refused before anything is made."""
    unknown: dict[str, Any] = {"preset": "approved"}
    refused = ledger.refuses(BadArgument, create, "bo", schema=FRUIT, **unknown)
    assert "open, own-rows, append-only, read-only" in refused.problem


# --- schemas that change ---


def test_a_table_is_altered_column_by_column(fruit: Ledger) -> None:
    """Columns are appended, renamed and retired, codes added; rows keep what they hold."""
    fruit.run(
        alter,
        "bo",
        table="fruit",
        columns=[{"name": "note", "type": "text", "maximum": 9}],
        renames={"code": "fruit_code", "label": "sticker"},
        retired=["price"],
        values={"colour": ["blue"]},
    )
    schema = fruit.view(views.describe, table="fruit")["schema"]
    names = [column["name"] for column in schema["columns"]]
    assert names == ["fruit_code", "colour", "price", "sticker", "note"]
    assert schema["key"] == ["fruit_code"]
    assert schema["indexes"] == [
        {"name": "unique_label", "columns": ["sticker"], "unique": True},
    ]
    fruit.run(add, "ana", table="fruit", rows=[["sloe", "blue", None, "S", "tart"]])
    assert values(fruit, "fruit") == [
        ["apple", "red", "A", None],
        ["pear", None, None, None],
        ["sloe", "blue", "S", "tart"],
    ]
    priced: dict[str, Any] = {"table": "fruit", "rows": [["fig", None, 7]]}
    fruit.refuses(BadRow, add, "ana", **priced)


def test_a_row_from_before_a_column_was_retired_can_be_changed(fruit: Ledger) -> None:
    """A change lets go of what a retired column held, so the row stays one that is permitted."""
    fruit.run(alter, "bo", table="fruit", retired=["price"])
    row_hash = seen(fruit, "fruit", "apple")
    fruit.run(change, "ana", table="fruit", rows=[["apple", "green"]], seen=[row_hash])
    found = fruit.store.connection.execute("SELECT * FROM fruit WHERE code = 'apple'").fetchone()
    assert found is not None
    assert found[:4] == ("apple", "green", None, "A")


def test_a_call_signed_before_a_column_was_appended_still_fits(fruit: Ledger) -> None:
    """Rows without values for columns that came later are added with nulls."""
    note: dict[str, Any] = {"name": "note", "type": "text", "maximum": 9}
    fruit.run(alter, "bo", table="fruit", columns=[note])
    fruit.run(add, "ana", table="fruit", rows=[["fig", "green", 5, "F"]])
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
    fruit: Ledger, arguments: dict[str, Any]
) -> None:
    """What would break rows, key or indexes is a refusal of the schema."""
    fruit.refuses(BadSchema, alter, "bo", table="fruit", **arguments)


def test_only_the_creator_alters_and_drops(fruit: Ledger) -> None:
    """A table's shape and end are its creator's, and rows keep it from being dropped."""
    for action in (alter, drop):
        refused = fruit.refuses(NotTableCreator, action, "ana", table="fruit")
        assert refused.creator == fruit.account("bo")
        fruit.refuses(TableNotFound, action, "ana", table="veg")
    fruit.refuses(TableNotEmpty, drop, "bo", table="fruit")


# --- reading ---


def test_rows_come_in_pages(ledger: Ledger) -> None:
    """Pages in key order join up to the whole table, also when the last row seen is gone."""
    ledger.run(create, "bo", schema=LIST, preset="open", is_numbered=True)
    ledger.run(add, "bo", table="list", columns=["item"], rows=[["x"]] * 7)
    found: list[int] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = ledger.view(views.rows, table="list", after=after, limit=3)
        found += [row["values"]["id"] for row in page["rows"]]
        after, pages = page["next"], pages + 1
        if after == [6]:
            row_hash = seen(ledger, "list", 6)
            ledger.run(remove, "bo", table="list", keys=[[6]], seen=[row_hash])
    assert (found, pages) == ([1, 2, 3, 4, 5, 6, 7], 3)


def test_tables_come_in_pages(ledger: Ledger) -> None:
    """The list of tables goes on behind a name."""
    for name in ("a", "b", "c"):
        ledger.run(create, "bo", schema=LIST | {"name": name}, preset="open")
    assert [rule.name for rule in ledger.view(views.ls, limit=2)] == ["a", "b"]
    assert [rule.name for rule in ledger.view(views.ls, after="b")] == ["c"]


def test_rules_are_said_in_sentences(ledger: Ledger) -> None:
    """Everyone can read who may do what with a table."""
    ledger.run(create, "bo", schema=FRUIT, preset="own-rows")
    assert ledger.view(views.describe, table="fruit")["rules"] == [
        "Every member may add rows.",
        "A row's owner, who added it, may change it.",
        "Nobody may remove rows.",
        "The table's creator may alter it, and drop it when it is empty.",
    ]
