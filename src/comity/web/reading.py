"""What all routes that read have in common: who answers, in which form, under which tag and headers.

Invariant: an answer names the height that it was read at, and no answer is cut without saying so. The bytes of all
answers that are being sent have a bound, however slowly they are taken.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from comity.errors import QueryError
from comity.limits import INT64_MAX, READ_BODIES_BYTES_MAX, READ_RETRY_AFTER_S
from comity.query import reads
from comity.query.reads import Found, Media
from comity.web.codes import CODES
from comity.web.problems import PAGES, Problem, ProblemBody, response_of
from comity.web.routes import JSON, header, node_of, query

Height = Annotated[int, Meta(ge=0, le=INT64_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]

AT = query(
    "at", Height, "Read as of this height; the newest by default. Such an answer never changes."
)
IF_NONE_MATCH = header(
    "If-None-Match", str, "ETag of what the client has: 304 while it still holds."
)
FOREVER = "public, max-age=31536000, immutable"
FRESH = "no-cache"  # may be kept, must be asked about
MEDIA_TYPES: Mapping[str, Media] = {
    JSON: "json",
    "text/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
}
MSGPACK = "application/vnd.msgpack"  # for programs: every value with its type
REFUSAL_STATUS = {  # of refusals that HTTP has a word for; the others are 422
    "row-changed": 409,
    "row-exists": 409,
    "row-not-found": 404,
    "table-not-found": 404,
}
_CHUNK_BYTES = 64 << 10
_ETAG = re.compile('"[^"]{1,100}"')


async def ask(
    request: Request,
    read: reads.Read,
    *,
    media_type: str = JSON,
    cache: str = FRESH,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer to a read. Raises: QueryError, Unavailable, Problem."""
    found = await node_of(request).readers.ask(read)
    return answer_of(request, found, media_type=media_type, cache=cache, headers=headers)


async def ask_view(request: Request, read: reads.ViewRead, *, media_type: str = JSON) -> Response:
    """Return what a view says, or the problem that its refusal is. Raises: as ``ask``."""
    try:
        return await ask(request, read, media_type=media_type)
    except QueryError as error:
        if error.code in CODES:
            raise
        status = REFUSAL_STATUS.get(error.code, 422)
        return response_of(
            ProblemBody(
                type=PAGES + error.code, title=error.code, status=status, detail=str(error),
                code=error.code,
            )
        )  # fmt: skip


def answer_of(
    request: Request,
    found: Found,
    *,
    media_type: str = JSON,
    cache: str = FRESH,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return what was found as a response. Raises: Problem (busy)."""
    named = {
        "Comity-Height": str(found.height),
        "Comity-App-Hash": found.app_hash.hex(),
        "Cache-Control": cache,
        "Vary": "Accept",
        **(headers or {}),
    }
    if found.etag:
        named["ETag"] = found.etag
    if found.next:
        following = request.url.include_query_params(after=found.next)
        named["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    if found.limit is not None:
        named["Comity-Truncated"] = found.limit
    if found.is_unchanged:
        return Response(None, 304, named)
    return _Body(found.body, media_type, named, _sending_of(request))


def media_of(request: Request, known: Sequence[str] = tuple(MEDIA_TYPES)) -> str:
    """Return which of ``known`` media types the client likes best. Raises: Problem (not-acceptable)."""
    lines = ",".join(request.headers.getlist("accept"))
    if not lines.strip(" ,"):
        return known[0]
    best, liked = "", 0.0
    for item in lines.split(","):
        name, _, rest = item.partition(";")
        quality = _quality(rest)
        for media_type in known:
            if quality > liked and _covers(name.strip(" ").lower(), media_type):
                best, liked = media_type, quality
    if not best:
        raise Problem("not-acceptable", f"this is answered as {', '.join(known)}")
    return best


def etag_of(request: Request) -> str:
    """Return the first tag of If-None-Match, "" for none; proxies that compress make tags weak."""
    found = _ETAG.search(request.headers.get("if-none-match", ""))
    return "" if found is None else found[0]


def cache_of(at: Any) -> str:
    """Return for how long an answer may be kept: for ever when its height was asked for."""
    return FRESH if at is None else FOREVER


def _covers(wanted: str, media_type: str) -> bool:
    return wanted in ("*/*", media_type, media_type.partition("/")[0] + "/*")


def _quality(text: str) -> float:
    for part in text.split(";"):
        name, _, value = part.strip(" ").partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


class _Sending:
    """Bytes of long answers that are on their way."""

    def __init__(self) -> None:
        self.size = 0


def _sending_of(request: Request) -> _Sending:
    state = request.app.state
    if not hasattr(state, "sending"):
        state.sending = _Sending()
    found: _Sending = state.sending
    return found


class _Body(Response):
    """Bytes that are sent piece by piece, as the client takes them, and counted until they are."""

    def __init__(
        self, content: bytes, media_type: str, headers: Mapping[str, str], sending: "_Sending"
    ) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._sending = sending
        if sending.size + len(content) > READ_BODIES_BYTES_MAX:
            raise Problem(
                "busy",
                f"answers of more than {READ_BODIES_BYTES_MAX:,} bytes are being sent",
                retry_after=READ_RETRY_AFTER_S,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self.body) <= _CHUNK_BYTES:
            await super().__call__(scope, receive, send)
            return
        size = len(self.body)
        self._sending.size += size
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            for start in range(0, size, _CHUNK_BYTES):
                piece = bytes(self.body[start : start + _CHUNK_BYTES])
                more = start + _CHUNK_BYTES < size
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._sending.size -= size
