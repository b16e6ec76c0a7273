"""Key files: made, read, and left alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comity.client import key_file, keystore
from comity.client.keystore import INTERACTIVE, KdfCost
from comity.client.secret import Secret
from comity.crypto import ed25519, words
from comity.errors import ConfigError, Malformed, Unavailable
from comity.limits import KDF_MEMORY_BYTES_MAX, KDF_OPERATIONS_MAX, KEY_FILE_BYTES_MAX
from comity.model import account

CHEAP = KdfCost(1, 8 * 1024)
PASSPHRASE = Secret(b"correct horse")
ENTROPY = Secret(bytes(range(32)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the key ``ana``."""
    keystore.create(tmp_path / "keys", "ana", PASSPHRASE, ENTROPY, CHEAP)
    return tmp_path / "keys"


def test_key_is_made_listed_and_unlocked(tmp_path: Path) -> None:
    """At the default cost, what is unlocked is what was made, and it signs."""
    info = keystore.create(tmp_path / "a/b", "ana", PASSPHRASE)
    assert keystore.list_keys(tmp_path / "a/b") == [info]
    key = keystore.unlock(tmp_path / "a/b", "ana", PASSPHRASE)
    assert (key.public_key, key.key_id) == (info.public_key, info.key_id)
    assert key.account_id == info.account_id == account.from_text(info.account_text)
    assert ed25519.verify(info.public_key, b"message", key.sign(b"message"))
    assert json.loads(info.path.read_text())["kdf"]["memory_bytes"] == INTERACTIVE.memory_bytes


def test_two_new_keys_differ(tmp_path: Path) -> None:
    """Entropy and salt are drawn anew."""
    one, two = (keystore.create(tmp_path, name, PASSPHRASE, cost=CHEAP) for name in ("a", "b"))
    assert one.public_key != two.public_key
    assert key_file.read(one.path).kdf.salt != key_file.read(two.path).kdf.salt


def test_words_go_out_and_come_in(folder: Path) -> None:
    """The exported words restore the same key elsewhere, however they were copied."""
    phrase = keystore.export_words(folder, "ana", PASSPHRASE)
    assert phrase.reveal_text() == words.to_words(ENTROPY.reveal())
    copied = Secret.from_text("\n " + phrase.reveal_text().upper().replace(" ", " \t\n") + "\n")
    info = keystore.import_words(folder, "again", copied, Secret(b"other passphrase"), CHEAP)
    assert info.public_key == keystore.list_keys(folder)[1].public_key
    assert keystore.unlock(folder, "again", Secret(b"other passphrase")).account_id


def test_wrong_words_store_nothing(folder: Path) -> None:
    """A refused phrase leaves no file."""
    with pytest.raises(Malformed, match="2 words"):
        keystore.import_words(folder, "bo", Secret(b"two words"), PASSPHRASE, CHEAP)
    assert os.listdir(folder) == ["ana.key.json"]


def test_file_and_folder_are_the_owners_alone(folder: Path) -> None:
    """Mode 0600 in a folder of mode 0700, whatever the umask, and no draft is left."""
    old = os.umask(0)
    try:
        keystore.create(folder / "new", "bo", PASSPHRASE, cost=CHEAP)
    finally:
        os.umask(old)
    assert (folder / "new").stat().st_mode & 0o777 == 0o700
    assert (folder / "new/bo.key.json").stat().st_mode & 0o777 == 0o600
    assert os.listdir(folder / "new") == ["bo.key.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_file_open_to_others_is_refused(folder: Path, mode: int) -> None:
    """As with ssh, a key file that others may use is an error that names the remedy."""
    path = folder / "ana.key.json"
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:o}.*run chmod 600"):
        keystore.unlock(folder, "ana", PASSPHRASE)
    path.chmod(0o400)
    assert keystore.unlock(folder, "ana", PASSPHRASE)


def test_wrong_passphrase_changes_nothing(folder: Path) -> None:
    """The error says so, and the file is untouched."""
    path = folder / "ana.key.json"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    for call in (keystore.unlock, keystore.export_words):
        with pytest.raises(ConfigError, match=r"wrong passphrase .*ana\.key\.json"):
            call(folder, "ana", Secret(b"incorrect"))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert os.listdir(folder) == ["ana.key.json"]


def test_existing_key_is_never_replaced(folder: Path) -> None:
    """A second key of that name is refused and the first still opens."""
    before = (folder / "ana.key.json").read_bytes()
    with pytest.raises(ConfigError, match="exists: choose another name"):
        keystore.create(folder, "ana", PASSPHRASE, cost=CHEAP)
    assert (folder / "ana.key.json").read_bytes() == before
    assert os.listdir(folder) == ["ana.key.json"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "../a", "Ana", "a.b", "\u00e9", "a" * 41, "a\0"])
def test_name_that_could_lead_elsewhere_is_refused(folder: Path, name: str) -> None:
    """Names are short and of letters that every file system keeps apart."""
    for call in (keystore.create, keystore.unlock):
        with pytest.raises(ConfigError, match="use 1 to 40 of"):
            call(folder, name, PASSPHRASE)


