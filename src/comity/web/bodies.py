"""The body of a request, within its bounds.

Invariant: a body is held only as far as it may be long; the protocol (``server``) ends one that comes too slowly.
"""

from collections.abc import Sequence

from starlette.requests import ClientDisconnect, Request

from comity.limits import REQUEST_DRAINED_BYTES_MAX
from comity.web.problems import Problem


async def read_body(request: Request, size_max: int) -> bytes:
    """Return the whole body. Raises: Problem (body-too-large), having read on so that the client hears it."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= size_max:
                chunks.append(chunk)
            elif size > REQUEST_DRAINED_BYTES_MAX:
                break
            else:
                chunks.clear()
    except ClientDisconnect:
        raise Problem("bad-request", "the request ended before its body did") from None
    if size > size_max:
        raise Problem("body-too-large", f"the body is longer than {size_max:,} bytes: split it")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def media_type_of(request: Request, known: Sequence[str]) -> str:
    """Return which of ``known`` the body is. Raises: Problem (unsupported-media-type)."""
    given = request.headers.get("content-type", "").partition(";")[0].strip(" ").lower()
    if given not in known:
        listed = ", ".join(known)
        raise Problem("unsupported-media-type", f"{given or 'nothing'} is given; taken: {listed}")
    return given


def prefers(request: Request, preference: str) -> bool:
    """Tell whether the request prefers something (RFC 7240)."""
    return any(
        item.partition(";")[0].strip(" ").lower() == preference
        for line in request.headers.getlist("prefer")
        for item in line.split(",")
    )


def accepts(request: Request, media_type: str) -> bool:
    """Tell whether the request names ``media_type`` among what it accepts."""
    return any(
        item.partition(";")[0].strip(" ").lower() == media_type
        for line in request.headers.getlist("accept")
        for item in line.split(",")
    )
