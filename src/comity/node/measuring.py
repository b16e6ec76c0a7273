"""What is measured of a running node, and where each figure comes from.

Invariant: reading a figure neither waits nor writes; a figure of the engine's thread may be a moment old.
"""

import os
import shutil
from collections.abc import Sequence
from typing import Protocol

import comity
from comity.engine.batching import BatchingEngine, Tip
from comity.model.genesis import Genesis
from comity.model.outcome import NotOrdered, Ordered
from comity.node.folder import Folder
from comity.node.metrics import Metrics
from comity.node.reading import Readers

_PAGE_BYTES = 4_096
OK = "ok"
REFUSED = (
    "refused"  # which rule of which app refused is in the receipts: its codes are not bounded here
)


class Measurable(Protocol):
    """What is asked of a running node."""

    genesis: Genesis
    folder: Folder
    engine: BatchingEngine
    readers: Readers
    tip: Tip

    def problem(self) -> str | None:
        """Return why the node cannot do its work, or None."""


def metrics_of(node: Measurable) -> Metrics:
    """Return the metrics of a node, with a gauge for everything that can be asked when it is shown."""
    metrics = Metrics({"version": comity.__version__, "ledger": node.genesis.chain_id})
    folder = node.folder
    metrics.gauge("comity_height", lambda: node.tip.height)
    metrics.gauge("comity_block_time_seconds", lambda: node.tip.time_ns / 10**9)
    metrics.gauge("comity_log_entries", lambda: node.tip.log_size)
    metrics.gauge("comity_in_flight_transactions", lambda: node.engine.in_flight)
    metrics.gauge("comity_oldest_in_flight_seconds", node.engine.oldest_s)
    metrics.gauge("comity_reads_waiting", lambda: node.readers.waiting_count)
    metrics.gauge("comity_healthy", lambda: int(node.problem() is None))
    metrics.gauge("comity_wal_pages", lambda: _wal_bytes(folder) // _PAGE_BYTES)
    metrics.gauge("comity_file_bytes", lambda: folder.database.stat().st_size)
    metrics.gauge("comity_disk_free_bytes", lambda: shutil.disk_usage(folder.directory).free)
    return metrics


def count_outcomes(metrics: Metrics, answers: Sequence[Ordered | NotOrdered | None]) -> None:
    """Count what became of transactions."""
    for answer in answers:
        if isinstance(answer, NotOrdered):
            metrics.count("comity_transactions_total", answer.code)
        elif answer is not None:
            outcome = OK if answer.receipt.is_ok else REFUSED
            metrics.count("comity_transactions_total", outcome)


def _wal_bytes(folder: Folder) -> int:
    try:
        return os.stat(f"{folder.database}-wal").st_size
    except FileNotFoundError:
        return 0
