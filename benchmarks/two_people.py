"""Two people share a table through one node, each with a home and processes of their own, and every step is timed.

Ana starts a node, imports a file and invites; Bo joins by the link, changes a row of his own, is refused one of hers,
and verifies a row after the node has gone.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PASSPHRASE = "a passphrase of a test"  # noqa: S105 - of keys that live for seconds
_SECTORS = ("Energy", "Health", "Utilities", "Industry")
_READY_S = 60
ROWS = 503


@dataclass
class Steps:
    """Seconds by step, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Return the seconds of all steps."""
        return sum(self.seconds.values())

    def run(self, name: str, command: Sequence[str | Path], **how: Any) -> "Said":
        """Run a step's command, which must end with ``code`` (0 by default)."""
        code = how.pop("code", 0)
        start = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **how
        )
        self.add(name, time.perf_counter() - start)
        if done.returncode != code:
            raise RuntimeError(f"{name}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return Said(done.stdout, done.stderr)

    def add(self, name: str, seconds: float) -> None:
        """Count a step."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


@dataclass(frozen=True)
class Said:
    """What a command wrote."""

    out: str
    err: str


class Person:
    """Somebody at a machine: a home, a folder to work in, and the command."""

    def __init__(self, name: str, folder: Path, comity: Path, steps: Steps) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self._comity, self._steps = comity, steps
        kept = {"PATH", "LANG", "TMPDIR"}
        self.environment = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(self.folder),
            "COMITY_PASSPHRASE": _PASSPHRASE,
        }

    def __call__(self, *words: str, code: int = 0) -> Said:
        """Run ``comity``; the step is named by its first word."""
        return self._steps.run(
            f"{self.name}: comity {words[0]}" + (f" {words[1]}" if words[0] == "row" else ""),
            [self._comity, *words],
            cwd=self.folder,
            env=self.environment,
            code=code,
        )

    def start(self, folder: str) -> subprocess.Popen[str]:
        """Run a node; return once it says that it listens."""
        start = time.perf_counter()
        node = subprocess.Popen(
            [self._comity, "start", folder, "--as", self.name, "--port", "0", "--json"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if node.stdout is None or not node.stdout.readline():
            raise RuntimeError("the node did not start")
        self._steps.add(f"{self.name}: comity start", time.perf_counter() - start)
        return node


def play(folder: Path, comity: Path, steps: Steps) -> Said:
    """Play it with an installed command; return what the verifier said."""
    ana, bo = (Person(name, folder, comity, steps) for name in ("ana", "bo"))
    _write_suppliers(ana.folder / "suppliers.csv")
    node = ana.start("suppliers")
    try:
        at = ("--node", "suppliers")
        ana("import", "suppliers.csv", "--key", "symbol", "--rules", "own-rows", "-y", *at)
        link = ana("invite", "--role", "buyer", "-q", *at).out.strip()
        bo("join", link, "--name", "bo")
        own = ("symbol=BO1", "name=Bo and sons", "sector=Energy", "founded=1999")
        bo("row", "add", "suppliers", *own, *at)
        bo("row", "set", "suppliers", "BO1", "sector=Health", *at)
        refused = bo("row", "set", "suppliers", "S001", "name=Not mine", *at, code=1)
        if "not-row-owner" not in refused.err:
            raise RuntimeError(f"another refusal was expected: {refused.err}")
        count = json.loads(bo("sql", "SELECT count(*) AS n FROM suppliers", "--json", *at).out)
        if count["rows"] != [[ROWS + 1]]:
            raise RuntimeError(f"another answer was expected: {count}")
        bo("prove", "suppliers", "BO1", "-o", "bo1.proof", *at)
    finally:
        node.send_signal(signal.SIGINT)
        node.communicate(timeout=_READY_S)
    return bo("verify", "bo1.proof", *at)


def install(root: Path, folder: Path, steps: Steps) -> Path:
    """Install the wheel of the checkout into a new environment; return the command.

    What is fetched is fetched before, in a step of its own; the wheel is built before, as whoever publishes does.
    """
    wheels, environment = folder / "wheels", folder / "environment"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    lock = root / "requirements" / "run.txt"
    source = folder / "source"  # the checkout may hold what an older build left
    shutil.copytree(root / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    before = Steps()
    before.run("fetch", [*pip, "download", "--require-hashes", "-d", wheels, "-r", lock])
    before.run("build", [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, source])
    start = time.perf_counter()
    venv.create(environment, with_pip=True)
    steps.add("both: new environment", time.perf_counter() - start)
    own: list[str | Path] = [environment / "bin" / "python", *pip[1:]]
    (comity,) = wheels.glob("comity-*.whl")
    offline: list[str | Path] = ["install", "--no-index", "--find-links", wheels]
    steps.run("both: install", [*own, *offline, comity])
    return environment / "bin" / "comity"


def _write_suppliers(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("symbol", "name", "sector", "founded"))
        for number in range(ROWS):
            sector = _SECTORS[number % len(_SECTORS)]
            row = (f"S{number:03}", f"Supplier {number}", sector, 1900 + number % 120)
            writer.writerow(row)
