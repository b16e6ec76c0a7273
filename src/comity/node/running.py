"""A node that runs: one ledger's folder, its engine, and the last block for whoever reads or waits.

Invariant: ``tip`` moves on the event loop, after its block is on disk and before any of its transactions is answered.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from comity.engine.batching import BatchingEngine, Bounds, Submission, Tip
from comity.errors import Malformed, Unavailable
from comity.limits import (
    DISK_FREE_BYTES_MIN,
    ENGINE_STOP_S,
    IDENTIFIED_BYTES_MAX,
    OUTCOMES_REMEMBERED_MAX,
)
from comity.model.outcome import NotOrdered, Ordered
from comity.node.checkpointer import Checkpointer
from comity.node.config import Config
from comity.node.folder import GENESIS_FILE
from comity.node.health import Condition, health_of
from comity.node.local import Clock, LocalLedger
from comity.node.measuring import count_outcomes, metrics_of
from comity.node.reading import Readers
from comity.node.transport import LocalTransport

__all__ = ["Node", "Tip"]


class Node:
    """A running node; made and used on one event loop.

    Attributes:
        folder, genesis, apps, config: what it runs.
        tip: the last block that is on disk.
        lookups: small reads of the last block, for the event loop alone.
        readers: all other reads, in processes of their own.
        metrics: what is counted and measured.
        rejected: why transactions were not ordered that nobody waited for, by id; the newest.
        fault: set when the node cannot go on; the process must end.

    """

    def __init__(self, ledger: LocalLedger, config: Config) -> None:
        self._ledger = ledger
        self.lookups = LocalTransport(ledger.folder.directory)
        self.folder = ledger.folder
        self.readers = Readers(
            self.folder.database,
            self.folder.directory / GENESIS_FILE,
            quick=config.read_processes_quick,
            slow=config.read_processes_slow,
        )
        ledger.store.wal_pages_max = config.wal_pages_max
        self.genesis = ledger.genesis
        self.apps = ledger.apps
        self.config = config
        self.tip = self._read_tip()
        self.rejected: dict[bytes, NotOrdered] = {}
        self.fault = asyncio.Event()
        self.is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checkpointer: Checkpointer | None = None
        self._moved = asyncio.Event()
        self._futures: dict[Submission, asyncio.Future[list[Ordered | NotOrdered]]] = {}
        self._expected: dict[Submission, list[bytes | None]] = {}
        bounds = Bounds(
            wait_ms=config.batch_wait_ms,
            block_transactions_max=config.block_transactions_max,
            in_flight_max=config.in_flight_max,
            in_flight_bytes_max=config.in_flight_bytes_max,
        )
        self.engine = BatchingEngine(ledger.engine, bounds, self._report, self._stopped)
        self._clock = ledger.engine.clock
        self.metrics = metrics_of(self)

    @classmethod
    def open(
        cls, directory: Path, config: Config | None = None, *, clock: Clock = time.time_ns
    ) -> Self:
        """Open the ledger in ``directory``. Raises: ConfigError, Unavailable (another process writes it)."""
        return cls(LocalLedger.open(directory, clock=clock), config or Config())

    async def start(self) -> None:
        """Begin to order transactions."""
        self._loop = asyncio.get_running_loop()
        self._checkpointer = Checkpointer(self._ledger.machine.store, self.folder.database)
        self.engine.start()
        self.readers.start()

    async def stop(self) -> None:
        """Finish the block at hand, answer whoever waits, and let go of the folder."""
        if self.is_stopping:
            return
        self.is_stopping = True
        self._moved.set()
        has_ended = await asyncio.to_thread(self.engine.stop, ENGINE_STOP_S + 1)
        await asyncio.sleep(0)  # let the last answers arrive
        for future in self._futures.values():
            if not future.done():
                future.set_exception(Unavailable("the node stopped", "stopping"))
        self.lookups.close()
        await self.readers.close()
        if has_ended:
            if self._checkpointer is not None:
                await asyncio.to_thread(self._checkpointer.close)
            self._ledger.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def submit(
        self, transactions: Sequence[bytes], timeout_s: float
    ) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in order, once all are settled.

        Who stops waiting takes nothing back: the transactions go on.
        Raises: Unavailable: busy, stopping or fault, when nothing was taken in; unknown-yet, after ``timeout_s``.
        """
        submission = self._take_in(transactions)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Ordered | NotOrdered]] = loop.create_future()
        self._futures[submission] = future
        timer = loop.call_later(timeout_s, _expire, future)
        try:
            return await future
        except TimeoutError:
            if self._futures.pop(submission, None) is None:  # settled in this very moment
                return [each for each in submission.answers if each is not None]
            identifiers = await self.identify(transactions)
            if submission.left:
                self._expected[submission] = identifiers
            raise Unavailable(
                f"not final after {timeout_s:g} s: it goes on; ask for it by its id", "unknown-yet"
            ) from None
        finally:
            timer.cancel()

    async def submit_soon(self, transactions: Sequence[bytes]) -> list[bytes]:
        """Have signed transactions ordered, with nobody waiting; return their ids.

        Raises: Malformed; Unavailable: busy, stopping or fault.
        """
        found = await self.identify(transactions)
        identifiers = [each for each in found if each is not None]
        if len(identifiers) < len(found):
            wrong = len(found) - len(identifiers)
            raise Malformed(f"{wrong} of {len(found)} are no transactions: decode them to see why")
        self._expected[self._take_in(transactions)] = found
        return identifiers

    def is_expected(self, identifier: bytes) -> bool:
        """Tell whether a transaction that nobody waits for is in flight."""
        return any(identifier in expected for expected in self._expected.values())

    async def identify(self, transactions: Sequence[bytes]) -> list[bytes | None]:
        """Return the id of each transaction of this ledger, None where the bytes are none."""
        identify = self._ledger.machine.identify
        if sum(map(len, transactions)) < IDENTIFIED_BYTES_MAX:
            return [identify(data) for data in transactions]
        return await asyncio.to_thread(lambda: [identify(data) for data in transactions])

    async def next_tip(self, height: int) -> Tip:
        """Return the last block once it is past ``height``: at once, or when it is there.

        Raises: Unavailable, when the node stops.
        """
        while self.tip.height <= height:
            if self.is_stopping:
                raise Unavailable("the node is stopping", "stopping")
            await self._moved.wait()
        return self.tip

    def problem(self) -> str | None:
        """Return why the node cannot do its work, or None."""
        health = health_of(
            Condition(
                stopped="" if self._has_room() else self.engine.problem or "",
                is_stopping=self.is_stopping,
                oldest_wait_ms=self._oldest_wait_ms(),
                disk_free_bytes=self._disk_free(),
                block_time_ns=self.tip.time_ns,
                now_ns=self._clock(),
            )
        )
        return None if health.is_ok else health.reason

    def _has_room(self) -> bool:
        """Tell whether a disk that was full has room again: the next transaction will show."""
        return not self.fault.is_set() and self._disk_free() >= DISK_FREE_BYTES_MIN

    def _disk_free(self) -> int:
        return shutil.disk_usage(self.folder.directory).free

    def _oldest_wait_ms(self) -> int:
        """Return how much longer than its block interval the oldest transaction waits."""
        return max(0, int(self.engine.oldest_s() * 1000) - self.genesis.block_interval_s * 1000)

    def _take_in(self, transactions: Sequence[bytes]) -> Submission:
        submission = Submission(transactions)
        self.engine.submit(submission)
        return submission

    def _report(self, finished: Sequence[Submission], tip: Tip | None) -> None:
        """Pass on, from the engine's thread, what is settled."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._adopt, finished, tip, self.engine.block_s)

    def _adopt(self, finished: Sequence[Submission], tip: Tip | None, block_s: float) -> None:
        if tip is not None:
            self.tip = tip
            self.metrics.count("comity_blocks_total")
            self.metrics.observe("comity_commit_seconds", block_s)
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
        for submission in finished:
            answers = [each for each in submission.answers if each is not None]
            count_outcomes(self.metrics, answers)
            future = self._futures.pop(submission, None)
            if future is not None and not future.done():
                future.set_result(answers)
            for identifier, answer in zip(
                self._expected.pop(submission, ()), answers, strict=False
            ):
                if isinstance(answer, NotOrdered) and identifier is not None:
                    self._keep_rejected(identifier, answer)

    def _stopped(self, fault: BaseException | None) -> None:
        if fault is not None and self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.fault.set)

    def _keep_rejected(self, identifier: bytes, answer: NotOrdered) -> None:
        if len(self.rejected) >= OUTCOMES_REMEMBERED_MAX:
            del self.rejected[next(iter(self.rejected))]
        self.rejected[identifier] = answer

    def _read_tip(self) -> Tip:
        store = self._ledger.store
        return Tip(
            height=store.height, app_hash=store.app_hash, time_ns=store.time_ns,
            log_size=store.log_size,
        )  # fmt: skip


def _expire(future: asyncio.Future[list[Ordered | NotOrdered]]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
