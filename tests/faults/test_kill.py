"""Real processes that are killed at any moment (P18): the file is at one block exactly, and nothing told is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from comity.node.local import LocalLedger
from tests.faults import importer
from tests.simulation.inspection import inspect

ROOT = Path(__file__).parents[2]
KILLS = 25


@pytest.mark.slow
def test_a_killed_import_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """25 real kill -9: one block exactly, each acknowledged id has exactly one receipt, where it was said to be."""
    importer.make(tmp_path)
    random = Random(25)
    heights = []
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.importer", str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert (process.returncode, errors) == (-signal.SIGKILL, "")
        heights.append(look(tmp_path))
    assert heights == sorted(heights)
    assert heights[-1] > KILLS


def look(folder: Path) -> int:
    """Check the ledger as it was left; return its height."""
    told = {}
    for line in (folder / "acknowledged").read_text().splitlines():
        identifier, height, position = line.split()
        place = (int(height), int(position))
        assert told.setdefault(bytes.fromhex(identifier), place) == place
    with LocalLedger.open(folder / "ledger") as ledger:
        inspect(ledger.store, ledger.genesis.hash)
        run = ledger.store.connection.execute
        for identifier, (height, position) in told.items():
            sql = "SELECT height, position FROM comity_transaction WHERE id = ?"
            assert run(sql, (identifier,)).fetchall() == [(height, position)]
            found = ledger.machine.receipt(identifier)
            assert found is not None
            assert found[2].is_ok
        count = run("SELECT count(*) FROM comity_transaction WHERE id IS NOT NULL").fetchone()[0]
        rows = run(f"SELECT count(*), max(id) FROM {importer.TABLE}").fetchone()
        assert rows == ((count - 1) * importer.ROWS, (count - 1) * importer.ROWS)
        return ledger.store.height
