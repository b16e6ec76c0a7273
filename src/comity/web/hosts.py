"""A node that listens on this machine alone answers requests for this machine alone.

A page of another site may let a browser ask any address, also one of its own names that it points at 127.0.0.1 (DNS
rebinding); then the browser takes the ledger for a part of that site, and lets the page read it. Such a request names
that site as its host.

Invariant: on loopback, a host that is neither this machine's nor the one of the setting ``url`` gets no answer.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from comity.node.config import Config
from comity.web.problems import Problem, body_of, response_of

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class KnownHosts:
    """Lets through what names a known host."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._hosts: frozenset[str] | None = None
        if config.host in LOOPBACK:
            own = urlsplit(config.url).hostname
            self._hosts = frozenset((*LOOPBACK, *(() if own is None else (own,))))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if self._hosts is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = _host_of(Request(scope).headers.get("host", ""))
        if host in self._hosts:
            await self._app(scope, receive, send)
            return
        problem = Problem("wrong-host", f"the request is for {host[:80]!r}, not for this machine")
        await response_of(body_of(problem))(scope, receive, send)


def _host_of(text: str) -> str:
    """Return the host of a Host header, without its port."""
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""
