"""Every command of a member through a node's address does what it does on the folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from comity.client.known import VARIABLE
from tests.unit.client.served import PASSPHRASE, Served


class Commands:
    """Runs ``comity`` as a member who has a key and a node's address."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self.folder = folder

    def run(self, *words: str, expected: int = 0) -> str:
        """Run a command; return what it wrote to standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "comity", *words],
            cwd=self.folder,
            env={
                "PATH": "",
                "COMITY_NODE": self.served.url,
                "COMITY_KEYS": str(self.served.folder / "keys"),
                "COMITY_AS": "ana",
                "COMITY_PASSPHRASE": PASSPHRASE,
                VARIABLE: str(self.folder / "home"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected, (words, done.stdout, done.stderr)
        return done.stdout

    def json(self, *words: str) -> dict[str, Any]:
        """Run a command with ``--json``."""
        found: dict[str, Any] = json.loads(self.run(*words, "--json"))
        return found


def test_commands_work_through_an_address(tmp_path: Path) -> None:
    """Import, rows, queries, logs, calls, members and proofs, with their exit codes, end in one story."""
    served = Served(tmp_path / "ledger")
    with served.node:
        at = Commands(served, tmp_path)
        (tmp_path / "goods.csv").write_text("name,count,price\nsaw,1,12.50\naxe,2,9.90\n")
        assert "+2 added" in at.run("import", "goods.csv", "--key", "name", "-y")
        assert "goods" in at.run("table", "ls")
        assert "decimal" in at.run("table", "show", "goods")
        shown = at.json("row", "show", "goods", "saw")
        assert shown["fields"]["price"] == "12.50"
        etag = shown["etag"]
        at.run("row", "set", "goods", "saw", "price=13.00", "--if-match", etag)
        at.run("row", "set", "goods", "saw", "price=14.00", "--if-match", etag, expected=5)
        at.run("row", "set", "goods", "saw", "price=99.00", "--dry-run")
        at.run("row", "rm", "goods", "saw", "--dry-run", expected=1)
        at.run("row", "add", "goods", "name=vice", "count=1", "price=40.00")
        at.run("row", "rm", "goods", "vice", expected=1)
        answer = at.json("sql", "SELECT name, price FROM goods ORDER BY name")
        assert answer["rows"] == [["axe", "9.90"], ["saw", "13.00"], ["vice", "40.00"]]
        assert at.run("log", "goods", "saw").count("block") == 2
        assert "ana" in at.run("log", "goods")
        at.run("call", "members.rename", "name=Ana")
        assert "Ana" in at.run("view", "members.ls")
        assert "Ana" in at.run("member", "ls")
        at.run("prove", "goods", "saw", "-o", "saw.proof")
        genesis = served.genesis.hash.hex()
        assert "valid" in at.run("verify", "saw.proof", "--genesis", genesis)
        at.run("row", "show", "goods", "none", expected=2)
        at.run("sql", "SELEC", expected=2)
        at.run("audit", expected=2)
        served.node.stop()
        at.run("table", "ls", expected=4)


def test_a_ledger_has_a_name_after_its_address(tmp_path: Path) -> None:
    """What was opened by address once is `--node NAME` from then on; another ledger at it is refused."""
    served = Served(tmp_path / "ledger")
    with served.node:
        at = Commands(served, tmp_path)
        at.run("table", "ls")
        assert "stock" in at.run("table", "ls", "--node", "shared")
        known = tmp_path / "home" / "ledgers.json"
        known.write_text(known.read_text().replace(served.genesis.hash.hex(), "ab" * 32))
        at.run("table", "ls", expected=3)
        at.run("table", "ls", "--node", "shared", expected=3)
