"""Measure the state tree alone: build, update, insert, remove, prove, check; wall and CPU time.

``python benchmarks/bench_tree.py --rows 1000000 --folder DIRECTORY`` keeps the built tree in the
folder and uses it again.
"""

import argparse
import hashlib
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import apsw

from comity.crypto import cbor
from comity.crypto.range_proof import range_to_value, verify_range
from comity.crypto.trie import node_hash, path_to_value, root_of, verify_path
from comity.store.tree import Tree
from comity.store.tree_diff import diff
from comity.store.tree_pages import TABLE_SQL, MemoryPages, SqlitePages, write
from comity.store.tree_proof import prove_path, prove_range

Changes = dict[bytes, bytes | None]
SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536")


def key_of(number: int) -> bytes:
    """Return a key spread over the tree, as an encoded 16-byte id is."""
    return hashlib.sha256(b"key %d" % number).digest()[:16] + b"\0\x01"


def rising_key_of(number: int) -> bytes:
    """Return the key of a journal entry: an encoded integer."""
    return (number + (1 << 63)).to_bytes(8, "big")


def value_of(number: int) -> bytes:
    """Return a row hash."""
    return hashlib.sha256(b"row %d" % number).digest()


def connect(path: Path) -> apsw.Connection:
    """Open a database as the node does."""
    connection = apsw.Connection(str(path))
    for setting in SETTINGS:
        connection.execute("PRAGMA " + setting).fetchall()
    connection.execute(TABLE_SQL)
    return connection


class Bench:
    """One tree on disk, and what was measured."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self.path = path
        start = time.perf_counter()
        self.tree = Tree(SqlitePages(self.connection), 1)
        self.open_ms = (time.perf_counter() - start) * 1e3

    def commit(self, changes: Changes) -> tuple[float, float, float, float]:
        """Run one block; return seconds (wall, CPU) of the update, of the writes, of the commit."""
        wall, cpu = time.perf_counter(), time.process_time()
        update = self.tree.update(changes)
        updated, updated_cpu = time.perf_counter(), time.process_time()
        self.connection.execute("BEGIN IMMEDIATE")
        write(self.connection, update)
        written = time.perf_counter()
        self.connection.execute("COMMIT")
        committed = time.perf_counter()
        self.tree.adopt(update)
        return updated - wall, updated_cpu - cpu, written - updated, committed - written

    def blocks(self, name: str, blocks: list[Changes]) -> None:
        """Run blocks and print microseconds for each changed row (median block)."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = len(blocks[0])
        wal = self.path.with_name(self.path.name + "-wal")
        self.connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        times = [self.commit(block) for block in blocks]
        columns = [statistics.median(column) / size * 1e6 for column in zip(*times, strict=True)]
        wal_bytes = wal.stat().st_size / size / len(blocks)
        print(
            f"{name:34} {size:6} rows: update {columns[0]:6.1f} us/row (cpu {columns[1]:6.1f}), "
            f"write {columns[2]:5.1f}, commit {columns[3]:6.1f}, WAL {wal_bytes:6.0f} B/row"
        )


def build(path: Path, rows_count: int) -> None:
    """Build the tree of ``rows_count`` rows."""
    bench = Bench(path)
    rows = sorted((key_of(number), value_of(number)) for number in range(rows_count))
    start = time.perf_counter()
    root = root_of(rows)
    print(f"root_of: {(time.perf_counter() - start) / rows_count * 1e6:.2f} us/row")
    start = time.perf_counter()
    for update in bench.tree.build(rows):
        with bench.connection:
            write(bench.connection, update)
        bench.tree.adopt(update)
    print(f"build:   {(time.perf_counter() - start) / rows_count * 1e6:.2f} us/row, on disk")
    if bench.tree.root != root:
        raise SystemExit("the built root is wrong")
    bench.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    print(f"disk:    {path.stat().st_size / rows_count:.0f} B/row")


def changes(chance: random.Random, rows_count: int, size: int) -> Changes:
    """Return new values for ``size`` rows of the tree."""
    return {key_of(n): chance.randbytes(32) for n in chance.sample(range(rows_count), size)}


