"""The log as C2SP tlog-tiles serves it: its head, tiles of hashes, bundles of entries.

Invariant: a tile or bundle of a size that the log has reached never changes, so anybody may keep it.
"""

import apsw

from comity.crypto import cbor
from comity.crypto.tlog_tiles import TILE_WIDTH, encode_bundle
from comity.errors import QueryError
from comity.limits import TRANSACTION_BYTES_MAX
from comity.model.receipt import genesis_entry, link_entry, transaction_entry, unpack_stored
from comity.query.asof import Snapshot, snapshot_of
from comity.query.documents import Head
from comity.query.reads import Found, TileRead, to_bytes
from comity.store.tiles import Tiles

_ENTRIES = (
    "SELECT position, id, bytes, receipt FROM main.comity_transaction"
    " WHERE position >= ? AND position < ? ORDER BY position"
)


def head(connection: apsw.Connection) -> Found:
    """Return the log's size and root, packed. Cost: O(log size) tiles."""
    snapshot = snapshot_of(connection, None)
    size = snapshot.position + 1
    document = Head(
        height=snapshot.height,
        app_hash=snapshot.app_hash,
        size=size,
        root=Tiles(connection).root(size),
    )
    return _found(snapshot, to_bytes(document))


def tile(connection: apsw.Connection, genesis_hash: bytes, read: TileRead) -> Found:
    """Return a tile, or a bundle of entries. Raises: QueryError, when the log has not reached it."""
    snapshot = snapshot_of(connection, None)
    level = max(read.level, 0)
    size = (snapshot.position + 1) >> (8 * level)
    if not 1 <= read.width <= TILE_WIDTH or read.number * TILE_WIDTH + read.width > size:
        raise QueryError(
            "out-of-range", f"the log of {snapshot.position + 1} entries has no such tile"
        )
    if read.level >= 0:
        return _found(snapshot, Tiles(connection).tile(level, read.number, read.width))
    return _found(snapshot, _bundle(connection, genesis_hash, read))


def _bundle(connection: apsw.Connection, genesis_hash: bytes, read: TileRead) -> bytes:
    first = read.number * TILE_WIDTH
    entries = [] if first else [genesis_entry(genesis_hash)]
    found = connection.execute(_ENTRIES, (max(first, 1), first + read.width))
    for _, identifier, data, stored in found:
        if identifier is None:
            entries.append(link_entry(data))
            continue
        envelope, *_ = cbor.decode(data, size_max=TRANSACTION_BYTES_MAX)
        entries.append(transaction_entry(identifier, envelope, *unpack_stored(stored)))
    if len(entries) != read.width:
        raise QueryError("unavailable", "entries of this bundle are not stored here")
    return encode_bundle(entries)


def _found(snapshot: Snapshot, body: bytes) -> Found:
    return Found(height=snapshot.height, app_hash=snapshot.app_hash, body=body)
