"""A small ledger file with something of everything, to damage and to forge."""

from copy import copy
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw

from comity.machine.audit.audit import Held, audit
from comity.machine.audit.report import Report
from comity.store.store import Store
from tests.simulation.world import SECOND_NS, World
from tests.unit.machine import trial_app


def write_ledger(path: Path) -> World:
    """Write a ledger of twelve blocks and return its world; it is made once and copied."""
    data, world = _made()
    path.write_bytes(data)
    return copy(world)


@lru_cache(maxsize=1)
def _made() -> tuple[bytes, World]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "node.sqlite"
        world = _write(path)
        return path.read_bytes(), world


def _write(path: Path) -> World:
    """Write changes, deletions, refusals, timers, a quarantine, tables made and altered."""
    world = World([trial_app.app], store=Store.create(str(path)))
    for calls in _BLOCKS:
        world.block(*[world.transaction(by, call) for by, call in calls])
    trial_app.CHAOS["poison"] = lambda _: 1 // 0
    for action in ("mark", "poison", "refuse"):
        arguments = {"at_ns": world.now_ns + 60 * SECOND_NS, "action": action, "name": action}
        world.block(world.transaction("cy", ("trial.set_timer", arguments)))
    world.block(world.transaction("ana", _note("late", 9)), forward_ns=100 * SECOND_NS)
    world.block(world.transaction("bo", ("trial.write_then_stop", {"name": "x"})))
    world.store.close()
    return world


def _note(name: str, value: int) -> tuple[str, dict[str, Any]]:
    return ("trial.write", {"name": name, "value": value})


_BLOCKS: list[list[tuple[str, tuple[str, dict[str, Any]]]]] = [
    [("ana", _note("a", 1)), ("bo", _note("b", 2)), ("cy", _note("é", 3))],
    [("ana", ("trial.many", {"prefix": "n", "count": 90}))],
    [("ana", _note("a", 4)), ("bo", ("trial.erase", {"name": "b"}))],
    [
        ("cy", ("trial.seal", {"name": "s", "value": 5})),
        ("bo", ("trial.grow", {"name": "b", "amount": 1})),
    ],
    [("ana", ("trial.make", {"name": "pool"}))],
    [("ana", ("trial.hold_view", {"name": "pool"})), ("cy", _note("n00007", -7))],
    [("bo", ("trial.erase", {"name": "n00003"})), ("bo", _note("b", 8))],
]


def audit_file(path: Path, world: World, held: Held | None = None) -> Report:
    """Audit a file that nobody has open."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return audit(connection, world.genesis, world.apps, Store.in_memory(), held=held)
    finally:
        connection.close()


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, and the schema. Raises: apsw.Error, UnicodeDecodeError."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        schema = connection.execute("SELECT * FROM sqlite_schema").fetchall()
        names = [str(row[1]) for row in schema if row[0] == "table"]
        rows: dict[str, list[tuple[Any, ...]]] = {
            name: connection.execute(f'SELECT * FROM "{name}" NOT INDEXED').fetchall()
            for name in names
        }
    finally:
        connection.close()
    return {**rows, "sqlite_schema": schema}
