"""COSE receipts: a log's signed statement, in CBOR, that an entry is in it or that it only grew.

Invariant: each receipt has one byte layout, and verification answers with one boolean. What is
signed is the protected header and the root; path, index and sizes are not, so a receipt names no
position for sure (a checkpoint does), and its subject must be compared with the entry.
Source: RFC 9942; RFC 9052, section 4.4; RFC 9597 for the claims.
"""

from dataclasses import dataclass
from typing import Any

from comity.crypto import cbor, ed25519, rfc9162
from comity.crypto.hashing import TAG_ACCOUNT, tagged
from comity.errors import Malformed, ProofInvalid
from comity.limits import COSE_RECEIPT_BYTES_MAX, LOG_PATH_HASHES_MAX, SIGNATURE_BYTES

EDDSA = -8  # what we sign with
ED25519 = -19  # the same signature by its newer number (RFC 9864)
INCLUSION = -1  # proof types, as keys of header 396
CONSISTENCY = -2

_ALG, _KID, _CLAIMS, _VDS = 1, 4, 15, 395
_ISSUER, _SUBJECT, _ISSUED_AT = 1, 2, 6
_RFC9162_SHA256 = 1
_KID_BYTES = 8
_KEY_TYPE_ED25519 = b"\x01"

_TAGGED_ARRAY = b"\xd2\x84"  # tag 18, array of 4
_PROOFS = {  # {396: {proof type: [one proof]}}; keys below zero are not for our CBOR
    INCLUSION: b"\xa1\x19\x01\x8c\xa1\x20\x81",
    CONSISTENCY: b"\xa1\x19\x01\x8c\xa1\x21\x81",
}
_NO_PAYLOAD = b"\xf6"  # the root is not in the receipt: the reader computes it


@dataclass(frozen=True, slots=True)
class ReceiptClaims:
    """What the signature says besides the root."""

    issuer: str  # origin of the log
    subject: str  # id of the transaction, in text
    issued_at_s: int  # POSIX seconds


@dataclass(frozen=True, slots=True)
class Proof:
    """The part of a receipt that is not signed but leads to what is."""

    kind: int  # INCLUSION or CONSISTENCY
    numbers: tuple[int, int]  # (tree size, leaf index), or (older size, newer size)
    path: tuple[bytes, ...]  # 1 to LOG_PATH_HASHES_MAX


@dataclass(frozen=True, slots=True)
class CoseReceipt:
    """What a receipt says, verified or not."""

    algorithm: int
    kid: bytes  # 8 bytes; helps to find the key, never to trust it
    claims: ReceiptClaims
    proof: Proof
    protected: bytes
    signature: bytes  # 64 bytes

    def to_bytes(self) -> bytes:
        """Return the receipt as it is handed out."""
        proof = cbor.encode([*self.proof.numbers, list(self.proof.path)])
        return b"".join(
            (
                _TAGGED_ARRAY,
                cbor.encode(self.protected),
                _PROOFS[self.proof.kind],
                cbor.encode(proof),
                _NO_PAYLOAD,
                cbor.encode(self.signature),
            )
        )


def key_hint(public_key: bytes) -> bytes:
    """Return the kid of a log's key: the first 8 bytes of the key's hash."""
    return tagged(TAG_ACCOUNT, _KEY_TYPE_ED25519, public_key)[:_KID_BYTES]


def issue(seed: bytes, claims: ReceiptClaims, proof: Proof, root: bytes) -> bytes:
    """Return a receipt over ``root``: for consistency, that of the newer size.

    Args:
        seed: secret key of the log, 32 bytes.
        claims: what to sign besides the root.
        proof: must lead to ``root``; it is not checked here.
        root: 32 bytes.
    Raises: Malformed, when the path is empty or longer than ``LOG_PATH_HASHES_MAX``.
    """
    if not 1 <= len(proof.path) <= LOG_PATH_HASHES_MAX:
        raise Malformed("COSE receipt: a path has 1 to LOG_PATH_HASHES_MAX hashes")
    kid = key_hint(ed25519.public_key(seed))
    stated = {_ISSUER: claims.issuer, _SUBJECT: claims.subject, _ISSUED_AT: claims.issued_at_s}
    header = {_ALG: EDDSA, _KID: kid, _CLAIMS: stated, _VDS: _RFC9162_SHA256}
    protected = cbor.encode(header)
    signature = ed25519.sign(seed, _signed_bytes(protected, root))
    return CoseReceipt(EDDSA, kid, claims, proof, protected, signature).to_bytes()


def parse_receipt(data: bytes) -> CoseReceipt:
    """Return what a receipt says; nothing is verified yet.

    Raises: Malformed, for anything but one receipt of at most ``COSE_RECEIPT_BYTES_MAX`` bytes.
    """
    if len(data) > COSE_RECEIPT_BYTES_MAX:
        raise Malformed("COSE receipt: more bytes than COSE_RECEIPT_BYTES_MAX")
    rest = _after(data, _TAGGED_ARRAY)
    protected, rest = _take_bytes(rest)
    kind = CONSISTENCY if rest.startswith(_PROOFS[CONSISTENCY]) else INCLUSION
    proof, rest = _take_bytes(_after(rest, _PROOFS[kind]))
    signature, rest = _take_bytes(_after(rest, _NO_PAYLOAD))
    if rest or len(signature) != SIGNATURE_BYTES:
        raise Malformed("COSE receipt: the signature has not 64 bytes, or bytes are left over")
    algorithm, kid, claims = _read_header(protected)
    return CoseReceipt(algorithm, kid, claims, _read_proof(kind, proof), protected, signature)


