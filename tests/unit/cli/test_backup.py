"""``comity backup`` and ``comity restore``."""

import json
import shutil
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from comity.errors import ComityError, ProofInvalid
from comity.node import backup as backup_module
from comity.node.archive import Archive
from comity.node.backup import BackupOptions, back_up
from comity.node.connecting import Ledger
from comity.node.restore import restore
from tests.silent import Silent
from tests.unit.cli.command import PASSPHRASE, Comity


def _rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Write a backup anew, with some files changed or left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


@pytest.fixture
def saved(comity: Comity) -> Path:
    """Give a backup of a ledger with three rows."""
    comity.import_people()
    comity("backup", "-o", "people.zip")
    return comity.folder / "people.zip"


def test_a_backup_becomes_the_same_ledger(comity: Comity) -> None:
    """Backup and restore lead to the same rows, height and app hash, and audit finds them sound."""
    comity.import_people()
    made = comity("backup", "-o", "people.zip", "--json").json
    back = comity("restore", "people.zip", "back", "--json").json
    assert (back["height"], back["app_hash"]) == (made["height"], made["app_hash"])
    before = comity("sql", "SELECT * FROM people", "--json").json
    after = comity("sql", "SELECT * FROM people", "--node", "back", "--json").json
    assert after == before
    assert comity("audit", "--node", "back", "--json").json["is_clean"]
    assert stat.S_IMODE((comity.folder / "people.zip").stat().st_mode) == 0o600


def test_a_backup_names_what_it_holds_and_leaves_secrets_out(comity: Comity, saved: Path) -> None:
    """By default neither the node's key nor a member's is in it, and that is said."""
    with zipfile.ZipFile(saved) as archive:
        assert sorted(archive.namelist()) == ["genesis.cbor", "manifest.json", "node.sqlite"]
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["is_checked"]
        assert manifest["files"]["genesis.cbor"]["bytes"] == len(archive.read("genesis.cbor"))
    said = comity("backup", "-o", "again.zip", "--no-check")
    assert "node.key is not in it" in said.err
    assert "signature only" in said.out


def test_keys_are_taken_only_when_asked_for(empty: Comity) -> None:
    """With both flags the whole folder comes back and goes on; each secret is warned of."""
    empty("init", "ledger", "--as", "ana", "-q")
    said = empty("backup", "ledger", "-o", "whole.zip", "--with-node-key", "--with-keys")
    assert "node.key is in it, not encrypted" in said.err
    assert "keys in it, each under its passphrase: ana" in said.err
    shutil.rmtree(empty.folder / "ledger")
    assert empty("restore", "whole.zip", "ledger", "--json").json["can_sign"]
    for secret in ("node.key", "keys/ana.key.json"):
        assert stat.S_IMODE((empty.folder / "ledger" / secret).stat().st_mode) == 0o600
    people = empty.write("people.csv", "name\nana\n")
    empty("import", people, "--node", "ledger", "-y")


def test_a_file_is_never_replaced_unasked(comity: Comity, saved: Path) -> None:
    """A backup that exists stays as it is, unless --force; nothing half done is left beside it."""
    before = saved.read_bytes()
    assert "exists" in comity("backup", "-o", saved, code=2).err
    assert saved.read_bytes() == before
    saved.write_bytes(b"old")
    comity("backup", "-o", saved, "--force")
    assert zipfile.is_zipfile(saved)
    assert not list(comity.folder.glob(".*unfinished*"))


def test_a_dry_run_writes_nothing(comity: Comity, saved: Path) -> None:
    """--dry-run of both commands says what would be done, and does nothing."""
    assert "would write" in comity("backup", "-o", "other.zip", "--dry-run").err
    assert "would restore" in comity("restore", saved, "back", "--dry-run").err
    assert not (comity.folder / "other.zip").exists()
    assert not (comity.folder / "back").exists()


