"""Making transactions: the client's half of consensus rule R2.

Invariant: what is returned is whole and signed; its salt and its time are the caller's, so tests can fix them.
"""

from collections.abc import Sequence
from typing import Protocol

from comity.limits import SECOND_NS, VALID_UNTIL_AHEAD_NS_MAX
from comity.model.account import KEY_TYPE_ED25519
from comity.model.transaction import Call, Transaction, signed, unsigned

MINUTE_NS = 60 * 10**9
VALID_FOR_NS = 10 * MINUTE_NS


class Signer(Protocol):
    """A key that signs; the keystore's ``SigningKey`` is one."""

    @property
    def public_key(self) -> bytes:
        """Return the 32-byte public key."""

    @property
    def key_id(self) -> bytes:
        """Return the 20-byte key id."""

    @property
    def account_id(self) -> bytes:
        """Return the 20-byte account that this key founds."""

    def sign(self, message: bytes) -> bytes:
        """Return a 64-byte Ed25519 signature."""


def valid_until(now_ns: int, last_block_ns: int, block_interval_s: int) -> int:
    """Return when a transaction that is made now should expire (rule R2.3)."""
    start = max(now_ns, last_block_ns)
    return start + min(
        VALID_FOR_NS + 2 * block_interval_s * SECOND_NS, VALID_UNTIL_AHEAD_NS_MAX - MINUTE_NS
    )


def sign_calls(
    key: Signer,
    calls: Sequence[Call],
    *,
    genesis_hash: bytes,
    expires_ns: int,
    salt: bytes,
    account: bytes | None = None,
    is_joining: bool = False,
) -> Transaction:
    """Return a signed transaction.

    Args:
        account: who acts, when it is not the account that ``key`` founded.
        is_joining: the account is not there yet: carry the key.
    Raises: Malformed, when the calls break a bound.
    """
    kid = bytes((KEY_TYPE_ED25519,)) + key.public_key if is_joining else key.key_id
    transaction = unsigned(
        sender=account or key.account_id, kid=kid, valid_until=expires_ns, salt=salt, calls=calls
    )
    return signed(transaction, key.sign(transaction.envelope.to_be_signed(genesis_hash)))
