"""``make demo``: three organisations share one register, and nobody has to be believed.

Every command is shown as a user would type it, and really runs. Usage: python demo/run.py [FILE.csv]
"""

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from data import ORGANISATIONS, deal_airports, deal_file
from stage import Stage

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "demo"


class Demo:
    """The steps, in order; each uses what the ones before left.

    Args:
        source: a CSV file of the user's own, or None for the airports register.
    """

    def __init__(self, source: Path | None) -> None:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        programs = {
            "comity": str(ROOT / ".venv" / "bin" / "comity"),
            "python": str(ROOT / ".venv" / "bin" / "python"),
            "python-without-comity": str(ROOT / ".venv-verify" / "bin" / "python"),
        }
        self.stage = Stage(FOLDER, programs)
        self.table = "airports" if source is None else "register"
        self.file = f"{self.table}.csv"
        if source is None:
            self.counts = deal_airports(FOLDER)
            shutil.copy(Path(_airports_file()), FOLDER / self.file)
        else:
            shutil.copy(source, FOLDER / self.file)
            self.counts = deal_file(source, FOLDER)
        for name in ("forge.py", "verify.py"):
            origin = ROOT / ("demo/forge.py" if name == "forge.py" else "verifier/comity_verify.py")
            shutil.copy(origin, FOLDER / ("comity_verify.py" if name == "verify.py" else name))

    def play(self) -> None:
        """Play every step."""
        self.found()
        self.share()
        self.edit()
        self.read()
        self.prove()
        self.catch_a_changed_cell()
        self.catch_a_rewritten_history()
        self.conclude()

    def found(self) -> None:
        """Make keys, each organisation its own, and the ledger."""
        self.stage.step(
            "Three organisations, three keys, one ledger",
            "Each keeps its key in a folder of its own; the ledger learns the public halves.",
        )
        (FOLDER / "passphrase.txt").write_text("only for this demo\n", encoding="utf-8")
        self.stage.export("COMITY_PASSPHRASE_FILE", str(FOLDER / "passphrase.txt"))
        for name in ORGANISATIONS:
            self.stage.run(f"comity key new {name} --keys {name}/keys -q")
        founders = " ".join(
            f"--founder {name}={name}/keys/{name}.key.json" for name in ORGANISATIONS
        )
        self.stage.run(f"comity init ledger --name demo {founders}")
        self.stage.export("COMITY_NODE", "ledger")

    def share(self) -> None:
        """Import each organisation's rows; kill one import halfway and run it again."""
        self.stage.step(
            f"{sum(self.counts.values()):,} rows, each organisation its own",
            "Types come from the whole file. Rows travel in signed batches of 500.",
        )
        self.stage.run(f"comity import {self.file} --dry-run")
        declared = f"--declaration {self.table}.table.toml"
        first, second, third = (
            f"comity import {name}.csv --table {self.table} --keys {name}/keys -y"
            for name in ORGANISATIONS
        )
        self.stage.run(f"{first} {declared}")
        before = self._rows_count()
        if self.counts["borea"] > 2_000:
            self.stage.run_and_kill(f"{second} --batch 250", lambda: self._rows_count() > before)
            self.stage.say(
                f"{self._rows_count() - before:,} of its {self.counts['borea']:,} rows are in, whole batches only."
                " The same command again:"
            )
        self.stage.run(second)
        self.stage.run(third)
        self.checked_height = self._height()
        self.stage.run("comity checkpoint -o borea/held.checkpoint")
        self.stage.say("borea keeps this checkpoint: 3 lines that commit to everything so far.")

    def edit(self) -> None:
        """Change an own row, be refused a foreign one, and catch a lost update."""
        self.stage.step("Rules: a row's owner changes it, nobody else, and never unseen")
        self.mine, self.theirs = self._row_of("atlas"), self._row_of("borea")
        column, value, other = self._change(self.mine)
        change = f"comity row set {self.table} {self.mine}"
        etag = self._etag(self.mine)
        self.stage.run(f"{change} {_assign(column, value)} --keys atlas/keys")
        self.edited = f"{self.table} {self.mine}"
        self.stage.say("borea tries to change the same row:")
        self.stage.run(
            f"{change} {_assign(column, other)} --keys borea/keys",
            expect=1,
            must_say=["not-row-owner"],
        )
        self.stage.say(
            f"A colleague at atlas still looks at the version {etag} from before and saves over it:"
        )
        self.stage.run(
            f"{change} {_assign(column, other)} --keys atlas/keys --if-match {etag}",
            expect=5,
            must_say=["row-changed"],
        )
        self.column = column

    def read(self) -> None:
        """Ask in SQL, now and as of an earlier height; tell a row's life."""
        self.stage.step("Plain SQL, now and then; and who changed what")
        key = self._key_columns()[0]
        query = f"SELECT {key}, {self.column} FROM {self.table} WHERE {self._where(self.mine)}"
        self.stage.run(f'comity sql "{query}"')
        self.stage.run(f'comity sql "{query}" --at {self.checked_height}')
        self.stage.run(
            f'comity sql "SELECT _owner, count(*) AS row_count FROM {self.table} GROUP BY 1 ORDER BY 2 DESC"'
        )
        self.stage.run(f"comity log {self.edited}")

    def prove(self) -> None:
        """Prove a row, an absence and a range to a program that knows nothing of Comity."""
        self.stage.step(
            "Proofs, checked by somebody who trusts nobody",
            "comity_verify.py is one file; its environment has cbor2 and cryptography, and no Comity:",
        )
        self.stage.run(
            'python-without-comity -c "import comity"', expect=1, must_say=["ModuleNotFoundError"]
        )
        genesis = "--genesis ledger/genesis.cbor"
        high = self._after(self.mine, 20)
        for name, words in (
            ("row", self.mine),
            ("absent", f"{self._absent_key()} --absent"),
            ("range", f"--range {self.mine} {high}"),
        ):
            self.stage.run(f"comity prove {self.table} {words} -o {name}.proof")
            self.stage.run(
                f"python-without-comity comity_verify.py {name}.proof {genesis}",
                must_say=["valid, "],
            )
        damaged = bytearray((FOLDER / "row.proof").read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (FOLDER / "damaged.proof").write_bytes(damaged)
        self.stage.say("One bit of the proof flipped:")
        self.stage.run(f"python-without-comity comity_verify.py damaged.proof {genesis}", expect=3)

    def catch_a_changed_cell(self) -> None:
        """Change a cell behind Comity's back, and have the audit name it."""
        self.stage.step("Somebody changes one cell of the file, past all rules")
        self.stage.run("comity audit", must_say=["sound  "])
        shutil.copytree(FOLDER / "ledger", FOLDER / "honest")
        with closing(sqlite3.connect(FOLDER / "ledger" / "node.sqlite")) as file, file:
            statement = f'UPDATE {self.table} SET "{self.column}" = (SELECT "{self.column}" FROM {self.table} WHERE '
            statement += f"{self._where(self.theirs)}) WHERE {self._where(self.mine)}"
            file.execute(statement)
        self.stage.say(f"(with sqlite3: {statement})")
        self.stage.run("comity audit", expect=3, must_say=[self.table, self.column])
        shutil.rmtree(FOLDER / "ledger")
        shutil.copytree(FOLDER / "honest", FOLDER / "ledger")

    def catch_a_rewritten_history(self) -> None:
        """Rewrite history as only the operator can, and expose it by a member's checkpoint."""
        self.stage.step(
            "The operator rewrites history: leaves out a whole import batch and signs all anew",
            "forge.py replays everything else under the operator's own key. Every hash fits again.",
        )
        with closing(sqlite3.connect(FOLDER / "ledger" / "node.sqlite")) as file:
            query = "SELECT hex(id) FROM comity_transaction WHERE id IS NOT NULL AND height <= ? ORDER BY position DESC"
            (identifier,) = file.execute(query, (self.checked_height,)).fetchone()
        self.stage.run(f"python forge.py ledger {identifier.lower()}")
        self.stage.say(
            "Without anything held from before, that cannot be told, and the audit says so:"
        )
        self.stage.run("comity audit", must_say=["not excluded"])
        self.stage.say("With the checkpoint that borea kept:")
        self.stage.run(
            "comity audit --checkpoint borea/held.checkpoint", expect=3, must_say=["checkpoint"]
        )
        shutil.rmtree(FOLDER / "ledger")
        shutil.move(FOLDER / "honest", FOLDER / "ledger")

    def conclude(self) -> None:
        """Say what was proved, what was not, and how to go on."""
        self.stage.finish()
        print(
            """
What was proved
   Rows, absences and ranges against one signed app hash; each change signed by the member who made it;
   an altered cell named; a rewritten history exposed by 3 lines that a member kept.

What one operator's ledger does not protect against
   The operator can refuse service, leave a member's transaction out from the start, and show two members two
   different ledgers until they compare checkpoints. Whoever has a copy can read all of it. Between nodes that do
   not trust one another, consensus closes the first gaps: that is a later part of Comity.

Go on with"""
        )
        where = os.path.relpath(FOLDER / "ledger")
        print(f'   .venv/bin/comity sql "SELECT * FROM {self.table} LIMIT 5" --node {where}')
        print(f"   .venv/bin/comity audit --node {where}")

    # --- what the commands above need to know of the data ---

    def _query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        path = FOLDER / "ledger" / "node.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            return file.execute(statement, values).fetchall()

    def _rows_count(self) -> int:
        try:
            return int(str(self._query(f"SELECT count(*) FROM {self.table}")[0][0]))
        except sqlite3.Error:
            return 0

    def _height(self) -> int:
        return int(str(self._query("SELECT max(height) FROM comity_block")[0][0]))

    def _key_columns(self) -> list[str]:
        rows = self._query(
            f"SELECT name FROM pragma_table_info('{self.table}') WHERE pk ORDER BY pk"
        )
        return [str(name) for (name,) in rows]

    def _row_of(self, owner: str) -> str:
        """Return the key, as words, of a row of ``owner``: a well-known airport, or the middle one."""
        known = {"atlas": "EDDF", "borea": "LIRF"}
        columns = ", ".join(self._key_columns())
        if self.table == "airports":
            return known[owner]
        (file,) = [FOLDER / owner / "keys" / f"{owner}.key.json"]
        account = json.loads(file.read_text("utf-8"))["account"]
        (owner_id,) = self._query("SELECT account FROM members__member WHERE name = ?", owner)[0]
        rows = self._query(
            f"SELECT {columns} FROM {self.table} WHERE _owner = ? ORDER BY {columns}", owner_id
        )
        if not rows:
            raise SystemExit(
                f"the demo needs rows of each organisation: {owner} ({account}) has none"
            )
        return " ".join(_word(value) for value in rows[len(rows) // 3])

    def _where(self, key: str) -> str:
        words = key.split(" ")
        pairs = zip(self._key_columns(), words, strict=True)
        return " AND ".join(f"{column} = '{word.strip(chr(39))}'" for column, word in pairs)

    def _etag(self, key: str) -> str:
        said = self.stage.run(f"comity row show {self.table} {key} --json")
        return str(json.loads(said[said.index("{") :])["etag"])

    def _change(self, key: str) -> tuple[str, str, str]:
        """Return a column and two other values for the row, taken from other rows so that they fit its type."""
        if self.table == "airports":
            return "name", "Frankfurt Airport", "Frankfurt-Main"
        said = self._json(f"SELECT * FROM {self.table} LIMIT 500")
        names = said["columns"]
        for column in (
            name for name in names if name not in self._key_columns() and name[0] != "_"
        ):
            at = names.index(column)
            now = self._json(f"SELECT {column} FROM {self.table} WHERE {self._where(key)}")["rows"][
                0
            ][0]
            others = [row[at] for row in said["rows"] if row[at] not in (None, "", now)]
            values = list(dict.fromkeys(map(str, others)))
            if len(values) > 1:
                return column, values[0], values[1]
        raise SystemExit("the demo needs a column, besides the key, with three different values")

    def _json(self, query: str) -> dict[str, Any]:
        import subprocess  # noqa: PLC0415 - only for a file of the user's own

        done = subprocess.run(
            [
                str(ROOT / ".venv" / "bin" / "comity"),
                "sql",
                query,
                "--json",
                "-q",
                "--node",
                str(FOLDER / "ledger"),
            ],
            check=True,
            capture_output=True,
        )
        found: dict[str, list[list[object]]] = json.loads(done.stdout)
        return found

    def _after(self, key: str, count: int) -> str:
        columns = ", ".join(self._key_columns())
        rows = self._query(f"SELECT {columns} FROM {self.table} ORDER BY {columns}")
        texts = [" ".join(_word(value) for value in row) for row in rows]
        return texts[min(texts.index(key) + count - 1, len(texts) - 1)]

    def _absent_key(self) -> str:
        kinds = self._query(
            f"SELECT type FROM pragma_table_info('{self.table}') WHERE pk ORDER BY pk"
        )
        return " ".join("999999999999" if kind == ("INTEGER",) else "ZZ99" for kind in kinds)


def _airports_file() -> str:
    import airportsdata  # noqa: PLC0415 - not needed for a file of the user's own

    return str(Path(airportsdata.__file__).parent / "airports.csv")


def _assign(column: str, value: str) -> str:
    return f"'{column}={value}'" if " " in value else f"{column}={value}"


def _word(value: object) -> str:
    text = str(value)
    return f"'{text}'" if " " in text else text


if __name__ == "__main__":
    Demo(Path(sys.argv[1]) if len(sys.argv) > 1 else None).play()
