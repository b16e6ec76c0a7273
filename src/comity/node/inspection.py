"""Whether a ledger's file is whole: for backups, restored folders and ``comity doctor``.

Invariant: the file is only read; what is found damaged is told as such, and a full disk or a missing permission is not.
"""

from pathlib import Path

import apsw
import msgspec

from comity.crypto import ed25519
from comity.errors import InvariantViolated, Malformed, ProofInvalid, Unavailable
from comity.model.account import key_id
from comity.model.evidence import Evidence
from comity.model.genesis import Genesis
from comity.store.recompute import recompute
from comity.store.store import Store

_DAMAGE = (
    *(apsw.CorruptError, apsw.NotADBError, apsw.SQLError),  # of SQLite
    *(InvariantViolated, Malformed, KeyError, TypeError, ValueError, msgspec.DecodeError),
)


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """The last block of a file that was found whole.

    Args:
        rows_count: rows that the app hash was made of.
        is_recomputed: the app hash was made anew from them.
    """

    height: int
    app_hash: bytes
    log_size: int
    log_root: bytes
    time_ns: int
    rows_count: int
    is_recomputed: bool


def inspect_file(database: Path, genesis: Genesis, *, is_recomputing: bool) -> Inspected:
    """Return the last block of a ledger's file.

    Raises: ProofInvalid, when the file is damaged or of another ledger; ConfigError, when it cannot be read.
    Cost: a few reads; with ``is_recomputing`` one scan of each table.
    """
    store = None
    try:
        store = Store.open(str(database), is_writable=False)
        _check_evidence(store, genesis)
        if is_recomputing:
            made = recompute(store)
            if made.app_hash != store.app_hash:
                tables = ", ".join(made.differing) or "the log"
                raise ProofInvalid(
                    f"{database} is damaged: its rows do not make the app hash of block"
                    f" {store.height}, in {tables}; comity audit names the rows"
                )
        return Inspected(
            height=store.height, app_hash=store.app_hash, log_size=store.log_size,
            log_root=store.log.root(store.log_size), time_ns=store.time_ns,
            rows_count=sum(store.leaf(name).row_count for name in store.leaves),
            is_recomputed=is_recomputing,
        )  # fmt: skip
    except _DAMAGE as error:
        raise ProofInvalid(f"{database} is damaged ({error}); comity audit tells more") from error
    finally:
        if store is not None:
            store.close()


def log_root_at(database: Path, size: int) -> bytes:
    """Return the root that the log had at a size that it has reached. Raises: ProofInvalid, when it is damaged."""
    try:
        store = Store.open(str(database), is_writable=False)
        try:
            return store.log.root(size)
        finally:
            store.close()
    except (*_DAMAGE, Unavailable) as error:
        raise ProofInvalid(f"{database} is damaged ({error}); comity audit tells more") from error


def _check_evidence(store: Store, genesis: Genesis) -> None:
    """Check that a node of this genesis signed the last app hash. Raises: ProofInvalid."""
    (found,) = store.connection.execute(
        "SELECT evidence FROM comity_block WHERE height = ?", (store.height,)
    ).fetchall()
    data = found[0]
    if not isinstance(data, bytes):
        raise ProofInvalid(f"block {store.height} is not signed")
    evidence = Evidence.decode(data)
    signed = evidence.to_be_signed(genesis.hash)
    if (evidence.height, evidence.app_hash) != (store.height, store.app_hash) or not any(
        key_id(node.public_key) == evidence.kid
        and ed25519.verify(node.public_key, signed, evidence.signature)
        for node in genesis.nodes
    ):
        raise ProofInvalid(
            f"no node of this genesis signed the app hash of block {store.height}: the file belongs to another"
            " ledger, or was altered"
        )
