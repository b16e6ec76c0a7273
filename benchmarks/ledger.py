"""A ledger of many accounts to measure with: loaded in bulk, then driven block by block as a node would.

The bulk load puts rows at genesis, as an app's genesis hook would: straight into the table and its tree, in key order.
So the file is consistent: it opens, goes on, and its app hash can be recomputed from its rows.
"""

import gc
import hashlib
import random
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.bank import OPENING_BALANCE, app
from comity.crypto import ed25519
from comity.crypto.ordered import encode_key
from comity.machine.candidate import Candidate
from comity.machine.machine import Machine
from comity.model.account import account_id, key_id
from comity.model.evidence import Evidence
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.transaction import Call, signed, unsigned
from comity.node.checkpointer import Checkpointer
from comity.store import catalog, tree_pages
from comity.store.catalog import TableLeaf
from comity.store.store import Store

ACCOUNTS = "bank__account"
START_NS = 10**18
SECOND_NS = 10**9
MEMBERS = 50
VERIFICATIONS = 2_000
_BLOCK_ROWS = 20_000
_CALL_ROWS = 1_000

SEEDS = [bytes([number + 1]) * 32 for number in range(MEMBERS)]
PUBLIC_KEYS = [ed25519.public_key(seed) for seed in SEEDS]
GENESIS = Genesis(
    ledger="bench",
    time_ns=START_NS,
    salt=b"s" * 16,
    apps=(GenesisApp(name="bank", version=1, schema_hash=app.declaration.schema_hash),),
    founders=tuple(
        Founder(name=f"member{number}", key_type=1, public_key=key)
        for number, key in enumerate(PUBLIC_KEYS)
    ),
    nodes=(GenesisNode(key_type=1, public_key=PUBLIC_KEYS[0]),),
)
APPS = {"bank": app.declaration}
NODE = key_id(PUBLIC_KEYS[0])


def name_of(number: int) -> str:
    """Return the id of an account: 20 characters, spread over the whole table."""
    return hashlib.sha256(b"%d" % number).hexdigest()[:20]


def verify_us() -> float:
    """Return microseconds of one signature check by libsodium: the unit of the ratios."""
    message = b"m" * 180
    signature = ed25519.sign(SEEDS[0], message)
    start = time.perf_counter()
    for _ in range(VERIFICATIONS):
        ed25519.verify(PUBLIC_KEYS[0], message, signature)
    return (time.perf_counter() - start) / VERIFICATIONS * 1e6


