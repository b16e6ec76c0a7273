"""``comity row``: rows changed only as they were seen, and only by who may."""

import json

import pytest

from tests.unit.cli.command import Comity


@pytest.fixture
def people(comity: Comity) -> Comity:
    """Give a ledger with three rows of ana."""
    comity.import_people()
    return comity


def test_a_row_is_shown_with_owner_and_etag(people: Comity) -> None:
    """What a change must name is shown beside the values; the text form shows the same."""
    said = people("row", "show", "people", "bo", "--json").json
    assert said["fields"] == {"name": "bo", "age": 27, "city": "Oslo"}
    assert said["owner"] == "ana"
    assert len(said["etag"]) == 16
    assert said["etag"] in people("row", "show", "people", "bo").out


def test_rows_are_added_changed_and_seen(people: Comity) -> None:
    """An added row is there, a changed cell reads anew, and an emptied one is null."""
    people("row", "add", "people", "name=dov", "age=60", "city=Pisa")
    people("row", "set", "people", "dov", "age=61", "city=Bari")
    assert people("row", "show", "people", "dov", "--json").json["fields"]["age"] == 61
    height = people("sql", "SELECT 1", "--json").json["height"]
    said = people("row", "set", "people", "dov", "age=61", "--json")
    assert said.json["height"] == height  # nothing to change, nothing signed


def test_a_foreign_row_is_refused_with_rule_owner_and_who_can_fix(people: Comity) -> None:
    """The refusal names the rule, whose row it is, and who can help; exit code 1."""
    keys = people.folder / "bo-keys"
    said = people("row", "set", "people", "bo", "age=1", "--keys", keys, code=1)
    for words in ("not-row-owner", "people[bo]", "owner: ana", 'change = "owner"', "Ask the row's"):
        assert words in said.err
    error = json.loads(
        people("row", "set", "people", "bo", "age=1", "--keys", keys, "--json", code=1).err
    )["error"]
    assert (error["code"], error["rule"], error["exit"]) == (
        "not-row-owner", 'change = "owner"', 1,
    )  # fmt: skip
    assert people("row", "show", "people", "bo", "--json").json["fields"]["age"] == 27


def test_a_lost_update_is_caught_and_both_versions_shown(people: Comity) -> None:
    """Who saw an older version changes nothing, and sees theirs beside mine; exit code 5."""
    etag = people("row", "show", "people", "bo", "--json").json["etag"]
    people("row", "set", "people", "bo", "age=28")
    arguments = ("row", "set", "people", "bo", "age=99", "--if-match", etag)
    said = people(*arguments, code=5)
    assert "row-changed" in said.err
    assert "28" in said.err
    assert "99" in said.err
    error = json.loads(people(*arguments, "--json", code=5).err)["error"]
    assert error["theirs"]["age"] == "28"
    assert error["mine"] == {"age": "99"}
    people("row", "set", "people", "bo", "age=99", "--if-match", error["etag"])
    assert people("row", "show", "people", "bo", "--json").json["fields"]["age"] == 99


def test_removal_follows_the_rules(people: Comity) -> None:
    """Own rows are not removed under own-rows; under open any member removes."""
    assert 'remove = "nobody"' in people("row", "rm", "people", "bo", code=1).err
    people(
        "table",
        "new",
        people.folder / "people.csv",
        "--table",
        "open_people",
        "--rules",
        "open",
        "-y",
    )
    people("row", "add", "open_people", "name=dov", "age=60", "city=Pisa")
    people("row", "rm", "open_people", "dov", "--keys", people.folder / "bo-keys")
    assert "row-not-found" in people("row", "show", "open_people", "dov", code=2).err


def test_a_rehearsal_asks_the_rules_and_writes_nothing(people: Comity) -> None:
    """--dry-run tells a refusal as the rules would, and a success without writing it."""
    height = people("sql", "SELECT 1", "--json").json["height"]
    keys = people.folder / "bo-keys"
    people("row", "set", "people", "bo", "age=1", "--keys", keys, "--dry-run", code=1)
    said = people("row", "set", "people", "bo", "age=1", "--dry-run")
    assert not said.out
    assert "nothing was written" in said.err
    assert people("sql", "SELECT 1", "--json").json["height"] == height


def test_a_file_of_rows_goes_in_whole_or_not(people: Comity) -> None:
    """`row add -f` is one call: all rows or none."""
    good = people.write(
        "more.jsonl", '{"name":"dov","age":1,"city":"x"}\n{"name":"eve","age":2,"city":"y"}\n'
    )
    people("row", "add", "people", "-f", good)
    clash = people.write(
        "clash.jsonl", '{"name":"fay","age":1,"city":"x"}\n{"name":"bo","age":2,"city":"y"}\n'
    )
    assert "row-exists" in people("row", "add", "people", "-f", clash, code=1).err
    assert people("sql", "SELECT count(*) FROM people", "--json").json["rows"] == [[5]]
    bad = people.write("bad.jsonl", '{"name":"gil","age":"old","city":"x"}\n')
    assert "line 1" in people("row", "add", "people", "-f", bad, code=2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "people", "bo"], "COLUMN=VALUE"),
        (["set", "people", "bo", "years=1"], "no column years"),
        (["set", "people", "bo", "age=old"], "age"),
        (["set", "people", "bo", "age=1", "--if-match", "xyz"], "hex"),
        (["set", "people", "zoe", "age=1"], "no such row"),
        (["show", "nosuch", "bo"], "no table nosuch"),
        (["show", "people", "a", "b"], "1 word, not 2"),
        (["add", "people", "age"], "COLUMN=VALUE"),
    ],
)
def test_mistakes_are_named(people: Comity, words: list[str], said: str) -> None:
    """A mistyped column, value, key or table is told before anything is signed; exit code 2."""
    assert said in people("row", *words, code=2).err


def test_a_refusal_tells_where_it_is_kept(people: Comity) -> None:
    """A refused transaction was ordered: its id and its height are told, in words and as JSON."""
    words = ("row", "set", "people", "bo", "age=1", "--keys", people.folder / "bo-keys")
    error = json.loads(people(*words, "--json", code=1).err)["error"]
    assert "valid" in people.proved("--transaction", error["transaction"])
    said = people(*words, code=1).err
    assert f"block {error['height'] + 1}  transaction " in said
    error = json.loads(people(*words, "--dry-run", "--json", code=1).err)["error"]
    assert (error["transaction"], error["height"]) == (None, None)
    assert "on record" not in people(*words, "--dry-run", code=1).err


def test_a_change_to_what_is_so_already_is_none(people: Comity) -> None:
    """Nothing is signed, which is told; exit code 0."""
    said = people("row", "set", "people", "bo", "age=27")
    assert "no change" in said.out
    found = people("row", "set", "people", "bo", "age=27", "--json").json
    assert (found["changed"], found["transaction"]) == (False, None)
    height = people("sql", "SELECT 1", "--json").json["height"]
    assert found["height"] == height
