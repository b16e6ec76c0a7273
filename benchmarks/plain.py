"""Plain SQLite to compare with: the same rows in one table, the same sync, cache and checkpoints, no ledger."""

import time
from collections.abc import Sequence
from pathlib import Path

import apsw

from benchmarks.ledger import GENESIS, PUBLIC_KEYS, SEEDS, Files, name_of, rows_of
from comity.crypto import ed25519
from comity.limits import STORE_CACHE_KIB, WAL_PAGES_MAX

_TABLE = """CREATE TABLE account(id TEXT NOT NULL, owner TEXT NOT NULL, balance INTEGER NOT NULL,
    sequence INTEGER NOT NULL, PRIMARY KEY(id)) STRICT, WITHOUT ROWID"""
_AUDIT = """CREATE TABLE audit(position INTEGER PRIMARY KEY, signer BLOB NOT NULL, message BLOB NOT NULL,
    signature BLOB NOT NULL) STRICT"""
_CHUNK_ROWS = 100_000


class PlainTable:
    """A table of accounts in SQLite, with an audit table beside it."""

    def __init__(self, files: Files, rows_count: int) -> None:
        path = files.folder / f"plain-{rows_count}.sqlite"
        if not path.exists():
            _load(path, rows_count)
        self.rows_count = rows_count
        self.connection = _connect(path)

    def update(self, names: Sequence[str]) -> float:
        """Change the rows with one commit; return seconds."""
        run = self.connection
        bindings = [(name,) for name in names]
        start = time.perf_counter()
        run.execute("BEGIN IMMEDIATE")
        run.executemany("UPDATE account SET sequence = sequence + 1 WHERE id = ?", bindings)
        run.execute("COMMIT")
        return time.perf_counter() - start

    def transfer_signed(self, pairs: Sequence[tuple[str, str]]) -> float:
        """Check a signature for each pair, move an amount, keep the signed message; one commit; return seconds."""
        signed = []
        for number, (source, target) in enumerate(pairs):
            message = f"{source}>{target}:1:{number}".encode() + GENESIS.hash
            signed.append((source, target, message, ed25519.sign(SEEDS[0], message)))
        run = self.connection.execute
        start = time.perf_counter()
        run("BEGIN IMMEDIATE")
        for source, target, message, signature in signed:
            if not ed25519.verify(PUBLIC_KEYS[0], message, signature):
                raise RuntimeError("a good signature was refused")
            run(
                "UPDATE account SET balance = balance - 1, sequence = sequence + 1 WHERE id = ?",
                (source,),
            )
            run("UPDATE account SET balance = balance + 1 WHERE id = ?", (target,))
            run(
                "INSERT INTO audit(signer, message, signature) VALUES(?, ?, ?)",
                (PUBLIC_KEYS[0], message, signature),
            )
        run("COMMIT")
        return time.perf_counter() - start

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    settings = ("journal_mode = WAL", "synchronous = FULL", f"cache_size = {-STORE_CACHE_KIB}")
    for setting in (*settings, f"wal_autocheckpoint = {WAL_PAGES_MAX}"):
        connection.execute("PRAGMA " + setting).fetchall()
    return connection


def _load(path: Path, rows_count: int) -> None:
    loading = path.with_suffix(".loading")
    Files.remove(loading)
    connection = _connect(loading)
    connection.execute(_TABLE)
    connection.execute(_AUDIT)
    with connection:
        connection.executemany(
            "INSERT INTO account(id, owner, balance, sequence) VALUES(?, ?, ?, ?)",
            (row[1:] for row in rows_of(rows_count)),
        )
    connection.close()
    loading.rename(path)


def names(numbers: Sequence[int]) -> list[str]:
    """Return the ids of accounts."""
    return [name_of(number) for number in numbers]
