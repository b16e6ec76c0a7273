"""Clients on raw sockets: ``python -m benchmarks.http_load PORT CLIENTS FILE`` sends what FILE holds, says what it saw.

Each client keeps its connection and sends its next request when the answer before is there. All is prepared before the
clock starts, so that clients cost the machine as little as can be.
"""

import itertools
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from comity.crypto import cbor

_ROOT = Path(__file__).resolve().parent.parent
_RECEIVED_BYTES = 1 << 20
_LENGTH = b"content-length: "


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients saw.

    Args:
        seconds: from the first request to the last answer.
        statuses: how many answers had which HTTP status.
        waits_ms: of each request, rising.
    """

    seconds: float
    statuses: dict[str, int]
    waits_ms: list[float]

    def wait_ms(self, share: float) -> float:
        """Return the wait that this share of requests did not exceed."""
        return self.waits_ms[min(int(share * len(self.waits_ms)), len(self.waits_ms) - 1)]


def post(transactions: Sequence[bytes]) -> bytes:
    """Return the HTTP request that sends one transaction as it is, several as a list."""
    body = transactions[0] if len(transactions) == 1 else cbor.encode(list(transactions))
    return (
        b"POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cbor\r\n"
        b"accept: application/cbor\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )


def get(path: str) -> bytes:
    """Return an HTTP request."""
    return b"GET %s HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n" % path.encode()


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._received = b""

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def send(self, request: bytes) -> None:
        """Send a request and start its clock."""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[str, bytes] | None:
        """Read what has come; return status and body once the answer is whole."""
        data = self.socket.recv(_RECEIVED_BYTES)
        if not data:
            raise ConnectionError("the node closed a connection")
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return None
        at = self._received.index(_LENGTH) + len(_LENGTH)
        end = head + 4 + int(self._received[at : self._received.index(b"\r", at)])
        if len(self._received) < end:
            return None
        status, body = self._received[9:12].decode(), self._received[head + 4 : end]
        self._received = self._received[end:]
        return status, body

    def exchange(self, request: bytes) -> tuple[str, bytes]:
        """Send a request; return status and body of its answer."""
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        return answer


def send_all(port: int, clients_count: int, requests: Sequence[bytes], place: Path) -> Load:
    """Have clients in a process of their own send the requests. Raises: RuntimeError, when one is not final."""
    place.write_bytes(msgspec.msgpack.encode(requests))
    words = [
        sys.executable,
        "-m",
        "benchmarks.http_load",
        str(port),
        str(clients_count),
        str(place),
    ]
    done = subprocess.run(words, cwd=_ROOT, check=True, stdout=subprocess.PIPE)
    place.unlink()
    load = msgspec.json.decode(done.stdout, type=Load)
    if set(load.statuses) != {"201"}:
        raise RuntimeError(f"not every transaction was executed: {load.statuses}")
    return load


def _run(port: int, clients_count: int, requests: Sequence[bytes]) -> Load:
    clients = [Client(port) for _ in range(min(clients_count, len(requests)))]
    left = iter(requests)
    statuses: dict[str, int] = {}
    waits_ms: list[float] = []
    with selectors.DefaultSelector() as selector:
        start = time.perf_counter()
        for client, request in zip(clients, itertools.islice(left, len(clients)), strict=True):
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(request)
        while selector.get_map():
            for key, _ in selector.select():
                client = key.data
                answer = client.receive()
                if answer is None:
                    continue
                waits_ms.append((time.perf_counter() - client.sent_at) * 1e3)
                statuses[answer[0]] = statuses.get(answer[0], 0) + 1
                following = next(left, None)
                if following is None:
                    selector.unregister(client.socket)
                    client.close()
                else:
                    client.send(following)
        seconds = time.perf_counter() - start
    return Load(seconds=seconds, statuses=statuses, waits_ms=sorted(waits_ms))


if __name__ == "__main__":
    found = _run(
        int(sys.argv[1]),
        int(sys.argv[2]),
        msgspec.msgpack.decode(Path(sys.argv[3]).read_bytes(), type=list[bytes]),
    )
    sys.stdout.buffer.write(msgspec.json.encode(found))
