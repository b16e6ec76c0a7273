"""Bundles: files that prove something of a ledger to a reader who has nothing else (docs/audit/bundles.md).

A bundle is one map. It ends with the SHA-256 of all bytes before that hash, so a damaged file is told from a false one.

Invariant: ``Bundle.decode`` accepts exactly what ``encode`` writes. It checks form alone: nothing in a bundle is to be
believed before ``comity.client.verify`` has followed it to a signature.
"""

from typing import Any, TypeAlias

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import HASH_BYTES, sha256
from comity.crypto.ordered import KeyValue
from comity.errors import Malformed
from comity.limits import (
    BUNDLE_BYTES_MAX,
    BUNDLE_DEPTH_MAX,
    FORMAT_NUMBER,
    INT64_MAX,
)

_DIGEST_HEAD = b"\x0a\x58\x20"  # key 10, a byte string of 32
_TAIL_BYTES = len(_DIGEST_HEAD) + HASH_BYTES
_NONE = type(None)

# A tree in pre-order: bit of a node, hash of a cut subtree, (key, row hash) of a leaf, None for a row that is shown.
Items: TypeAlias = tuple[int | bytes | tuple[bytes, bytes] | None, ...]


class TableProof(msgspec.Struct, frozen=True, kw_only=True):
    """What leads from rows of a table to the app hash.

    Args:
        versions: CBOR list of the table's schema versions, whose hash the catalog has.
        root, row_count: the rest of the table's catalog row.
        catalog: state proof of that row under the app hash.
        items: state proof of the claim's rows under ``root``.
    """

    versions: bytes
    root: bytes
    row_count: int
    catalog: Items
    items: Items


class ChainProof(msgspec.Struct, frozen=True, kw_only=True):
    """The one row of ``comity_chain``, which has height and time, and its table's state proof in the catalog."""

    row: bytes
    schema_hash: bytes
    catalog: Items


class LogProof(msgspec.Struct, frozen=True, kw_only=True):
    """To which log the app hash commits, and the state proof of that in the catalog."""

    size: int
    root: bytes
    catalog: Items


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One app hash: of which block, what it says of height, time and log, and the node's signature of it."""

    height: int
    app_hash: bytes
    chain: ChainProof
    log: LogProof | None
    evidence: bytes


class LinkWriter(msgspec.Struct, frozen=True, kw_only=True):
    """The link of the block whose timers wrote a row, and its log path."""

    link: bytes
    path: bytes


