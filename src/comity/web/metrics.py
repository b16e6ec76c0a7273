"""``/metrics`` for Prometheus, and what is counted and logged of each HTTP request.

``app.state.metrics`` holds what ``node.measuring.metrics_of(node)`` made, or None where the setting ``metrics`` is off;
``Measured`` is the outermost middleware.

Invariant: labels and log lines name the route that answered, never the path, so they hold nothing that a caller wrote.
"""

from time import perf_counter

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comity.node.logs import REQUEST, Log, new_request_id
from comity.node.metrics import CONTENT_TYPE, Metrics
from comity.web.problems import Problem
from comity.web.routes import Media, Operation

REQUEST_ID_HEADER = "x-request-id"
_ID_NAME = REQUEST_ID_HEADER.encode()
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_NO_ROUTE = "none"
_EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")  # as Starlette writes it
_SERVER_ERROR, _UNAVAILABLE = 500, 503


async def read_metrics(request: Request) -> Response:
    """Show what this node counts and measures."""
    metrics: Metrics | None = getattr(request.app.state, "metrics", None)
    if metrics is None:
        raise Problem("not-found", "this node shows no metrics (setting metrics)")
    return Response(metrics.render(), media_type=CONTENT_TYPE)


class Measured:
    """Counts each request by method, route and status, gives it an id, and logs it.

    Args:
        log: gets a line for each request at the level debug; for each server error but 503 at the level warning.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Log) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log
        self._is_telling_all = log.tells("debug")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        identifier = new_request_id(_header(scope, _ID_NAME))
        id_header = (_ID_NAME, identifier.encode())
        status, is_stream = _SERVER_ERROR, False

        async def sending(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                is_stream = _EVENT_STREAM in headers
                message["headers"] = [*headers, id_header]
            await send(message)

        token = REQUEST.set(identifier)
        try:
            await self._app(scope, receive, sending)
        finally:
            self._note(scope, status, perf_counter() - started, is_stream=is_stream)
            REQUEST.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float, *, is_stream: bool) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._metrics.count("comity_http_requests_total", method, route, str(status))
        if not is_stream:
            self._metrics.observe("comity_http_seconds", seconds)
        if status >= _SERVER_ERROR and status != _UNAVAILABLE:
            tell = self._log.warning
        elif self._is_telling_all:
            tell = self._log.debug
        else:
            return
        tell("request", method=method, route=route, status=status, ms=int(seconds * 1000))


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value).decode("latin-1")
    return None


OPERATIONS = (
    Operation(
        method="GET", path="/metrics", name="readMetrics", tag="ledger",
        summary="Show what this node counts and measures, for Prometheus.",
        handler=read_metrics,
        answers={200: Media("text/plain", "Prometheus' text format 0.0.4")}, problems=(404,),
    ),
)  # fmt: skip
