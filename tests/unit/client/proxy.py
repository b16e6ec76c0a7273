"""A proxy before a node that alters what passes: a node that lies, loses answers, or is busy."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec

_POLL_S = 0.01
_HOP = ("transfer-encoding", "connection", "content-length", "content-encoding", "date", "server")


class Passing(msgspec.Struct):
    """An exchange: what was asked, and what the node answered; ``is_lost`` cuts the connection instead."""

    method: str
    path: str
    sent: bytes
    status: int
    media_type: str
    body: bytes
    is_lost: bool = False


Alter = Callable[[Passing], None]


class Proxy:
    """Passes requests on to ``url``; ``alter`` may change each answer."""

    def __init__(self, url: str, alter: Alter) -> None:
        self.alter = alter
        self.seen: list[str] = []
        self._http = httpx.Client(timeout=30, trust_env=False)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # head and body leave together

            def do_GET(self) -> None:
                outer._pass(self, url)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._http.close()

    def _pass(self, handler: BaseHTTPRequestHandler, url: str) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in (*_HOP, "host")}
        self.seen.append(f"{handler.command} {handler.path}")
        answer = self._http.request(
            handler.command, url + handler.path, content=body, headers=headers
        )
        passing = Passing(
            method=handler.command, path=handler.path, sent=body, status=answer.status_code,
            media_type=answer.headers.get("content-type", ""), body=answer.content,
        )  # fmt: skip
        self.alter(passing)
        if passing.is_lost:
            handler.close_connection = True
            return
        handler.send_response(passing.status)
        handler.send_header("Content-Type", passing.media_type)
        handler.send_header("Content-Length", str(len(passing.body)))
        handler.end_headers()
        handler.wfile.write(passing.body)


@contextmanager
def proxy(url: str, alter: Alter) -> Iterator[Proxy]:
    """Put a proxy before a node."""
    made = Proxy(url, alter)
    try:
        yield made
    finally:
        made.close()


def problem(passing: Passing, status: int, code: str, **more: object) -> None:
    """Answer with a problem instead."""
    passing.status, passing.media_type = status, "application/problem+json"
    passing.body = msgspec.json.encode({"detail": f"as {code}", "code": code, **more})
