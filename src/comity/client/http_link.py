"""Requests to a node and its answers over HTTP: one shape, two links, one that blocks and one that is awaited.

Invariant: an answer has a bound, and whatever happens to a connection is ``Lost``: nobody knows what the node did.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from comity.errors import ConfigError, Unavailable
from comity.limits import CLIENT_ANSWER_BYTES_MAX, CLIENT_SILENCE_S, CLIENT_TIMEOUT_S

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request: ``path`` begins with a slash and is quoted already."""

    method: str = "GET"
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, whole; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Return the media type of the body."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


class Lost(Unavailable):
    """No answer came; the request may have been carried out."""


class Lines(Protocol):
    """The lines of an answer that goes on."""

    async def next(self) -> str | None:
        """Return the next line, None behind the last. Raises: Lost."""

    async def close(self) -> None:
        """Close the connection."""


class Link(Protocol):
    """A way to one node; ``url`` is its address."""

    url: str

    async def send(self, ask: Ask) -> Reply:
        """Return the answer to a request. Raises: Lost."""

    async def open(self, ask: Ask) -> Lines:
        """Return the lines of an answer that goes on. Raises: Lost; Refusing, when it is none."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def close(self) -> None:
        """Close the connections."""


class BlockingLink:
    """A link whose calls block: none of them ever waits for an event loop."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(**_settings(url))
        self.url = url

    async def send(self, ask: Ask) -> Reply:
        """Return the answer to a request. Raises: Lost."""
        try:
            with self._http.stream(ask.method, ask.path, **_parts(ask)) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    _take(body, chunk)
                return _reply(response, body)
        except httpx.HTTPError as error:
            raise _lost(self._http.base_url, error) from error

    async def open(self, ask: Ask) -> Lines:
        """Return the lines of an answer that goes on. Raises: Lost; Refusing, when it is none."""
        try:
            response = self._http.send(_streaming(self._http, ask), stream=True)
            if response.status_code != httpx.codes.OK:
                raise Refusing(_reply(response, bytearray(response.read())))
        except httpx.HTTPError as error:
            raise _lost(self._http.base_url, error) from error
        return _BlockingLines(response)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    async def close(self) -> None:
        """Close the connections."""
        self._http.close()


class _BlockingLines:
    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._lines = response.iter_lines()

    async def next(self) -> str | None:
        try:
            return next(self._lines, None)
        except httpx.HTTPError as error:
            raise _lost(self._response.url, error) from error

    async def close(self) -> None:
        self._response.close()


class AwaitedLink:
    """A link for an event loop."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(**_settings(url))
        self.url = url
        self._open: dict[_AwaitedLines, None] = {}  # whoever leaves a loop early leaves them open

    async def send(self, ask: Ask) -> Reply:
        """Return the answer to a request. Raises: Lost."""
        try:
            async with self._http.stream(ask.method, ask.path, **_parts(ask)) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    _take(body, chunk)
                return _reply(response, body)
        except httpx.HTTPError as error:
            raise _lost(self._http.base_url, error) from error

    async def open(self, ask: Ask) -> Lines:
        """Return the lines of an answer that goes on. Raises: Lost; Refusing, when it is none."""
        try:
            response = await self._http.send(_streaming(self._http, ask), stream=True)
            if response.status_code != httpx.codes.OK:
                raise Refusing(_reply(response, bytearray(await response.aread())))
        except httpx.HTTPError as error:
            raise _lost(self._http.base_url, error) from error
        lines = _AwaitedLines(response, self._open)
        self._open[lines] = None
        return lines

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connections."""
        for lines in list(self._open):
            await lines.close()
        await self._http.aclose()


class _AwaitedLines:
    def __init__(self, response: httpx.Response, opened: "dict[_AwaitedLines, None]") -> None:
        self._response = response
        self._lines = response.aiter_lines()
        self._opened = opened

    async def next(self) -> str | None:
        try:
            return await anext(self._lines, None)
        except httpx.HTTPError as error:
            raise _lost(self._response.url, error) from error

    async def close(self) -> None:
        self._opened.pop(self, None)
        await self._response.aclose()


class Refusing(Exception):
    """A stream that was not opened; ``reply`` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def is_address(text: str) -> bool:
    """Tell whether a text is meant as the address of a node."""
    return text.startswith(("http://", "https://"))


def _settings(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if not is_address(url) or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{url!r} is no address of a node: http://HOST:PORT is needed")
    return {
        "base_url": url.rstrip("/"),
        "timeout": CLIENT_TIMEOUT_S + 1,  # the node itself says "unknown yet" before
        "trust_env": parts.hostname not in _LOOPBACK,  # no proxy leads to this machine
    }


def _parts(ask: Ask) -> dict[str, Any]:
    return {
        "params": dict(ask.query) or None,
        "headers": dict(ask.headers),
        "content": ask.body or None,
    }


def _streaming(http: httpx.Client | httpx.AsyncClient, ask: Ask) -> httpx.Request:
    return http.build_request(ask.method, ask.path, timeout=CLIENT_SILENCE_S, **_parts(ask))


def _take(body: bytearray, chunk: bytes) -> None:
    body += chunk
    if len(body) > CLIENT_ANSWER_BYTES_MAX:
        raise Unavailable(
            f"the node's answer is longer than {CLIENT_ANSWER_BYTES_MAX:,} bytes"
            " (CLIENT_ANSWER_BYTES_MAX): ask for less",
            "answer-too-long",
        )


def _reply(response: httpx.Response, body: bytearray) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, body=bytes(body))


def _lost(url: httpx.URL, error: httpx.HTTPError) -> Lost:
    words = str(error) or type(error).__name__
    return Lost(f"{url}: {words}; is the node running? see comity doctor", "unreachable")
