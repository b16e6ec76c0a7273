"""Mistakes of durability that are planted into a node, to see them found.

Invariant: each changes one running engine and nothing else.
"""

from typing import Any

import apsw

from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.machine.candidate import Candidate


def without_fsync(engine: SoloEngine) -> None:
    """Plant: what was committed may be lost with the power."""
    engine.machine.store.connection.execute("PRAGMA synchronous = OFF").fetchall()


def acknowledge_before_commit(engine: SoloEngine) -> None:
    """Plant: members are answered, and the block is written when the next one comes."""
    waiting: list[Candidate] = []
    submit = engine.submit

    def commit_late(candidate: Candidate) -> None:
        waiting.append(candidate)

    def submit_late(transactions: list[bytes]) -> list[Ordered | NotOrdered]:
        while waiting:
            SoloEngine._commit(engine, engine.machine.finalize(waiting.pop().entries))
        return submit(transactions)

    engine._commit = commit_late
    engine.submit = submit_late


def commit_in_two(engine: SoloEngine) -> None:
    """Plant: a block is no longer one SQLite transaction."""
    store = engine.machine.store
    write = store._write_table

    def write_and_commit(*arguments: Any) -> None:
        write(*arguments)
        store.connection.execute("COMMIT")
        store.connection.execute("BEGIN IMMEDIATE")

    store._write_table = write_and_commit


def go_on_after_errors(engine: SoloEngine) -> None:
    """Plant: an error of the disk is taken for an answer."""
    submit = engine.submit

    def submit_anyway(transactions: list[bytes]) -> list[Ordered | NotOrdered]:
        try:
            return submit(transactions)
        except Exception:  # noqa: BLE001 - that is the mistake
            return [NotOrdered(code="oops", message="", waits=True) for _ in transactions]

    engine.submit = submit_anyway


def swallow_write_errors(engine: SoloEngine) -> None:
    """Plant: the store takes an error of the disk for a block that was written."""
    store = engine.machine.store
    commit = store._commit

    def commit_anyway(*arguments: Any) -> None:
        try:
            commit(*arguments)
        except apsw.IOError:
            return

    store._commit = commit_anyway
