"""Digests for the layers that see no cryptography: SHA-256 of bytes, and of a value's one encoding.

Invariant: equal values have equal digests, whatever made them.
"""

from comity.crypto import cbor
from comity.crypto.hashing import sha256

__all__ = ["digest_of", "sha256"]


def digest_of(value: cbor.Value) -> bytes:
    """Return the 32-byte SHA-256 of the deterministic CBOR of ``value``. Raises: Malformed."""
    return sha256(cbor.encode(value))
