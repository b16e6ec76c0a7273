"""``comity sql``, ``log``, ``audit`` and ``checkpoint``: what is read, at which height, on whose word."""

import csv
import io
import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.unit.cli.command import Comity


@pytest.fixture
def people(comity: Comity) -> Comity:
    """Give a ledger with three rows, one of them changed."""
    comity.import_people()
    comity("row", "set", "people", "bo", "age=28")
    return comity


def test_answers_come_as_table_json_and_csv_with_their_height(people: Comity) -> None:
    """Every answer tells height and app hash: in JSON, else on standard error."""
    query = "SELECT name, age FROM people ORDER BY name"
    document = people("sql", query, "--json").json
    assert document["rows"] == [["ana", 31], ["bo", 28], ["cy", 44]]
    for form in ("table", "csv"):
        said = people("sql", query, "--format", form)
        assert document["app_hash"] in said.err
        assert f"height  {document['height']}" in said.err
    rows = list(csv.reader(io.StringIO(people("sql", query, "--format", "csv").out)))
    assert rows[0] == ["name", "age"]
    assert rows[2] == ["bo", "28"]


def test_an_earlier_height_is_read_as_it_was(people: Comity) -> None:
    """--at shows the cell before its change; a height that is not there is named."""
    query = "SELECT age FROM people WHERE name = 'bo'"
    height = people("sql", query, "--json").json["height"]
    assert people("sql", query, "--at", str(height - 1), "--json").json["rows"] == [[27]]
    assert "unknown-height" in people("sql", query, "--at", "99", code=2).err


def test_parameters_are_numbers_names_and_text(people: Comity) -> None:
    """Values never stand inside the SQL: by position, by name, and as text where asked."""
    found = people("sql", "SELECT name FROM people WHERE age > ?", "--param", "30", "--json").json
    assert len(found["rows"]) == 2
    query = "SELECT name FROM people WHERE name = :who AND age < :most"
    said = people("sql", query, "--param", "who=bo", "--param", "most=40", "--json")
    assert said.json["rows"] == [["bo"]]
    said = people(
        "sql", "SELECT typeof(:a), typeof(:b)", "--param", "a=007", "--param", "b:=7", "--json"
    )
    assert said.json["rows"] == [["text", "text"]]
    people("sql", "SELECT :a, :b", "--param", "a=1", "--param", "2", code=2)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT frm x", "line 1, character 8"),
        ("DELETE FROM people", "a query may only read"),
        ("SELECT * FROM main.t", "there is no table"),
        ("SELECT * FROM n", "there is no table"),
        ("SELECT * FROM comity_seen", "bookkeeping"),
    ],
)
def test_bad_questions_are_told(people: Comity, query: str, words: str) -> None:
    """A mistake has its place, a write is refused; exit code 2."""
    assert words in people("sql", query, code=2).err


def test_a_limit_is_named(people: Comity) -> None:
    """A query that costs too much ends with the limit's name."""
    said = people("sql", "SELECT 1" + " -- x" * 6000, code=2)
    assert "(QUERY_SQL_BYTES_MAX)" in said.err


def test_a_life_of_a_row(people: Comity) -> None:
    """Each version tells who signed it, when, in which transaction, and what changed."""
    added, changed = people("log", "people", "bo", "--json").json["changes"]
    assert (added["kind"], added["who"], changed["kind"]) == ("added", "ana", "changed")
    assert changed["cells"] == [{"column": "age", "old": 27, "new": 28}]
    assert len(changed["transaction"]) == 64
    text = people("log", "people", "bo").out
    assert "age: 27 -> 28" in text
    assert changed["transaction"][:12] in text
    latest, first = people("log", "people", "--json").json
    assert (latest["versions_made"], latest["versions_ended"]) == (1, 1)
    assert first["versions_made"] == 3
    assert "never was" in people("log", "people", "zoe", code=2).err


def test_an_audit_is_sound_and_says_what_it_cannot_exclude(people: Comity) -> None:
    """A clean ledger gives a plain verdict, exit code 0, and the honest remainder."""
    said = people("audit", "--json").json
    assert said["is_clean"]
    assert said["not_excluded"]
    out = people("audit").out
    assert out.startswith("sound")
    assert "not excluded" in out


def test_a_changed_cell_is_named_by_the_audit(people: Comity) -> None:
    """A hand-made change is named with table, key and column; exit code 3."""
    with closing(sqlite3.connect(people.node / "node.sqlite")) as file, file:
        file.execute("UPDATE people SET age = 99 WHERE name = 'cy'")
    said = people("audit", code=3)
    assert said.out.startswith("BROKEN")
    for words in ("people['cy']", "age is 99, must be 44"):
        assert words in said.out
    (finding,) = people("audit", "--json", code=3).json["findings"]
    assert (finding["table"], finding["kind"]) == ("people", "row")


def test_a_checkpoint_is_held_against_the_ledger(people: Comity) -> None:
    """A member's checkpoint agrees with a ledger that grew, and no other ledger's is taken."""
    held = people.folder / "held.checkpoint"
    people("checkpoint", "-o", held)
    people("row", "set", "people", "bo", "age=29")
    said = people("audit", "--checkpoint", held, "--json").json
    assert said["is_clean"]
    assert "second history" in said["not_excluded"][0]
    assert people("checkpoint").out.count("\n") == 5
    people("init", people.folder / "other", "--as", "eve", "--keys", people.folder / "eve-keys")
    foreign = people.folder / "foreign.checkpoint"
    people("checkpoint", "-o", foreign, "--node", people.folder / "other")
    assert "another log" in people("audit", "--checkpoint", foreign, code=3).err
    torn = people.write("torn.checkpoint", held.read_text()[:-9])
    people("audit", "--checkpoint", torn, code=3)
    assert "absent" in people("audit", "--checkpoint", people.folder / "absent", code=2).err


def test_a_ledger_behind_its_checkpoint_is_exposed(people: Comity) -> None:
    """An operator who restores an older copy is caught by the checkpoint that was given since."""
    shutil.copytree(people.node, people.folder / "older")
    people("row", "set", "people", "bo", "age=29")
    held = people.folder / "held.checkpoint"
    people("checkpoint", "-o", held)
    said = people("audit", "--checkpoint", held, "--node", people.folder / "older", code=3)
    assert "entries that were promised are gone" in said.out


@pytest.mark.parametrize("at", [0, 18, 100, 4_096 + 3])
def test_a_file_that_sqlite_cannot_read_is_a_finding(people: Comity, at: int) -> None:
    """Bytes of SQLite's own that were overwritten end the audit with exit code 3, never with a fault."""
    path = people.node / "node.sqlite"
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 16)
    said = people("audit", "--json", code=3)
    assert not said.json["is_clean"]
