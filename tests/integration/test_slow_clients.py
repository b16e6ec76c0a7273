"""Clients that send or read slowly, too much, or nothing: each gets its answer or its end, and others do not wait."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from comity.limits import REQUEST_HEADERS_BYTES_MAX
from comity.model.genesis import Genesis
from tests.integration.node_process import NodeProcess, create_things, make_ledger, send, sign

pytestmark = pytest.mark.slow
Served = tuple[NodeProcess, Genesis]
REQUEST_TIME_MS = 1_500
HEAD = b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a node that gives a request little time, and its genesis."""
    folder = tmp_path_factory.mktemp("ledger") / "shared"
    genesis = make_ledger(folder)
    settings = {"request_time_ms": REQUEST_TIME_MS, "connections_max": 1_100}
    with NodeProcess(folder, settings) as node:
        with node.client() as client:
            assert send(client, sign(genesis, create_things())).status_code == 201
        yield node, genesis
        code, _, errors = node.stop()
        assert (code, "Traceback" in errors) == (0, False), errors


def connect(node: NodeProcess) -> socket.socket:
    """Return a connection."""
    connection = socket.create_connection(("127.0.0.1", node.port))
    connection.settimeout(20)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Return what is sent until the other side ends."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def problem_of(data: bytes) -> tuple[int, str]:
    """Return status and code of an answer."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, data
    return int(head.split(b" ")[1]), json.loads(body)["code"]


def assert_serves(served: Served) -> None:
    """A transaction of somebody else is final within a moment."""
    node, genesis = served
    with node.client() as client:
        assert send(client, sign(genesis)).status_code == 201


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST /v1/trans",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\n",
        HEAD + b"Content-Length: 100\r\n\r\nhalf",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
    ids=["nothing", "half a line", "half a head", "no body", "half a body", "half a chunk"],
)
def test_a_request_that_does_not_come_whole_is_ended(served: Served, start: bytes) -> None:
    """After its time it is 408, and the connection is closed."""
    with connect(served[0]) as connection:
        connection.sendall(start)
        assert problem_of(read_all(connection)) == (408, "slow-request")


def test_a_byte_a_moment_does_not_prolong_a_request(served: Served) -> None:
    """Bodies of a byte now and then end with the request's time, and nobody else waits for them."""
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(served[0])) for _ in range(50)]
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        until = time.monotonic() + REQUEST_TIME_MS / 1000 - 0.5
        while time.monotonic() < until:
            for connection in slow:
                connection.sendall(b"x")
            assert_serves(served)
            time.sleep(0.1)
        for connection in slow:
            assert problem_of(read_all(connection)) == (408, "slow-request")


def test_headers_have_a_length(served: Served) -> None:
    """A header without end is 431."""
    with connect(served[0]) as connection:
        connection.sendall(HEAD + b"X-Long: " + b"x" * (REQUEST_HEADERS_BYTES_MAX + 1))
        assert problem_of(read_all(connection)) == (431, "headers-too-large")


def test_bytes_that_are_no_request_are_told_so(served: Served) -> None:
    """Noise is 400, as a problem."""
    for noise in (b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"):
        with connect(served[0]) as connection:
            connection.sendall(noise)
            assert problem_of(read_all(connection)) == (400, "bad-request")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:7080", 200), ("127.0.0.1:1", 200), ("[::1]:7080", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example:80", 421),
        ("[::1", 421), ("", 421),
    ],
)  # fmt: skip
def test_another_site_reads_nothing(served: Served, host: str, status: int) -> None:
    """A name of somebody else that was pointed at this machine gets no answer."""
    with connect(served[0]) as connection:
        request = f"GET /v1/ledger HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = read_all(connection)
    assert int(answer.split(b" ")[1]) == status
    assert (b"genesis" in answer) == (status == 200)


def test_a_body_without_end_is_cut(served: Served) -> None:
    """Chunks that never stop are 413, without the node holding them."""
    before = memory_kib(served[0])
    with connect(served[0]) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        try:
            for _ in range(60):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            assert b" 413 " in connection.recv(65_536)
    assert memory_kib(served[0]) - before < 64 << 10
    assert_serves(served)


def test_idle_connections_cost_little(served: Served) -> None:
    """A thousand idle connections: the next client is served, and beyond the bound the answer is busy."""
    before = memory_kib(served[0])
    with ExitStack() as stack:
        for _ in range(1_000):
            stack.enter_context(connect(served[0]))
        assert_serves(served)
        assert memory_kib(served[0]) - before < 64 << 10
        for _ in range(100):
            stack.enter_context(connect(served[0]))
        with connect(served[0]) as connection:
            assert problem_of(read_all(connection)) == (503, "busy")


def test_a_client_that_goes_away_takes_nothing_back(served: Served) -> None:
    """The connection ends before the answer: the transaction is final all the same."""
    node, genesis = served
    transaction = sign(genesis)
    with connect(node) as connection:
        head = HEAD + b"Content-Length: %d\r\n\r\n" % len(transaction)
        connection.sendall(head + transaction)
    with node.client() as client:
        assert send(client, transaction).status_code == 201


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    """A hundred requests at once on one connection, one without body between: each is answered, in order."""
    node, genesis = served
    sent = b""
    for _ in range(50):
        transaction = sign(genesis)
        sent += HEAD + b"Content-Length: %d\r\n\r\n" % len(transaction) + transaction
        sent += b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(node) as connection:
        connection.sendall(sent.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n")
        answers = read_all(connection)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"201", b"200"] * 50


def memory_kib(node: NodeProcess) -> int:
    """Return the resident memory of the process."""
    for line in Path(f"/proc/{node.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")