@dataclass
class Run:
    """What blocks took.

    Attributes:
        seconds: by phase: check, prepare, finalize, commit (with checkpoints).
        blocks: seconds of each block, all phases.
        verifies: microseconds of one signature check, measured before each block.
    """

    operations: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    blocks: list[float] = field(default_factory=list)
    verifies: list[float] = field(default_factory=list)

    @property
    def total_us(self) -> float:
        """Return microseconds of one operation, everything included."""
        return sum(self.seconds.values()) / self.operations * 1e6

    @property
    def verify_us(self) -> float:
        """Return microseconds of one signature check, over the same minutes."""
        return statistics.mean(self.verifies)

    def phases(self) -> dict[str, float | str]:
        """Return microseconds of one operation by phase."""
        return {
            name + ", us": round(spent / self.operations * 1e6, 1)
            for name, spent in self.seconds.items()
        }

    def note(self, phases: dict[str, float]) -> None:
        """Add the phases of one block."""
        for name, spent in phases.items():
            self.add(name, spent)
        self.blocks.append(sum(phases.values()))

    def add(self, phase: str, spent: float) -> None:
        """Add seconds to a phase."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + spent


class BenchLedger:
    """A machine over a file of ``rows_count`` accounts, and the clients that sign for it."""

    def __init__(self, path: Path, rows_count: int, seed: int = 1) -> None:
        self.path = path
        self.rows_count = rows_count
        start = time.perf_counter()
        self.store = Store.open(str(path))
        self.machine = Machine(self.store, GENESIS, APPS)
        self.open_s = time.perf_counter() - start
        self._checkpointer = Checkpointer(self.store, path)
        self.chance = random.Random(seed)
        self._salts = self.store.log_size << 64
        self.now_ns = max(self.store.time_ns, START_NS) + SECOND_NS

    def transaction(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> bytes:
        """Return a signed transaction of one of the members."""
        self._salts += 1
        member = self._salts % MEMBERS
        public_key = PUBLIC_KEYS[member]
        made = unsigned(
            sender=account_id(public_key),
            kid=key_id(public_key),
            valid_until=self.now_ns + 3600 * SECOND_NS + self._salts % 1_000,
            salt=self._salts.to_bytes(16, "big"),
            calls=[Call(action, arguments) for action, arguments in calls],
        )
        message = made.envelope.to_be_signed(GENESIS.hash)
        return signed(made, ed25519.sign(SEEDS[member], message)).encode()

    def transfers(self, count: int) -> list[bytes]:
        """Return transactions of one call each, that change two random rows."""
        return [
            self.transaction([("bank.transfer", {"source": source, "target": target, "amount": 1})])
            for source, target in (self.pair() for _ in range(count))
        ]

    def batches(self, count: int, rows: int) -> list[bytes]:
        """Return transactions of one call each, that changes ``rows`` random rows."""
        return [self.transaction([("bank.touch", {"ids": self.names(rows)})]) for _ in range(count)]

    def loading(self, action: str = "bank.load") -> Iterator[list[bytes]]:
        """Yield blocks that open all accounts by signed transactions."""
        for start in range(0, self.rows_count, _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, self.rows_count)
            yield [
                self.transaction([(action, {"ids": self.all_names(at, min(at + _CALL_ROWS, end))})])
                for at in range(start, end, _CALL_ROWS)
            ]

    def pair(self) -> tuple[str, str]:
        """Return the ids of two random accounts."""
        source, target = self.names(2)
        return source, target

    def names(self, count: int) -> list[str]:
        """Return the ids of random accounts, each once."""
        return [name_of(number) for number in self.chance.sample(range(self.rows_count), count)]

    @staticmethod
    def all_names(start: int, end: int) -> list[str]:
        """Return the ids of accounts ``start`` up to ``end``."""
        return [name_of(number) for number in range(start, end)]

    def run(
        self, transactions: Sequence[bytes], run: Run | None = None, operations: int = 0
    ) -> None:
        """Have a block executed as a solo node does: checked, prepared, finalized, committed with evidence."""
        phases = dict.fromkeys(("check", "prepare", "finalize", "commit"), 0.0)
        if run is not None:
            run.verifies.append(verify_us())
        gc.collect()
        machine, clock = self.machine, time.perf_counter
        self.now_ns += SECOND_NS
        start = clock()
        with machine.reading():
            checked = [machine.check(data, self.now_ns) for data in transactions]
        phases["check"] = clock() - start
        start = clock()
        prepared = machine.prepare(checked, self.now_ns, NODE)
        phases["prepare"] = clock() - start
        candidate = prepared.candidate
        if candidate is None or prepared.left_out:
            reasons = [f"{left.code}: {left.message}" for left in prepared.left_out[:1]]
            raise RuntimeError(f"the block left {len(prepared.left_out)} out: {reasons}")
        start = clock()
        machine.finalize(candidate.entries)
        evidence = evidence_of(candidate)
        phases["finalize"] = clock() - start
        start = clock()
        machine.commit(evidence)
        phases["commit"] = clock() - start
        refused = [outcome for outcome in candidate.outcomes if not outcome.receipt.is_ok]
        if refused:
            raise RuntimeError(f"a transaction was refused: {refused[0].receipt}")
        if run is not None:
            run.operations += operations
            run.note(phases)

    def settle(self, run: Run) -> None:
        """Wait until the node's second thread has nothing left to do, and count that too."""
        start = time.perf_counter()
        self._checkpointer.drain()
        run.add("settle", time.perf_counter() - start)

    def close(self) -> None:
        """Close the file."""
        self._checkpointer.close()
        self.store.close()


