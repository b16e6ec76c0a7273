"""Starts and ends query processes.

Invariant: the process inherits where to find Python and its libraries, one end of a channel, and
nothing else: no passphrase, no key, no other file. Only processes started here are ever ended.
"""

import os
import socket
import subprocess
import sys

from comity.errors import Unavailable

_ENVIRONMENT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "SYSTEMROOT",
)
_OWN_END_S = 0.05
_ERROR_CHARS = 400


def start(*paths: os.PathLike[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Return a new process and our end of the channel to it; its first frame says that it is ready.

    Args:
        paths: the ledger's file, which must exist; for one that answers reads, also its genesis.
    Raises: Unavailable.

    """
    if not os.path.isfile(paths[0]):
        raise Unavailable(f"{os.fspath(paths[0])}: there is no such ledger")
    ours, theirs = socket.socketpair()
    with theirs:
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "comity.query.worker",
                str(theirs.fileno()),
                *(os.path.realpath(path) for path in paths),
            ],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )
    return child, ours


def end(child: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Make sure that a process is gone; return its status and its last complaint."""
    try:
        child.wait(_OWN_END_S)  # it may be dying of its own cause, which we want to tell
    except subprocess.TimeoutExpired:
        child.kill()
    _, complaint = child.communicate()
    lines = complaint.decode(errors="replace").strip().splitlines()
    return child.returncode, lines[-1][:_ERROR_CHARS] if lines else ""
