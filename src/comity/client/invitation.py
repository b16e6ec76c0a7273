"""Invitations: a key pair whose private half is handed to the guest as one word.

Invariant: the word tells which ledger it belongs to, and a mistyped character is noticed; the ledger
itself knows the public half alone.
"""

import msgspec

from comity.crypto import bech32m, ed25519
from comity.errors import Malformed
from comity.limits import SEED_BYTES
from comity.model.account import possession_message

PREFIX = "cmi"
_LEDGER_BYTES = 4  # of the genesis hash, to tell ledgers apart


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation's seed, and the start of its ledger's genesis hash."""

    seed: bytes
    ledger: bytes

    @classmethod
    def of(cls, seed: bytes, genesis_hash: bytes) -> "Invitation":
        """Return the invitation of a seed of 32 random bytes."""
        return cls(seed=seed, ledger=genesis_hash[:_LEDGER_BYTES])

    @classmethod
    def from_text(cls, text: str) -> "Invitation":
        """Return the invitation that ``text`` writes. Raises: Malformed."""
        prefix, data = bech32m.decode(text)
        if prefix != PREFIX or len(data) != SEED_BYTES + _LEDGER_BYTES:
            raise Malformed(f"this is no invitation: one starts with {PREFIX}1")
        return cls(seed=data[:SEED_BYTES], ledger=data[SEED_BYTES:])

    def to_text(self) -> str:
        """Return the word that the guest gets."""
        return bech32m.encode(PREFIX, self.seed + self.ledger)

    @property
    def public_key(self) -> bytes:
        """Return the half that the ledger knows."""
        return ed25519.public_key(self.seed)

    def is_for(self, genesis_hash: bytes) -> bool:
        """Tell whether the invitation is to this ledger."""
        return genesis_hash.startswith(self.ledger)

    def proof(self, genesis_hash: bytes, account: bytes) -> bytes:
        """Return the signature that lets ``account`` use the invitation."""
        return ed25519.sign(self.seed, possession_message(genesis_hash, account))

    def __repr__(self) -> str:
        return f"Invitation({self.public_key.hex()})"
