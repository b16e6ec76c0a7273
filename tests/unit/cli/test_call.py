"""``comity call`` and ``comity view``: generated from declarations."""

import json

from comity.cli.main import run
from tests.unit.cli.command import Comity


def test_every_action_and_view_is_listed_and_explained(comity: Comity) -> None:
    """What an app declares is listed, and each entry tells its arguments and refusals."""
    for verb in ("call", "view"):
        for one in comity(verb, "--json").json:
            said = comity(verb, one["name"], "--help")
            assert said.out.startswith(f"Examples:\n  comity {verb} {one['name']}")
            assert one["doc"] in said.out
            schema = comity(verb, one["name"], "--help", "--json").json
            assert schema["arguments"]["type"] == "object"


def test_a_call_reads_its_arguments_by_their_shapes(comity: Comity) -> None:
    """Scalars as in files, accounts by name, lists as JSON or from a file; results come back."""
    comity("call", "members.give_role", "account=bo", "role=buyer")
    rows = comity.write("rows.json", '[["x", 1], ["y", null]]')
    schema = {
        "name": "notes",
        "columns": [
            {"name": "word", "type": "text", "maximum": 9, "required": True},
            {"name": "times", "type": "integer"},
        ],
        "key": ["word"],
    }
    comity("call", "tables.create", f"schema={json.dumps(schema)}", "preset=open")
    done = comity("call", "tables.add", "table=notes", f"rows=@{rows}", "--json").json
    assert done["result"] == []
    assert comity("sql", "SELECT * FROM notes", "--json").json["rows"][1][:2] == ["y", None]


def test_a_view_answers_as_json_and_for_people(comity: Comity) -> None:
    """Accounts are text in both; no key is needed."""
    found = comity("view", "members.named", "name=bo", "--json", "--keys", "nowhere").json
    assert found["account"].startswith("cm1")
    assert found["account"] in comity("view", "members.ls").out
    assert comity("view", "members.named", "name=zoe", "--json").json is None


def test_mistakes_are_named(comity: Comity) -> None:
    """A wrong app, name, argument or value is told with what there is."""
    assert "it has" in comity("call", "tables.nosuch", code=2).err
    assert "there is no app" in comity("view", "nosuch.ls", code=2).err
    assert "APP.ACTION" in comity("call", "nodot", code=2).err
    said = comity("call", "tables.drop", "tabel=x", code=2)
    assert "arguments are: table" in said.err
    assert "table is missing" in said.err
    assert "no fractions" in comity("call", "tables.add", "table=x", "rows=[[1.5]]", code=2).err
    assert "table-not-found" in comity("call", "tables.drop", "table=x", code=1).err
    assert "table-not-found" in comity("view", "tables.describe", "table=x", code=2).err


def test_a_rehearsed_call_writes_nothing(comity: Comity) -> None:
    """--dry-run runs the rules."""
    comity("call", "members.give_role", "account=bo", "role=buyer", "--dry-run")
    assert comity("member", "show", "bo", "--json").json["roles"] == []


def test_declarations_are_read_outside_of_a_ledger(empty: Comity) -> None:
    """An author lists installed apps without a ledger."""
    assert "tables.add" in empty("call").out
    assert run(["call", "--help"]) == 0
