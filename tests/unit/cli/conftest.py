"""A ledger of two founders, made once and copied for each test that writes."""

from pathlib import Path

import pytest

from comity.cli.main import run
from tests.unit.cli.command import PASSPHRASE, Comity, copy_of


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a ledger, the keys of ana (admin) and bo, and an empty table set."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMITY_PASSPHRASE", PASSPHRASE)
        for name in ("ana", "bo"):
            assert run(["key", "new", name, "-q", "--keys", str(folder / f"{name}-keys")]) == 0
        bo = f"bo={folder / 'bo-keys' / 'bo.key.json'}"
        arguments = ["--founder", "ana", "--founder", bo, "--keys", str(folder / "ana-keys"), "-q"]
        assert run(["init", str(folder / "ledger"), "--name", "shared", *arguments]) == 0
    return folder


@pytest.fixture
def empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Comity:
    """Give a folder without a ledger."""
    _clear(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return Comity(tmp_path, capsys)


@pytest.fixture
def comity(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Comity:
    """Give a copy of the ledger, in which ana acts."""
    folder = copy_of(made, tmp_path / "copy")
    _clear(monkeypatch)
    monkeypatch.setenv("COMITY_NODE", str(folder / "ledger"))
    monkeypatch.setenv("COMITY_KEYS", str(folder / "ana-keys"))
    monkeypatch.chdir(folder)
    return Comity(folder, capsys)


def _clear(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMITY_NODE", "COMITY_KEYS", "COMITY_AS", "COMITY_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("COMITY_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("COMITY_PASSPHRASE", PASSPHRASE)
