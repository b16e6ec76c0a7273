"""The app hash worked out anew from the rows, without believing a stored hash.

Invariant: of what the file says of its own hashes only the log's tiles are read; tables count by their rows and
schema versions alone.
"""

from collections.abc import Iterator

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.crypto.ordered import encode_key
from comity.crypto.trie import root_of
from comity.model.schema import schema_hash, versions_from_value
from comity.store import catalog
from comity.store.catalog import TableLeaf
from comity.store.store import Store
from comity.store.table import StoredTable

_SCHEMA_TABLE = "comity_schema"


class Recomputed(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of a ledger make.

    Args:
        leaves: catalog row bytes by table name.
        differing: names of tables whose stored leaf says something else.
    """

    app_hash: bytes
    leaves: dict[str, bytes]
    differing: tuple[str, ...]


def recompute(store: Store) -> Recomputed:
    """Return the app hash that the rows of the last committed block make.

    Raises: Malformed, when a stored key or schema cannot be encoded as what it should be.
    Cost: one scan of each table in key order; two hashes, one leaf and one node, for a row.
    """
    hashes = {
        name: schema_hash(versions_from_value(cbor.decode(data, size_max=len(data))))
        for _, name, data in _schema_rows(store)
    }
    leaves = {name: _leaf(table, hashes[name]) for name, table in store.tables.items()}
    differing = [name for name, leaf in leaves.items() if store.leaves.get(name) != leaf]
    log_root = store.log.root(store.log_size)
    return Recomputed(
        app_hash=catalog.app_hash(leaves, store.log_size, log_root),
        leaves=leaves,
        differing=tuple(sorted(differing)),
    )


def _schema_rows(store: Store) -> list[tuple[int, str, bytes]]:
    return list(store.tables[_SCHEMA_TABLE].scan())  # type: ignore[arg-type]  # the columns of comity_schema


def _leaf(table: StoredTable, versions_hash: bytes) -> bytes:
    """Return the catalog row of a table as its rows make it."""
    key_values, encode = table.codec.key_values, table.codec.encode
    count = 0

    def pairs() -> Iterator[tuple[bytes, bytes]]:
        nonlocal count
        for row in table.scan():
            count += 1
            yield encode_key(key_values(row)), sha256(encode(row))

    root = root_of(pairs())
    return TableLeaf(versions_hash, root, count).encode()
