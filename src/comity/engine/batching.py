"""The solo engine of a running node: one thread owns the ledger and makes a block of all that waits.

A block closes when it is full or when nothing more arrived for a moment. While a block is written the next one gathers,
so the more members write at once, the more share one sync of the disk. While few write, what there is gets executed
during that moment already: if nothing more comes, the block only has to be written. Without work the thread sleeps.

Invariant: once started, only this thread touches machine and store; every submission is settled exactly once.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.errors import Rejected, Unavailable
from comity.limits import (
    AHEAD_TRANSACTIONS_MAX,
    BATCH_AGE_MS,
    BLOCK_BYTES_MAX,
    CLOCK_LOOK_S,
    ENGINE_RETRY_MS,
    ENGINE_STOP_S,
    SECOND_NS,
    SIGNATURES_SPLIT_MIN,
    VERIFIERS,
)
from comity.machine.checks import Checked
from comity.machine.machine import Prepared

_LOG = logging.getLogger(__name__)
_FAULT = (
    "the node met a fault before it could say what became of this: once it is back, ask for its receipt by its id,"
    " or send the same again"
)
_STOPPING = "the node is stopping and did not order this: send the same again when it is back"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much a node takes in, and when it closes a block."""

    wait_ms: int
    block_transactions_max: int
    in_flight_max: int
    in_flight_bytes_max: int


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """The last committed block."""

    height: int
    app_hash: bytes
    time_ns: int
    log_size: int


class Submission:
    """Transactions that came together, and their answers as they come.

    Args:
        transactions: signed, in wire form.

    Attributes:
        answers: one each, in order; None while it is not settled.
    """

    __slots__ = ("answers", "arrived_at", "left", "size", "transactions")

    def __init__(self, transactions: Sequence[bytes]) -> None:
        self.transactions = transactions
        self.answers: list[Ordered | NotOrdered | None] = [None] * len(transactions)
        self.left = len(transactions)
        self.size = sum(map(len, transactions))
        self.arrived_at = time.monotonic()


class _Waiting(msgspec.Struct, frozen=True):
    """A transaction that passed the checks and waits for its block."""

    submission: Submission
    index: int
    checked: Checked


# Told of what is settled and, after a block, of the new tip. Called by the engine's thread.
Report = Callable[[Sequence[Submission], Tip | None], None]


