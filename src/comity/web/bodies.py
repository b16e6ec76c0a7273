"""The body of a request, within its bounds.

Invariant: a body is held only as far as it may be long, and all bodies together have a bound; the protocol
(``server``) ends one that comes too slowly.
"""

from collections.abc import Sequence

from starlette.requests import ClientDisconnect, Request

from comity.limits import (
    REQUEST_BODIES_BYTES_MAX,
    REQUEST_DRAINED_BYTES_MAX,
    REQUEST_SMALL_BYTES,
)
from comity.web.problems import Problem


async def read_body(request: Request, size_max: int) -> bytes:
    """Return the whole body.

    Raises: Problem: body-too-large, having read on so that the client hears it; busy, when all bodies that are being
    received have too many bytes together.
    """
    chunks: list[bytes] = []
    size = 0
    held = _Held(request)
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= size_max:
                held.grow_to(size)
                chunks.append(chunk)
            elif size > REQUEST_DRAINED_BYTES_MAX:
                break
            else:
                chunks.clear()
                held.free()
    except ClientDisconnect:
        raise Problem("bad-request", "the request ended before its body did") from None
    finally:
        held.free()
    if size > size_max:
        raise Problem("body-too-large", f"the body is longer than {size_max:,} bytes: split it")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _Held:
    """The part of one body, behind its first REQUEST_SMALL_BYTES, in what the bodies of all requests have together."""

    def __init__(self, request: Request) -> None:
        self._state = request.app.state
        self._size = 0

    def grow_to(self, size: int) -> None:
        """Count a body of so many bytes. Raises: Problem (busy)."""
        more = size - REQUEST_SMALL_BYTES - self._size
        if more <= 0:
            return
        total = getattr(self._state, "bodies_bytes", 0) + more
        if total > REQUEST_BODIES_BYTES_MAX:
            words = f"bodies of more than {REQUEST_BODIES_BYTES_MAX:,} bytes are being received"
            raise Problem("busy", words)
        self._state.bodies_bytes, self._size = total, self._size + more

    def free(self) -> None:
        """Count it no more."""
        if self._size:
            self._state.bodies_bytes -= self._size
            self._size = 0


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
