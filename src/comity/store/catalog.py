"""The catalog: a small trie over all tables and the log, whose root is the app hash.

Invariant: a table's entry is [schema hash, table root, row count], the log's is [size, root]; a table that was dropped
has no entry, and nothing else is in the catalog (state tree, two levels).
"""

from collections.abc import Mapping

import msgspec

from comity.crypto import cbor, trie
from comity.crypto.hashing import sha256
from comity.crypto.ordered import encode_key

KIND_TABLE = 1
KIND_LOG = 2
LOG_NAME = "log"


class TableLeaf(msgspec.Struct, frozen=True):
    """What the catalog says of one table."""

    schema_hash: bytes
    root: bytes
    row_count: int

    def encode(self) -> bytes:
        """Return the catalog row's bytes."""
        return cbor.encode_array([self.schema_hash, self.root, self.row_count])

    @classmethod
    def decode(cls, data: bytes) -> "TableLeaf":
        """Return the leaf that ``encode`` wrote."""
        schema_hash, root, row_count = cbor.decode(data, size_max=len(data))
        return cls(schema_hash, root, row_count)


def table_key(name: str) -> bytes:
    """Return the catalog key of a table."""
    return bytes((KIND_TABLE,)) + encode_key((name,))


def log_key() -> bytes:
    """Return the catalog key of the log."""
    return bytes((KIND_LOG,)) + encode_key((LOG_NAME,))


def log_row(size: int, root: bytes) -> bytes:
    """Return the catalog row's bytes of the log."""
    return cbor.encode_array([size, root])


def entries(leaves: Mapping[str, bytes], size: int, log_root: bytes) -> list[tuple[bytes, bytes]]:
    """Return (catalog key, row hash) of every entry, in key order.

    Args:
        leaves: catalog row bytes by table name.
    """
    rows = [(table_key(name), sha256(leaf)) for name, leaf in leaves.items()]
    rows.append((log_key(), sha256(log_row(size, log_root))))
    return sorted(rows)


def app_hash(leaves: Mapping[str, bytes], size: int, log_root: bytes) -> bytes:
    """Return the app hash: the root of the catalog trie. Cost: three hashes a table."""
    return trie.root_of(entries(leaves, size, log_root))