def test_missing_key_and_folder_are_named(tmp_path: Path) -> None:
    """A missing key is an error with its path; a missing folder has no keys."""
    with pytest.raises(ConfigError, match=r"no/bo\.key\.json: No such file"):
        keystore.unlock(tmp_path / "no", "bo", PASSPHRASE)
    assert keystore.list_keys(tmp_path / "no") == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="Not a directory"):
        keystore.list_keys(tmp_path / "file")
    with pytest.raises(ConfigError, match="cannot be written"):
        keystore.create(tmp_path / "file", "bo", PASSPHRASE, cost=CHEAP)


def test_folder_or_pipe_in_place_of_a_key_is_refused(folder: Path) -> None:
    """What is no regular file is refused, and a pipe does not make us wait."""
    (folder / "dir.key.json").mkdir()
    os.mkfifo(folder / "pipe.key.json", 0o600)
    for name in ("dir", "pipe"):
        with pytest.raises(ConfigError, match=r"a directory|not a regular file"):
            keystore.unlock(folder, name, PASSPHRASE)


def test_list_names_every_problem(folder: Path) -> None:
    """All files that cannot be read are named at once."""
    for name in ("b", "c"):
        (folder / f"{name}.key.json").write_text("{}")
        (folder / f"{name}.key.json").chmod(0o600)
    (folder / "notes.txt").write_text("not a key")
    with pytest.raises(ConfigError, match=r"b\.key\.json.*; .*c\.key\.json"):
        keystore.list_keys(folder)


def alter(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Return a change of the file's JSON."""

    def apply(data: bytes) -> bytes:
        content = json.loads(data)
        change(content)
        return json.dumps(content).encode()

    return apply


OTHER = account.to_text(bytes(20))
ALTERED = {
    "not JSON": lambda data: data[:-5],
    "too long": lambda data: data + b" " * KEY_FILE_BYTES_MAX,
    "empty": lambda _data: b"",
    "nested": lambda _data: b"[" * KEY_FILE_BYTES_MAX,
    "not UTF-8": lambda data: data.replace(b"cm1", b"\xff\xfe\xfd"),
    "version": alter(lambda c: c.update(version=2)),
    "no version": alter(lambda c: c.pop("version")),
    "unknown field": alter(lambda c: c.update(note="hello")),
    "account": alter(lambda c: c.update(account=OTHER)),
    "other KDF": alter(lambda c: c["kdf"].update(name="argon2d")),
    "100 GB": alter(lambda c: c["kdf"].update(memory_bytes=100 << 30)),
    "memory beyond": alter(lambda c: c["kdf"].update(memory_bytes=KDF_MEMORY_BYTES_MAX + 1)),
    "no memory": alter(lambda c: c["kdf"].update(memory_bytes=0)),
    "operations beyond": alter(lambda c: c["kdf"].update(operations=KDF_OPERATIONS_MAX + 1)),
    "operations negative": alter(lambda c: c["kdf"].update(operations=-1)),
    "float": alter(lambda c: c["kdf"].update(operations=1.5)),
    "salt": alter(lambda c: c["kdf"].update(salt="AAAA")),
    "ciphertext": alter(lambda c: c.update(ciphertext="AAAA")),
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_malformed_file_is_refused_before_the_kdf(
    folder: Path, change: Callable[[bytes], bytes]
) -> None:
    """A hostile file is an error that names it, and costs neither time nor memory."""
    path = folder / "ana.key.json"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ConfigError, match=r"ana\.key\.json: "):
        keystore.unlock(folder, "ana", PASSPHRASE)


def test_exchanged_public_key_is_found_at_unlock(folder: Path) -> None:
    """Whoever edits the public half cannot make us sign under another name."""
    other = keystore.create(folder, "bo", PASSPHRASE, cost=CHEAP)
    path = folder / "ana.key.json"
    content = json.loads(path.read_text())
    content.update({k: json.loads(other.path.read_text())[k] for k in ("account", "public_key")})
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="was altered: its public key is not its secret's"):
        keystore.unlock(folder, "ana", PASSPHRASE)


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """A file beyond the bounds for reading is refused when it is made."""
    cost = KdfCost(KDF_OPERATIONS_MAX + 1, 8 * 1024)
    with pytest.raises(Malformed):
        keystore.create(tmp_path / "keys", "ana", PASSPHRASE, cost=cost)
    assert not (tmp_path / "keys").exists()


def test_key_that_needs_more_memory_than_there_is(folder: Path) -> None:
    """A process with little memory says how much the key takes, instead of dying."""
    path = folder / "ana.key.json"
    content = json.loads(path.read_text())
    content["kdf"]["memory_bytes"] = KDF_MEMORY_BYTES_MAX
    path.write_text(json.dumps(content))
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from comity.client import keystore\n"
        "from comity.client.secret import Secret\n"
        "resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))\n"
        "keystore.unlock(Path(sys.argv[1]), 'ana', Secret(b'correct horse'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, folder],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert f"{Unavailable.__name__}: not enough memory: this key takes 1024 MiB" in done.stderr


def test_golden_file_still_opens(tmp_path: Path) -> None:
    """A key file written by the first version opens for ever."""
    golden = Path(__file__).parents[2] / "vectors" / "first.key.json"
    (tmp_path / "first.key.json").write_bytes(golden.read_bytes())
    (tmp_path / "first.key.json").chmod(0o600)
    phrase = keystore.export_words(tmp_path, "first", PASSPHRASE)
    assert phrase.reveal_text() == words.to_words(ENTROPY.reveal())
    key = keystore.unlock(tmp_path, "first", PASSPHRASE)
    assert account.to_text(key.account_id) == json.loads(golden.read_text())["account"]
