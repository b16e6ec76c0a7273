"""Backups and restores that are killed at any moment: nothing half done looks finished, and the next run succeeds."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from comity.cli.main import run
from comity.errors import ComityError
from comity.node.archive import Archive
from comity.node.folder import Folder
from comity.node.inspection import inspect_file
from tests.silent import Silent

KILLS_MIN = 8  # moments of each command, or the walk missed most of its life

# Runs a command and kills it right before the n-th change of a name below a folder.
_KILLED = """
import os, signal, sys
from comity.cli.main import run
last, folder, seen = int(sys.argv[1]), sys.argv[2], 0
def hook(event, arguments):
    global seen
    is_change = event in ("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "open")
    if is_change and isinstance(arguments[0], (str, os.PathLike)) and os.fspath(arguments[0]).startswith(folder):
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)
exec(os.environ.get("PLANTED", ""))
sys.addaudithook(hook)
sys.exit(run(sys.argv[3:]))
"""


_GENESIS_FIRST = """
from comity.node import restore
restore.sorted = lambda names, key: sorted(names, key=lambda name: not key(name))
"""


def _is_killed(moment: int, folder: Path, *arguments: str | Path) -> bool:
    """Run a command that dies at a moment; tell whether it lived so long."""
    command = [sys.executable, "-c", _KILLED, str(moment), str(folder), *map(str, arguments), "-q"]
    code = subprocess.run(command, check=False, capture_output=True).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def _nothing_half_done(folder: Path) -> bool:
    return not [name for name in os.listdir(folder) if "unfinished" in name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a ledger of a few blocks."""
    monkeypatch.setenv("COMITY_PASSPHRASE", "open sesame")
    ledger = tmp_path / "ledger"
    assert run(["init", str(ledger), "--name", "killed", "-q"]) == 0
    rows = "".join(f"{number},{number * 7}\n" for number in range(500))
    (tmp_path / "numbers.csv").write_text(f"n,seven\n{rows}", encoding="utf-8")
    assert run(["import", str(tmp_path / "numbers.csv"), "--node", str(ledger), "-y", "-q"]) == 0
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.mark.slow
def test_a_killed_backup_leaves_a_whole_file_or_none(folder: Path) -> None:
    """Killed before each change of a name, a backup is there whole or not at all, and the next run makes one."""
    out = folder / "out"
    target = out / "a.zip"
    moment = 1
    while _is_killed(moment, out, "backup", folder / "ledger", "-o", target):
        if target.exists():
            with Archive(target) as archive:
                archive.verify(Silent())
        moment += 1
        assert run(["backup", str(folder / "ledger"), "-o", str(target), "--force", "-q"]) == 0
        assert _nothing_half_done(out)
        target.unlink()
    assert moment > KILLS_MIN
    assert run(["audit", "--node", str(folder / "ledger"), "-q"]) == 0


@pytest.mark.slow
def test_a_killed_backup_keeps_the_one_that_it_would_replace(folder: Path) -> None:
    """With --force the old file stays whole until the new one has its name."""
    out = folder / "out"
    target = out / "a.zip"
    assert run(["backup", str(folder / "ledger"), "-o", str(target), "-q"]) == 0
    moment = 1
    while _is_killed(moment, out, "backup", folder / "ledger", "-o", target, "--force"):
        with Archive(target) as archive:
            archive.verify(Silent())
        moment += 1
    assert moment > KILLS_MIN


@pytest.mark.slow
def test_a_killed_restore_leaves_a_whole_ledger_or_none(folder: Path) -> None:
    """Killed before each change of a name, the folder is a whole ledger or none, and the next run makes it one."""
    restore_and_kill(folder)


@pytest.mark.slow
def test_a_restore_in_the_wrong_order_is_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Canary: a restore that publishes the genesis first leaves half a ledger when it is killed."""
    monkeypatch.setenv("PLANTED", _GENESIS_FIRST)
    with pytest.raises(ComityError):
        restore_and_kill(folder)


def restore_and_kill(folder: Path) -> None:
    """Restore a backup with all keys, killed at each moment in turn; check what is left, then run it again."""
    saved, out = folder / "a.zip", folder / "out"
    made = ["backup", str(folder / "ledger"), "-o", str(saved), "--with-node-key", "--with-keys"]
    assert run([*made, "-q"]) == 0
    moment, wholes = 1, 0
    while True:
        target = out / str(moment)
        if not _is_killed(moment, target, "restore", saved, target):
            break
        if (target / "genesis.cbor").exists():
            wholes += 1
            _check_whole(target)
            assert run(["restore", str(saved), str(target), "-q"]) == 2  # it is there already
            _check_whole(target)
        else:
            assert run(["restore", str(saved), str(target), "-q"]) == 0
            assert _nothing_half_done(target)
            _check_whole(target)
        moment += 1
    assert moment > KILLS_MIN
    assert wholes  # the last moments are past the point of no return


@pytest.mark.slow
def test_a_restore_that_is_run_again_keeps_what_came_meanwhile(folder: Path) -> None:
    """After a killed restore somebody puts a file there: it is kept, and the next run says so."""
    saved = folder / "a.zip"
    assert run(["backup", str(folder / "ledger"), "-o", str(saved), "-q"]) == 0
    for moment in range(1, 60, 2):
        target = folder / "out" / str(moment)
        if not _is_killed(moment, target, "restore", saved, target):
            break
        database = target / "node.sqlite"
        if target.exists() and not database.exists():
            database.write_text("mine", encoding="utf-8")
            assert run(["restore", str(saved), str(target), "-q"]) == 2
            assert database.read_text("utf-8") == "mine"
    assert moment > KILLS_MIN


def _check_whole(target: Path) -> None:
    seen = inspect_file(target / "node.sqlite", Folder(target).read_genesis(), is_recomputing=True)
    assert seen.rows_count > 500