def evidence_of(candidate: Candidate) -> bytes:
    """Return the node's signature over the app hash, as a solo node makes it."""
    evidence = Evidence(height=candidate.height, app_hash=candidate.app_hash, kid=NODE)
    signature = ed25519.sign(SEEDS[0], evidence.to_be_signed(GENESIS.hash))
    return msgspec.structs.replace(evidence, signature=signature).encode()


def rows_of(rows_count: int) -> Iterator[tuple[int, str, str, int, int]]:
    """Yield the stored rows of all accounts in key order."""
    for name in sorted(name_of(number) for number in range(rows_count)):
        yield 0, name, "o", OPENING_BALANCE, 0


def load(path: Path, rows_count: int) -> float:
    """Make a ledger file with ``rows_count`` accounts; return microseconds for each row."""
    store = Store.create(str(path))
    machine = Machine(store, GENESIS, APPS)
    machine.commit(evidence_of(machine.start()))
    start = time.perf_counter()
    connection, tree, table = store.connection, store.trees[ACCOUNTS], store.tables[ACCOUNTS]
    connection.execute("PRAGMA synchronous = OFF").fetchall()
    pending: list[tuple[int, str, str, int, int]] = []

    def hashed() -> Iterator[tuple[bytes, bytes]]:
        for row in rows_of(rows_count):
            pending.append(row)
            yield encode_key((row[1],)), table.codec.row_hash(row)

    for update in tree.build(hashed()):
        with connection:
            table.write(list(pending), [], [])
            tree_pages.write(connection, update)
        pending.clear()
        tree.adopt(update)
    _seal(store, TableLeaf(store.leaf(ACCOUNTS).schema_hash, tree.root, rows_count))
    spent = time.perf_counter() - start
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    return spent / max(rows_count, 1) * 1e6


def _seal(store: Store, leaf: TableLeaf) -> None:
    """Give height 0 the app hash of what was loaded."""
    store.leaves[ACCOUNTS] = leaf.encode()
    app_hash = catalog.app_hash(store.leaves, store.log_size, store.log.root(store.log_size))
    with store.connection:
        for statement in (
            "UPDATE comity_table SET leaf = ? WHERE name = ?",
            "UPDATE comity_root SET leaf = ? WHERE name = ?",
        ):
            store.connection.execute(statement, (leaf.encode(), ACCOUNTS))
        store.connection.execute("UPDATE comity_block SET app_hash = ?", (app_hash,))
        store.connection.execute("DELETE FROM comity_undo")


class Files:
    """Ledger files by row count, each loaded once; a case works on a copy."""

    def __init__(self, folder: Path, kept_rows: int) -> None:
        self.folder = folder
        self.kept_rows = kept_rows
        self.load_us: dict[int, float] = {}

    def ledger(self, rows_count: int) -> BenchLedger:
        """Return a ledger on a fresh copy."""
        return BenchLedger(self.copy(rows_count), rows_count)

    def fresh(self, name: str) -> Path:
        """Return the path of a database that is not there."""
        path = self.folder / name
        self.remove(path)
        return path

    def forget(self, rows_count: int) -> None:
        """Remove a loaded file, unless every case needs it."""
        if rows_count != self.kept_rows:
            self.remove(self.folder / f"bank-{rows_count}.sqlite")

    def copy(self, rows_count: int) -> Path:
        """Return the path of a fresh copy; the copy before it is removed."""
        original = self.folder / f"bank-{rows_count}.sqlite"
        if not original.exists():
            loading = self.fresh("loading.sqlite")
            self.load_us[rows_count] = load(loading, rows_count)
            loading.rename(original)
        copy = self.fresh("copy.sqlite")
        shutil.copyfile(original, copy)
        return copy

    @staticmethod
    def remove(path: Path) -> None:
        """Remove a database and what SQLite keeps beside it."""
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
