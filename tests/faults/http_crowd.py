"""Everybody at once beside one who writes: idle, half, slow, large and unread."""

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from comity.limits import REQUEST_TIME_MS
from comity.model.genesis import Genesis
from tests.faults.http_scene import GROWTH_KIB_MAX, ROWS_APART, Memory, a_node
from tests.integration.node_process import NodeProcess, add, send, sign


def paces(node: NodeProcess, genesis: Genesis, first: int, seconds: float) -> list[float]:
    """Write one transaction after another; return how long each took."""
    took = []
    until = time.monotonic() + seconds
    with node.client() as client:
        while time.monotonic() < until:
            transaction = sign(genesis, add(first + len(took)))
            started = time.monotonic()
            assert send(client, transaction).status_code == 201
            took.append(time.monotonic() - started)
    return took


def crowd(folder: Path, seconds: float) -> dict[str, Any]:
    """Let everybody come at once: idle, half, slow, large, unread; one writer beside them keeps its pace.

    1,000 idle connections, 100 with half a request, 50 that send a byte a second, 20 that ask for a large answer and do
    not read it, and bodies of 10 MB, one after another.
    """
    with a_node(folder, {"connections_max": 1_400}) as (node, genesis, _), Memory(node) as memory:
        _fill(node, genesis)
        alone = paces(node, genesis, ROWS_APART, seconds / 2)
        with _Crowd(node) as people:
            among = paces(node, genesis, 2 * ROWS_APART, seconds)
            if seconds < REQUEST_TIME_MS / 1_000:
                assert people.waiting() == 1_150  # nobody is sent away before the time
            else:
                assert people.waiting() == 0
        with node.client() as client:
            assert client.get("/v1/health").status_code == 200
    middle = [sorted(each)[len(each) // 2] for each in (alone, among)]
    assert len(among) > 10
    assert max(among) < 2.0
    assert people.refused > 0
    assert memory.growth_kib < GROWTH_KIB_MAX, memory.told()
    return {
        "alone_p50_ms": round(middle[0] * 1_000, 1),
        "among_p50_ms": round(middle[1] * 1_000, 1),
        "among_slowest_ms": round(max(among) * 1_000, 1),
        "bodies_of_10_mb_refused": people.refused,
        **memory.told(),
    }


def _fill(node: NodeProcess, genesis: Genesis) -> None:
    """Add rows that make a large answer: a page of 4 MiB."""
    with node.client() as client:
        for number in range(1_000, 2_000, 200):
            calls = [add(at, "y" * 4_000) for at in range(number, number + 200)]
            assert send(client, sign(genesis, *calls)).status_code == 201


class _Crowd:
    """Everybody at once."""

    def __init__(self, node: NodeProcess) -> None:
        self.refused = 0
        self._node = node
        self._idle: list[socket.socket] = []
        self._slow: list[socket.socket] = []
        self._large = threading.Thread(target=self._send_large, daemon=True)
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        head = b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n"
        unread = b"GET /v1/tables/things/rows?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self._idle += [self._connect(b"") for _ in range(1_000)]
        self._idle += [self._connect(head) for _ in range(50)]
        self._idle += [self._connect(head + b"Content-Length: 9\r\n\r\nhal") for _ in range(50)]
        self._slow = [self._connect(head + b"Content-Length: 999\r\n\r\n") for _ in range(50)]
        self._idle += [self._connect(unread) for _ in range(20)]
        self._large.start()
        threading.Thread(target=self._drip, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._large.join()
        for connection in (*self._idle, *self._slow):
            connection.close()

    def waiting(self) -> int:
        """Return how many connections have heard nothing yet."""
        count = 0
        for connection in (*self._idle, *self._slow):
            connection.setblocking(False)
            try:
                connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                count += 1
            except ConnectionError:
                pass
        return count

    def _connect(self, sent: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._node.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(sent)
        return connection

    def _drip(self) -> None:
        while not self._ended.wait(1):
            for connection in self._slow:
                with suppress(OSError):  # its time was over
                    connection.send(b"x")

    def _send_large(self) -> None:
        while not self._ended.wait(0.1):
            with self._node.client() as client:
                kind = {"Content-Type": "application/cbor"}
                answer = client.post("/v1/transactions", content=bytes(10 << 20), headers=kind)
                assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
                self.refused += 1
