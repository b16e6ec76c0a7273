"""The engine of a running node: what is one block, what is said no to, and that everybody is answered once."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest

from comity.client.signing import sign_calls
from comity.engine import batching
from comity.engine.batching import BatchingEngine, Bounds, Submission, Tip
from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.errors import Unavailable
from comity.limits import SECOND_NS
from comity.machine.machine import Machine
from comity.model.transaction import Call
from comity.sdk import App, Context, TimeNs
from comity.store.store import Store
from comity.testing import Ledger
from comity.testing.people import Person

ANA, STRANGER, NODE = Person("ana"), Person("stranger"), Person("node")
WAIT_S = 20  # how long a test waits for what must come at once
BOUNDS = Bounds(
    wait_ms=2, block_transactions_max=100, in_flight_max=1_000, in_flight_bytes_max=1 << 20
)
app = App("bell", version=1)


@app.action
def set_bell(ctx: Context, at_ns: TimeNs) -> None:
    """Let the bell ring."""
    ctx.timers.set(at_ns, "ring", {})


@app.timer
def ring(ctx: Context) -> None:
    """Ring."""


class Rig:
    """An engine over a ledger in memory, and what it reports."""

    def __init__(self, bounds: Bounds = BOUNDS, interval_s: int = 0) -> None:
        like = Ledger(app, founders=("ana",))
        self.genesis = msgspec.structs.replace(like.genesis, block_interval_s=interval_s)
        self.store = Store.in_memory()
        self.machine = Machine(self.store, self.genesis, like.apps)
        solo = SoloEngine(self.machine, clock=time.time_ns, kid=NODE.key_id, sign=NODE.sign)
        solo.start()
        self.reports: queue.Queue[tuple[Sequence[Submission], Tip | None]] = queue.Queue()
        self.ends: queue.Queue[BaseException | None] = queue.Queue()
        self.engine = BatchingEngine(
            solo, bounds, lambda done, tip: self.reports.put((done, tip)), self.ends.put
        )
        self.tips: list[Tip] = []
        self._salt = 0

    def signed(self, *calls: Call, by: Person = ANA, valid_s: int = 600) -> bytes:
        """Return a signed transaction, each another one."""
        self._salt += 1
        return sign_calls(
            by,
            calls,
            genesis_hash=self.genesis.hash,
            expires_ns=time.time_ns() + valid_s * SECOND_NS,
            salt=self._salt.to_bytes(16, "big"),
        ).encode()

    def submit(self, *transactions: bytes) -> Submission:
        """Hand transactions in."""
        submission = Submission(transactions)
        self.engine.submit(submission)
        return submission

    def wait(self, *submissions: Submission) -> list[list[Any]]:
        """Return the answers of each, once it is reported."""
        missing = set(submissions)
        while missing:
            finished, tip = self.reports.get(timeout=WAIT_S)
            missing -= set(finished)
            self.tips += [] if tip is None else [tip]
        return [submission.answers for submission in submissions]

    def ask(self, *transactions: bytes) -> list[Any]:
        """Hand transactions in and return their answers."""
        return self.wait(self.submit(*transactions))[0]


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    """Give a maker of rigs, whose engines are stopped in the end."""
    made: list[Rig] = []

    def make_one(*arguments: Any, **named: Any) -> Rig:
        made.append(Rig(*arguments, **named))
        return made[-1]

    yield make_one
    for rig in made:
        if rig.engine._thread.is_alive():
            assert rig.engine.stop(WAIT_S)


@pytest.fixture
def rig(make: Callable[..., Rig]) -> Rig:
    """Give an engine that runs."""
    made = make()
    made.engine.start()
    return made


def test_what_waits_is_one_block(make: Callable[..., Rig]) -> None:
    """Ten submissions that wait when the thread begins are one block, reported with its tip."""
    rig = make()
    submissions = [rig.submit(rig.signed(), rig.signed()) for _ in range(10)]
    rig.engine.start()
    answers = rig.wait(*submissions)
    assert {answer.height for each in answers for answer in each} == {1}
    positions = [answer.position for each in answers for answer in each]
    assert positions == sorted(set(positions))
    assert [tip.height for tip in rig.tips] == [1]
    assert rig.tips[0].app_hash == rig.store.app_hash
    assert rig.engine.in_flight == 0


def test_a_block_closes_when_it_is_full(make: Callable[..., Rig]) -> None:
    """More than a block takes make several, and nobody waits for a pause between them."""
    rig = make(msgspec.structs.replace(BOUNDS, block_transactions_max=4))
    submissions = [rig.submit(rig.signed()) for _ in range(10)]
    rig.engine.start()
    answers = rig.wait(*submissions)
    assert [each[0].height for each in answers] == [1] * 4 + [2] * 4 + [3] * 2


def test_a_block_is_executed_while_it_may_still_grow(
    make: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction is executed once, before its block closes; what comes meanwhile joins it all the same."""
    rig = make(msgspec.structs.replace(BOUNDS, wait_ms=300))
    ahead, prepare = queue.Queue[int](), rig.machine.prepare

    def counted(pending: Sequence[Any], *arguments: Any) -> Any:
        prepared = prepare(pending, *arguments)
        ahead.put(len(pending))
        return prepared

    monkeypatch.setattr(rig.machine, "prepare", counted)
    rig.engine.start()
    (alone,) = rig.ask(rig.signed())
    assert (alone.height, ahead.get(timeout=WAIT_S)) == (1, 1)
    assert ahead.empty()
    first = rig.submit(rig.signed())
    assert ahead.get(timeout=WAIT_S) == 1
    second = rig.submit(rig.signed())
    answers = rig.wait(first, second)
    assert [each[0].height for each in answers] == [2, 2]
    assert ahead.get(timeout=WAIT_S) == 2
    assert ahead.empty()


