"""A ledger in this process: folder, store, machine and solo engine, wired.

Invariant: while a ``LocalLedger`` is open for writing it holds the folder's lock; everything it answers is committed.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.errors import Rejected, Unavailable
from comity.limits import SALT_BYTES, SEED_BYTES
from comity.machine.machine import Machine
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.node.folder import Folder, FolderLock, NodeKey
from comity.sdk.declaration import Declaration
from comity.sdk.load import load_apps
from comity.store.store import Store

DEFAULT_APPS = ("members", "tables")
Clock = Callable[[], int]


class LocalLedger:
    """An open ledger.

    Attributes:
        genesis, apps, store, machine: what it runs.
    """

    def __init__(
        self,
        *,
        folder: Folder,
        genesis: Genesis,
        apps: Mapping[str, Declaration],
        store: Store,
        key: NodeKey,
        lock: FolderLock | None,
        clock: Clock = time.time_ns,
    ) -> None:
        self.folder = folder
        self.genesis = genesis
        self.apps = apps
        self.store = store
        self.machine = Machine(store, genesis, apps)
        self.engine = SoloEngine(self.machine, clock=clock, kid=key.key_id, sign=key.sign)
        self._lock = lock

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        name: str,
        founders: Sequence[Founder],
        apps: Sequence[str] = DEFAULT_APPS,
        parameters: Sequence[tuple[str, str, object]] = (),
        block_interval_s: int = 0,
        clock: Clock = time.time_ns,
    ) -> "LocalLedger":
        """Make a ledger in ``directory`` and open it.

        Raises: ConfigError, Malformed, when a name, founder or app cannot be: the folder stays without a ledger.
        """
        declarations = _declarations(apps)
        seed = os.urandom(SEED_BYTES)
        genesis = Genesis(
            ledger=name,
            time_ns=clock(),
            salt=os.urandom(SALT_BYTES),
            apps=tuple(
                GenesisApp(
                    name=app.name,
                    version=app.version,
                    schema_hash=app.schema_hash,
                    grants=app.grants,
                )
                for app in declarations.values()
            ),
            founders=tuple(founders),
            nodes=(GenesisNode(key_type=KEY_TYPE_ED25519, public_key=NodeKey(seed).public_key),),
            parameters=tuple(parameters),
            block_interval_s=block_interval_s,
        )
        genesis.check()
        Machine(
            Store.in_memory(), genesis, declarations
        ).start()  # refuses before anything is written
        folder = Folder(directory)
        folder.make()
        lock = folder.lock()
        try:
            ledger = cls(
                folder=folder,
                genesis=genesis,
                apps=declarations,
                key=folder.write_key(seed),
                store=Store.create(str(folder.database)),
                lock=lock,
                clock=clock,
            )
            ledger.engine.start()
            folder.write_genesis(genesis)
        except BaseException:
            folder.remove_unfinished()
            lock.release()
            raise
        return ledger

    @classmethod
    def open(cls, directory: Path, *, clock: Clock = time.time_ns) -> "LocalLedger":
        """Open a ledger for writing. Raises: ConfigError, Unavailable (another process writes it)."""
        folder = Folder(directory)
        genesis = folder.read_genesis()
        lock = folder.lock()
        try:
            return cls(
                folder=folder,
                genesis=genesis,
                apps=_declarations([app.name for app in genesis.apps]),
                store=Store.open(str(folder.database)),
                key=folder.read_key(),
                lock=lock,
                clock=clock,
            )
        except BaseException:
            lock.release()
            raise

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered and executed; return one answer each, in order, once they are on disk."""
        return self.engine.submit(transactions)

    def submit_one(self, transaction: bytes) -> Ordered:
        """Have one transaction ordered. Raises: Rejected, Unavailable."""
        answer = self.engine.submit([transaction])[0]
        if isinstance(answer, Ordered):
            return answer
        if answer.waits:
            raise Unavailable(answer.message)
        raise Rejected(answer.code, answer.message)

    def close(self) -> None:
        """Close the file and let another process write."""
        self.store.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _declarations(names: Sequence[str]) -> dict[str, Declaration]:
    """Return the declarations of installed apps, by name. Raises: ConfigError."""
    return {name: app.declaration for name, app in load_apps(names).items()}