def test_a_backup_is_of_one_block_while_others_are_made(
    comity: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node holds the lock and writes between any two steps of the copy: the copy is the block it began with."""
    comity.import_people()
    monkeypatch.setattr(backup_module, "_PAGES_PER_STEP", 5)
    with Ledger.connect(
        comity.node, key="ana", keys=comity.folder / "ana-keys", passphrase=PASSPHRASE
    ) as ledger:
        height, people = ledger.tip().height, ledger.table("people")
        written = []

        class Writing(Silent):
            def __call__(self, title: str, total: int | None = None) -> Silent:
                return self if title == "copying" else Silent()

            def __enter__(self) -> Callable[[int], None]:
                def write(done: int) -> None:
                    row = {"name": f"n{done}", "age": done, "city": "Oslo"}
                    people.add(**row)
                    written.append(done)

                return write

        manifest = back_up(comity.node, comity.folder / "busy.zip", BackupOptions(), Writing())
        assert len(written) > 3
        assert manifest.height == height
        assert ledger.tip().height == height + len(written)
    comity("restore", "busy.zip", "back")
    assert len(comity("sql", "SELECT * FROM people", "--node", "back", "--json").json["rows"]) == 3


def test_a_restored_ledger_without_its_key_says_so(comity: Comity, saved: Path) -> None:
    """A copy without the node's key can be read, makes no block, and says what to do about it."""
    said = comity("restore", saved, "back")
    assert "makes no block" in said.err
    assert str(Path("back/node.key")) in said.err
    error = comity(
        "row", "add", "people", "name=dov", "age=1", "city=Rom", "--node", "back", code=2
    ).err
    assert "node.key is missing" in error
    shutil.copy(comity.node / "node.key", comity.folder / "back" / "node.key")
    comity("row", "add", "people", "name=dov", "age=1", "city=Rom", "--node", "back")


def test_a_key_that_waits_in_the_folder_is_used(comity: Comity, saved: Path) -> None:
    """A folder that holds nothing but the node's key takes the backup and can sign; another's key is refused."""
    back = comity.folder / "back"
    back.mkdir()
    shutil.copy(comity.node / "node.key", back / "node.key")
    assert comity("restore", saved, back, "--json").json["can_sign"]
    other = comity.folder / "other"
    other.mkdir()
    (other / "node.key").write_text("07" * 32, encoding="utf-8")
    assert "another ledger's node" in comity("restore", saved, other, code=2).err
    assert not (other / "genesis.cbor").exists()
    assert (other / "node.key").exists()


@pytest.mark.parametrize("name", ["genesis.cbor", "node.sqlite", "node.sqlite-wal"])
def test_a_folder_with_a_ledger_is_left_alone(comity: Comity, saved: Path, name: str) -> None:
    """Whatever is of a ledger in the folder is kept, and restore refuses."""
    back = comity.folder / "back"
    back.mkdir()
    (back / name).write_text("mine", encoding="utf-8")
    assert f"holds {name} already" in comity("restore", saved, back, code=2).err
    assert (back / name).read_text("utf-8") == "mine"
    assert {path.name for path in back.iterdir()} == {name, "node.lock"}


def test_an_older_backup_than_a_held_checkpoint_is_refused(comity: Comity, saved: Path) -> None:
    """What a member holds shows that the ledger went on: restoring what is older would fork it."""
    comity("checkpoint", "-o", "same.checkpoint")
    assert "second history" in comity("restore", saved, "first").err
    assert (
        "second history" not in comity("restore", saved, "b", "--checkpoint", "same.checkpoint").err
    )
    comity("row", "add", "people", "name=dov", "age=1", "city=Rom")
    comity("checkpoint", "-o", "newer.checkpoint")
    said = comity("restore", saved, "c", "--checkpoint", "newer.checkpoint", code=3)
    assert "older than the checkpoint" in said.err
    assert not (comity.folder / "c").exists()


def test_a_checkpoint_of_another_history_is_refused(comity: Comity, saved: Path) -> None:
    """Two copies that both went on have two histories: the checkpoint of one does not fit the other."""
    comity("restore", saved, "fork")
    shutil.copy(comity.node / "node.key", comity.folder / "fork" / "node.key")
    comity("row", "add", "people", "name=dov", "age=1", "city=Rom")
    comity("checkpoint", "-o", "ours.checkpoint")
    comity("row", "add", "people", "name=eva", "age=1", "city=Rom", "--node", "fork")
    comity("backup", "fork", "-o", "fork.zip")
    said = comity("restore", "fork.zip", "d", "--checkpoint", "ours.checkpoint", code=3)
    assert "another history" in said.err


def test_a_damaged_ledger_gets_no_backup(comity: Comity) -> None:
    """A copy whose rows do not make the signed app hash is not kept, unless it is asked for as it is."""
    comity.import_people()
    with sqlite3.connect(comity.node / "node.sqlite") as file:
        file.execute("UPDATE people SET age = 99 WHERE name = 'bo'")
    file.close()
    said = comity("backup", "-o", "bad.zip", code=3)
    assert "in people" in said.err
    assert not (comity.folder / "bad.zip").exists()
    assert not list(comity.folder.glob(".*unfinished*"))
    comity("backup", "-o", "as-it-is.zip", "--no-check")
    assert "in people" in comity("restore", "as-it-is.zip", "back", code=3).err


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def test_what_is_no_backup_is_told(comity: Comity, saved: Path) -> None:
    """A missing file, another file and a cut one end with exit code 2, and make no folder."""
    comity.write("text.zip", "hello")
    (comity.folder / "cut.zip").write_bytes(_cut(saved.read_bytes()))
    with zipfile.ZipFile(comity.folder / "empty.zip", "w"):
        pass
    for name in ("none.zip", "text.zip", "cut.zip", "empty.zip"):
        comity("restore", name, "back", code=2)
        assert not (comity.folder / "back").exists()


@pytest.mark.parametrize("place", range(0, 100, 9))
def test_a_flipped_byte_is_found(comity: Comity, made_backup: Path, place: int) -> None:
    """A byte changed anywhere in a backup is found, or changes nothing that is restored."""
    data = bytearray(made_backup.read_bytes())
    data[place * (len(data) - 1) // 99] ^= 0x40
    flipped = comity.folder / "flipped.zip"
    flipped.write_bytes(data)
    back = comity.folder / "back"
    try:
        restored = restore(flipped, back, Silent())
    except ComityError:
        assert not (back / "genesis.cbor").exists()
    else:
        with Archive(made_backup) as archive:
            assert restored.manifest.app_hash == archive.manifest.app_hash


@pytest.fixture(scope="module")
def made_backup(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a backup of an empty ledger."""
    path = tmp_path_factory.mktemp("backup") / "empty.zip"
    back_up(made / "ledger", path, BackupOptions(), Silent())
    return path


def _swap(name: str, data: bytes, target: str, value: bytes) -> bytes:
    return value if name == target else data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda name, data: None if name == "node.sqlite" else data,
            "other files than its manifest",
        ),
        (lambda name, data: None if name == "manifest.json" else data, "has no manifest.json"),
        (lambda name, data: _swap(name, data, "manifest.json", b"{}"), "manifest.json is damaged"),
        (lambda name, data: _swap(name, data, "genesis.cbor", b"x"), "genesis.cbor is not what"),
        (lambda _, data: data.replace(b"comity backup 1", b"comity backup 9"), "has the format"),
        (
            lambda name, data: (
                data.replace(b'"height": 0', b'"height": 7') if name == "manifest.json" else data
            ),
            "holds block 0, its manifest names block 7",
        ),
    ],
)
def test_an_altered_backup_is_told(
    comity: Comity, made_backup: Path, change: Callable[[str, bytes], bytes | None], words: str
) -> None:
    """Whatever does not fit the manifest, the genesis or the ledger's signature is named."""
    altered = _rewritten(made_backup, comity.folder / "altered.zip", change)
    with pytest.raises(Exception, match=words):
        restore(altered, comity.folder / "back", Silent())
    assert not (comity.folder / "back").exists()


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "keys/../../evil.key.json", "comity.toml"]
)
def test_a_name_that_no_backup_has_is_refused(comity: Comity, made_backup: Path, name: str) -> None:
    """No file of a backup can lead out of the folder, or bring what backups do not hold."""
    altered = comity.folder / "altered.zip"
    with zipfile.ZipFile(made_backup) as old, zipfile.ZipFile(altered, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        manifest["files"][name] = manifest["files"]["genesis.cbor"]
        for known in ("genesis.cbor", "node.sqlite"):
            new.writestr(known, old.read(known))
        new.writestr(name, old.read("genesis.cbor"))
        new.writestr("manifest.json", json.dumps(manifest))
    with pytest.raises(ProofInvalid, match="which no backup has"):
        restore(altered, comity.folder / "back", Silent())