def test_each_answer_stands_at_its_place(rig: Rig) -> None:
    """Good, garbled, unknown, wrongly signed and repeated ones are answered in the order they came."""
    good = rig.signed()
    forged = bytearray(rig.signed())
    forged[forged.index(b"\x58\x40") + 2] ^= 1
    answers = rig.ask(good, b"x", rig.signed(by=STRANGER), bytes(forged), good)
    codes = [answer.code if isinstance(answer, NotOrdered) else "ok" for answer in answers]
    assert codes == ["ok", "malformed", "unknown-account", "bad-signature", "ok"]
    assert answers[0] == answers[4]


def test_many_signatures_are_checked_on_threads_and_a_wrong_one_is_found(rig: Rig) -> None:
    """A hundred signatures, one wrong: that one is rejected and no other."""
    transactions = [bytearray(rig.signed()) for _ in range(100)]
    wrong = transactions[71]
    wrong[wrong.index(b"\x58\x40") + 2] ^= 1
    answers = rig.ask(*map(bytes, transactions))
    assert [at for at, each in enumerate(answers) if isinstance(each, NotOrdered)] == [71]


def test_a_known_transaction_answers_its_receipt(rig: Rig) -> None:
    """Sent again, alone or beside others, a transaction answers what it answered first; there is no second block."""
    transaction = rig.signed()
    first = rig.ask(transaction)
    assert rig.ask(transaction) == first
    assert rig.ask(transaction, rig.signed())[:1] == first
    assert rig.store.height == 2


