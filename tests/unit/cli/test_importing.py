"""``comity import``: previews, counts, rejects, and going on after a stop."""

import csv
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from comity.cli import importing
from comity.client.importing import Importer
from comity.errors import Unavailable
from tests.unit.cli.command import PEOPLE, Comity

MORE = PEOPLE + "dov,60,Pisa\n"
PLAIN = "word,times\nred,2\nred,2\nblue,1\n"  # no key: rows are numbered
ROWS = 3_000
DECLARED = """
[table.people]
key = ["name"]
preset = "open"
[table.people.columns]
name = { type = "text" }
age = { type = "integer" }
city = { type = "text" }
"""


def counts(said: dict[str, int]) -> tuple[int, int, int, int, int]:
    """Return added, changed, same, differing, rejected."""
    names = ("added", "changed", "same", "differing", "rejected")
    return tuple(said[name] for name in names)  # type: ignore[return-value]  # five names


def test_a_file_becomes_a_table(comity: Comity) -> None:
    """Types are shown with reasons, the table is made, and every row is there with its owner."""
    said = comity.import_people("--json", "--key", "name", "--rules", "open")
    assert counts(said.json) == (3, 0, 0, 0, 0)
    assert "3 distinct, none empty" in said.err
    assert "+ table people, key name, rules open" in said.err
    rows = comity("sql", "SELECT name, age FROM people ORDER BY 1", "--json").json["rows"]
    assert rows == [["ana", 31], ["bo", 27], ["cy", 44]]


def test_a_dry_run_writes_a_table_file_and_no_row(comity: Comity) -> None:
    """--dry-run shows the types, writes a declaration to edit, and leaves the ledger as it was."""
    file = comity.write("people.csv", PEOPLE)
    said = comity("import", file, "--dry-run", "--json")
    assert said.json == {"table": "people", "adds": 3, "rejected": 0}
    declared = comity.folder / "people.table.toml"
    assert "[table.people]" in declared.read_text()
    assert comity("sql", "SELECT 1", "--json").json["height"] == 0
    declared.write_text(declared.read_text().replace("own-rows", "open"))
    comity("import", file, "--declaration", declared, "-y")
    assert comity("table", "show", "people", "--json").json["preset"] == "open"


def test_nothing_is_made_unseen(comity: Comity) -> None:
    """Without a terminal and without -y, a table is not made from guessed types."""
    said = comity("import", comity.write("people.csv", PEOPLE), code=2)
    assert "-y" in said.err
    comity("table", "show", "people", code=2)


def test_running_again_adds_nothing(comity: Comity) -> None:
    """Rows that are there are counted as the same; new ones are added; others differ or change."""
    comity.import_people()
    assert counts(comity.import_people("--json").json) == (0, 0, 3, 0, 0)
    file = comity.write("more.csv", MORE.replace("27", "28"))
    said = comity("import", file, "--table", "people", "--dry-run", "--json").json
    assert (said["adds"], said["changes"], said["same"], said["differing"]) == (1, 0, 2, 1)
    said = comity("import", file, "--table", "people", "--json")
    assert counts(said.json) == (1, 0, 2, 1, 0)
    assert "--update" in said.err
    said = comity("import", file, "--table", "people", "--update", "--json")
    assert counts(said.json) == (0, 1, 3, 0, 0)
    assert comity("row", "show", "people", "bo", "--json").json["fields"]["age"] == 28


def test_columns_that_a_file_lacks_stay(comity: Comity) -> None:
    """An update by a file of some columns leaves the others as they are."""
    comity("import", comity.write("people.csv", PEOPLE + "dov,60,\n"), "-y")
    file = comity.write("ages.csv", "age,name\n99,bo\n")
    comity("import", file, "--table", "people", "--update")
    assert comity("row", "show", "people", "bo", "--json").json["fields"] == {
        "name": "bo", "age": 99, "city": "Oslo",
    }  # fmt: skip


