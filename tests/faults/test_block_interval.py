"""Imports into a ledger that makes a block an hour: what was sent waits, and no row is there twice."""

import time
from pathlib import Path
from typing import Any

import pytest

from comity.cli.main import run
from comity.client import keystore
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import open_rows
from comity.client.files.typed_rows import TypedRows
from comity.client.importing import Importer
from comity.client.journal import Journal
from comity.client.ledger import Ledger
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder
from comity.node.local import LocalLedger
from comity.node.transport import LocalTransport

INTERVAL_S = 3_600
SECOND_NS = 10**9
WORDS = [["oak"], ["elm"], ["oak"], ["oak"], ["elm"]]
BATCH_ROWS = 2


class LaterTransport(LocalTransport):
    """The way to a ledger whose clock has moved on."""

    def __init__(self, directory: Path, later_s: int) -> None:
        super().__init__(directory)
        self.now_ns = time.time_ns() + later_s * SECOND_NS
        self._later = LocalLedger.open(directory, clock=lambda: self.now_ns)

    def open_writer(self) -> LocalLedger:
        """Return the writer."""
        return self._later

    def close(self) -> None:
        """Let go of the ledger."""
        super().close()
        self._later.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a ledger of one block an hour, its admin's key, and a file of words."""
    monkeypatch.setenv("COMITY_PASSPHRASE", "open sesame")
    monkeypatch.setenv("COMITY_NODE", str(tmp_path / "ledger"))
    monkeypatch.setenv("COMITY_KEYS", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    assert run(["key", "new", "ana", "-q"]) == 0
    (key,) = keystore.list_keys(tmp_path / "keys")
    ana = Founder(
        name="ana", key_type=KEY_TYPE_ED25519, public_key=key.public_key, roles=("admin",)
    )
    LocalLedger.create(
        tmp_path / "ledger", name="slow", founders=[ana], block_interval_s=INTERVAL_S
    ).close()
    (tmp_path / "words.csv").write_text("word\n" + "".join(f"{word}\n" for (word,) in WORDS))
    return tmp_path


def rows_of(ledger: Ledger) -> list[list[Any]]:
    """Return the words that are in the table."""
    return [list(row) for row in ledger.sql("SELECT word FROM words ORDER BY id").rows()]


@pytest.mark.parametrize("later_s", [INTERVAL_S, 4 * INTERVAL_S])
def test_rows_wait_for_their_block_and_are_added_once(
    folder: Path, capsys: pytest.CaptureFixture[str], later_s: int
) -> None:
    """While no block is due nothing is signed anew; then the same bytes go in, or, expired, what replaces them."""
    command = ["import", "words.csv", "-y", "--batch", str(BATCH_ROWS)]
    assert run(command) == 4
    (path,) = (folder / "ledger/imports").iterdir()
    entries = Journal(path).entries
    assert [entry.count for entry in entries] == [2, 2, 1]
    capsys.readouterr()
    for _ in range(2):
        assert run(command) == 4
        assert "earlier rows wait for their block" in capsys.readouterr().err
        assert Journal(path).entries == entries
    passphrase = read_passphrase(PassphraseSource.from_process(None), "key ana")
    key = keystore.unlock(folder / "keys", "ana", passphrase)
    transport = LaterTransport(folder / "ledger", later_s)
    with Ledger(transport, key, clock=lambda: transport.now_ns) as ledger:
        assert rows_of(ledger) == []
        schema = transport.schema("words")
        file = open_rows(folder / "words.csv", None, None)
        importer = Importer(ledger, schema, file.names, batch_rows=BATCH_ROWS)
        journal, rejects = Journal(path), Rejects()
        rows = list(TypedRows(file, schema).rows(rejects))
        is_expired = entries[0].expires_ns < transport.now_ns
        there = importer.run_numbered(rows, journal, rejects, transport.now_ns)
        assert (there, importer.result.added) == ((0, 5) if is_expired else (5, 0))
        assert is_expired == (later_s > INTERVAL_S) == (journal.entries != entries)
        assert rows_of(ledger) == WORDS
    assert run([*command, "--json"]) == 0
    assert '"added":0' in capsys.readouterr().out.replace(" ", "")
