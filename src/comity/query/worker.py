"""The query process: answers queries and reads on one file, one after another, for its parent.

Started by ``comity.query.child`` as ``python -m comity.query.worker FD PATH [GENESIS]``; with a
genesis it answers reads, too. It imports little before it is asked, so that it starts fast, and
asks the kernel for limits of memory and processor time before it reads anything.

Invariant: the kernel ends this process when a query runs on past its time, also when the parent is
gone.
"""

import os
import resource
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from comity import limits
from comity.errors import Unavailable
from comity.query import frames
from comity.query.execute import execute
from comity.query.failures import out_of_memory

if TYPE_CHECKING:
    from comity.query.reader import Reader

_NICE = 5  # blocks come before questions
_FILES_MAX = 64

Serve = Callable[[socket.socket, bytes], None]


def main(arguments: list[str]) -> None:
    """Serve descriptor ``arguments[0]`` from the ledger's file ``arguments[1]``."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.QUERY_PROCESS_BYTES, limits.QUERY_PROCESS_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_MAX, _FILES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    serve = _queries(arguments[1]) if len(arguments) == 2 else _reads(*arguments[1:])
    with socket.socket(fileno=int(arguments[0])) as channel:
        frames.send(channel, frames.to_bytes(frames.End(None)))  # ready
        while _serve(channel, serve):
            pass


def _serve(channel: socket.socket, serve: Serve) -> bool:
    """Answer one question; return whether another may come."""
    try:
        data = frames.receive(channel, frames.REQUEST_BYTES_MAX)
        serve(channel, data)
    except (EOFError, ConnectionError):
        return False  # the parent is gone, or gave up on this answer
    return True


def _queries(path: str) -> Serve:
    def serve(channel: socket.socket, data: bytes) -> None:
        request = frames.request_from_bytes(data)
        _limit_processor_time(request.limits.time_ms)
        try:
            execute(path, request, lambda frame: frames.send(channel, frame))
        except MemoryError:
            frames.send(channel, frames.to_bytes(out_of_memory(request.limits.heap_bytes)))
        except Unavailable as error:
            frames.send(channel, frames.to_bytes(frames.Failure("unavailable", str(error))))

    return serve


def _reads(path: str, genesis_path: str) -> Serve:
    reads = import_module("comity.query.reads")
    reader = _reader(path, genesis_path)

    def serve(channel: socket.socket, data: bytes) -> None:
        read = reads.read_from_bytes(data)
        _limit_processor_time(limits.QUERY_TIME_MS)
        frames.send(channel, reads.to_bytes(reader.answer(read)))

    return serve


def _reader(path: str, genesis_path: str) -> "Reader":
    genesis = import_module("comity.model.genesis").Genesis.decode(Path(genesis_path).read_bytes())

    def load() -> object:
        found = import_module("comity.sdk.load").load_apps([app.name for app in genesis.apps])
        return {name: app.declaration for name, app in found.items()}

    made: Reader = import_module("comity.query.reader").Reader(path, genesis, load)
    return made


def _limit_processor_time(time_ms: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = int(usage.ru_utime + usage.ru_stime) + 1
    grace_s = (time_ms + limits.QUERY_KILL_GRACE_MS) // 1_000 + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + grace_s, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1:])
