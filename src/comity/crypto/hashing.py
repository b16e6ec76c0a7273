"""SHA-256 with one-byte domain tags, so that no hash of one kind can pass for another.

Invariant: every hash that consensus depends on is made here or in ``rfc9162``; tags 00 and 01 belong to RFC 9162.
"""

from hashlib import sha256 as _sha256

HASH_BYTES = 32

TAG_TREE_LEAF = 0x10
TAG_TREE_NODE = 0x11
TAG_TREE_EMPTY = 0x12
TAG_BODY = 0x20
TAG_ROW_SALT = 0x21
TAG_ACCOUNT = 0x22
TAG_RECEIPT = 0x23
TAG_RECEIPT_SALT = 0x24
TAG_TIMER_SALT = 0x25


def sha256(data: bytes) -> bytes:
    """Return the 32-byte SHA-256 of ``data``. Source: FIPS 180-4."""
    return _sha256(data).digest()


def tagged(tag: int, *parts: bytes) -> bytes:
    """Return SHA-256 of the tag byte followed by ``parts`` in order."""
    return _sha256(bytes((tag,)) + b"".join(parts)).digest()
