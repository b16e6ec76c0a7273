"""Messages between a program and its query process: length-bounded frames over a socket pair.

Invariant: a frame is 4 bytes of length, big-endian, and MessagePack of exactly one message of a
known kind; neither side reads more than the bound that it states.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from comity import limits

Parameter: TypeAlias = int | float | str | bytes | None
Parameters: TypeAlias = Sequence[Parameter] | Mapping[str, Parameter]

_LENGTH_BYTES = 4
_SLACK_BYTES = 64 << 10  # field names, columns and notes of a frame
REQUEST_BYTES_MAX = limits.QUERY_SQL_BYTES_MAX + limits.QUERY_PARAMETERS_BYTES_MAX + _SLACK_BYTES


class QueryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one query may cost; the defaults are those of ``comity.limits``."""

    time_ms: int = limits.QUERY_TIME_MS
    heap_bytes: int = limits.QUERY_HEAP_BYTES
    rows: int = limits.QUERY_ROWS_MAX
    answer_bytes: int = limits.QUERY_ANSWER_BYTES_MAX


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A query to run; ``height`` None reads the newest."""

    sql: str
    parameters: tuple[Any, ...] | dict[str, Any]  # of Parameter
    height: int | None
    limits: QueryLimits


class Heading(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What is known before the first row: columns as (name, kind or None, scale)."""

    columns: list[tuple[str, str | None, int]]
    height: int
    app_hash: bytes
    notes: list[str]


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Some rows of an answer, in order."""

    rows: list[tuple[Any, ...]]  # of Parameter


class End(msgspec.Struct, frozen=True, tag=True):
    """The answer is complete, or was cut by the limit named here."""

    limit: str | None


class Failure(msgspec.Struct, frozen=True, tag=True):
    """There is no answer, or no more of it: the fields of ``QueryError``."""

    code: str
    message: str
    limit: str | None = None


Reply: TypeAlias = Heading | Rows | End | Failure

to_bytes = msgspec.msgpack.Encoder().encode
request_from_bytes = msgspec.msgpack.Decoder(Request).decode
reply_from_bytes = msgspec.msgpack.Decoder(Reply).decode


def reply_bytes_max(asked: QueryLimits) -> int:
    """Return the most bytes of one frame: a row may be as large as its answer."""
    return asked.answer_bytes + limits.QUERY_FRAME_BYTES + _SLACK_BYTES


def send(channel: socket.socket, frame: bytes) -> None:
    """Write one frame. Raises: OSError; TimeoutError, when the channel's time is over."""
    channel.sendall(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)


def receive(channel: socket.socket, bytes_max: int, deadline_s: float | None = None) -> bytes:
    """Return the next frame.

    Args:
        deadline_s: moment of ``time.monotonic`` up to which to wait, or None.
    Raises: EOFError, at the end or for a longer frame; TimeoutError; OSError.
    """
    length = int.from_bytes(_read(channel, _LENGTH_BYTES, deadline_s), "big")
    if length > bytes_max:
        raise EOFError(f"a frame of {length} bytes, at most {bytes_max} are allowed")
    return _read(channel, length, deadline_s)


def _read(channel: socket.socket, size: int, deadline_s: float | None) -> bytes:
    parts = []
    while size:
        if deadline_s is not None:
            channel.settimeout(max(deadline_s - time.monotonic(), 0.001))
        part = channel.recv(min(size, 1 << 20))
        if not part:
            raise EOFError("the other side closed the channel")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
