"""A client goes on over lost connections, busy nodes and late blocks, and writes nothing twice."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from comity.client.asking import Asking
from comity.client.finish import finish
from comity.client.http_link import Ask, Lost, Reply
from comity.crypto import cbor
from comity.errors import ComityError, Unavailable
from comity.model.transaction import Call
from tests.unit.client.proxy import Passing, problem, proxy
from tests.unit.client.served import Served


def _is_write(passing: Passing) -> bool:
    return passing.method == "POST" and passing.path == "/v1/transactions"


def test_an_answer_that_was_lost_is_asked_for_again(served: Served) -> None:
    """The node ordered it and the answer was lost, twice: the same bytes are sent again, one row is there."""
    left = [2]

    def lose(passing: Passing) -> None:
        if _is_write(passing) and left[0]:
            left[0] -= 1
            passing.is_lost = True

    with proxy(served.url, lose) as losing, served.connect(where=losing.url) as ledger:
        done = ledger.table("stock").add(name="kept once")
        assert sum(each.startswith("POST /v1/transactions") for each in losing.seen) == 3
        changes = ledger.table("stock").history("kept once").changes
        assert [it.event.transaction_id for it in changes] == [done.identifier]


def test_a_busy_node_is_given_time(served: Served) -> None:
    """To "busy" the client answers with the same request, not before `retry_after` seconds."""
    left = [1]

    def busy(passing: Passing) -> None:
        if _is_write(passing) and left[0]:
            left[0] -= 1
            problem(passing, 503, "busy", retry_after=1)

    with proxy(served.url, busy) as slow, served.connect(where=slow.url) as ledger:
        started = time.monotonic()
        ledger.table("stock").add(name="patient")
        assert time.monotonic() - started >= 1


def test_a_late_block_is_waited_for_by_id(served: Served) -> None:
    """After "not final yet" the receipt is asked for by id; what the node never heard of is sent again."""
    left = {"post": 1, "get": 2}

    def late(passing: Passing) -> None:
        if _is_write(passing) and left["post"]:
            left["post"] -= 1
            problem(passing, 504, "unknown-yet")
        elif passing.path.startswith("/v1/transactions/") and left["get"]:
            left["get"] -= 1
            if left["get"]:
                problem(passing, 404, "unknown-transaction")
            else:
                passing.status, passing.media_type = 202, "application/json"

    with proxy(served.url, late) as slow, served.connect(where=slow.url) as ledger:
        ledger.table("stock").add(name="late")
        assert len(ledger.table("stock").history("late").changes) == 1
        assert sum("GET /v1/transactions/" in each for each in slow.seen) == 3


@pytest.mark.parametrize("how", ["lost", "busy", "late"])
def test_the_time_is_kept(served: Served, how: str) -> None:
    """Whatever goes on for ever ends in `Unavailable` when the time is over, and says what is known."""

    def always(passing: Passing) -> None:
        if not passing.path.startswith("/v1/transactions"):
            return
        if how == "lost":
            passing.is_lost = True
        elif how == "busy":
            problem(passing, 503, "busy", retry_after=0)
        elif passing.method == "POST":
            problem(passing, 504, "unknown-yet")
        else:
            passing.status = 202

    with proxy(served.url, always) as slow, served.connect(where=slow.url, timeout_s=1) as ledger:
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            ledger.table("stock").add(name=f"never {how}")
        assert time.monotonic() - started < 5
        assert (
            caught.value.code == {"lost": "unreachable", "busy": "busy", "late": "unknown-yet"}[how]
        )


def test_what_asking_again_cannot_mend_is_told_at_once(served: Served) -> None:
    """An unhealthy node, or a bug of it, is not asked a second time."""
    with proxy(served.url, lambda _: None) as ill, served.connect(where=ill.url) as ledger:
        for status, code in ((503, "unhealthy"), (500, "internal"), (503, "damaged")):
            ill.alter = lambda it, s=status, c=code: problem(it, s, c)  # type: ignore[misc]  # mypy infers no lambda
            ill.seen.clear()
            with pytest.raises(Unavailable) as caught:
                ledger.tip()
            assert (caught.value.code, len(ill.seen)) == (code, 1)


def test_a_request_that_is_too_large_for_a_node_is_halved(served: Served) -> None:
    """A node whose limits are lower than the default gets smaller requests; each row is there once."""

    def narrow(passing: Passing) -> None:
        if _is_write(passing):
            count = len(cbor.decode(passing.sent, size_max=len(passing.sent)))  # type: ignore[arg-type]  # a list
            if count > 3:
                problem(passing, 413, "too-many")

    with proxy(served.url, narrow) as small, served.connect(where=small.url) as ledger:
        calls = [
            Call("tables.add", {"table": "stock", "rows": [[f"h{n}"]], "columns": ["name"]})
            for n in range(10)
        ]
        found = ledger.transport.submit([ledger.sign([call]).data for call in calls])
        assert all(each.receipt.is_ok for each in found)  # type: ignore[union-attr]  # all were ordered


def test_a_watcher_goes_on_where_it_was(served: Served) -> None:
    """A stream that breaks after each event, or is refused meanwhile, is resumed: none twice, none missing."""

    def cut(passing: Passing) -> None:
        if "/events" in passing.path and passing.status == 200:
            head = passing.body.split(b"\n\n")
            passing.body = (
                b"\n\n".join(head[:2]) + b"\n\n" + (head[2][:20] if len(head) > 2 else b"")
            )

    with served.connect() as ledger:
        stock = ledger.table("stock")
        since = stock.add(name="e0").height
        last = [stock.add(name=f"e{n}").height for n in range(1, 9)][-1]
    with proxy(f"{served.url}", cut) as cutting, served.connect(where=cutting.url) as ledger:
        # A proxy that passes whole answers on needs streams that end: the node is asked for one height.
        node = ledger.transport.node  # type: ignore[attr-defined]  # of HttpTransport
        link = node._asking.link
        opened = link.open
        link.open = lambda ask: opened(
            Ask(path=ask.path, headers=ask.headers, query={"until": str(last)})
        )
        events = ledger.table("stock").watch(since=since)
        assert [next(events).key for _ in range(8)] == [f"e{n}" for n in range(1, 9)]
        assert sum("/events" in each for each in cutting.seen) >= 8


class _Scripted:
    """A link that answers what it was told, and counts the seconds that it was to sleep."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.slept: list[float] = []

    async def send(self, ask: Ask) -> Reply:
        status = self.answers.pop(0)
        if status is None:
            raise Lost("gone")
        return Reply(
            status=status,
            headers={"content-type": "application/problem+json"},
            body=b'{"code":"busy","retry_after":0}',
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_pauses_double_and_differ() -> None:
    """The n-th pause is up to twice the one before, at most a second, and never the same for all."""
    for chance, factor in ((0.0, 0.5), (1.0, 1.0)):
        link = _Scripted(*([None, 503] * 4), 200)
        asking = Asking(link, 60, clock=lambda: 0.0, chance=lambda c=chance: c)  # type: ignore[arg-type, misc]  # half a link
        assert finish(asking.get("/")).status == 200
        expected = [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1]
        assert link.slept == pytest.approx([factor * each for each in expected])


def test_a_call_that_would_need_a_loop_is_a_bug() -> None:
    """What blocks never waits for an event loop: that would hang, so it raises."""
    with pytest.raises(ComityError, match="event loop"):
        finish(asyncio.sleep(0))


def test_the_node_comes_back(tmp_path: Path) -> None:
    """A node that is killed and started again in the midst of a write: the write is final, and there once."""
    made = Served(tmp_path / "ledger")
    with made.node, made.connect(timeout_s=30) as ledger:
        stock = ledger.table("stock")
        stock.add(name="before")
        made.node.process.kill()
        made.node.process.wait()
        starting = threading.Timer(0.5, made.start_again)
        starting.start()
        try:
            stock.add(name="after")
            assert (stock["before"].owner, len(stock)) == (ledger.account, 2)
        finally:
            starting.join()
            made.stop_again()
