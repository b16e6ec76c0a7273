"""Checkpoints: the log's origin, size and root as the text of a signed note.

Invariant: exactly three lines, each in its one spelling; no extension lines.
Source: C2SP tlog-checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.notes import (
    COSIGNATURE,
    SignedNote,
    Signer,
    VerifierKey,
    check_name,
    decode_base64,
    encode_base64,
    parse_note,
    verify_note,
)
from comity.crypto.rfc9162 import EMPTY_ROOT
from comity.errors import Malformed, ProofInvalid
from comity.limits import LOG_SIZE_MAX

_DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of a log. Raises: Malformed, for fields that no checkpoint has."""

    origin: str  # names the log for ever: <name>/<chain id>, without space or plus
    size: int  # entries, at most LOG_SIZE_MAX
    root: bytes  # 32 bytes

    def __post_init__(self) -> None:
        check_name(self.origin)
        if not 0 <= self.size <= LOG_SIZE_MAX or len(self.root) != HASH_BYTES:
            raise Malformed("checkpoint: size beyond LOG_SIZE_MAX, or a root of not 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise Malformed("checkpoint: an empty log has one root only")

    def to_text(self) -> str:
        """Return the note text: three lines, which are what is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the known keys that were found to have signed it."""

    checkpoint: Checkpoint
    signers: tuple[Signer, ...]  # of the log: time_s is None; witnesses: time_s is set


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint of a note text. Raises: Malformed, when it is not one."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise Malformed("checkpoint: expected three lines, each ended by a newline")
    return Checkpoint(lines[0], decode_decimal(lines[1]), decode_base64(lines[2]))


def verify_checkpoint(
    note: SignedNote, origin: str, keys: Sequence[VerifierKey]
) -> SignedCheckpoint:
    """Return what a note says of the log ``origin`` and who of ``keys`` signed it.

    How many signers are enough is the caller's policy; at least one is the log's own.
    Raises: Malformed, when the text is no checkpoint; ProofInvalid, when it is another log's, a
        signature by one of ``keys`` is wrong, or none of the log's keys signed.
    """
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise ProofInvalid("checkpoint: its origin is another log")
    signers = verify_note(note, keys)
    if all(signer.key.key_type == COSIGNATURE for signer in signers):
        raise ProofInvalid("checkpoint: witnesses signed it, but no key of the log")
    return SignedCheckpoint(checkpoint, signers)


def open_checkpoint(data: bytes, origin: str, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """Return the checkpoint in ``data``, verified.

    Raises: Malformed, ProofInvalid, as ``verify_checkpoint`` does.
    """
    return verify_checkpoint(parse_note(data), origin, keys)


def decode_decimal(text: str) -> int:
    """Return a size or index. Raises: Malformed, unless it is ASCII without leading zeros."""
    if not text or any(char not in _DIGITS for char in text) or (text[0] == "0" and text != "0"):
        raise Malformed("decimal: expected ASCII digits without leading zeros")
    number = 0
    for char in text:
        number = 10 * number + ord(char) - ord("0")
        if number > LOG_SIZE_MAX:
            raise Malformed("decimal: beyond LOG_SIZE_MAX")
    return number
