"""Runs anybody's SQL in a process of its own: SQLite's memory limit is one per process.

Invariant: ``run`` returns an answer or raises within the query's time and a grace period, whatever
the query does; a query process that dies or hangs is replaced before the next query. Only processes
started here are ever ended.
"""

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import msgspec

from comity import limits
from comity.errors import QueryError, Unavailable
from comity.query import child, frames
from comity.query.answer import Answer, AnswerColumn
from comity.query.failures import late, out_of_memory
from comity.query.frames import Parameters, QueryLimits
from comity.query.functions import SqlValue

DEFAULT_LIMITS = QueryLimits()

_CLOSE_S = 2.0
_PARAMETER_TYPES = (int, float, str, bytes, type(None))


class QueryProcess:
    """A process that answers queries on one ledger's file, started with the first query.

    Close it, or use it in a ``with``. One thread at a time may use it; a server keeps as many as it
    wants queries to run at once.

    Args:
        database_path: the ledger's SQLite file.

    """

    def __init__(self, database_path: Path | str) -> None:
        self._path = Path(database_path)
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self,
        sql: str,
        parameters: Parameters = (),
        height: int | None = None,
        limits: QueryLimits = DEFAULT_LIMITS,
    ) -> Answer:
        """Return the answer to one read-only statement.

        Args:
            sql: SELECT, VALUES, WITH or EXPLAIN; at most ``QUERY_SQL_BYTES_MAX`` bytes.
            parameters: values for ``?`` by position, or for ``:name`` by name.
            height: read as of this height; None for the newest.
            limits: what the query may cost.

        Raises:
            QueryError: bad, refused or too costly; ``limit`` names the limit that ended it.
            Unavailable: the file cannot be read, or no process be started.

        """
        request = _request_bytes(sql, parameters, height, limits)
        channel = self._started()
        begun_ns = time.monotonic_ns()
        try:
            return _answer(channel, request, limits, begun_ns)
        except TimeoutError:
            self._end()
            _raise(late(limits.time_ms))
        except (EOFError, ConnectionError, msgspec.MsgspecError) as error:
            self._raise_death(error, limits)
        except BaseException as error:
            if not isinstance(error, QueryError | Unavailable):
                self._end()  # an answer half read would be taken for the next one's
            raise

    def close(self) -> None:
        """End the process; a later ``run`` starts another."""
        if self._channel is not None and self._child is not None:
            self._channel.close()  # asks it to end
            try:
                self._child.wait(_CLOSE_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._end()

    @property
    def process_id(self) -> int | None:
        """Return the process id of the query process, or None when none runs."""
        return None if self._child is None else self._child.pid

    def _started(self) -> socket.socket:
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._channel is None:
            self._start()
        if self._channel is None:
            raise Unavailable("the query process is gone")
        return self._channel

    def _start(self) -> None:
        self._child, ours = child.start(self._path)
        self._channel = ours
        try:
            frames.receive(
                ours, limits.QUERY_FRAME_BYTES, time.monotonic() + limits.QUERY_START_MS_MAX / 1_000
            )
        except (EOFError, OSError) as error:
            _, complaint = self._end()
            raise Unavailable(f"the query process did not start: {complaint or error}") from error

    def _raise_death(self, error: Exception, asked: QueryLimits) -> NoReturn:
        """Say why the process ended in the middle of a query."""
        status, complaint = self._end()
        if status == -signal.SIGXCPU:
            _raise(late(asked.time_ms))
        if "MemoryError" in complaint:
            _raise(out_of_memory(asked.heap_bytes))
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        raise QueryError(
            "failed", f"the query's process ended {how}: {complaint or error}"
        ) from error

    def _end(self) -> tuple[int, str]:
        """Make sure that the process is gone; return its status and its last complaint."""
        running, channel = self._child, self._channel
        self._child = self._channel = None
        if channel is not None:
            channel.close()
        return (0, "") if running is None else child.end(running)


def _request_bytes(
    sql: str, parameters: Parameters, height: int | None, asked: QueryLimits
) -> bytes:
    packable = dict(parameters) if isinstance(parameters, Mapping) else tuple(parameters)
    for value in packable.values() if isinstance(packable, dict) else packable:
        if not isinstance(value, _PARAMETER_TYPES):
            what = type(value).__name__
            message = f"a parameter is a number, text, bytes or null: {what} is not"
            raise QueryError("parameters", message)
        if isinstance(value, int) and not limits.INT64_MIN <= value <= limits.INT64_MAX:
            raise QueryError("parameters", f"{value} is beyond 64 bits: pass it as text")
    try:
        size = len(sql.encode())
        packed = len(frames.to_bytes(packable))
        frame = frames.to_bytes(
            frames.Request(sql=sql, parameters=packable, height=height, limits=asked)
        )
    except UnicodeEncodeError as error:
        raise QueryError(
            "not-text", "the query or a parameter holds half a character (a lone surrogate)"
        ) from error
    if size > limits.QUERY_SQL_BYTES_MAX:
        bound = f"at most {limits.QUERY_SQL_BYTES_MAX:,} are allowed"
        message = f"the query has {size:,} bytes, {bound}: pass values as parameters"
        raise QueryError("too-costly", message, "QUERY_SQL_BYTES_MAX")
    if packed > limits.QUERY_PARAMETERS_BYTES_MAX:
        bound = f"at most {limits.QUERY_PARAMETERS_BYTES_MAX:,} are allowed"
        message = f"the parameters have {packed:,} bytes, {bound}"
        raise QueryError("too-costly", message, "QUERY_PARAMETERS_BYTES_MAX")
    return frame


def _answer(channel: socket.socket, request: bytes, asked: QueryLimits, begun_ns: int) -> Answer:
    deadline_s = time.monotonic() + (asked.time_ms + limits.QUERY_KILL_GRACE_MS) / 1_000
    channel.settimeout(deadline_s - time.monotonic())
    frames.send(channel, request)
    heading: frames.Heading | None = None
    rows: list[tuple[SqlValue, ...]] = []
    while True:
        reply = frames.reply_from_bytes(
            frames.receive(channel, frames.reply_bytes_max(asked), deadline_s)
        )
        if isinstance(reply, frames.Failure):
            _raise(reply)
        if isinstance(reply, frames.Heading):
            heading = reply
        elif isinstance(reply, frames.Rows):
            rows += reply.rows
        elif heading is None:
            raise EOFError("an answer without a heading")
        else:
            return Answer(
                columns=tuple(AnswerColumn(*column) for column in heading.columns),
                rows=tuple(rows),
                height=heading.height,
                app_hash=heading.app_hash,
                limit=reply.limit,
                notes=tuple(heading.notes),
                elapsed_ns=time.monotonic_ns() - begun_ns,
            )


def _raise(failure: frames.Failure) -> NoReturn:
    if failure.code == "unavailable":
        raise Unavailable(failure.message)
    raise QueryError(failure.code, failure.message, failure.limit)
