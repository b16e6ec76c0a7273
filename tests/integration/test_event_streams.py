"""Following a ledger: in order, without gaps, over breaks of the connection, whether slow or many."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from comity import limits
from comity.web import events, server
from tests.served_ledger import ServedLedger, serve
from tests.shared_ledger import SharedLedger


class _Live:
    """A served ledger that tests write over HTTP."""

    def __init__(self, ledger: SharedLedger, served: ServedLedger) -> None:
        self.ledger = ledger
        self.served = served
        self._last: dict[str, bytes] = {}

    def send(self, *calls: tuple[str, Any]) -> int:
        """Have a transaction executed; return its height."""
        answer = self.served.client.post(
            "/v1/transactions",
            content=self.ledger.signed(*calls),
            headers={"content-type": "application/cbor"},
        )
        assert answer.status_code == 201, answer.text
        height: int = answer.json()["height"]
        return height

    def add(self, *names: str) -> int:
        """Add rows; return the height."""
        return self.send(self.ledger.add("stock", *((name, "a", 1, None, None) for name in names)))

    def follow(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """Return the events of a stream that ends."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.served.client.stream("GET", path, headers=named) as answer:
            assert answer.status_code == 200, answer.read()
            return list(_parsed(answer.iter_lines()))


def _parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if "data" in fields:
            data = json.loads(fields["data"])
            yield {"id": fields.get("id"), "event": fields["event"], "data": data}
        fields = {}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[_Live]:
    """Serve a ledger with a clock that runs."""
    ledger = SharedLedger(tmp_path / "ledger", start_ns=None)
    ledger.local.close()
    with serve(ledger.directory) as served:
        yield _Live(ledger, served)


def test_blocks_are_told_as_they_come(live: _Live) -> None:
    """From the beginning, then live; each height once, with its id."""
    start = live.served.node.tip.height if live.served.node else 0
    seen: list[dict[str, Any]] = []
    count = start + 3
    follower = threading.Thread(
        target=lambda: seen.extend(live.follow(f"/v1/events?after=0&limit={count}"))
    )
    follower.start()
    for name in ("x", "y", "z"):
        live.add(name)
    follower.join(20)
    assert [event["data"]["height"] for event in seen] == list(range(1, count + 1))
    assert [event["id"] for event in seen] == [str(height) for height in range(1, count + 1)]


def test_a_table_is_followed_over_breaks(live: _Live) -> None:
    """Who comes back with the last id, by header or address, misses nothing and hears nothing twice."""
    live.add("a", "b", "c")
    told = live.follow("/v1/tables/stock/events?after=0&limit=2")
    live.add("d")
    last = live.add("e")
    told += live.follow("/v1/tables/stock/events?limit=1", Last_Event_ID=told[-1]["id"])
    told += live.follow(f"/v1/tables/stock/events?after={told[-1]['id']}&until={last}")
    assert [event["data"]["key"] for event in told] == ["a", "b", "c", "d", "e"]
    assert {event["data"]["who"] for event in told} == {"ana"}
    assert all(event["data"]["old"] is None for event in told)
    assert [event["data"]["new"]["name"] for event in told] == ["a", "b", "c", "d", "e"]
    assert told[0]["data"]["new_hash"] == told[0]["data"]["new"]["_hash"]


def test_without_a_place_only_what_comes_is_told(live: _Live) -> None:
    """A new follower hears of changes from now on."""
    live.add("old")
    seen: list[dict[str, Any]] = []
    ready = threading.Event()

    def follow() -> None:
        with live.served.client.stream("GET", "/v1/tables/stock/events?limit=1") as answer:
            lines = answer.iter_lines()
            next(lines)  # headers and the first comment are here: the stream has begun
            ready.set()
            seen.extend(_parsed(lines))

    follower = threading.Thread(target=follow)
    follower.start()
    assert ready.wait(20)
    live.add("new")
    follower.join(20)
    assert [event["data"]["key"] for event in seen] == ["new"]


