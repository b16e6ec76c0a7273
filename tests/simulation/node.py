"""A node over a simulated disk: the real store, machine and engine, wired as ``comity.node`` wires them.

Invariant: a file without a genesis block is made anew; any other is opened as it is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from comity.crypto import ed25519
from comity.engine.solo import SoloEngine
from comity.errors import ConfigError
from comity.machine.machine import Machine
from comity.model.account import key_id
from comity.model.genesis import Genesis
from comity.sdk.app import App
from comity.store.store import Store
from tests.simulation.disk import Disk
from tests.simulation.inspection import need
from tests.simulation.world import NODE, key_of, seed_of


def start(
    path: Path,
    disk: Disk,
    *,
    apps: Sequence[App],
    genesis: Genesis,
    clock: Callable[[], int],
    is_new: bool,
    wal_pages_max: int,
) -> tuple[Store, SoloEngine]:
    """Open the ledger at ``path``, and make it where it was never finished.

    Raises: Wrong, when a ledger that was finished (not ``is_new``) cannot be opened; whatever the disk raises.
    """
    try:
        store = Store.open(str(path), vfs=disk.name)
    except ConfigError as error:
        if disk.failed:
            raise
        need(is_new, "the ledger cannot be opened:", error)
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        disk.images.clear()
        store = Store.create(str(path), vfs=disk.name)
    store.wal_pages_max = wal_pages_max
    engine = SoloEngine(
        Machine(store, genesis, {app.name: app.declaration for app in apps}),
        clock=clock,
        kid=key_id(key_of(NODE)),
        sign=lambda message: ed25519.sign(seed_of(NODE), message),
    )
    if store.height < 0:
        engine.start()
    return store, engine
