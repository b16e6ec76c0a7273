"""Signed notes, the text form in which a log's head and its witnesses' cosignatures are published.

Invariant: ``parse_note`` accepts only what ``SignedNote.to_bytes`` writes, and a note counts as
signed only when every signature by a known key verifies, and at least one does.
Source: C2SP signed-note and tlog-cosignature.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from comity.crypto import ed25519
from comity.crypto.hashing import sha256
from comity.errors import ConfigError, Malformed, ProofInvalid
from comity.limits import (
    NOTE_BYTES_MAX,
    NOTE_NAME_BYTES_MAX,
    NOTE_SIGNATURES_MAX,
    PUBLIC_KEY_BYTES,
)

ED25519 = 0x01  # plain signature over the text: logs sign with it
COSIGNATURE = 0x04  # Ed25519 over a time and the text: witnesses sign with it
KEY_TYPES = (ED25519, COSIGNATURE)  # type 06, ML-DSA-44, takes its place here when it is spoken

_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_TIME_S_MAX = (1 << 63) - 1
_CONTROLS = bytes(code for code in range(0x20) if code != 0x0A)
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    chr(code) for code in range(0x2000, 0x200B)
)  # Unicode's White_Space, written out: it must not change with the interpreter
_DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under the name of its owner: what a reader trusts.

    Raises: Malformed, for a name, type or key that no verifier key has.
    """

    name: str  # 1 to NOTE_NAME_BYTES_MAX bytes, without spaces, controls or plus
    key_type: int  # one of KEY_TYPES
    public_key: bytes  # 32 bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.key_type not in KEY_TYPES or len(self.public_key) != PUBLIC_KEY_BYTES:
            raise Malformed("verifier key: only types 01 and 04 with 32-byte keys are spoken")

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that name this key in a signature line, together with its name."""
        return sha256(self.name.encode() + b"\n" + self._typed_key())[:_KEY_ID_BYTES]

    def to_text(self) -> str:
        """Return the vkey text, such as ``name+c74f20a3+ARpc2Qc...``."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self._typed_key())}"

    @classmethod
    def from_text(cls, text: str) -> "VerifierKey":
        """Return the key of a vkey text. Raises: Malformed, when it is not one."""
        parts = text.split("+", 2)
        typed_key = decode_base64(parts[-1])
        if len(parts) != 3 or not typed_key:
            raise Malformed("verifier key: expected name+id+key")
        key = cls(parts[0], typed_key[0], typed_key[1:])
        if key.key_id.hex() != parts[1]:
            raise Malformed("verifier key: its id is not that of its name and key")
        return key

    def _typed_key(self) -> bytes:
        return bytes((self.key_type,)) + self.public_key


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line of a note, by a key that need not be known."""

    name: str
    key_id: bytes  # 4 bytes
    signature: bytes  # at least 1 byte

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.key_id) != _KEY_ID_BYTES or not self.signature:
            raise Malformed("note: a signature has a 4-byte key id and bytes after it")


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and the signatures under it, verified or not."""

    text: str  # ends in a newline; no other control characters
    signatures: tuple[NoteSignature, ...]  # 1 to NOTE_SIGNATURES_MAX

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise Malformed("note: the text does not end in a newline")
        if not 1 <= len(self.signatures) <= NOTE_SIGNATURES_MAX:
            raise Malformed("note: no signature, or more than NOTE_SIGNATURES_MAX")
        data = self.to_bytes()
        if len(data) > NOTE_BYTES_MAX or len(data.translate(None, _CONTROLS)) < len(data):
            raise Malformed("note: a control character, or more bytes than NOTE_BYTES_MAX")

    def to_bytes(self) -> bytes:
        """Return the note as it is published."""
        lines = (
            f"{_DASH} {one.name} {encode_base64(one.key_id + one.signature)}\n"
            for one in self.signatures
        )
        return "".join((self.text, "\n", *lines)).encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """A known key whose signature under a note was verified."""

    key: VerifierKey
    time_s: int | None  # when a witness cosigned, POSIX seconds; None for a log's signature


def parse_note(data: bytes) -> SignedNote:
    """Return the note that ``data`` holds; nothing is verified yet.

    Raises: Malformed, for anything but a signed note of at most ``NOTE_BYTES_MAX`` bytes.
    """
    if len(data) > NOTE_BYTES_MAX:
        raise Malformed("note: more bytes than NOTE_BYTES_MAX")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("note: not UTF-8") from error
    text, mark, tail = whole.rpartition("\n\n")
    if not mark or not tail.endswith("\n"):
        raise Malformed("note: expected a text, an empty line, and signature lines")
    lines = tail[:-1].split("\n")
    return SignedNote(text + "\n", tuple(_parse_signature(line) for line in lines))


def verify_note(note: SignedNote, keys: Sequence[VerifierKey]) -> tuple[Signer, ...]:
    """Return who of ``keys`` signed the note, each once, in the note's order.

    Signatures by other keys are ignored, even under the same name or the same id.
    Raises: ProofInvalid, when a signature by one of ``keys`` is wrong, or there is none;
        ConfigError, when two of ``keys`` share a name and an id.
    Cost: one verification for each signature by a known key.
    """
    known = {(key.name, key.key_id): key for key in keys}
    if len(known) < len(keys):
        raise ConfigError("verifier keys: two have the same name and id; leave one out")
    signers: dict[VerifierKey, Signer] = {}
    text = note.text.encode()
    for one in note.signatures:
        key = known.get((one.name, one.key_id))
        if key is not None:
            signers.setdefault(key, _verify(key, text, one.signature))
    if not signers:
        raise ProofInvalid("note: no signature by a known key")
    return tuple(signers.values())


def sign_note(text: str, name: str, seed: bytes) -> NoteSignature:
    """Return the signature line of a log's Ed25519 key under ``text``.

    Args:
        text: as in ``SignedNote``.
        name: of the key.
        seed: 32 bytes, secret.
    """
    key = VerifierKey(name, ED25519, ed25519.public_key(seed))
    return NoteSignature(name, key.key_id, ed25519.sign(seed, text.encode()))


def check_name(name: str) -> None:
    """Refuse what cannot name a key or a log. Raises: Malformed."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise Malformed("key name: not UTF-8") from error
    if not 1 <= size <= NOTE_NAME_BYTES_MAX or any(
        char < " " or char == "+" or char in _SPACES for char in name
    ):
        raise Malformed("key name: empty, too long, or with a space, plus or control character")


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding. Source: RFC 4648, section 4."""
    return b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """Return what ``text`` encodes. Raises: Malformed, unless it is the one encoding of that."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("base64: not standard base64") from error
    if encode_base64(data) != text:
        raise Malformed("base64: not the canonical encoding")
    return data


def _parse_signature(line: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH:
        raise Malformed("note: a signature line is a dash, a key name and base64")
    data = decode_base64(parts[2])
    return NoteSignature(parts[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _verify(key: VerifierKey, text: bytes, signature: bytes) -> Signer:
    time_s = None
    if key.key_type == COSIGNATURE:
        time_s = int.from_bytes(signature[:_TIME_BYTES], "big")
        signature = signature[_TIME_BYTES:]
        text = b"cosignature/v1\ntime %d\n" % time_s + text
    is_time_sound = time_s is None or time_s <= _TIME_S_MAX
    if not is_time_sound or not ed25519.verify(key.public_key, text, signature):
        raise ProofInvalid(f"note: the signature by {key.name} is wrong")
    return Signer(key, time_s)
