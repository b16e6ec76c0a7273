"""The query process: answers queries on one file, one after another, for its parent.

Started by ``comity.query.process`` as ``python -m comity.query.worker FD PATH``. It imports little,
so that it starts fast, and asks the kernel for limits of memory and processor time before it reads
anything.

Invariant: the kernel ends this process when a query runs on past its time, also when the parent is
gone.
"""

import os
import resource
import socket
import sys

from comity import limits
from comity.errors import Unavailable
from comity.query import frames
from comity.query.execute import execute
from comity.query.failures import out_of_memory

_NICE = 5  # blocks come before questions
_FILES_MAX = 64


def main(arguments: list[str]) -> None:
    """Serve queries from file descriptor ``arguments[0]`` on the ledger's file ``arguments[1]``."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.QUERY_PROCESS_BYTES, limits.QUERY_PROCESS_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_MAX, _FILES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    with socket.socket(fileno=int(arguments[0])) as channel:
        frames.send(channel, frames.to_bytes(frames.End(None)))  # ready
        while _serve(channel, arguments[1]):
            pass


def _serve(channel: socket.socket, path: str) -> bool:
    """Answer one query; return whether another may come."""
    try:
        request = frames.request_from_bytes(frames.receive(channel, frames.REQUEST_BYTES_MAX))
    except (EOFError, ConnectionError):
        return False
    _limit_processor_time(request.limits.time_ms)
    try:
        execute(path, request, lambda frame: frames.send(channel, frame))
    except MemoryError:
        frames.send(channel, frames.to_bytes(out_of_memory(request.limits.heap_bytes)))
    except Unavailable as error:
        frames.send(channel, frames.to_bytes(frames.Failure("unavailable", str(error))))
    except ConnectionError:
        return False  # the parent gave up on this answer
    return True


def _limit_processor_time(time_ms: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = int(usage.ru_utime + usage.ru_stime) + 1
    grace_s = (time_ms + limits.QUERY_KILL_GRACE_MS) // 1_000 + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + grace_s, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1:])
