"""A node that runs: one ledger's folder, its engine, and the last block for whoever reads or waits.

Invariant: ``tip`` moves on the event loop, after its block is on disk and before any of its transactions is answered.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from comity.model.outcome import NotOrdered, Ordered
from comity.node.config import Config
from comity.node.local import Clock, LocalLedger


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """The last committed block."""

    height: int
    app_hash: bytes
    time_ns: int
    log_size: int


class Node:
    """A running node.

    Attributes:
        folder, genesis, apps, config: what it runs.
        tip: the last block that is on disk.
    """

    def __init__(self, ledger: LocalLedger, config: Config) -> None:
        self._ledger = ledger
        self.folder = ledger.folder
        self.genesis = ledger.genesis
        self.apps = ledger.apps
        self.config = config
        self.tip = self._read_tip()
        self._moved = asyncio.Event()

    @classmethod
    def open(
        cls, directory: Path, config: Config | None = None, *, clock: Clock = time.time_ns
    ) -> "Node":
        """Open the ledger in ``directory``. Raises: ConfigError, Unavailable (another process writes it)."""
        return cls(LocalLedger.open(directory, clock=clock), config or Config())

    async def start(self) -> None:
        """Begin to order transactions."""

    async def stop(self) -> None:
        """Finish the block at hand and let go of the folder."""
        self._ledger.close()

    async def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in order. Raises: Unavailable."""
        answers = self._ledger.submit(transactions)
        self.tip = self._read_tip()
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        return answers

    async def next_tip(self, height: int) -> Tip:
        """Return the last block once it is past ``height``: at once, or when it is there."""
        while self.tip.height <= height:
            await self._moved.wait()
        return self.tip

    def problem(self) -> str | None:
        """Return why the node cannot do its work, or None."""
        return None

    def _read_tip(self) -> Tip:
        store = self._ledger.store
        return Tip(
            height=store.height, app_hash=store.app_hash, time_ns=store.time_ns,
            log_size=store.log_size,
        )  # fmt: skip