def test_foreign_rows_are_rejected_with_the_rule(comity: Comity) -> None:
    """What a rule refuses goes to the rejects with its reason and owner; the rest goes in."""
    comity.import_people()
    file = comity.write("more.csv", MORE.replace("27", "28"))
    arguments = ("import", file, "--table", "people", "--update", "--json")
    said = comity(*arguments, "--keys", comity.folder / "bo-keys", code=1)
    assert counts(said.json) == (1, 0, 2, 0, 1)
    with (comity.folder / "more.csv.rejects.csv").open(newline="") as stream:
        (reject,) = csv.DictReader(stream)
    assert reject["line"] == "3"
    assert "not-row-owner: the row belongs to ana" in reject["reason"]
    assert (reject["name"], reject["age"]) == ("bo", "28")


def test_rows_that_the_ledger_refuses_are_found_one_by_one(comity: Comity) -> None:
    """A batch with a row that breaks a unique index goes in without that row."""
    declared = comity.write(
        "mail.table.toml",
        '[table.mail]\nkey = ["name"]\npreset = "open"\n[table.mail.columns]\n'
        'name = { type = "text" }\naddress = { type = "text", unique = true }\n',
    )
    rows = "".join(f"n{number},a{number % 7}\n" for number in range(9))
    file = comity.write("mail.csv", "name,address\n" + rows)
    said = comity("import", file, "--declaration", declared, "-y", "--json", code=1)
    assert counts(said.json) == (7, 0, 0, 0, 2)
    assert "not-unique" in (comity.folder / "mail.csv.rejects.csv").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("name,age\n", "no rows"),
        ("a,b\n1,2,3\n", ""),
        ('name,age\nana,"3\n' + "bo,4\n" * 30, "quote"),
    ],
)
def test_files_of_no_rows_are_told(comity: Comity, text: str, words: str) -> None:
    """A file without a row to learn from, or with a stray quote over many lines, changes nothing."""
    said = comity("import", comity.write("bad.csv", text), "-y", code=2)
    assert words in said.err
    assert comity("sql", "SELECT 1", "--json").json["height"] == 0


def test_a_stray_quote_costs_one_line(comity: Comity) -> None:
    """A quote that never closes rejects its line and not the file's rest."""
    file = comity.write("people.csv", PEOPLE + 'dov,"60,Pisa\neve,70,Bari\n')
    said = comity("import", file, "-y", "--json", code=1)
    assert counts(said.json) == (4, 0, 0, 0, 1)
    assert "line 5" in said.err


def test_a_wrong_encoding_is_told_with_its_place(comity: Comity) -> None:
    """Bytes that are not UTF-8 are guessed aloud, or refused when an encoding was asked for."""
    file = comity.folder / "people.csv"
    file.write_bytes("name,city\nana,Córdoba\n".encode("cp1252"))
    said = comity("import", file, "-y", "--encoding", "utf-8", code=2)
    assert "line 2" in said.err
    assert "guess" in comity("import", file, "-y", "--key", "name").err
    row = comity("row", "show", "people", "ana", "--json").json
    assert row["fields"]["city"] == "Córdoba"


@pytest.mark.parametrize("table", ["Airports", "main.t", "a-b", "comity_x", "a__b"])
def test_names_that_no_table_has_are_told(comity: Comity, table: str) -> None:
    """A name outside the grammar is refused before anything is made."""
    said = comity("import", comity.write("p.csv", PEOPLE), "--table", table, "-y", code=2)
    assert "table name" in said.err


def test_a_table_named_n_is_a_table(comity: Comity) -> None:
    """Short names that other programs stumble over work."""
    comity("import", comity.write("n.csv", PEOPLE), "-y")
    assert comity("sql", "SELECT count(*) FROM n", "--json").json["rows"] == [[3]]


def test_options_of_a_new_table_do_not_change_an_old_one(comity: Comity) -> None:
    """--key and --rules on a table that is there are a mistake, not ignored."""
    comity.import_people()
    said = comity("import", comity.write("people.csv", PEOPLE), "--rules", "open", code=2)
    assert "is for a new table" in said.err


def test_numbered_rows_are_added_once(comity: Comity) -> None:
    """Rows without a key are numbered by the ledger, and running again adds none, unless told to."""
    file = comity.write("words.csv", PLAIN)
    assert counts(comity("import", file, "-y", "--json").json) == (3, 0, 0, 0, 0)
    said = comity("import", file, "--json")
    assert counts(said.json) == (0, 0, 3, 0, 0)
    assert "--again" in said.err
    assert counts(comity("import", file, "--json", "--again").json) == (3, 0, 0, 0, 0)
    rows = comity("sql", "SELECT id, word FROM words ORDER BY 1", "--json").json["rows"]
    assert rows == [[1, "red"], [2, "red"], [3, "blue"], [4, "red"], [5, "red"], [6, "blue"]]


