"""The catalog: what the app hash is made of (R4.4, state tree)."""

from hashlib import sha256

import pytest

from comity.errors import Malformed
from comity.store import catalog
from comity.store.catalog import TableLeaf


def test_a_leaf_is_three_fields_and_comes_back() -> None:
    """CBOR [schema hash, root, row count]."""
    leaf = TableLeaf(b"s" * 32, b"r" * 32, 500)
    assert leaf.encode() == b"\x83\x58\x20" + b"s" * 32 + b"\x58\x20" + b"r" * 32 + b"\x19\x01\xf4"
    assert TableLeaf.decode(leaf.encode()) == leaf
    with pytest.raises((Malformed, ValueError)):
        TableLeaf.decode(b"\x80")


def test_keys_name_kind_and_table() -> None:
    """No table can take the log's place: the kind stands before the name."""
    assert catalog.table_key("log") == b"\1log\0\1"
    assert catalog.log_key() == b"\2log\0\1"


def test_the_app_hash_of_two_entries_by_hand() -> None:
    """One table and the log: two leaves under one node, which parts at the first bit that differs."""
    leaf, size, root = TableLeaf(b"s" * 32, b"r" * 32, 0).encode(), 1, b"l" * 32
    log = b"\x82\x01\x58\x20" + root

    def hash_of(*parts: bytes) -> bytes:
        return sha256(b"".join(parts)).digest()

    table_leaf = hash_of(b"\x10", (4).to_bytes(2, "big"), b"\1t\0\1", hash_of(leaf))
    log_leaf = hash_of(b"\x10", (6).to_bytes(2, "big"), b"\2log\0\1", hash_of(log))
    node = hash_of(b"\x11", (6).to_bytes(2, "big"), table_leaf, log_leaf)  # 1 and 2 part at bit 6
    assert catalog.app_hash({"t": leaf}, size, root) == node
    assert catalog.app_hash({}, size, root) == log_leaf


def test_every_field_counts() -> None:
    """Another count, root, schema, name or log makes another app hash."""
    leaf = TableLeaf(b"s" * 32, b"r" * 32, 1)
    other = [
        ({"t": leaf.encode()}, 1, b"l" * 32),
        ({"u": leaf.encode()}, 1, b"l" * 32),
        ({"t": TableLeaf(b"s" * 32, b"r" * 32, 2).encode()}, 1, b"l" * 32),
        ({"t": TableLeaf(b"x" * 32, b"r" * 32, 1).encode()}, 1, b"l" * 32),
        ({"t": leaf.encode()}, 2, b"l" * 32),
        ({"t": leaf.encode()}, 1, b"m" * 32),
    ]
    assert len({catalog.app_hash(*entries) for entries in other}) == len(other)
