"""Where the time of the write path goes, from a profile of blocks of one-call transactions."""

import cProfile
import pstats
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.result import Result

# Function (file, name) of the profile -> the cost that it stands for; with all that it calls.
_COSTS = {
    ("tree.py", "update"): "state tree: page reads, path hashes, page encoding",
    ("store.py", "_commit"): "SQLite: row, history and page writes, COMMIT with full sync",
    ("store.py", "_checkpoint"): "SQLite: checkpoint of the write-ahead log",
    ("ed25519.py", "verify"): "signature check",
    ("transaction.py", "decode"): "strict decoding",
    ("table.py", "get"): "row reads (SELECT)",
    ("context.py", "run"): "actions: arguments, checks of rows, overlay (row reads included)",
    ("candidate.py", "_records"): "receipts and records of the log",
    ("log.py", "append"): "log: leaves, tiles, root",
    ("undo.py", "encode"): "undo record",
}


def profiling(bench: Bench) -> Iterator[Result]:
    """Profile blocks of one-call transactions; yield the shares of the costs, largest first."""
    ledger = bench.files.ledger(bench.rows_count)
    size = bench.block_transactions
    ledger.run(ledger.transfers(size))
    blocks = [ledger.transfers(size) for _ in range(min(10, bench.blocks_count))]
    profile = cProfile.Profile()
    for block in blocks:
        profile.enable()
        ledger.run(block)
        profile.disable()
    stats = pstats.Stats(profile).strip_dirs()
    entries = stats.stats  # type: ignore[attr-defined]  # documented only by its prints
    whole = sum(entry[2] for entry in entries.values())
    shares = {
        label: sum(entry[3] for (file, _, name), entry in entries.items() if (file, name) == place)
        for place, label in _COSTS.items()
    }
    for label, seconds in sorted(shares.items(), key=lambda item: -item[1]):
        yield Result(
            case="profiling", what=label, value=100 * seconds / whole, unit="% of the write path"
        )
    ledger.close()
