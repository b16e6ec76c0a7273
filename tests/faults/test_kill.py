"""Imports that are killed at any moment (P18): the file is at one block exactly, and nothing told is lost."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from comity.cli.main import run
from tests.faults.killed_import import BATCH_ROWS, ROWS, Left, Target, acknowledged
from tests.simulation.inspection import Wrong, need

KILLS = 25
FILES_MAX = 12
STAGES = ("before its first block", "between its blocks", "after its last block")
KILLS_PER_STAGE = 3  # at least, or the moments are no sample of the command's life


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a ledger and its founder's key."""
    monkeypatch.setenv("COMITY_PASSPHRASE", "open sesame")
    assert run(["init", str(tmp_path / "ledger"), "--name", "killed", "-q"]) == 0
    return tmp_path


@pytest.mark.slow
def test_a_killed_import_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    """25 real kill -9: one block exactly, each acknowledged id has one receipt, no row is lost or there twice."""
    random, stages = Random(25), Counter[str]()
    for number in range(FILES_MAX):
        target = Target(folder, f"file_{number}", is_numbered=number % 2 == 0)
        left = target.look()
        for aim in [*random.sample(("start", "block", "block"), 3), "answer"]:
            journaled = target.journaled()
            was_alive = target.kill(aim, random)
            stages["within a commit"] += target.is_within_commit()
            now = target.look()
            compare(left, now, acknowledged(journaled, target.journaled()))
            stages[stage(left, now)] += was_alive
            left = now
        finish(target, left)
        if sum(stages[name] for name in STAGES) >= KILLS and stages["within a commit"]:
            break
    assert run(["audit", "--node", str(folder / "ledger")]) == 0
    assert min(stages[name] for name in STAGES) >= KILLS_PER_STAGE, stages
    assert sum(stages[name] for name in STAGES) >= KILLS, stages


@pytest.mark.slow
def test_rows_that_are_there_twice_are_seen(folder: Path) -> None:
    """Canary: an import that forgets what it sent before it was killed."""
    target = Target(folder, "file", is_numbered=True)
    while not (left := target.look()).rows:
        target.kill("block", Random(len(left.places)))
    for journal in (target.node / "imports").iterdir():
        journal.unlink()
    with pytest.raises(Wrong):
        finish(target, left)


def test_what_is_lost_is_seen() -> None:
    """Canaries: a block, a transaction, a row, an acknowledged id that is gone, half a batch; who was told what."""
    rows = [(at, "x") for at in range(BATCH_ROWS)]
    whole = Left(height=3, places={b"a": (3, 9)}, succeeded=frozenset([b"a"]), rows=rows)
    compare(whole, whole, [b"a"])
    for less, told in (
        (Left(2, whole.places, whole.succeeded, rows), []),
        (Left(3, {b"a": (3, 8)}, whole.succeeded, rows), []),
        (Left(3, whole.places, whole.succeeded, [(0, "x"), *rows[:-1]]), []),
        (Left(3, whole.places, whole.succeeded, [*rows, (0, "y")]), []),
        (whole, [b"a", b"b"]),
    ):
        with pytest.raises(Wrong):
            compare(whole, less, told)
    ids = [bytes([at]) for at in range(20)]
    assert acknowledged(ids, ids) == []
    assert acknowledged(ids[:2], ids[:10]) == ids[:2]
    assert acknowledged(ids[:2], ids[:11]) == ids[:10]


def compare(before: Left, now: Left, told: list[bytes]) -> None:
    """Compare a ledger with what it was before a kill, and with what was acknowledged. Raises: Wrong."""
    need(now.height >= before.height, "a block is gone")
    need(before.places.items() <= now.places.items(), "a transaction is gone or has moved")
    need(now.succeeded.issuperset(told), "an acknowledged id has no receipt")
    need(not Counter(before.rows) - Counter(now.rows), "a row is gone")
    need(len(now.rows) % BATCH_ROWS == 0, "a part of a batch is there")


def finish(target: Target, left: Left) -> None:
    """Run the import once more, to its end: exactly the rows of the file are there. Raises: Wrong."""
    said = target.finish()
    need((said["same"], said["added"]) == (len(left.rows), ROWS - len(left.rows)), said)
    now = target.look()
    compare(left, now, target.journaled())
    need(sorted(now.rows) == sorted(target.rows), "other rows than the file's")


def stage(before: Left, now: Left) -> str:
    """Return where in the import the kill came."""
    if len(now.rows) == ROWS:
        return STAGES[2]
    return STAGES[0] if now.height == before.height else STAGES[1]
