"""Transactions: a signed envelope over the hash of a body of calls (consensus rules R2.1 and R2.2).

Invariant: ``Transaction.decode`` accepts exactly the bytes that ``encode`` writes, so an id names one byte string of
envelope content; it checks form alone, never a signature.
"""

from collections.abc import Mapping, Sequence

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import TAG_BODY, TAG_RECEIPT_SALT, sha256, tagged
from comity.errors import Malformed
from comity.limits import (
    ACCOUNT_ID_BYTES,
    CALLS_PER_TRANSACTION_MAX,
    CONTAINERS_PER_TRANSACTION_MAX,
    INT64_MAX,
    SALT_BYTES,
    TRANSACTION_BYTES_MAX,
)
from comity.model.account import KEY_TYPE_ED25519, account_id

KEY_ID_BYTES = 20
_JOINING_KID_BYTES = 33  # key type and public key, where no account can be asked for the key
_SIGNATURE_BYTES = 64
# The envelope's parts never change length, but for the kid: so it is read by position (RFC 9052, section 4.2).
_HEAD = b"\x84\x58\x19\xa2\x01\x27\x04\x54"  # [h'{1: -8, 4: h'20 bytes'}', ...
_HEAD_JOINING = b"\x84\x58\x27\xa2\x01\x27\x04\x58\x21"
_MIDDLE = b"\xa0\x58\x41\x83\x54"  # {}, h'[h'20 bytes', ...
_HASH_HEAD = b"\x58\x20"
_SIGNATURE_HEAD = b"\x58\x40"
_UINT64_HEAD = b"\x1b"
_SIG_STRUCTURE = b"\x84\x6aSignature1"  # ["Signature1", protected, external data, payload]
_VALID_UNTIL_MIN = 1 << 32  # below, CBOR would write fewer bytes; 4.3 s after 1970 has long expired


class Call(msgspec.Struct, frozen=True):
    """One action with its arguments: ``app.action`` and a map of names to values."""

    action: str
    arguments: Mapping[str, cbor.Value]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed: who, until when, and the hash of the body.

    Args:
        kid: 20-byte key id; or 33 bytes, key type and public key, in a joining transaction.
        sender: 20-byte account id.
        valid_until: last block time, in nanoseconds UTC, at which this may execute.
        body_hash: H(20 | body).
        signature: 64 bytes; empty while unsigned.

    """

    kid: bytes
    sender: bytes
    valid_until: int
    body_hash: bytes
    signature: bytes = b""

    @property
    def is_joining(self) -> bool:
        """Tell whether the envelope carries its key because the sender has no account yet."""
        return len(self.kid) == _JOINING_KID_BYTES

    def encode(self) -> bytes:
        """Return the COSE_Sign1 bytes. Source: RFC 9052, section 4.2."""
        head = _HEAD_JOINING if self.is_joining else _HEAD
        return b"".join(
            (head, self.kid, _MIDDLE, *self._payload_tail(), _SIGNATURE_HEAD, self.signature)
        )

    def to_be_signed(self, genesis_hash: bytes) -> bytes:
        """Return the Sig_structure, with the genesis hash as external data. Source: RFC 9052, section 4.4."""
        head = _HEAD_JOINING if self.is_joining else _HEAD
        return b"".join(
            (
                _SIG_STRUCTURE,
                head[1:],
                self.kid,
                _HASH_HEAD,
                genesis_hash,
                _MIDDLE[1:],
                *self._payload_tail(),
            )
        )

    def transaction_id(self, genesis_hash: bytes) -> bytes:
        """Return the 32-byte transaction id, which does not depend on the signature (rule R2.2)."""
        return sha256(self.to_be_signed(genesis_hash))

    def _payload_tail(self) -> tuple[bytes, ...]:
        return (
            self.sender,
            _UINT64_HEAD,
            self.valid_until.to_bytes(8, "big"),
            _HASH_HEAD,
            self.body_hash,
        )


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A signed envelope and the body that it commits to."""

    envelope: Envelope
    body: bytes
    salt: bytes
    calls: tuple[Call, ...]

    def encode(self) -> bytes:
        """Return the wire form: CBOR [envelope, body], both byte strings."""
        return cbor.encode_array([self.envelope.encode(), self.body])

    @classmethod
    def decode(cls, data: bytes) -> "Transaction":
        """Return the transaction that ``data`` encodes. Raises: Malformed."""
        if len(data) > TRANSACTION_BYTES_MAX:
            raise Malformed(
                f"transaction: {len(data)} bytes, at most {TRANSACTION_BYTES_MAX} are allowed"
            )
        envelope_bytes, body = _split(data)
        envelope = decode_envelope(envelope_bytes)
        salt, calls = _decode_body(body)
        if tagged(TAG_BODY, body) != envelope.body_hash:
            raise Malformed("transaction: the body is not the one that the envelope names")
        return cls(envelope=envelope, body=body, salt=salt, calls=calls)

    @property
    def receipt_salt(self) -> bytes:
        """Return the 16 bytes that keep the receipt's hash from being guessed back (rule R3.7)."""
        return tagged(TAG_RECEIPT_SALT, self.salt)[:SALT_BYTES]


def encode_body(salt: bytes, calls: Sequence[Call]) -> bytes:
    """Return the body's bytes: CBOR [salt, [[action, arguments], ...]]. Raises: Malformed."""
    return cbor.encode([salt, [[call.action, dict(call.arguments)] for call in calls]])


