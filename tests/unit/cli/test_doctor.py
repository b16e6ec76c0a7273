"""``comity doctor``: each planted fault is named, with what to do; what is safe is mended."""

import os
import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.node import doctor as doctor_module
from comity.node import folder_checks
from comity.node.connecting import Ledger
from comity.node.doctor import examine
from comity.node.finding import Finding
from comity.node.folder import Folder
from comity.node.listening import announce
from tests.unit.cli.command import PASSPHRASE, Comity


@pytest.fixture(autouse=True)
def _own_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look at a port that is free, so that whatever else runs here plays no part."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("COMITY_PORT", str(port))
    return


def _found(comity: Comity, name: str, code: int, *arguments: str) -> list[dict[str, str]]:
    """Return what the doctor says of one thing that is not well."""
    findings = comity("doctor", "--json", *arguments, code=code).json["findings"]
    return [each for each in findings if each["name"] == name and each["state"] != "ok"]


def test_a_node_in_order_is_well(comity: Comity) -> None:
    """Of a new ledger everything is well, and each thing that was looked at is named."""
    said = comity("doctor", "--json").json
    assert said["is_well"]
    names = [each["name"] for each in said["findings"] if each["state"] in ("ok", "warning")]
    assert names == [each["name"] for each in said["findings"]]
    assert {"software", "settings", "disk", "running", "keys", "apps", "file", "clock"} < set(names)
    assert comity("doctor").out.splitlines()[-1].startswith("nothing is wrong")


def test_keys_that_others_can_read_are_named_and_mended(comity: Comity) -> None:
    """The mode of each key file is looked at; --fix sets it, and nothing is wrong afterwards."""
    key = comity.node / "node.key"
    key.chmod(0o644)
    (found,) = _found(comity, "keys", 2)
    assert found["words"] == f"{key} can be read by others"
    assert found["fix"] == f"chmod 600 {key}"
    assert "comity doctor --fix" in comity("doctor", code=2).err
    said = comity("doctor", "--fix", "--json").json
    assert said["is_well"]
    assert said["mended"] == [found["words"]]
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_missing_or_foreign_key_is_named(comity: Comity) -> None:
    """Without its node's key, or with another's, a ledger makes no block."""
    key = comity.node / "node.key"
    kept = key.read_bytes()
    key.unlink()
    assert "makes no block" in _found(comity, "keys", 2)[0]["words"]
    key.write_text("07" * 32, encoding="utf-8")
    key.chmod(0o600)
    assert "not the key of this ledger's node" in _found(comity, "keys", 2)[0]["words"]
    key.write_text("damaged", encoding="utf-8")
    assert "missing or damaged" in _found(comity, "keys", 2)[0]["words"]
    key.write_bytes(kept)
    assert not _found(comity, "keys", 0)


