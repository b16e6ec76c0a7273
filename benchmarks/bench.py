"""The sizes of one benchmark run; a quick one has the same shape and smaller numbers."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.ledger import Files


@dataclass(frozen=True, kw_only=True)
class NodeSizes:
    """How many transactions a node is sent.

    Args:
        latency: by one client, one after another.
        alone: one a request; together: 32 a request; of one row each.
        batches: (rows of a transaction, transactions).
        editing_s: seconds that clients edit one table.
    """

    latency: int = 500
    alone: int = 9_600
    together: int = 38_400
    batches: tuple[tuple[int, int], ...] = ((100, 960), (500, 192))
    editing_s: float = 60

    @property
    def rows_count(self) -> int:
        """Return how many rows are changed, each once."""
        return self.alone + self.together + sum(rows * count for rows, count in self.batches)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the cases share.

    Args:
        root: the checkout.
        rows_count: rows of the large table.
        block_transactions: one-call transactions of a block; blocks_count: blocks measured.
        curve_rows: sizes of tables, rising.
        replay_rows: rows of the ledger that is replayed, each loaded by a signed transaction.
        limited_rows: rows with limited history; limited_changes: how often they change, all together.
        node: what a node is sent over HTTP.
    """

    root: Path
    files: Files
    rows_count: int = 1_000_000
    block_transactions: int = 1_000
    blocks_count: int = 40
    curve_rows: tuple[int, ...] = (10_000, 100_000, 1_000_000, 5_000_000)
    replay_rows: int = 100_000
    limited_rows: int = 10_000
    limited_changes: int = 1_000_000
    node: NodeSizes = NodeSizes()
    is_quick: bool = False


def quick(root: Path, folder: Path) -> Bench:
    """Return the sizes for a run of three minutes."""
    return Bench(
        root=root,
        files=Files(folder, 50_000),
        rows_count=50_000,
        blocks_count=4,
        curve_rows=(10_000, 50_000, 200_000),
        replay_rows=10_000,
        limited_rows=500,
        limited_changes=40_000,
        node=NodeSizes(
            latency=100, alone=960, together=3_840, batches=((100, 96), (500, 48)), editing_s=5
        ),
        is_quick=True,
    )


def full(root: Path, folder: Path) -> Bench:
    """Return the sizes of a full run, within 45 minutes."""
    return Bench(root=root, files=Files(folder, 1_000_000))