def verify_inclusion(
    data: bytes, entry: bytes, key: bytes, *, issuer: str, subject: str, algorithm: int = EDDSA
) -> bool:
    """Say whether a receipt proves that the log has ``entry``.

    Args:
        data: the receipt.
        entry: the log entry, which the receipt does not hold.
        key: public key of the log, 32 bytes.
        issuer: origin of the log, which the receipt must name.
        subject: transaction id, which the receipt must name; the caller takes it from ``entry``.
        algorithm: the number under which that key signs; a key has one.
    """
    try:
        receipt = parse_receipt(data)
        size, index = receipt.proof.numbers
        leaf = rfc9162.leaf_hash(entry)
        root = rfc9162.inclusion_root(leaf, index, size, receipt.proof.path)
    except (Malformed, ProofInvalid):
        return False
    is_expected = receipt.proof.kind == INCLUSION and receipt.algorithm == algorithm
    return is_expected and _is_signed(receipt, root, key, (issuer, subject))


def verify_consistency(
    data: bytes, root_1: bytes, key: bytes, *, issuer: str, subject: str, algorithm: int = EDDSA
) -> bool:
    """Say whether a receipt proves that the log still has all that it had at ``root_1``.

    Args:
        data: the receipt.
        root_1: root of the older size, which the caller trusted before; never one that came along.
        key: public key of the log, 32 bytes.
        issuer: origin of the log, which the receipt must name.
        subject: what the receipt must name besides.
        algorithm: the number under which that key signs; a key has one.
    """
    try:
        receipt = parse_receipt(data)
        root_2 = rfc9162.consistency_root(*receipt.proof.numbers, receipt.proof.path, root_1)
    except (Malformed, ProofInvalid):
        return False
    is_expected = receipt.proof.kind == CONSISTENCY and receipt.algorithm == algorithm
    return is_expected and _is_signed(receipt, root_2, key, (issuer, subject))


def _is_signed(receipt: CoseReceipt, root: bytes, key: bytes, named: tuple[str, str]) -> bool:
    if (receipt.claims.issuer, receipt.claims.subject) != named or receipt.kid != key_hint(key):
        return False
    return ed25519.verify(key, _signed_bytes(receipt.protected, root), receipt.signature)


def _signed_bytes(protected: bytes, root: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, b"", root])


def _read_header(protected: bytes) -> tuple[int, bytes, ReceiptClaims]:
    header = cbor.decode(protected, size_max=COSE_RECEIPT_BYTES_MAX)
    _check_map(header, {_ALG: int, _KID: bytes, _CLAIMS: dict, _VDS: int})
    claims = header[_CLAIMS]
    _check_map(claims, {_ISSUER: str, _SUBJECT: str, _ISSUED_AT: int})
    is_known = header[_ALG] in (EDDSA, ED25519) and header[_VDS] == _RFC9162_SHA256
    if not is_known or len(header[_KID]) != _KID_BYTES:
        raise Malformed("COSE receipt: expected Ed25519, RFC9162_SHA256 and a kid of 8 bytes")
    stated = ReceiptClaims(claims[_ISSUER], claims[_SUBJECT], claims[_ISSUED_AT])
    return header[_ALG], header[_KID], stated


def _check_map(value: Any, kinds: dict[int, type]) -> None:
    """Refuse a value that is not a map of just these keys and kinds of values."""
    if type(value) is not dict or list(value) != list(kinds):
        raise Malformed("COSE receipt: a header misses something, or says more than it may")
    if any(type(value[key]) is not kind for key, kind in kinds.items()):
        raise Malformed("COSE receipt: a header has a value of another kind")


def _read_proof(kind: int, data: bytes) -> Proof:
    value = cbor.decode(data, size_max=COSE_RECEIPT_BYTES_MAX)
    if type(value) is not list or [type(one) for one in value] != [int, int, list]:
        raise Malformed("COSE receipt: a proof is two numbers and a path")
    first, second, path = value
    if not 1 <= len(path) <= LOG_PATH_HASHES_MAX or any(type(one) is not bytes for one in path):
        raise Malformed("COSE receipt: a path has 1 to LOG_PATH_HASHES_MAX hashes")
    return Proof(kind, (first, second), tuple(path))


def _after(data: bytes, expected: bytes) -> bytes:
    if not data.startswith(expected):
        raise Malformed("COSE receipt: not laid out as one")
    return data[len(expected) :]


def _take_bytes(data: bytes) -> tuple[bytes, bytes]:
    """Return the byte string at the start of ``data``, and the rest. Source: RFC 8949, 3.1."""
    head = data[:1]
    length_bytes = {b"\x58": 1, b"\x59": 2}.get(head, 0)
    if length_bytes:
        size = int.from_bytes(data[1 : 1 + length_bytes], "big")
    elif b"\x40" <= head < b"\x58":
        size = head[0] - 0x40
    else:
        raise Malformed("COSE receipt: expected a byte string")
    start = 1 + length_bytes
    value = data[start : start + size]
    if not data.startswith(cbor.encode(value)):  # cut short, or its length not in the shortest form
        raise Malformed("COSE receipt: a byte string is cut, or not in its shortest form")
    return value, data[start + size :]
