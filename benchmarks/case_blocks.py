"""Blocks of single calls and of batches: what a transaction and a changed row cost, signature to disk."""

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.ledger import BenchLedger, Run
from benchmarks.plain import PlainTable
from benchmarks.result import Result

BATCH_ROWS = 500
ROUNDS = 4  # ledger and baseline take turns, so that both see the same minutes


def transactions(bench: Bench) -> Iterator[Result]:
    """Measure one-call transactions, beside signature checks and beside SQLite with signed audit rows."""
    ledger = bench.files.ledger(bench.rows_count)
    plain = PlainTable(bench.files, bench.rows_count)
    size, blocks = bench.block_transactions, bench.blocks_count
    run, beside = Run(), 0.0
    for round_blocks in rounds(blocks):
        for block in [ledger.transfers(size) for _ in range(round_blocks)]:
            ledger.run(block, run, size)
        ledger.settle(run)
        for _ in range(round_blocks):
            beside += plain.transfer_signed([ledger.pair() for _ in range(size)])
    yield Result(
        case="transactions",
        what=f"one-call transaction that changes two of {bench.rows_count:,} rows, blocks of {size:,}",
        value=run.total_us,
        unit="us",
        beside="one signature check (libsodium)",
        beside_value=run.verify_us,
        bar=6.0,
        detail=run.phases() | {"slowest block, ms": round(max(run.blocks) * 1e3)},
    )
    yield Result(
        case="transactions",
        what="the same transaction",
        value=run.total_us,
        unit="us",
        beside="SQLite: signature checked, two UPDATEs, one signed audit row; one commit a block",
        beside_value=beside / size / blocks * 1e6,
    )
    plain.close()
    ledger.close()


def batches(bench: Bench) -> Iterator[Result]:
    """Measure batches of 500 rows a call, beside plain UPDATEs with one commit a block."""
    for per_block, blocks in (
        (1, 4 * bench.blocks_count),
        (2, 2 * bench.blocks_count),
        (20, bench.blocks_count // 2),
    ):
        ledger = bench.files.ledger(bench.rows_count)
        plain = PlainTable(bench.files, bench.rows_count)
        run, beside, rows = Run(), 0.0, per_block * BATCH_ROWS
        for round_blocks in rounds(blocks):
            todo = [ledger.batches(per_block, BATCH_ROWS) for _ in range(round_blocks)]
            for block in todo:
                ledger.run(block, run, rows)
            ledger.settle(run)
            for names in [ledger.names(rows) for _ in range(round_blocks)]:
                beside += plain.update(names)
        yield Result(
            case="batches",
            what=f"changed row, {BATCH_ROWS} rows a call, blocks of {rows:,} rows",
            value=run.total_us,
            unit="us",
            beside="plain UPDATE, one commit a block",
            beside_value=beside / rows / blocks * 1e6,
            bar=6.0,
            detail=run.phases(),
        )
        plain.close()
        ledger.close()


def rounds(blocks: int) -> list[int]:
    """Return how many blocks each turn has."""
    return [blocks // ROUNDS] * (ROUNDS - 1) + [blocks - blocks // ROUNDS * (ROUNDS - 1)]


def curve(bench: Bench) -> Iterator[Result]:
    """Measure the cost of a changed row in tables of growing size; each beside the smallest table."""
    first = None
    for rows_count in bench.curve_rows:
        ledger = bench.files.ledger(rows_count)
        run = _warm_run(ledger, bench)
        in_checks = run.total_us / 2 / run.verify_us
        first = in_checks if first is None else first
        yield Result(
            case="curve",
            what=f"changed row of {rows_count:,} (one-call transactions, blocks of {bench.block_transactions:,})",
            value=in_checks,
            unit="signature checks",
            beside=f"at {bench.curve_rows[0]:,} rows",
            beside_value=first,
            bar=2.5,
            detail=run.phases() | {"us": round(run.total_us / 2, 1)},
        )
        ledger.close()
        bench.files.forget(rows_count)


def _warm_run(ledger: BenchLedger, bench: Bench) -> Run:
    size = bench.block_transactions
    run = Run()
    for _ in range(bench.blocks_count // 2):
        ledger.run(ledger.transfers(size), run, size)
    ledger.settle(run)
    return run
