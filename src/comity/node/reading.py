"""The read side of a node: processes that answer reads, and what waits for them.

Two kinds of processes stand apart, so that nobody's SQL delays a row: quick ones answer rows, pages,
blocks and the log, slow ones SQL, views, differences and proofs.

Invariant: an answer comes, or an error that names the reason, within the read's time, a grace period
and the time of waiting, whatever a read does; a process that dies or hangs is replaced; what waits is
bounded. No snapshot outlives its read, so the file's log can be written back.
"""

import asyncio
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from comity import limits
from comity.errors import QueryError, Unavailable
from comity.query import child, reads
from comity.query.failures import late
from comity.query.frames import Failure, QueryLimits, reply_bytes_max
from comity.query.reads import Found, Read

_LENGTH = struct.Struct(">I")
_START_S = limits.QUERY_START_MS_MAX / 1_000
_ANSWER_S = (limits.QUERY_TIME_MS + limits.QUERY_KILL_GRACE_MS) / 1_000
_WAIT_S = limits.READ_WAIT_MS_MAX / 1_000
_FRAME_BYTES_MAX = 4 * reply_bytes_max(QueryLimits())  # JSON may take more bytes than what it shows
_PAUSE_S = 0.2  # before a process that did not start is tried again


class Readers:
    """Answers reads of one ledger; start it in the running loop, and close it, or use ``async with``.

    Args:
        database, genesis: files of the ledger.

    """

    def __init__(
        self,
        database: Path,
        genesis: Path,
        *,
        quick: int = limits.READ_PROCESSES_QUICK,
        slow: int = limits.READ_PROCESSES_SLOW,
    ) -> None:
        self._quick = _Lane(database, genesis, quick)
        self._slow = _Lane(database, genesis, slow)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Start the processes; reads wait until they are there."""
        self._quick.start()
        self._slow.start()

    async def close(self) -> None:
        """End the processes; reads that wait or run are refused."""
        await asyncio.gather(self._quick.close(), self._slow.close())

    async def ask(self, read: Read) -> Found:
        """Return the answer to a read.

        Raises: QueryError: wrong, or too costly; Unavailable: busy, when too many wait; stopping; or not to be read.
        """
        lane = self._slow if isinstance(read, reads.SLOW) else self._quick
        try:
            data = reads.to_bytes(read)
        except (UnicodeEncodeError, OverflowError) as error:
            words = "half a character (a lone surrogate), or a number beyond 64 bits, cannot be asked for"
            raise QueryError("not-text", words) from error
        answer = await lane.ask(data)
        if isinstance(answer, Failure):
            if answer.code == "unavailable":
                raise Unavailable(answer.message)
            raise QueryError(answer.code, answer.message, answer.limit)
        return answer

    @property
    def process_ids(self) -> list[int]:
        """Return the ids of the processes that run now."""
        return self._quick.process_ids + self._slow.process_ids

    @property
    def waiting_count(self) -> int:
        """Return how many reads wait for a process."""
        return self._quick.waiting_count + self._slow.waiting_count


class _Job:
    """A read on its way."""

    __slots__ = ("answer", "data", "deadline_s")

    def __init__(self, data: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self.data = data
        self.answer: asyncio.Future[Found | Failure] = loop.create_future()
        self.deadline_s = loop.time() + _WAIT_S


class _Lane:
    """Some processes behind one queue."""

    def __init__(self, database: Path, genesis: Path, count: int) -> None:
        self._processes = [_Process((database, genesis)) for _ in range(count)]
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(limits.READ_WAITING_MAX)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def process_ids(self) -> list[int]:
        return [one.process_id for one in self._processes if one.process_id is not None]

    @property
    def waiting_count(self) -> int:
        return self._jobs.qsize()

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._serve(one)) for one in self._processes]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            if not job.answer.done():
                job.answer.set_exception(_stopping())
        await asyncio.gather(*(one.end() for one in self._processes))

    async def ask(self, data: bytes) -> Found | Failure:
        if not self._tasks:
            raise _stopping()
        job = _Job(data, asyncio.get_running_loop())
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            words = f"{limits.READ_WAITING_MAX} reads wait already (READ_WAITING_MAX)"
            raise Unavailable(f"{words}; ask again soon", "busy") from None
        return await job.answer

    async def _serve(self, process: "_Process") -> None:
        """Hand jobs to one process, one after another, and replace it when it is gone."""
        while True:
            with suppress(Exception):  # the job that comes next tries again, and tells
                await process.start()
            job = await self._jobs.get()
            if job.answer.done():  # whoever asked has left
                continue
            if asyncio.get_running_loop().time() > job.deadline_s:
                words = f"the read waited {limits.READ_WAIT_MS_MAX:,} ms for a process (READ_WAIT_MS_MAX)"
                job.answer.set_exception(Unavailable(f"{words}; ask again soon", "busy"))
                continue
            await self._do(process, job)

    async def _do(self, process: "_Process", job: _Job) -> None:
        try:
            answer = await process.ask(job.data)
        except Unavailable as error:
            if not job.answer.done():
                job.answer.set_exception(error)
            await asyncio.sleep(_PAUSE_S)
        except asyncio.CancelledError:
            if not job.answer.done():
                job.answer.set_exception(_stopping())
            raise
        except Exception as error:  # noqa: BLE001 - told to whoever asked; the next read goes on
            if not job.answer.done():
                job.answer.set_exception(error)
        else:
            if not job.answer.done():
                job.answer.set_result(answer)


class _Process:
    """One process that answers reads, and our way to it."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._child: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def process_id(self) -> int | None:
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Start the process, unless it runs. Raises: Unavailable."""
        if self._child is not None:
            return
        try:
            self._child, channel = await asyncio.to_thread(child.start, *self._paths)
        except OSError as error:
            raise Unavailable(f"a reader process cannot be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(_START_S):
                await self._open(channel)
                await self._receive()  # ready
        except (EOFError, OSError) as error:
            _, complaint = await self.end()
            words = f"a reader process did not start: {complaint or error}"
            raise Unavailable(words) from error
        except BaseException:
            await self.end()
            raise

    async def ask(self, data: bytes) -> Found | Failure:
        """Return what the process answers; it is ended when it does not. Raises: Unavailable."""
        await self.start()
        try:
            async with asyncio.timeout(_ANSWER_S):
                if self._writer is None:
                    raise EOFError
                self._writer.write(_LENGTH.pack(len(data)) + data)
                await self._writer.drain()
                found: Found | Failure = reads.answer_from_bytes(await self._receive())
                return found
        except TimeoutError:
            await self.end()
            return late(limits.QUERY_TIME_MS)
        except (EOFError, OSError, msgspec.MsgspecError) as error:
            return await self._death(error)
        except BaseException:
            await self.end()  # an answer half read would be taken for the next one's
            raise

    async def end(self) -> tuple[int, str]:
        """Make sure that the process is gone; return its status and its last complaint."""
        running, writer = self._child, self._writer
        self._child = self._reader = self._writer = None
        if writer is not None:
            writer.close()
        return (0, "") if running is None else await asyncio.to_thread(child.end, running)

    async def _open(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(
            sock=channel, limit=limits.QUERY_FRAME_BYTES
        )

    async def _receive(self) -> bytes:
        if self._reader is None:
            raise EOFError
        (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
        if length > _FRAME_BYTES_MAX:
            raise EOFError(f"an answer of {length} bytes")
        return await self._reader.readexactly(length)

    async def _death(self, error: Exception) -> Failure:
        """Say why the process ended in the middle of a read."""
        status, complaint = await self.end()
        if status == -signal.SIGXCPU:
            return late(limits.QUERY_TIME_MS)
        if "MemoryError" in complaint:
            words = f"the read needs more memory than a reader process has: {complaint}"
            return Failure("too-costly", words, "QUERY_PROCESS_BYTES")
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return Failure("failed", f"the reader process ended {how}: {complaint or error}")


def _stopping() -> Unavailable:
    return Unavailable("the node is stopping, or has not started", "stopping")
