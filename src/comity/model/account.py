"""Account ids, key ids and the text form that people copy.

An account is named by the key that founded it and keeps that name when its keys change; a key is
named in the same way. So the first key's id is the account's id.

Invariant: an account id has exactly one text, and `from_text` accepts nothing else.
"""

from comity.crypto import bech32m, cbor
from comity.crypto.hashing import TAG_ACCOUNT, tagged
from comity.errors import Malformed
from comity.limits import ACCOUNT_ID_BYTES, PUBLIC_KEY_BYTES

KEY_TYPE_ED25519 = 1
PREFIX = "cm"
TEXT_CHARS = len(bech32m.encode(PREFIX, bytes(ACCOUNT_ID_BYTES)))


def key_id(public_key: bytes, key_type: int = KEY_TYPE_ED25519) -> bytes:
    """Return the 20 bytes that name a key. Source: consensus rule R2.4.

    Args:
        public_key: 32 bytes.
        key_type: only Ed25519 exists yet.

    Raises:
        Malformed: another key type, or a key of another length.

    """
    if key_type != KEY_TYPE_ED25519:
        raise Malformed(f"key type {key_type} is unknown: only {KEY_TYPE_ED25519} (Ed25519) exists")
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise Malformed(
            f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, this has {len(public_key)}"
        )
    return tagged(TAG_ACCOUNT, bytes((key_type,)), public_key)[:ACCOUNT_ID_BYTES]


def account_id(public_key: bytes, key_type: int = KEY_TYPE_ED25519) -> bytes:
    """Return the 20 bytes that name the account which this key founds.

    Raises:
        Malformed: as `key_id`.

    """
    return key_id(public_key, key_type)


def possession_message(genesis_hash: bytes, account: bytes) -> bytes:
    """Return what a key signs to show that its holder wants it for ``account``.

    A new key signs it, and so does an invitation's. Source: consensus rule R2.4.
    """
    return cbor.encode_array([genesis_hash, account])


def to_text(account: bytes) -> str:
    """Return the text form, ``cm1`` and 38 more characters, of a 20-byte account id."""
    if len(account) != ACCOUNT_ID_BYTES:
        raise ValueError(f"an account id has {ACCOUNT_ID_BYTES} bytes, this has {len(account)}")
    return bech32m.encode(PREFIX, account)


def from_text(text: str) -> bytes:
    """Return the 20-byte account id of its text form.

    Raises:
        Malformed: says which kind of mistake it saw: another prefix, characters missing or too
            many, a character that the form never uses, one mistyped, capitals.

    """
    shown = _shown(text)
    if text[: len(PREFIX) + 1].translate(bech32m.TO_SMALL) != PREFIX + "1":
        raise Malformed(f"account {shown} does not start with {PREFIX}1, as every account does")
    if len(text) != TEXT_CHARS:
        raise Malformed(
            f"account {shown} has {len(text)} characters, not {TEXT_CHARS}: compare it with the"
            " original for some that are missing or too many"
        )
    try:
        prefix, account = bech32m.decode(text)
    except Malformed as error:
        raise Malformed(f"account {shown} {error}; compare it with the original") from None
    if prefix != PREFIX:
        raise Malformed(f'account {shown} has a second "1", which an account never has')
    if text != bech32m.encode(PREFIX, account):
        raise Malformed(f"account {shown} is in capitals: write it in small letters")
    return account


def _shown(text: str) -> str:
    """Quote a text for a message: printable ASCII, and no longer than an account's."""
    return ascii(text) if len(text) <= TEXT_CHARS else ascii(text[:TEXT_CHARS]) + "..."