def test_silence_is_filled_with_comments(live: _Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of an idle ledger shows that it is alive."""
    monkeypatch.setattr(events, "EVENT_COMMENT_S", 0.05)
    with live.served.client.stream("GET", "/v1/events") as answer:
        lines = answer.iter_lines()
        comments = [line for line, _ in zip(lines, range(12), strict=False) if line == ":"]
    assert len(comments) >= 3


def test_a_stream_ends_behind_its_height(live: _Live) -> None:
    """``until`` ends a stream at once when the height is there, also where nothing happened."""
    height = live.add("a")
    assert live.follow("/v1/tables/pairs/events?after=0&until=0") == []
    assert live.follow(f"/v1/tables/pairs/events?after=0&until={height}") == []
    blocks = live.follow("/v1/events?after=0&until=2")
    assert [event["data"]["height"] for event in blocks] == [1, 2]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/tables/none/events", 404, "unknown-table"),
        ("/v1/tables/comity_account/events?after=99999", 404, "out-of-range"),
        ("/v1/tables/stock/events?after=x", 400, "bad-parameter"),
        ("/v1/tables/tables__counter/events?after=0", 409, "no-history"),
        ("/v1/events?limit=0", 400, "bad-parameter"),
    ],
)
def test_a_stream_that_cannot_begin_says_why(
    live: _Live, path: str, status: int, code: str
) -> None:
    """Before any event, with a status."""
    answer = live.served.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_streams_are_bounded(live: _Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may is told to come back; a place is free again when a follower leaves."""
    node = live.served.node
    assert node is not None
    monkeypatch.setattr(node, "config", structs.replace(node.config, streams_max=1))
    with live.served.client.stream("GET", "/v1/events") as first:
        lines = first.iter_lines()
        next(lines)
        answer = live.served.client.get("/v1/events")
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"]
    for _ in range(100):
        if live.served.client.get("/v1/events?after=0&limit=1").status_code == 200:
            return
    pytest.fail("the place of a follower who left stays taken")


def test_a_follower_that_takes_nothing_is_let_go(
    live: _Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is closed and its place is free; with its last id it would go on."""
    monkeypatch.setattr(server, "RESPONSE_STALL_S", 0.5)
    node = live.served.node
    assert node is not None
    monkeypatch.setattr(node, "config", structs.replace(node.config, streams_max=1))
    for number in range(40):
        live.send(live.ledger.add("pairs", *((f"{number}", at, "x" * 4_000) for at in range(60))))
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stalled.connect(("127.0.0.1", live.served.port))
        stalled.sendall(b"GET /v1/tables/pairs/events?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        path = "/v1/tables/pairs/events?after=0&limit=1"
        deadline_s = time.monotonic() + 20
        refused = 0
        while (status := live.served.client.get(path).status_code) != 200 or not refused:
            refused += status == 503
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        received = 0
        with suppress(ConnectionResetError):
            while piece := stalled.recv(1 << 20):
                received += len(piece)
        assert received < 40 * 60 * 4_000  # what fitted into buffers, and no more


def test_a_slow_follower_holds_back_nobody(live: _Live) -> None:
    """One that reads nothing keeps neither the ledger nor a fast follower; it goes on where it stopped."""
    with httpx.Client(base_url=live.served.url, timeout=30) as slow:
        with slow.stream("GET", "/v1/tables/pairs/events?after=0") as answer:
            lines = answer.iter_lines()
            next(lines)
            note = "x" * 4_000
            for number in range(40):
                rows = ((f"{number}", at, note) for at in range(60))
                live.send(live.ledger.add("pairs", *rows))
            tip = live.served.node.tip.height if live.served.node else 0
            fast = live.follow(f"/v1/tables/pairs/events?after=0&until={tip}")
            assert len(fast) == 2_400
            some = [event for event, _ in zip(_parsed(lines), range(100), strict=False)]
        rest = live.follow(f"/v1/tables/pairs/events?after={some[-1]['id']}&until={tip}")
    assert some + rest == fast


def test_a_node_that_stops_ends_its_streams(live: _Live) -> None:
    """Within the time that a node has for stopping, and not by force."""
    with httpx.Client(base_url=live.served.url, timeout=30) as client:
        with client.stream("GET", "/v1/events") as answer:
            lines = answer.iter_lines()
            next(lines)
            stopper = threading.Thread(target=live.served.close)
            stopper.start()
            list(lines)  # ends as an answer does
        stopper.join(limits.ENGINE_STOP_S + 10)
        assert not stopper.is_alive()
