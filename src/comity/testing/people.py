"""People of tests: whoever has a name has a key, always the same.

Invariant: a name gives the same key in every run and on every machine; such keys guard nothing.
"""

from functools import cached_property

import msgspec

from comity.crypto import ed25519
from comity.crypto.hashing import sha256
from comity.model.account import account_id, key_id

NAMES = ("ana", "bo", "cy", "dee")  # founders of a ledger that was not told any


class Person(msgspec.Struct, frozen=True, dict=True):
    """A key made from a name; it signs as the keystore's keys do."""

    name: str

    @cached_property
    def seed(self) -> bytes:
        """Return the 32-byte secret seed."""
        return sha256(b"comity.testing " + self.name.encode())

    @cached_property
    def public_key(self) -> bytes:
        """Return the 32-byte public key."""
        return ed25519.public_key(self.seed)

    @cached_property
    def key_id(self) -> bytes:
        """Return the 20-byte id of the key."""
        return key_id(self.public_key)

    @cached_property
    def account_id(self) -> bytes:
        """Return the 20-byte account that the key founds."""
        return account_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return a 64-byte Ed25519 signature."""
        return ed25519.sign(self.seed, message)