def test_threads_are_answered_once_each(rig: Rig) -> None:
    """Eight threads, forty transactions each: every one has a place of its own."""
    batches = [[rig.signed() for _ in range(40)] for _ in range(8)]
    submitted: queue.Queue[Submission] = queue.Queue()

    def send(batch: list[bytes]) -> None:
        for transaction in batch:
            submitted.put(rig.submit(transaction))

    threads = [threading.Thread(target=send, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = rig.wait(*[submitted.get() for _ in range(320)])
    places = [(each[0].height, each[0].position) for each in answers]
    assert len(set(places)) == 320
    assert rig.store.height < 320


def test_beyond_what_may_be_in_flight_the_answer_is_busy(make: Callable[..., Rig]) -> None:
    """By count and by bytes; nothing of what is refused is taken, and later there is room again."""
    rig = make(msgspec.structs.replace(BOUNDS, in_flight_max=3))
    first = rig.submit(rig.signed(), rig.signed())
    with pytest.raises(Unavailable, match="2 transactions are in flight") as caught:
        rig.submit(rig.signed(), rig.signed())
    assert caught.value.code == "busy"
    rig.engine.start()
    rig.wait(first)
    assert len(rig.ask(rig.signed(), rig.signed(), rig.signed())) == 3
    small = make(msgspec.structs.replace(BOUNDS, in_flight_bytes_max=100))
    with pytest.raises(Unavailable):
        small.submit(small.signed())


def test_a_full_disk_is_an_answer_and_the_ledger_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a full disk keeps from its block may be sent again; when there is room, it is ordered."""
    monkeypatch.setattr(batching, "ENGINE_RETRY_MS", 1)
    write = rig.store.write_block

    def refuse(*_: object) -> None:
        monkeypatch.setattr(rig.store, "write_block", write)
        raise Unavailable("the disk is full: no block was written")

    monkeypatch.setattr(rig.store, "write_block", refuse)
    transaction = rig.signed()
    (answer,) = rig.ask(transaction)
    assert isinstance(answer, NotOrdered)
    assert (answer.code, answer.waits) == ("disk-full", True)
    assert rig.engine.problem is not None
    (answer,) = rig.ask(transaction)
    assert isinstance(answer, Ordered)
    assert rig.engine.problem is None


def test_a_fault_stops_the_engine_and_is_no_receipt(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk ends the thread; whoever waits hears that nobody knows, whoever comes that it is over."""
    error = OSError("broken disk")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(rig.store, "write_block", fail)
    answers = rig.ask(rig.signed(), rig.signed())
    assert [answer.code for answer in answers] == ["fault", "fault"]
    assert rig.ends.get(timeout=WAIT_S) is error
    assert rig.store.height == 0
    with pytest.raises(Unavailable) as caught:
        rig.submit(rig.signed())
    assert caught.value.code == "fault"
    assert rig.engine.problem is not None


def test_who_stops_settles_what_it_can(make: Callable[..., Rig]) -> None:
    """What was taken in is ordered before the thread ends; what comes later is refused."""
    rig = make()
    submissions = [rig.submit(rig.signed()) for _ in range(50)]
    rig.engine.start()
    assert rig.engine.stop(WAIT_S)
    answers = rig.wait(*submissions)
    assert all(isinstance(each[0], Ordered) for each in answers)
    assert rig.ends.get(timeout=WAIT_S) is None
    with pytest.raises(Unavailable) as caught:
        rig.submit(rig.signed())
    assert caught.value.code == "stopping"


def test_an_idle_engine_waits_for_nothing(rig: Rig) -> None:
    """Without work there is no time at which the thread would wake, and no block."""
    rig.ask(rig.signed())
    assert rig.engine._pause() is None
    assert rig.store.height == 1


def test_a_timer_makes_its_block(rig: Rig) -> None:
    """When a timer is due its block is made, soon and by itself; then the thread sleeps again."""
    at_ns = time.time_ns() + 1_200_000_000
    (answer,) = rig.ask(rig.signed(Call("bell.set_bell", {"at_ns": at_ns})))
    assert answer.receipt.is_ok
    while not rig.tips or rig.tips[-1].height < 2:
        _, tip = rig.reports.get(timeout=WAIT_S)
        rig.tips += [] if tip is None else [tip]
    assert at_ns < rig.tips[-1].time_ns
    assert rig.machine.next_timer_ns() is None


def test_the_interval_is_kept(make: Callable[..., Rig]) -> None:
    """With an interval of a second what comes early waits, what is wrong is told at once, and all share a block."""
    rig = make(interval_s=1)
    rig.engine.start()
    first = rig.ask(rig.signed())[0]
    early = [rig.submit(rig.signed()) for _ in range(3)]
    (wrong,) = rig.ask(b"x")
    assert wrong.code == "malformed"
    assert rig.store.height == 1
    answers = rig.wait(*early)
    assert {each[0].height for each in answers} == {2}
    assert first.height == 1
    assert rig.tips[1].time_ns - rig.tips[0].time_ns >= SECOND_NS


def test_what_waits_for_its_interval_is_told_when_the_node_stops(make: Callable[..., Rig]) -> None:
    """A stop does not wait for the interval: the answer is that the transaction may be sent again."""
    rig = make(interval_s=600)
    rig.engine.start()
    rig.ask(rig.signed())
    waiting = rig.submit(rig.signed())
    assert rig.engine.stop(WAIT_S)
    (answers,) = rig.wait(waiting)
    assert (answers[0].code, answers[0].waits) == ("stopping", True)
    assert rig.store.height == 1
