"""Run the benchmarks: ``python -m benchmarks [--quick] [--write] [NAME...]``.

Each figure stands beside its baseline from the same run. Results go to a table, and as lines of JSON to a file with
the machine, the commit and the command. No time fails a run: only an error does.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    case_blocks,
    case_import,
    case_joining,
    case_node,
    case_profile,
    case_proof,
    case_state,
)
from benchmarks.bench import Bench, full, quick
from benchmarks.circumstances import circumstances
from benchmarks.report import append_lines, table, write_page
from benchmarks.result import Result
from comity.node.collection import collect_rarely

ROOT = Path(__file__).resolve().parent.parent

CASES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "transactions": case_blocks.transactions,
    "batches": case_blocks.batches,
    "importing": case_import.importing,
    "opening": case_state.opening,
    "recomputing": case_state.recomputing,
    "replaying": case_state.replaying,
    "proving": case_proof.proving,
    "disk": case_state.disk,
    "bounded": case_state.bounded,
    "profiling": case_profile.profiling,
    "latency": case_node.latency,
    "throughput": case_node.throughput,
    "reading_beside": case_node.reading_beside,
    "shared_editing": case_node.shared_editing,
    "joining": case_joining.joining,
    "curve": case_blocks.curve,
}


def main() -> int:
    """Run the cases that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="small sizes, three minutes")
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmarks.md from this run"
    )
    parser.add_argument("--folder", type=Path, help="keep loaded ledgers here and use them again")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "benchmarks.jsonl")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in CASES]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, too
    with tempfile.TemporaryDirectory(prefix="comity-bench-") as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        collect_rarely()  # as a node does
        bench = (quick if chosen.quick else full)(ROOT, folder)
        facts = circumstances(ROOT, sys.argv[1:])
        results = []
        for name in chosen.names or list(CASES):
            found = _measure(bench, name)
            append_lines(chosen.out, facts, found)
            results += found
    print(table(results))
    print(f"\n{facts['machine']}, commit {facts['commit']}; lines of JSON: {chosen.out}")
    if chosen.write:
        write_page(ROOT / "docs" / "benchmarks.md", facts, results)
    return 0


def _measure(bench: Bench, name: str) -> list[Result]:
    print(f"{name} ...", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    results = list(CASES[name](bench))
    if bench.is_quick:  # the bars are for the full sizes
        results = [replace(result, bar=None) for result in results]
    print(f" {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