def timed_us(action: Callable[..., object], inputs: Sequence[tuple[object, ...]]) -> float:
    """Return the median microseconds of ``action`` over ``inputs``."""
    times = []
    for values in inputs:
        start = time.perf_counter()
        action(*values)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def measure_blocks(bench: Bench, rows_count: int) -> None:
    """Measure updates, inserts and removals."""
    chance = random.Random(7)
    for size, count in ((10, 50), (1_000, 8), (2_000, 8), (10_000, 3)):
        blocks = [changes(chance, rows_count, size) for _ in range(count)]
        bench.blocks("update, random rows", blocks)
    for size, count in ((10, 20), (2_000, 5)):
        numbers = [range(rows_count + size * n, rows_count + size * (n + 1)) for n in range(count)]
        for name, key in (("random rows", key_of), ("rising keys", rising_key_of)):
            new: list[Changes] = [{key(n): chance.randbytes(32) for n in part} for part in numbers]
            bench.blocks("insert, " + name, new)
            bench.blocks("remove, " + name, [dict.fromkeys(block) for block in new])


def measure_paths(bench: Bench, rows_count: int) -> None:
    """Measure proofs of a row and of an absent row."""
    chance = random.Random(8)
    tree, root = bench.tree, bench.tree.root
    for name, first in (("present", 0), ("absent", 3 * rows_count)):
        keys = [key_of(first + chance.randrange(rows_count)) for _ in range(300)]
        proofs = [prove_path(tree, key) for key in keys]
        sizes = [len(cbor.encode(path_to_value(proof))) for proof in proofs]
        prove_us = timed_us(partial(prove_path, tree), [(key,) for key in keys])
        verify_us = timed_us(partial(verify_path, root), list(zip(keys, proofs, strict=True)))
        print(
            f"path, {name:8}: {statistics.mean(sizes):5.0f} B (max {max(sizes)}), "
            f"prove {prove_us:.0f} us, verify {verify_us:.0f} us"
        )


def measure_ranges(bench: Bench, rows_count: int) -> None:
    """Measure proofs of ranges."""
    tree, root = bench.tree, bench.tree.root
    ordered = sorted(key_of(number) for number in range(rows_count))
    for span in (100, 2_000):
        starts = range(0, rows_count - span, rows_count // 97)
        bounds = [(ordered[at], ordered[at + span - 1]) for at in starts]
        proofs = [prove_range(tree, *bound) for bound in bounds]
        sizes = [
            len(cbor.encode([item for item in proof if not isinstance(item, tuple)]))
            for proof in proofs
        ]
        prove_us = timed_us(partial(prove_range, tree), bounds)
        shown = [(*bound, proof) for bound, proof in zip(bounds, proofs, strict=True)]
        verify_us = timed_us(partial(verify_range, root), shown)
        print(
            f"range of {span:5} rows: bits and hashes {statistics.mean(sizes):.0f} B, all "
            f"{len(cbor.encode(range_to_value(proofs[0])))} B, "
            f"prove {prove_us:.0f} us, verify {verify_us:.0f} us"
        )


def measure_diff() -> None:
    """Measure the search for 5 differing rows of 200,000."""
    rows = {key_of(number): value_of(number) for number in range(200_000)}
    trees = []
    for _ in range(2):
        tree = Tree(MemoryPages(), 1)
        for update in tree.build(sorted(rows.items())):
            tree.adopt(update)
        trees.append(tree)
    trees[1].adopt(trees[1].update(changes(random.Random(9), 200_000, 5)))
    start = time.perf_counter()
    found = len(list(diff(trees[0], trees[1])))
    print(f"diff of {found} rows in 200,000: {(time.perf_counter() - start) * 1e3:.2f} ms")


def main() -> None:
    """Run everything."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--folder", type=Path, default=None)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (chosen.folder or Path(folder)) / f"tree-{chosen.rows}.db"
        if not path.exists():
            build(path, chosen.rows)
        bench = Bench(path)
        hash_us = timed_us(node_hash, [(9, bytes(32), bytes(32))] * 10_000)
        print(f"one node hash: {hash_us:.2f} us; open: {bench.open_ms:.2f} ms")
        measure_blocks(bench, chosen.rows)
        print(f"RSS: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        measure_paths(bench, chosen.rows)
        measure_ranges(bench, chosen.rows)
        measure_diff()


if __name__ == "__main__":
    main()
