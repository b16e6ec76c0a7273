"""Runs ``comity`` as a user does, in this process: arguments in, exit code and both voices out."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from comity.cli.main import run

PASSPHRASE = "open sesame"
PEOPLE = "name,age,city\nana,31,Roma\nbo,27,Oslo\ncy,44,Lima\n"


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the data that ``--json`` wrote."""
        return json.loads(self.out)


class Comity:
    """A folder in which commands run.

    Args:
        captured: pytest's ``capfd`` or ``capsys``.

    """

    def __init__(self, folder: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.node = folder / "ledger"
        self._captured = captured

    def __call__(self, *arguments: str | Path, code: int = 0) -> Said:
        """Run a command that must end with ``code``."""
        self._captured.readouterr()
        ended = run([str(argument) for argument in arguments])
        out, err = self._captured.readouterr()
        assert ended == code, f"{arguments}: exit {ended}\n{out}\n{err}"
        return Said(ended, out, err)

    def write(self, name: str, text: str) -> Path:
        """Write a file beside the ledger."""
        path = self.folder / name
        path.write_bytes(text.encode())
        return path

    def import_people(self, *arguments: str) -> Said:
        """Import three rows into the table ``people``."""
        return self("import", self.write("people.csv", PEOPLE), "-y", *arguments)

    def proved(self, *words: str) -> str:
        """Prove something, and return what the verifier says of it."""
        file = self.folder / "it.proof"
        self("prove", *words, "-o", file, "--force")
        return self("verify", file).out

    def keys(self, name: str) -> Path:
        """Make a folder with one key in it."""
        folder = self.folder / f"{name}-keys"
        self("key", "new", name, "--keys", folder)
        return folder


def run_process(
    *arguments: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``comity`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "comity", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def copy_of(ledger: Path, target: Path) -> Path:
    """Copy a ledger's folder."""
    shutil.copytree(ledger, target)
    return target