def unsigned(
    *, sender: bytes, kid: bytes, valid_until: int, salt: bytes, calls: Sequence[Call]
) -> Transaction:
    """Return a transaction without signature; sign ``envelope.to_be_signed`` and set it with ``signed``.

    Raises: Malformed, when it could not be decoded again.
    """
    body = encode_body(salt, calls)
    envelope = Envelope(
        kid=kid, sender=sender, valid_until=valid_until, body_hash=tagged(TAG_BODY, body)
    )
    return Transaction(envelope=envelope, body=body, salt=salt, calls=tuple(calls))


def signed(transaction: Transaction, signature: bytes) -> Transaction:
    """Return ``transaction`` with its 64-byte signature."""
    envelope = msgspec.structs.replace(transaction.envelope, signature=signature)
    return msgspec.structs.replace(transaction, envelope=envelope)


def decode_envelope(data: bytes) -> Envelope:
    """Return the envelope that ``data`` encodes. Raises: Malformed."""
    if data.startswith(_HEAD):
        at, kid_bytes = len(_HEAD), KEY_ID_BYTES
    elif data.startswith(_HEAD_JOINING):
        at, kid_bytes = len(_HEAD_JOINING), _JOINING_KID_BYTES
    else:
        raise Malformed("envelope: the protected header must be {1: -8, 4: kid}")
    kid, at = data[at : at + kid_bytes], at + kid_bytes
    at = _expect(
        data, at, _MIDDLE, "a payload [sender, valid_until, body hash] must follow an empty map"
    )
    sender, at = data[at : at + ACCOUNT_ID_BYTES], at + ACCOUNT_ID_BYTES
    at = _expect(data, at, _UINT64_HEAD, "valid_until must be nanoseconds UTC in 8 bytes")
    valid_until, at = int.from_bytes(data[at : at + 8], "big"), at + 8
    at = _expect(data, at, _HASH_HEAD, "a 32-byte body hash is needed")
    body_hash, at = data[at : at + 32], at + 32
    at = _expect(data, at, _SIGNATURE_HEAD, "a 64-byte signature is needed")
    if len(data) != at + _SIGNATURE_BYTES:
        raise Malformed("envelope: its length is wrong")
    if not _VALID_UNTIL_MIN <= valid_until <= INT64_MAX:
        raise Malformed("envelope: valid_until is no time in nanoseconds UTC")
    if kid_bytes == _JOINING_KID_BYTES and (
        kid[0] != KEY_TYPE_ED25519 or account_id(kid[1:]) != sender
    ):
        raise Malformed(
            "envelope: the sender of a joining transaction must be the account of its key"
        )
    return Envelope(
        kid=kid, sender=sender, valid_until=valid_until, body_hash=body_hash, signature=data[at:]
    )


def _expect(data: bytes, at: int, piece: bytes, problem: str) -> int:
    end = at + len(piece)
    if data[at:end] != piece:
        raise Malformed(f"envelope: {problem}")
    return end


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return the two byte strings of the outer array, read by position."""
    if data[:2] != b"\x82\x58" or len(data) < 3:
        raise Malformed("transaction: CBOR [envelope, body] is needed")
    end = 3 + data[2]
    if data[2] < 24 or end >= len(data):
        raise Malformed("transaction: truncated envelope")
    head, body_at = data[end], end
    length_bytes = {0x58: 1, 0x59: 2, 0x5A: 4}.get(head, 0)
    if length_bytes:
        size = int.from_bytes(data[end + 1 : end + 1 + length_bytes], "big")
        body_at = end + 1 + length_bytes
        if size < (24, 256, 0, 65536)[length_bytes - 1]:
            raise Malformed("transaction: body length is not in its shortest form")
    else:
        size, body_at = head - 0x40, end + 1
        if not 0 <= size < 24:
            raise Malformed("transaction: the body must be a byte string")
    if body_at + size != len(data):
        raise Malformed("transaction: truncated, or bytes follow it")
    return data[3:end], data[body_at:]


def _decode_body(body: bytes) -> tuple[bytes, tuple[Call, ...]]:
    value = cbor.decode(
        body, size_max=TRANSACTION_BYTES_MAX, containers_max=CONTAINERS_PER_TRANSACTION_MAX
    )
    if (
        type(value) is not list
        or len(value) != 2
        or type(value[0]) is not bytes
        or type(value[1]) is not list
    ):
        raise Malformed("body: CBOR [salt, calls] is needed")
    salt, items = value
    if len(salt) != SALT_BYTES:
        raise Malformed(f"body: a salt of {SALT_BYTES} bytes is needed")
    if len(items) > CALLS_PER_TRANSACTION_MAX:
        raise Malformed(
            f"body: {len(items)} calls, at most {CALLS_PER_TRANSACTION_MAX} are allowed"
        )
    return salt, tuple([_decode_call(item) for item in items])


def _decode_call(item: cbor.Value) -> Call:
    if (
        type(item) is not list
        or len(item) != 2
        or type(item[0]) is not str
        or type(item[1]) is not dict
    ):
        raise Malformed("body: a call is [action, arguments]")
    action, arguments = item
    for name in arguments:
        if type(name) is not str:
            raise Malformed("body: arguments have names")
    return Call(action, arguments)
