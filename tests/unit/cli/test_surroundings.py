"""Disks that are full or read-only, and a second process: each a clear error, nothing lost.

The disks are small file systems in memory, mounted in a namespace of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from comity.node.folder import Folder
from tests.unit.cli.command import PASSPHRASE, Comity, run_process

ROWS = "word,times\n" + "".join(f"w{number},{number}\n" for number in range(12_000))
SCRIPT = """
set -eu
mount -t tmpfs -o size={size}k tmpfs disk
cp -r ledger disk/ledger
run() {{ set +e; {python} -m comity "$@" 2>&1; echo "[exit $?]"; set -e; }}
export COMITY_NODE=disk/ledger
{steps}
"""


def on_small_disk(folder: Path, size_kib: int, steps: str) -> str:
    """Run steps on a copy of the ledger on a disk of so many KiB; return what was said."""
    (folder / "disk").mkdir()
    script = SCRIPT.format(size=size_kib, python=sys.executable, steps=steps)
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            *([] if os.geteuid() == 0 else ["--map-root-user"]),
            "sh",
            "-c",
            script,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COMITY_PASSPHRASE": PASSPHRASE, "COMITY_KEYS": str(folder / "ana-keys")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_full_disk_loses_nothing(comity: Comity) -> None:
    """On a full disk the import stops with a clear error; what was confirmed stays, and it goes on later."""
    comity.write("words.csv", ROWS)
    said = on_small_disk(
        comity.folder,
        1_600,
        """
        run import words.csv -y -q
        run sql "SELECT count(*) % 500 FROM words" --format csv
        run audit
        mount -o remount,size=60000k disk
        run import words.csv
        run sql "SELECT count(*) FROM words" --format csv
        run audit
        """,
    )
    assert "the disk is full" in said
    assert "make room" in said
    assert said.count("[exit 4]") == 1
    assert said.count("sound ") == 2
    assert "12000" in said
    assert "Traceback" not in said


def test_a_read_only_disk_is_read(comity: Comity) -> None:
    """What writes is refused with the reason and changes nothing; what reads works."""
    comity.import_people()
    said = on_small_disk(
        comity.folder,
        4_000,
        """
        mount -o remount,ro disk
        run row set people bo age=1
        run import people.csv --update
        run key new more --keys disk/keys
        run sql "SELECT age FROM people WHERE name = 'bo'" --format csv
        run row show people bo
        run audit
        """,
    )
    assert "Read-only file system" in said
    assert said.count("[exit 2]") >= 2
    assert "27" in said
    assert "sound " in said
    assert "Traceback" not in said


def test_a_second_writer_is_told_who_writes(comity: Comity) -> None:
    """While one process writes, another's change is refused with the writer's number; reading goes on."""
    comity.import_people()
    lock = Folder(comity.node).lock()
    try:
        done = run_process("row", "set", "people", "bo", "age=1", cwd=comity.folder)
        assert done.returncode == 4
        assert f"process {os.getpid()}" in done.stderr
        assert comity("row", "show", "people", "bo", "--json").json["fields"]["age"] == 27
        assert comity("sql", "SELECT 1").code == 0
    finally:
        lock.release()
    comity("row", "set", "people", "bo", "age=1")


@pytest.mark.parametrize("name", ["genesis.cbor", "node.key", "node.sqlite"])
def test_a_damaged_folder_is_named(comity: Comity, name: str) -> None:
    """A file of the folder that is missing or cut is named, with what to do."""
    comity.import_people()
    path = comity.node / name
    path.write_bytes(path.read_bytes()[:20])
    said = run_process("row", "set", "people", "bo", "age=1", cwd=comity.folder)
    assert said.returncode in (2, 4)
    assert name in said.stderr
    path.unlink()
    said = run_process("row", "set", "people", "bo", "age=1", cwd=comity.folder)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
