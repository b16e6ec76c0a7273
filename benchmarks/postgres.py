"""PostgreSQL to compare with: the same rows, each change signed, checked and committed with an audit row.

A cluster in a temporary folder, run by a user without rights, that ends with this process. Eight processes are its
clients, over its socket file: each checks the Ed25519 signature of a message, reads the change from it, and commits
change and audit row with one prepared statement, which is one round trip. PostgreSQL is spared HTTP and a second hop.
"""

import itertools
import json
import multiprocessing
import os
import pwd
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from nacl.bindings import crypto_sign_open

from benchmarks.bound import bound
from benchmarks.ledger import name_of
from benchmarks.shared_table import ANA, NOTE

WORKERS = 8
MISSING = (
    "PostgreSQL is not on this machine, so nothing stands beside these figures:"
    " install Debian's package postgresql (scripts/debian does, as root)"
)
_BINARIES = Path("/usr/lib/postgresql")  # where Debian puts them, by version
_READY_S = 60
_ROW = """WITH changed AS (UPDATE stock SET count = %b WHERE name = %b RETURNING name)
    INSERT INTO audit(signer, message, signature) SELECT %b, %b, %b FROM changed"""
_ROWS = """WITH given AS (SELECT * FROM unnest(%b::bigint[], %b::text[]) AS given(count, name)),
    changed AS (UPDATE stock SET count = given.count FROM given WHERE stock.name = given.name RETURNING stock.name)
    INSERT INTO audit(signer, message, signature)
    SELECT %b, %b, %b WHERE (SELECT count(*) FROM changed) = (SELECT count(*) FROM given)"""


class Signed(NamedTuple):
    """A change that somebody signed."""

    message: bytes
    signature: bytes


def binaries() -> Path | None:
    """Return the folder with PostgreSQL's programs, of the newest version, or None."""
    found = sorted(_BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """A running cluster with a loaded table, and its client processes.

    Attributes:
        version: of PostgreSQL.
    """

    def __init__(self, address: str, pool: ProcessPoolExecutor, rows_count: int) -> None:
        self._address = address
        self._pool = pool
        self._left = map(name_of, range(rows_count))
        with psycopg.connect(address, autocommit=True) as connection:
            self.version = str(connection.info.server_version // 10_000)
            connection.execute(
                "CREATE TABLE stock(name text PRIMARY KEY, note text, count bigint NOT NULL)"
            )
            connection.execute(
                "CREATE TABLE audit(position bigserial PRIMARY KEY, signer bytea NOT NULL,"
                " message bytea NOT NULL, signature bytea NOT NULL)"
            )
            with connection.cursor() as cursor, cursor.copy("COPY stock FROM STDIN") as copy:
                for name in sorted(map(name_of, range(rows_count))):
                    copy.write_row((name, NOTE, 0))
            connection.execute("VACUUM ANALYZE stock")

    def changes(self, count: int, rows: int = 1) -> list[Signed]:
        """Return signed changes of ``rows`` rows each, which none changed before."""
        made = []
        for _ in range(count):
            names = list(itertools.islice(self._left, rows))
            message = json.dumps([[1] * rows, names, os.urandom(16).hex()]).encode()
            made.append(Signed(message, ANA.sign(message)))
        return made

    def run(self, signed: Sequence[Signed]) -> float:
        """Have the processes commit these changes, each with a commit of its own; return seconds."""
        parts = [signed[at::WORKERS] for at in range(WORKERS)]
        spans = list(self._pool.map(_work, [self._address] * WORKERS, parts))
        return max(end for _, end in spans) - min(start for start, _ in spans)


@contextmanager
def cluster(programs: Path, rows_count: int) -> Iterator[Postgres]:
    """Run a new cluster with a loaded table, on a socket file alone, until the end."""
    how: dict[str, Any] = {}
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="comity-pg-") as place:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(place, nobody.pw_uid, nobody.pw_gid)
            how = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        command = bound(str(programs / "initdb"), "-D", f"{place}/data", "-U", "bench")
        command += ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL, **how)
        command = bound(str(programs / "postgres"), "-D", f"{place}/data", "-k", place)
        command += ["-c", "listen_addresses=", "-c", "synchronous_commit=on"]
        with Path(place, "log").open("wb") as log:
            server = subprocess.Popen(command, cwd=place, stderr=log, stdout=log, **how)
        try:
            address = f"host={place} user=bench dbname=postgres"
            _await(address, server)
            barrier = spawn.Barrier(WORKERS)
            with ProcessPoolExecutor(WORKERS, spawn, _begin, (barrier,)) as pool:
                yield Postgres(address, pool, rows_count)
        finally:
            server.send_signal(signal.SIGINT)  # end now, not when every client has gone
            try:
                server.wait(_READY_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _READY_S
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)


# --- in each client process ---

_barriers: list[Barrier] = []


def _begin(barrier: Barrier) -> None:
    _barriers.append(barrier)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(address: str, signed: Sequence[Signed]) -> tuple[float, float]:
    """Commit each change; return when it began and ended, on the clock that all processes share."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.prepare_threshold = 0
        cursor = connection.cursor()
        _barriers[0].wait(_READY_S)
        start = time.monotonic()
        for message, signature in signed:
            crypto_sign_open(signature + message, ANA.public_key)  # raises when it is wrong
            counts, names, _ = json.loads(message)
            audit = (ANA.public_key, message, signature)
            if len(names) == 1:
                cursor.execute(_ROW, (counts[0], names[0], *audit))
            else:
                cursor.execute(_ROWS, (counts, names, *audit))
            if cursor.rowcount != 1:
                raise RuntimeError("PostgreSQL did not change a row that is there")
        return start, time.monotonic()
