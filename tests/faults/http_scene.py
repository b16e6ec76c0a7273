"""A node under load, and what is watched of it: memory, and what writers were told."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from comity.limits import STORE_CACHE_KIB
from comity.model.genesis import Genesis
from comity.node.folder import GENESIS_FILE
from tests.faults.http_node import COMMAND, STALL_VARIABLE
from tests.integration.node_process import ROOT, NodeProcess, create_things, make_ledger, send, sign

STALL_S = 2.0  # that an answer may stay unread in these scenes
GROWTH_KIB_MAX = STORE_CACHE_KIB + (256 << 10)  # of a node, whatever is done to it
ROWS_APART = 1 << 40  # between the rows of two groups of writers


class Memory(threading.Thread):
    """Watches the resident memory of a node and of its readers."""

    def __init__(self, node: NodeProcess) -> None:
        super().__init__(daemon=True)
        self._pid = node.process.pid
        self._ended = threading.Event()
        self.before_kib, self.readers_kib = self._kib()
        self.most_kib = self.before_kib

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Look four times a second."""
        while not self._ended.wait(0.25):
            node_kib, readers_kib = self._kib()
            self.most_kib = max(self.most_kib, node_kib)
            self.readers_kib = max(self.readers_kib, readers_kib)

    @property
    def growth_kib(self) -> int:
        """Return by how much the node itself grew."""
        return self.most_kib - self.before_kib

    def told(self) -> dict[str, Any]:
        """Return the figures in MiB."""
        return {
            "rss_before_mib": self.before_kib >> 10,
            "rss_most_mib": self.most_kib >> 10,
            "readers_most_mib": self.readers_kib >> 10,
        }

    def _kib(self) -> tuple[int, int]:
        return _rss_kib(self._pid), sum(map(_rss_kib, children(self._pid)))


def children(pid: int) -> set[int]:
    """Return the processes that a process started, whichever of its threads did."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for each in found for child in each.read_text().split()}


def _rss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


@contextmanager
def a_node(
    folder: Path, settings: Mapping[str, Any] | None = None
) -> Iterator[tuple[NodeProcess, Genesis, list[str]]]:
    """Give a node with an empty table, its genesis and its log; at its end it stops cleanly.

    It lets go of who reads nothing after STALL_S.
    """
    genesis = make_ledger(folder)
    os.environ[STALL_VARIABLE] = str(STALL_S)
    with NodeProcess(folder, settings, COMMAND) as node:
        with node.client() as client:
            assert send(client, sign(genesis, create_things())).status_code == 201
        lines: list[str] = []
        yield node, genesis, lines
        code, seconds, errors = node.stop()
        lines += errors.splitlines()
        assert (code, "Traceback" in errors) == (0, False), errors
        assert seconds < 5


def start_writers(
    node: NodeProcess, folder: Path, connections: int, batch: int, seconds: float, *,
    rows: int = 1, first: int = 0, every_s: float = 0,
) -> "subprocess.Popen[str]":  # fmt: skip
    """Start writers."""
    words = (node.port, folder / GENESIS_FILE, connections, batch, rows, seconds, first, every_s)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.http_writers", *map(str, words)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def told_by(writers: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return what writers say at their end."""
    said, _ = writers.communicate()
    assert writers.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found
