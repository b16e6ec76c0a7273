"""Moves committed pages from SQLite's write-ahead log into the ledger's file, beside the thread that makes blocks.

The writer does it too, when its log is full (``Store``); what was moved here it need not move then, so a block waits
for a checkpoint less often and shorter.

Invariant: nothing depends on it. A pass that fails leaves the log as it is, and the writer's own pass meets the same
disk.
"""

import threading
from pathlib import Path

import apsw

from comity.limits import STORE_BUSY_MS, WAL_PAGES_MOVED_EARLY
from comity.store.store import Store


class Checkpointer:
    """A thread with a connection of its own, which sleeps while the log is short."""

    def __init__(self, store: Store, path: Path, pages_min: int = WAL_PAGES_MOVED_EARLY) -> None:
        """Start.

        Args:
            pages_min: pages of the log since the last pass that are worth another one.
        """
        self._store = store
        self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        self._connection.set_busy_timeout(STORE_BUSY_MS)
        self._connection.execute("PRAGMA synchronous = FULL").fetchall()
        self._pages_min = pages_min
        self._seen = 0  # pages of the log when the last pass was asked for
        self._is_wanted = threading.Event()
        self._is_idle = threading.Event()
        self._is_idle.set()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)
        store.wal_listener = self._note
        self._thread.start()

    def drain(self) -> None:
        """Wait until no pass is wanted or under way."""
        self._is_idle.wait()

    def close(self) -> None:
        """Finish the pass that is under way, and end."""
        self._store.wal_listener = None
        self._is_ending = True
        self._is_wanted.set()
        self._thread.join()

    def _note(self, pages: int) -> None:
        """Learn how long the log is after a block."""
        if pages < self._seen:
            self._seen = 0  # the log began anew
        if pages - self._seen >= self._pages_min:
            self._seen = pages
            self._is_idle.clear()
            self._is_wanted.set()

    def _run(self) -> None:
        try:
            while True:
                if not self._is_wanted.is_set():
                    self._is_idle.set()
                self._is_wanted.wait()
                self._is_wanted.clear()
                if self._is_ending:
                    return
                try:
                    self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                except apsw.Error:  # busy, or a disk that the writer will meet
                    continue
        finally:
            self._connection.close()
            self._is_idle.set()
