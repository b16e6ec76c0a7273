"""The state as a whole: opening it, recomputing its app hash, replaying it, and its size on disk."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import apsw

from benchmarks.bench import Bench
from benchmarks.ledger import ACCOUNTS, APPS, GENESIS, BenchLedger, Run, load, verify_us
from benchmarks.result import Result
from comity.machine.audit.replay import Replay
from comity.machine.audit.report import Report
from comity.machine.machine import Machine
from comity.store.recompute import recompute
from comity.store.store import Store

_OPEN = """
import json, sys, time
from pathlib import Path
start = time.perf_counter()
from benchmarks.ledger import BenchLedger
imported = time.perf_counter()
ledger = BenchLedger(Path(sys.argv[1]), int(sys.argv[2]))
opened = time.perf_counter()
ledger.run(ledger.transfers(1))
done = time.perf_counter()
status = Path("/proc/self/status").read_text()  # of this program alone; rusage begins with its parent's
peak = int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps([imported - start, opened - imported, done - opened, peak / 1024]))
"""


def opening(bench: Bench) -> Iterator[Result]:
    """Measure opening in a fresh process, with a first block; and what memory that takes."""
    path = bench.files.copy(bench.rows_count)
    command = [sys.executable, "-c", _OPEN, str(path), str(bench.rows_count)]
    answer = subprocess.run(command, check=True, capture_output=True, cwd=bench.root)
    imported, opened, block, peak = json.loads(answer.stdout)
    detail = {"import of the program, s": round(imported, 3), "first block, s": round(block, 3)}
    what = f"opening {bench.rows_count:,} rows in a fresh process"
    yield Result(case="opening", what=what, value=opened, unit="s", bar=0.5, detail=detail)
    yield Result(
        case="opening", what="peak memory, first block included", value=peak, unit="MB", bar=200.0
    )


def recomputing(bench: Bench) -> Iterator[Result]:
    """Measure the app hash worked out anew from the rows alone."""
    ledger = bench.files.ledger(bench.rows_count)
    start = time.perf_counter()
    found = recompute(ledger.store)
    spent = time.perf_counter() - start
    if found.app_hash != ledger.store.app_hash:
        raise RuntimeError("the rows make another app hash than the stored one")
    yield Result(
        case="recomputing",
        what=f"app hash from {bench.rows_count:,} rows, for each row",
        value=spent / bench.rows_count * 1e6,
        unit="us",
        bar=15.0,
        detail={"one signature check, us": round(verify_us(), 1), "s": round(spent, 1)},
    )
    ledger.close()


def replaying(bench: Bench) -> Iterator[Result]:
    """Measure the audit's replay of a ledger, beside its first execution."""
    path = bench.files.folder / "replay.sqlite"
    bench.files.remove(path)
    load(path, 0)
    ledger = BenchLedger(path, bench.replay_rows)
    for block in ledger.loading():
        ledger.run(block)
    executed, size = Run(), bench.block_transactions
    for _ in range(bench.blocks_count // 2):
        ledger.run(ledger.transfers(size), executed, size)
    first, app_hash = ledger.store.height - bench.blocks_count // 2, ledger.store.app_hash
    ledger.close()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reference = Store.in_memory()  # as `comity audit` does
    report = Report(chain_id=GENESIS.chain_id)
    replayed, since = Run(operations=executed.operations), 0.0

    def note(height: int, _: int) -> None:
        nonlocal since
        if height > first:
            replayed.note({"replay": time.perf_counter() - since})
        if height >= first:
            replayed.verifies.append(verify_us())
            gc.collect()
        since = time.perf_counter()

    Replay(connection, Machine(reference, GENESIS, APPS), report).run(note)
    if report.findings or reference.app_hash != app_hash:
        raise RuntimeError(f"the replay found a difference: {report.findings[:1]}")
    connection.close()
    reference.close()
    yield Result(
        case="replaying",
        what=f"replay of a transaction by an audit, {bench.replay_rows:,} rows",
        value=replayed.total_us / replayed.verify_us,
        unit="signature checks",
        beside="its first execution",
        beside_value=executed.total_us / executed.verify_us,
        bar=1.0,
        detail={"replay, us": round(replayed.total_us), "execution, us": round(executed.total_us)},
    )


def disk(bench: Bench) -> Iterator[Result]:
    """Measure bytes on disk: for a row, for a change, for a transaction."""
    ledger = bench.files.ledger(bench.rows_count)
    before, tables_before = _size(ledger)
    rows_bytes = sum(tables_before.get(name, 0) for name in (ACCOUNTS, "comity_tree"))
    yield Result(
        case="disk",
        what="one row: in its table, and in the tree",
        value=rows_bytes / bench.rows_count,
        unit="B",
        beside="in its table alone",
        beside_value=tables_before[ACCOUNTS] / bench.rows_count,
    )
    size, blocks = bench.block_transactions, bench.blocks_count
    for _ in range(blocks):
        ledger.run(ledger.transfers(size))
    after, tables_after = _size(ledger)
    grown = {name: tables_after[name] - tables_before.get(name, 0) for name in tables_after}
    changes = 2 * size * blocks
    history = grown[ACCOUNTS + "__h"] + grown[ACCOUNTS + "__h__key"]
    detail: dict[str, float | str] = {
        name: round(grew / size / blocks, 1)
        for name, grew in sorted(grown.items(), key=lambda item: -item[1])[:8]
    }
    yield Result(
        case="disk",
        what="one superseded version: history and its index",
        value=history / changes,
        unit="B",
    )
    yield Result(
        case="disk",
        what="one transaction: all that it adds to the file (two changes, request, receipt, log)",
        value=(after - before) / size / blocks,
        unit="B",
        detail=detail,
    )
    ledger.close()


def bounded(bench: Bench) -> Iterator[Result]:
    """Measure the table with its history and tree while the same rows change, and the history keeps N heights."""
    path = bench.files.folder / "limited.sqlite"
    bench.files.remove(path)
    load(path, 0)
    ledger = BenchLedger(path, bench.limited_rows)
    for block in ledger.loading("bank.load_limited"):
        ledger.run(block)
    changed, sizes = 0, []
    while changed < bench.limited_changes:
        block = [
            ledger.transaction(
                [("bank.touch_limited", {"ids": ledger.all_names(start, start + 500)})]
            )
            for start in range(0, bench.limited_rows, 500)
        ]
        ledger.run(block)
        changed += bench.limited_rows
        _, tables = _size(ledger)
        sizes.append(sum(size for name, size in tables.items() if name.startswith("bank__limited")))
    third = len(sizes) // 3
    yield Result(
        case="bounded",
        what=(
            f"table and history after {changed:,} changes of the same {bench.limited_rows:,} rows, history of 8 heights"
        ),
        value=sizes[-1] / 1e6,
        unit="MB",
        beside="after a third of them",
        beside_value=sizes[third] / 1e6,
        bar=1.05,
        detail={"log, receipts and tree too, MB": round(_size(ledger)[0] / 1e6, 1)},
    )
    ledger.close()


def _size(ledger: BenchLedger) -> tuple[int, dict[str, int]]:
    """Return bytes of the file in use, and bytes by table and index."""
    connection = ledger.store.connection
    tables = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    return sum(tables.values()), tables