class BatchingEngine:
    """Runs a ``SoloEngine`` on a thread of its own.

    Args:
        report: must not block.
        stopped: told, by the thread, that it ended; with the fault that ended it, or None.

    Attributes:
        problem: why no block can be written, or None.
        block_s: seconds that the last block took to be made.
    """

    def __init__(
        self,
        solo: SoloEngine,
        bounds: Bounds,
        report: Report,
        stopped: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        self.problem: str | None = None
        self.block_s = 0.0
        self._solo = solo
        self._machine = solo.machine
        self._interval_ns = solo.machine.genesis.block_interval_s * SECOND_NS
        self._bounds = bounds
        self._report = report
        self._stopped = stopped
        self._changed = threading.Condition()
        # Guarded by the condition:
        self._arrived: deque[Submission] = deque()
        self._open: dict[Submission, None] = {}  # taken in and not settled, oldest first
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._is_gathering = (
            False  # the thread looks by itself in a moment: waking it would only cost
        )
        self._ending: tuple[str, str] | None = None  # code and message for those who come too late
        # The thread's own:
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._finished: list[Submission] = []
        self._ahead: tuple[int, Prepared | None] = (0, None)  # the first so many, executed already
        self._last_count = 0  # transactions of the last block
        self._first_at = 0.0
        self._last_at = 0.0
        self._held_until = 0.0
        self._timer_ns: int | None = None
        self._pool = ThreadPoolExecutor(VERIFIERS, thread_name_prefix="verify")
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to make blocks."""
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        """Take transactions in; ``report`` tells when all of them are settled.

        Raises: Unavailable (busy, stopping, fault): nothing of it was taken.
        """
        with self._changed:
            if self._ending is not None:
                code, message = self._ending
                raise Unavailable(message, code)
            count = self._in_flight + len(submission.transactions)
            size = self._in_flight_bytes + submission.size
            if count > self._bounds.in_flight_max or size > self._bounds.in_flight_bytes_max:
                raise Unavailable(
                    f"{self._in_flight:,} transactions are in flight already: send the same again later",
                    "busy",
                )
            self._in_flight, self._in_flight_bytes = count, size
            self._open[submission] = None
            self._arrived.append(submission)
            if not self._is_gathering or count >= self._bounds.block_transactions_max:
                self._changed.notify()

    @property
    def in_flight(self) -> int:
        """Return how many transactions were taken in and are not settled."""
        return self._in_flight

    def oldest_s(self) -> float:
        """Return for how many seconds the oldest transaction in flight has waited."""
        with self._changed:
            oldest = next(iter(self._open), None)
        return 0.0 if oldest is None else time.monotonic() - oldest.arrived_at

    def stop(self, timeout_s: float) -> bool:
        """Settle what can be settled now, refuse the rest, and end the thread; tell whether it ended in time."""
        with self._changed:
            self._ending = self._ending or ("stopping", _STOPPING)
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- the thread ---

    def _run(self) -> None:
        fault: BaseException | None = None
        try:
            self._timer_ns = self._machine.next_timer_ns()
            self._loop()
            self._drain()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the node stops and says so
            fault = error
            self.problem = "the engine met a fault and stopped; see the log"
            _LOG.critical("the engine met a fault: the node stops", exc_info=error)
        self._abandon(*(("stopping", _STOPPING) if fault is None else ("fault", _FAULT)))
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._stopped(fault)

    def _loop(self) -> None:
        while True:
            pause = self._pause()
            arrived = self._take(pause)
            if self._ending is not None:
                self._admit(arrived)
                return
            self._admit(arrived)
            if pause is not None and pause <= 0:
                self._make_block()
            elif arrived and len(self._waiting) <= AHEAD_TRANSACTIONS_MAX >= self._last_count:
                prepared = self._solo.prepare(self._checked())
                self._ahead = len(self._waiting), prepared if prepared.candidate else None
            self._tell(None)

    def _pause(self) -> float | None:
        """Return the seconds until a block is to be made: none or less for now, None while nothing asks for one."""
        monotonic, now_ns, store = time.monotonic(), self._solo.clock(), self._machine.store
        wanted: list[float] = []
        if self._waiting:
            wait_s = self._bounds.wait_ms / 1000
            closes_at = min(self._last_at + wait_s, self._first_at + BATCH_AGE_MS / 1000)
            wanted.append(0 if self._is_full() else closes_at - monotonic)
        if self._timer_ns is not None:
            wanted.append((self._timer_ns + 1 - now_ns) / SECOND_NS)
        if not wanted:
            return None
        earliest_ns = store.time_ns + self._interval_ns if store.height and self._interval_ns else 0
        pause = max(min(wanted), (earliest_ns - now_ns) / SECOND_NS, self._held_until - monotonic)
        return min(pause, CLOCK_LOOK_S)  # the clock may be set while this thread sleeps

    def _is_full(self) -> bool:
        return (
            len(self._waiting) >= self._bounds.block_transactions_max
            or self._waiting_bytes >= BLOCK_BYTES_MAX
        )

    def _take(self, pause: float | None) -> list[Submission]:
        """Return what arrived and fits into the block that gathers, after a pause if nothing has."""
        count, size = len(self._waiting), self._waiting_bytes
        taken: list[Submission] = []
        with self._changed:
            has_room = not self._is_full()
            if (
                self._ending is None
                and not (self._arrived and has_room)
                and (pause is None or pause > 0)
            ):
                self._is_gathering = pause is not None and pause * 1000 <= self._bounds.wait_ms
                self._changed.wait(pause)
                self._is_gathering = False
            while self._arrived and has_room:
                submission = self._arrived.popleft()
                taken.append(submission)
                count, size = count + submission.left, size + submission.size
                has_room = count < self._bounds.block_transactions_max and size < BLOCK_BYTES_MAX
        return taken

    def _admit(self, arrived: Sequence[Submission]) -> None:
        """Check what arrived; what passes waits for the next block."""
        if not arrived:
            return
        time_ns = max(self._solo.clock(), self._machine.store.time_ns)
        checker, unverified = self._machine.checker, list[_Waiting]()
        with self._machine.reading():
            for submission in arrived:
                for index, data in enumerate(submission.transactions):
                    try:
                        checked = checker.check_unsigned(data, time_ns)
                    except Rejected as error:
                        self._settle(submission, index, self._solo.answer_rejected(data, error))
                        continue
                    unverified.append(_Waiting(submission, index, checked))
        self._last_at = arrived[-1].arrived_at
        if not self._waiting:
            self._first_at = arrived[0].arrived_at
        for each, wrong in zip(unverified, self._verify_all(unverified), strict=True):
            if wrong is None:
                self._waiting.append(each)
                self._waiting_bytes += len(each.checked.data)
            else:
                refused = NotOrdered(code=wrong.code, message=str(wrong))
                self._settle(each.submission, each.index, refused)

    def _verify_all(self, unverified: Sequence[_Waiting]) -> list[Rejected | None]:
        """Check signatures, many at once on several threads; return what is wrong with each, or None."""
        if len(unverified) < SIGNATURES_SPLIT_MIN:
            return self._verify(unverified)
        size = -(-len(unverified) // VERIFIERS)
        parts = [unverified[at : at + size] for at in range(0, len(unverified), size)]
        return [error for part in self._pool.map(self._verify, parts) for error in part]

    def _verify(self, part: Sequence[_Waiting]) -> list[Rejected | None]:
        errors: list[Rejected | None] = []
        for each in part:
            try:
                self._machine.checker.verify(each.checked)
            except Rejected as error:
                errors.append(error)
            else:
                errors.append(None)
        return errors

    def _make_block(self) -> None:
        """Make one block, settle what it holds, and let the rest wait."""
        ahead = self._ahead[1] if self._ahead[0] == len(self._waiting) else None
        checked = self._checked()
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._ahead, self._last_count = (0, None), len(waiting)
        store = self._machine.store
        height, started = store.height, time.monotonic()
        try:
            answers = self._solo.make_block(checked, ahead)
        except Unavailable as error:
            self.problem = str(error)
            full = NotOrdered(code="disk-full", message=str(error), waits=True)
            answers = [full] * len(waiting)
        for each, answer in zip(waiting, answers, strict=True):
            if answer is None:
                self._waiting.append(each)
                self._waiting_bytes += len(each.checked.data)
            else:
                self._settle(each.submission, each.index, answer)
        self._timer_ns = self._machine.next_timer_ns()
        if store.height == height:  # nothing was possible: the disk, or the clock was set back
            self._held_until = time.monotonic() + ENGINE_RETRY_MS / 1000
            self._tell(None)
            return
        self.problem = None
        self.block_s = time.monotonic() - started
        self._tell(
            Tip(
                height=store.height,
                app_hash=store.app_hash,
                time_ns=store.time_ns,
                log_size=store.log_size,
            )
        )

    def _checked(self) -> list[Checked]:
        return [each.checked for each in self._waiting]

    def _settle(self, submission: Submission, index: int, answer: Ordered | NotOrdered) -> None:
        submission.answers[index] = answer
        submission.left -= 1
        if submission.left == 0:
            self._finished.append(submission)

    def _tell(self, tip: Tip | None) -> None:
        """Report what is settled, and make room for more."""
        finished, self._finished = self._finished, []
        if finished:
            with self._changed:
                self._in_flight -= sum(len(each.transactions) for each in finished)
                self._in_flight_bytes -= sum(each.size for each in finished)
                for each in finished:
                    self._open.pop(each, None)
        if finished or tip is not None:
            self._report(finished, tip)

    def _drain(self) -> None:
        """Make the blocks that can be made before the thread ends."""
        until = time.monotonic() + ENGINE_STOP_S
        while time.monotonic() < until:
            self._admit(self._take(0))
            pause = self._pause()
            if not self._waiting or pause is None or pause > BATCH_AGE_MS / 1000:
                break
            self._make_block()

    def _abandon(self, code: str, message: str) -> None:
        """Answer whatever was taken in and is not settled."""
        with self._changed:
            self._ending = code, message
            rest = [each for each in self._open if each.left]
            self._arrived.clear()
        answer = NotOrdered(code=code, message=message, waits=True)
        for submission in rest:
            for index, found in enumerate(submission.answers):
                if found is None:
                    self._settle(submission, index, answer)
        self._tell(None)