class TransactionWriter(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of the transaction that wrote a row, its signer's key, and the log path of its entry."""

    envelope: bytes
    public_key: bytes
    receipt_hash: bytes
    path: bytes


class RowsClaim(msgspec.Struct, frozen=True, kw_only=True):
    """The table has exactly these rows from ``low`` to ``high``.

    Args:
        low, high: leading key columns, none for the table's first or last row; alike and whole for one key.
        rows: row bytes in key order.
        writer: who wrote the one row; None where that is not shown, or where the genesis did.
    """

    table: str
    low: tuple[KeyValue, ...]
    high: tuple[KeyValue, ...]
    rows: tuple[bytes, ...]
    writer: LinkWriter | TransactionWriter | None
    proof: TableProof


class TransactionClaim(msgspec.Struct, frozen=True, kw_only=True):
    """The log has this transaction, and this is what became of it."""

    transaction: bytes
    public_key: bytes
    receipt: bytes
    position: int
    path: bytes


class ConsistencyClaim(msgspec.Struct, frozen=True, kw_only=True):
    """The log of the bundle's state only appended to that of ``older``."""

    older: State
    path: bytes


Claim: TypeAlias = RowsClaim | TransactionClaim | ConsistencyClaim


class CheckpointProof(msgspec.Struct, frozen=True, kw_only=True):
    """How the state and a checkpoint are of one history.

    Args:
        note: signed note of the checkpoint.
        link: of the block after the state, which the checkpoint's log has; None when the checkpoint is the older one.
        path: log path of the link; or from the checkpoint's size to the state's.
    """

    note: bytes
    link: bytes | None
    path: bytes


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A claim and all that leads from it to a signature of the genesis' node."""

    claim: Claim
    state: State
    checkpoint: CheckpointProof | None
    genesis: bytes

    def encode(self) -> bytes:
        """Return the file's bytes."""
        head, chain, log, evidence = _state_value(self.state)
        parts = {
            1: FORMAT_NUMBER,
            2: _claim_value(self.claim),
            3: _fields(self.claim.proof) if isinstance(self.claim, RowsClaim) else None,
            4: head,
            5: chain,
            6: log,
            7: _fields(self.checkpoint),
            8: evidence,
            9: [self.genesis, []],  # room for changes of the nodes
        }
        return seal(cbor.encode({**parts, 10: bytes(HASH_BYTES)}))

    @classmethod
    def decode(cls, data: bytes) -> "Bundle":
        """Return the bundle that ``data`` encodes. Raises: Malformed."""
        if len(data) > BUNDLE_BYTES_MAX:
            raise Malformed(f"bundle: more than {BUNDLE_BYTES_MAX} bytes")
        if seal(data) != data or data[-_TAIL_BYTES:-HASH_BYTES] != _DIGEST_HEAD:
            raise Malformed("bundle: damaged, it does not end with the hash of what it holds")
        value = cbor.decode(data, size_max=BUNDLE_BYTES_MAX, depth_max=BUNDLE_DEPTH_MAX)
        if type(value) is not dict or list(value) != list(range(1, 11)):
            raise Malformed("bundle: a map with the keys 1 to 10 is needed")
        if type(value[1]) is not int or value[1] != FORMAT_NUMBER:
            raise Malformed(f"bundle: this program knows format {FORMAT_NUMBER}")
        genesis, changes = _take(value[9], bytes, list)
        if changes:
            raise Malformed("bundle: changes of nodes are not known to this program")
        return cls(
            claim=_read_claim(value[2], value[3]),
            state=_read_state([value[4], value[5], value[6], value[8]]),
            checkpoint=_read_checkpoint(value[7]),
            genesis=genesis,
        )


def seal(data: bytes) -> bytes:
    """Return ``data`` with its last 32 bytes set to the SHA-256 of those before."""
    return data[:-HASH_BYTES] + sha256(data[:-HASH_BYTES])


def split_hashes(path: bytes) -> list[bytes]:
    """Return the hashes of a log path, whose length ``decode`` has checked."""
    return [path[at : at + HASH_BYTES] for at in range(0, len(path), HASH_BYTES)]


def origin_of(ledger: str, chain_id: str) -> str:
    """Return the origin of a ledger's checkpoints, which is the name of its node's key under them too."""
    return f"{ledger}/{chain_id}"


# --- to values


def _fields(record: msgspec.Struct | None) -> list[Any] | None:
    return None if record is None else list(msgspec.structs.astuple(record))


def _state_value(state: State) -> list[Any]:
    head = [state.height, state.app_hash]
    return [head, _fields(state.chain), _fields(state.log), [state.evidence]]


def _claim_value(claim: Claim) -> list[Any]:
    match claim:
        case RowsClaim():
            rows = [claim.table, claim.low, claim.high, claim.rows]
            return ["rows", *rows, _fields(claim.writer)]
        case TransactionClaim():
            return ["transaction", *msgspec.structs.astuple(claim)]
        case ConsistencyClaim():
            return ["consistency", _state_value(claim.older), claim.path]


# --- from values


def _take(value: Any, *kinds: type | tuple[type, ...]) -> list[Any]:
    """Return ``value`` when it is a list of these kinds; integers are heights, sizes and positions."""
    if type(value) is not list or len(value) != len(kinds):
        raise Malformed(f"bundle: a list of {len(kinds)} is needed")
    for item, kind in zip(value, kinds, strict=True):
        if type(item) not in (kind if isinstance(kind, tuple) else (kind,)):
            raise Malformed("bundle: an item is of another kind than its place asks for")
        if type(item) is int and not 0 <= item <= INT64_MAX:
            raise Malformed("bundle: a number is negative or too large")
    return value


def _hash(data: bytes) -> bytes:
    if len(data) != HASH_BYTES:
        raise Malformed(f"bundle: a hash or key of {HASH_BYTES} bytes is needed")
    return data


def _path(data: bytes) -> bytes:
    if len(data) % HASH_BYTES:
        raise Malformed("bundle: a log path is hashes only")
    return data


def _read_items(value: list[Any]) -> Items:
    return tuple(_read_item(item) for item in value)


def _read_item(value: Any) -> int | bytes | tuple[bytes, bytes] | None:
    if value is None or type(value) is int:
        return value
    if type(value) is bytes:
        return _hash(value)
    key, row_hash = _take(value, bytes, bytes)
    return key, _hash(row_hash)


def _read_state(value: Any) -> State:
    head, chain, log, evidence = _take(value, list, list, (list, _NONE), list)
    height, app_hash = _take(head, int, bytes)
    row, schema_hash, items = _take(chain, bytes, bytes, list)
    (signature,) = _take(evidence, bytes)
    return State(
        height=height,
        app_hash=_hash(app_hash),
        chain=ChainProof(row=row, schema_hash=_hash(schema_hash), catalog=_read_items(items)),
        log=None if log is None else _read_log(log),
        evidence=signature,
    )


def _read_log(value: Any) -> LogProof:
    size, root, items = _take(value, int, bytes, list)
    return LogProof(size=size, root=_hash(root), catalog=_read_items(items))


def _read_checkpoint(value: Any) -> CheckpointProof | None:
    if value is None:
        return None
    note, link, path = _take(value, bytes, (bytes, _NONE), bytes)
    return CheckpointProof(note=note, link=link, path=_path(path))


def _read_claim(value: Any, table_value: Any) -> Claim:
    if type(value) is not list or not value:
        raise Malformed("bundle: a claim is needed")
    match value[0]:
        case "rows":
            return _read_rows(value, table_value)
        case "transaction" if table_value is None:
            return _read_transaction(value)
        case "consistency" if table_value is None:
            _, older, path = _take(value, str, list, bytes)
            return ConsistencyClaim(older=_read_state(older), path=_path(path))
        case _:
            raise Malformed("bundle: no such claim is known to this program")


def _read_rows(value: Any, table_value: Any) -> RowsClaim:
    _, table, low, high, rows, writer = _take(value, str, str, list, list, list, (list, _NONE))
    versions, root, row_count, catalog, items = _take(table_value, bytes, bytes, int, list, list)
    return RowsClaim(
        table=table,
        low=_read_key(low),
        high=_read_key(high),
        rows=tuple(_take(rows, *[bytes] * len(rows))),
        writer=None if writer is None else _read_writer(writer),
        proof=TableProof(
            versions=versions,
            root=_hash(root),
            row_count=row_count,
            catalog=_read_items(catalog),
            items=_read_items(items),
        ),
    )


def _read_key(value: list[Any]) -> tuple[KeyValue, ...]:
    if any(type(item) not in (int, str, bytes) for item in value):
        raise Malformed("bundle: a key holds integers, text and bytes")
    return tuple(value)


def _read_writer(value: list[Any]) -> LinkWriter | TransactionWriter:
    if len(value) == 2:
        link, path = _take(value, bytes, bytes)
        return LinkWriter(link=link, path=_path(path))
    envelope, key, receipt_hash, path = _take(value, bytes, bytes, bytes, bytes)
    return TransactionWriter(
        envelope=envelope,
        public_key=_hash(key),
        receipt_hash=_hash(receipt_hash),
        path=_path(path),
    )


def _read_transaction(value: Any) -> TransactionClaim:
    _, data, key, receipt, position, path = _take(value, str, bytes, bytes, bytes, int, bytes)
    return TransactionClaim(
        transaction=data,
        public_key=_hash(key),
        receipt=receipt,
        position=position,
        path=_path(path),
    )
