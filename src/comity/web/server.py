"""Serving a node over sockets: uvicorn, with the bounds that it lacks.

A request has a time to arrive whole, headers have a length, a reader who does not read is let go, and every answer that
the protocol itself gives is a problem too.

Invariant: no client holds memory or a connection without bound by sending or reading slowly.
"""

import asyncio
import logging
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from comity.errors import ConfigError
from comity.limits import (
    BACKLOG,
    KEEP_ALIVE_S,
    REQUEST_HEADERS_BYTES_MAX,
    RESPONSE_STALL_S,
    SERVER_STOP_S,
)
from comity.node.logs import Log
from comity.node.running import Node
from comity.web.app import build_app
from comity.web.hosts import KnownHosts
from comity.web.metrics import Measured
from comity.web.problems import PROBLEM_JSON, Problem, ProblemBody, body_of

_LOG = logging.getLogger(__name__)
_QUIET = logging.getLogger(
    f"{__name__}.clients"
)  # what a client does wrong is told to it, not to the log
_QUIET.setLevel(logging.ERROR)
_JOINED_BYTES_MAX = 16 << 10  # a larger piece is not copied together with others
_JOINED_PARTS_MAX = 8
_TICK_S = 1.0  # the Date header has seconds


class _Config(uvicorn.Config):
    """uvicorn's settings, and ours for the protocol."""

    def __init__(self, node: Node, log: Log) -> None:
        super().__init__(
            Measured(KnownHosts(build_app(node), node.config), node.metrics, log),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SERVER_STOP_S,
            backlog=BACKLOG,
        )
        self.request_time_s = node.config.request_time_ms / 1000
        self.connections_max = node.config.connections_max
        self.metrics = node.metrics


class _Joined:
    """A transport that sends what one turn of the event loop writes with one call: head and body of an answer.

    A second call would cost a system call more and, under load, a second wait for the interpreter's lock.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send ``data`` when the event loop turns."""
        if len(data) >= _JOINED_BYTES_MAX:
            self._flush()
            self._transport.write(data)
            return
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        if len(self._parts) >= _JOINED_PARTS_MAX:
            self._flush()

    def close(self) -> None:
        """Send what is left, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


class _Protocol(HttpToolsProtocol):
    """One connection."""

    config: _Config

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = _QUIET
        self._head_bytes = 0
        self._is_in_head = False
        self._is_large = False
        self._due_at = math.inf  # when the request that comes must be whole
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        joined: Any = _Joined(transport, self.loop)
        super().connection_made(joined)
        if len(self.connections) > self.config.connections_max:
            self._end("busy", f"{self.config.connections_max:,} connections are open already")
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        # A head that comes whole in one piece is over before its bytes are counted below.
        self._is_large = len(data) > REQUEST_HEADERS_BYTES_MAX
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > REQUEST_HEADERS_BYTES_MAX:
                self._end_long()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._await_request()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._is_large:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > REQUEST_HEADERS_BYTES_MAX:
                self._end_long()
                raise ValueError("the head is too long")  # nothing more of this connection is read
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._due_at = math.inf

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(RESPONSE_STALL_S, self._let_go)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()

    def send_400_response(self, msg: str) -> None:
        self._end("bad-request", msg)

    def end_if_slow(self, now: float) -> None:
        """End the connection when its request is not whole in time."""
        if now > self._due_at:
            self._end("slow-request", f"not whole after {self.config.request_time_s:g} s")

    def _let_go(self) -> None:
        """End the connection of a client that does not read, and so cannot be told."""
        _LOG.warning("a client left an answer unread for %g s and was let go", RESPONSE_STALL_S)
        self.transport.abort()

    def _await_request(self) -> None:
        self._due_at = self.loop.time() + self.config.request_time_s

    def _end_long(self) -> None:
        self._end(
            "headers-too-large",
            f"request line and headers are longer than {REQUEST_HEADERS_BYTES_MAX:,} bytes",
        )

    def _end(self, code: str, detail: str) -> None:
        """Close the connection, with a problem where an answer has not begun."""
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete or not cycle.response_started:
            body = body_of(Problem(code, detail))
            self.config.metrics.count(
                "comity_http_requests_total", "other", "none", str(body.status)
            )
            self.transport.write(_answer(body))
        self.transport.close()


class Server(uvicorn.Server):
    """Serves a node until ``stop``."""

    def __init__(self, node: Node, log: Log | None = None) -> None:
        super().__init__(_Config(node, log or Log(level="error")))
        self._node = node
        state = self.server_state
        node.metrics.gauge("comity_connections_open", lambda: len(state.connections))
        self._stopping = asyncio.Event()

    async def run_on(self, listener: socket.socket) -> None:
        """Serve on a socket that listens, until ``stop`` or a fault of the node; then answer whoever waits."""
        watch = asyncio.create_task(self._watch())
        try:
            await self.serve(sockets=[listener])
        finally:
            watch.cancel()
            await self._node.stop()

    def stop(self) -> None:
        """Take no more connections, answer what is open, and end; the second call ends at once."""
        self.force_exit = self._stopping.is_set()
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Keep the Date header and end slow requests until somebody says stop."""
        tick_s = min(_TICK_S, self._node.config.request_time_ms / 4000)
        loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            for connection in list(self.server_state.connections):
                if isinstance(connection, _Protocol):
                    connection.end_if_slow(loop.time())
            with suppress(TimeoutError):
                async with asyncio.timeout(tick_s):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the node answer whoever waits while connections are closed."""
        ending = asyncio.create_task(self._node.stop())
        await super().shutdown(sockets)
        await ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs this."""
        yield

    async def _watch(self) -> None:
        await self._node.fault.wait()
        self.stop()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises: ConfigError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"{host} is no address of this machine: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port, or 0 for a free one"
        ) from error
    listener.setblocking(False)
    return listener


def _answer(body: ProblemBody) -> bytes:
    """Return a whole answer for a connection that ends with it."""
    content = msgspec.json.encode(body)
    retry = "" if body.retry_after is None else f"retry-after: {body.retry_after}\r\n"
    head = (
        f"HTTP/1.1 {body.status} {HTTPStatus(body.status).phrase}\r\ncontent-type: {PROBLEM_JSON}\r\n"
        f"content-length: {len(content)}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode("ascii") + content