def test_settings_are_looked_at(comity: Comity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each problem of the file and each variable that nothing reads is told; other checks go on."""
    monkeypatch.setenv("COMITY_PROT", "1")
    (comity.node / "comity.toml").write_text("prot = 1\nmetrics = 3\n", encoding="utf-8")
    found = _found(comity, "settings", 2)
    assert [each["state"] for each in found] == ["warning", "wrong", "wrong"]
    assert "Did you mean port?" in found[1]["words"]
    assert not _found(comity, "file", 2)


def test_a_port_that_another_program_has_is_told(
    comity: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the node is started one learns that it could not listen."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("COMITY_PORT", str(other.getsockname()[1]))
        (found,) = _found(comity, "running", 2)
    assert "another program listens there" in found["words"]
    monkeypatch.setenv("COMITY_PORT", "0")
    assert not _found(comity, "running", 0)


def test_who_holds_the_ledger_is_told(comity: Comity) -> None:
    """A process that writes is named by its number; where a node should listen and does not, that is wrong."""
    with Ledger.connect(
        comity.node, key="ana", keys=comity.folder / "ana-keys", passphrase=PASSPHRASE
    ) as ledger:
        ledger.transport.open_writer()
        words = _examined(comity, "running").words
        assert words == f"process {os.getpid()} writes the ledger, and is no node that listens"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        announce(Folder(comity.node), f"http://127.0.0.1:{port}")
        (found,) = _found(comity, "running", 2)
        assert f"it does not answer at http://127.0.0.1:{port}" in found["words"]
    assert not _found(comity, "running", 0)


def test_a_damaged_file_is_told(comity: Comity) -> None:
    """A page of zeros in the file ends with exit code 3 and leads to audit and backup."""
    comity.import_people()
    path = comity.node / "node.sqlite"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 20] = bytes(4096 * 17)
    path.write_bytes(data)
    found = _found(comity, "file", 3)
    assert found[0]["state"] == "damaged"
    assert "comity restore" in found[0]["fix"]


def test_a_file_of_another_ledger_is_told(comity: Comity, empty: Comity) -> None:
    """A file beside the genesis of another ledger was not signed by its node."""
    empty("init", "other", "--as", "ana", "-q")
    shutil.copy(empty.folder / "other" / "genesis.cbor", comity.node / "genesis.cbor")
    findings = comity("doctor", str(comity.node), "--json", code=3).json["findings"]
    assert "no node of this genesis signed" in next(
        each["words"] for each in findings if each["name"] == "file"
    )


def test_a_folder_without_a_ledger_is_told(comity: Comity) -> None:
    """No folder, no ledger, a damaged genesis, no file: each has its words and its exit code."""
    assert "no folder" in comity("doctor", "nowhere", code=2).err
    (comity.folder / "empty").mkdir()
    (found,) = _found(comity, "folder", 2, "empty")
    assert "holds no ledger" in found["words"]
    (comity.node / "node.sqlite").rename(comity.folder / "kept")
    assert "no node.sqlite" in _found(comity, "folder", 2)[0]["words"]
    (comity.node / "genesis.cbor").write_bytes(b"x")
    assert _found(comity, "folder", 3)[0]["state"] == "damaged"


def test_a_long_log_is_written_back(comity: Comity, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write-ahead log that a crash left long is told, and --fix writes it back without losing a row."""
    with Ledger.connect(
        comity.node, key="ana", keys=comity.folder / "ana-keys", passphrase=PASSPHRASE
    ) as ledger:
        ledger.call("members.suspend", account=ledger.transport.account_named("bo"))
        left = shutil.copytree(comity.node, comity.folder / "left")
    assert (left / "node.sqlite-wal").stat().st_size > 0
    monkeypatch.setattr(folder_checks, "WAL_PAGES_MAX", 0)
    (found,) = _found(comity, "wal", 0, str(left))
    assert found["state"] == "warning"
    before = comity("audit", "--node", left, "--json").json
    comity("doctor", str(left), "--fix")
    assert not _found(comity, "wal", 0, str(left))
    assert comity("audit", "--node", left, "--json").json == before


def test_what_a_killed_command_left_is_removed(comity: Comity) -> None:
    """A folder of a restore that was killed is told, and --fix removes it."""
    left = comity.node / ".restore.comity-unfinished"
    left.mkdir()
    (left / "node.sqlite").write_text("half", encoding="utf-8")
    assert str(left) in _found(comity, "leftovers", 0)[0]["words"]
    comity("doctor", "--fix")
    assert not left.exists()


def test_a_file_too_large_to_look_through_is_said(
    comity: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking through the file ends with its time, is no alarm, and leads to what looks at all of it."""
    monkeypatch.setattr(folder_checks, "DOCTOR_CHECK_TIME_S", 0)
    monkeypatch.setattr(folder_checks, "QUERY_PROGRESS_OPS", 1)
    (found,) = _found(comity, "file", 0)
    assert found["state"] == "note"
    assert "was not looked through within 0 s" in found["words"]
    assert "comity audit" in found["fix"]


def test_missing_apps_are_told(comity: Comity, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app of the genesis that no installed package brings is named."""
    monkeypatch.setattr("comity.sdk.load.entry_points", lambda **_: ())
    (found,) = _found(comity, "apps", 2)
    assert "no installed package brings the app members, tables" in found["words"]


def _examined(comity: Comity, name: str, now_ns: int = 2 << 60) -> Finding:
    return next(each for each in examine(comity.node, {}, now_ns) if each.name == name)


def test_a_clock_behind_the_last_block_is_told(comity: Comity) -> None:
    """A clock that was set back stands out against the ledger's own time."""
    assert _examined(comity, "clock").state == "ok"
    behind = _examined(comity, "clock", now_ns=10**18)
    assert behind.state == "wrong"
    assert "s behind the last block: set it right" in behind.words


def test_a_full_disk_and_few_files_are_told(
    comity: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room on the disk and the limit of open files are compared with what a node needs."""
    monkeypatch.setattr(doctor_module, "DISK_FREE_BYTES_MIN", 1 << 62)
    disk = _examined(comity, "disk")
    assert (disk.state, disk.fix.startswith("make room")) == ("wrong", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        files = _examined(comity, "open files")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert files.state == "warning"
    assert "may open 512 files" in files.words


def test_a_check_that_cannot_look_does_not_stop_the_others(comity: Comity) -> None:
    """A folder of keys that cannot be listed is told, and the file is looked at all the same."""
    keys = comity.node / "keys"
    keys.write_text("no folder", encoding="utf-8")
    findings = {each.name: each for each in examine(Path(comity.node), {}, 2 << 60)}
    assert findings["keys"].state == "wrong"
    assert findings["file"].state == "ok"


def test_nothing_is_changed_without_fix(comity: Comity) -> None:
    """The doctor only looks: every file of the folder is as it was (SQLite may leave an empty log of its own)."""
    comity.import_people()
    before = {path: path.read_bytes() for path in comity.node.rglob("*") if path.is_file()}
    comity("doctor")
    assert {path: path.read_bytes() for path in before} == before
    left = {path.name: path.stat().st_size for path in comity.node.iterdir() if path not in before}
    assert left.get("node.sqlite-wal", 0) == 0