@pytest.mark.parametrize("is_numbered", [False, True])
def test_a_stopped_import_goes_on(
    comity: Comity, monkeypatch: pytest.MonkeyPatch, is_numbered: bool
) -> None:
    """When the answer to a batch is lost, a second run tells both counts and adds nothing twice."""
    monkeypatch.setattr("comity.client.importing.IMPORT_TRANSACTIONS_PER_SUBMIT", 2)
    text = "word,times\n" + "".join(
        f"{'w' if is_numbered else i},{0 if is_numbered else i}\n" for i in range(50)
    )
    file, submit, sent = comity.write("words.csv", text), Importer._submit, []

    def lose(self: Importer, ready: object, rejects: object) -> object:
        sent.append(ready)
        answer = submit(self, ready, rejects)  # type: ignore[arg-type]  # as it was called
        if len(sent) == 3:
            raise Unavailable("the answer is lost")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Importer, "_submit", lose)
        said = comity("import", file, "-y", "--batch", "5", code=4)
        assert "run the same command again" in said.err
    said = comity("import", file, "--json")
    assert counts(said.json) == (20, 0, 30, 0, 0)
    assert comity("sql", "SELECT count(*) FROM words", "--json").json["rows"] == [[50]]


def test_a_journaled_batch_that_was_not_sent_is_sent_as_it_is(
    comity: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop between journal and ledger: the same bytes are sent again, so nothing can stand twice."""
    file = comity.write("words.csv", PLAIN)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Importer, "_submit", stop)
        comity("import", file, "-y", code=130)
    (journal,) = (comity.node / importing.JOURNALS).iterdir()
    with journal.open("ab") as stream:
        stream.write(b'{"first": 3, "cou')  # a crash cut this line
    assert counts(comity("import", file, "--json").json) == (0, 0, 3, 0, 0)
    assert comity("sql", "SELECT count(*) FROM words", "--json").json["rows"] == [[3]]


@pytest.mark.parametrize("is_numbered", [False, True])
def test_a_killed_import_goes_on(comity: Comity, is_numbered: bool) -> None:
    """Kill -9 in the middle: whole batches are there, and the second run adds exactly the rest."""
    key = "w" if is_numbered else "{}"
    rows = "".join(f"{key.format(i)},1\n" for i in range(ROWS))
    file = comity.write("words.csv", "word,times\n" + rows)
    command = [sys.executable, "-m", "comity", "import", str(file), "-y", "--batch", "20", "-q"]
    with subprocess.Popen(command, cwd=comity.folder, stdout=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + 30
        while _height(comity.node) < 3 and time.monotonic() < deadline_s:
            assert process.poll() is None, "the import ended before it was killed"
        process.send_signal(signal.SIGKILL)
    said = comity("import", file, "--json").json
    there, added = said["same"], said["added"]
    assert there + added == ROWS
    assert there % 20 == 0
    assert there >= 20
    assert added > 0
    assert comity("sql", "SELECT count(*) FROM words", "--json").json["rows"] == [[ROWS]]
    comity("audit")


def _height(node: Path) -> int:
    """Return the newest height that another process committed."""
    with closing(apsw.Connection(str(node / "node.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        (height,) = db.execute("SELECT max(height) FROM comity_block").fetchall()[0]
    return int(height)


def test_an_unclosed_quote_is_told_where_it_is(comity: Comity) -> None:
    """Also where it takes in the only row: the file, the line, and how to mend it."""
    file = comity.write("one.csv", 'name,age\n"ana,31\n')
    said = comity("import", file, "--dry-run", code=2)
    assert f"{file}: line 2 cannot be a row: a quote opens here and never closes" in said.err
    assert "close it, or remove it" in said.err
    said = comity("table", "new", file, "--dry-run", code=2)
    assert f"{file}: line 2" in said.err
    assert said.err.count(str(file)) == 1


def test_days_of_a_declared_table_are_read_as_the_file_writes_them(comity: Comity) -> None:
    """What a dry run wrote is imported as it is: the pattern of days is found again, and shown."""
    file = comity.write("days.csv", "name;since\nana;01.02.2026\nbo;31.12.2025\n")
    comity("import", file, "--dry-run")
    arguments = ("import", file, "--declaration", "days.table.toml")
    said = comity(*arguments, "--dry-run")
    assert "since  date  written DD.MM.YYYY in the file" in said.err
    assert "add 2 rows" in said.out
    assert counts(comity(*arguments, "-y", "--json").json) == (2, 0, 0, 0, 0)
    more = comity.write("more.csv", "name;since\ncy;24.12.2025\n")
    assert counts(comity("import", more, "--table", "days", "--json").json) == (1, 0, 0, 0, 0)
    unclear = comity.write("unclear.csv", "name,since\ndov,1/2/2026\n")
    said = comity("import", unclear, "--table", "days", code=2)
    assert "say which with --date-format" in said.err


def test_a_dry_run_tells_why_lines_are_no_rows(comity: Comity) -> None:
    """Also for a table that is declared or there already; one line is no "lines"."""
    comity.import_people()
    file = comity.write("bad.csv", "name,age,city\ndov,old,Bari\n")
    said = comity("import", file, "--table", "people", "--dry-run", code=1)
    assert "line 2 cannot be a row: age: " in said.err
    declared = comity.write(
        "t.toml", '[table.t]\nkey = ["name"]\npreset = "open"\n[table.t.columns]\n'
        'name = { type = "text" }\nage = { type = "integer" }\ncity = { type = "text" }\n',
    )  # fmt: skip
    said = comity("import", file, "--table", "t", "--declaration", declared, "--dry-run", code=1)
    assert "line 2 cannot be a row: age: " in said.err
    assert "add 0 rows" in said.out


def test_an_import_reads_no_pipe(comity: Comity) -> None:
    """A pipe without a writer is refused, not waited for; exit code 2."""
    os.mkfifo(comity.folder / "pipe.csv")
    assert "not a regular file" in comity("import", "pipe.csv", "--dry-run", code=2).err
    said = comity("import", "/dev/zero", "--dry-run", code=2)
    assert "not a regular file" in said.err


def test_mended_rejects_are_imported_as_they_are(comity: Comity) -> None:
    """The file of rejects goes into the table of the first file, without its line and reason."""
    file = comity.write("people.csv", PEOPLE + "dov,old,Bari\n")
    comity("import", file, "--declaration", comity.write("p.toml", DECLARED), "-y", code=1)
    rejects = comity.folder / "people.csv.rejects.csv"
    rejects.write_text(rejects.read_text().replace(",old,", ",60,"))
    assert counts(comity("import", rejects, "--json").json) == (1, 0, 0, 0, 0)
    assert comity("row", "show", "people", "dov", "--json").json["fields"]["age"] == 60


def test_rejects_are_told_also_to_the_quiet(comity: Comity) -> None:
    """--quiet leaves out words, not what was lost."""
    file = comity.write("people.csv", PEOPLE + "dov,old,Bari\n")
    declared = comity.write("p.toml", DECLARED)
    said = comity("import", file, "--declaration", declared, "-y", "-q", code=1)
    assert said.err.startswith("rejected 1 line, the first is line 5: age")


def test_columns_that_do_not_fit_name_the_file(comity: Comity) -> None:
    """Which file, which column, and what the table has."""
    comity.import_people()
    file = comity.write("more.csv", "name,years\ndov,60\n")
    for words in (["import", file, "--table", "people"], ["row", "add", "people", "-f", file]):
        said = comity(*words, code=2).err
        assert said.startswith(f'error  {file}: column "years" of the file is not in table people')


def test_a_dry_run_knows_whose_rows_they_are(comity: Comity) -> None:
    """What a rule would refuse is no change in the dry run either; without a key nobody can tell."""
    comity.import_people()
    file = comity.write("more.csv", MORE.replace("27", "28"))
    arguments = ("import", file, "--table", "people", "--update", "--dry-run")
    said = comity(*arguments, "--keys", comity.folder / "bo-keys", code=1)
    assert "+1 add  ~0 change  =2 same  !1 reject" in said.out
    assert "line 3 cannot be a row: not-row-owner: the row belongs to ana" in said.err
    assert "~1 change" in comity(*arguments).out
    assert "~1 change" in comity(*arguments, "--keys", comity.folder / "none").out
