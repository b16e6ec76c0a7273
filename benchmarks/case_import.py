"""Import of a real register by the command line, beside sqlite-utils with the same file."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import airportsdata

from benchmarks.bench import Bench
from benchmarks.result import Result

_PASSPHRASE = "a passphrase of a benchmark"  # noqa: S105 - of keys that live for seconds


def importing(bench: Bench) -> Iterator[Result]:
    """Measure whole processes: `comity import` of the airports register, and `sqlite-utils insert`."""
    folder = bench.files.folder / "import"
    folder.mkdir(exist_ok=True)
    source = folder / "airports.csv"
    count, columns = _write_register(source)
    ours, theirs = [], []
    for attempt in range(1 if bench.is_quick else 3):
        home = folder / f"ledger-{attempt}-{time.time_ns()}"
        ours.append(_import(source, home))
        target = bench.files.fresh("register.sqlite")
        command = _program(
            "sqlite-utils", "insert", target, "airports", source, "--csv", "--pk", "icao"
        )
        theirs.append(_timed(command, {}))
    yield Result(
        case="importing",
        what=f"comity import of {count:,} airports x {columns} columns, whole process",
        value=min(ours),
        unit="s",
        beside="sqlite-utils insert of the same file",
        beside_value=min(theirs),
        bar=10.0,
    )


def _write_register(path: Path) -> tuple[int, int]:
    """Write the register as CSV; return its rows and columns."""
    airports = list(airportsdata.load("ICAO").values())
    columns = list(airports[0])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(airports)
    return len(airports), len(columns)


def _import(source: Path, home: Path) -> float:
    """Make a ledger with one member and import the file; return seconds of the import alone."""
    home.mkdir()
    passphrase = home / "passphrase"
    passphrase.write_text(_PASSPHRASE + "\n")
    passphrase.chmod(0o600)
    settings = {
        "COMITY_KEYS": str(home / "keys"),
        "COMITY_NODE": str(home / "node"),
        "COMITY_AS": "ana",
        "COMITY_PASSPHRASE_FILE": str(passphrase),
    }
    _timed(_program("comity", "key", "new", "ana", "--yes"), settings)
    _timed(_program("comity", "init", home / "node", "--yes"), settings)
    return _timed(
        _program("comity", "import", source, "--table", "airports", "--key", "icao", "--yes"),
        settings,
    )


def _program(name: str, *arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), *map(str, arguments)]


def _timed(command: Sequence[str], settings: dict[str, str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | settings
    )
    spent = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return spent
