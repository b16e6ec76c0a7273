"""A proof in one text file that an entry is in the log: its path and a signed checkpoint.

Invariant: what verifies here needs nothing but the file, the entry, and the keys that are trusted.
Source: C2SP tlog-proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from comity.crypto.checkpoint import SignedCheckpoint, decode_decimal, verify_checkpoint
from comity.crypto.hashing import HASH_BYTES
from comity.crypto.notes import (
    SignedNote,
    VerifierKey,
    decode_base64,
    encode_base64,
    parse_note,
)
from comity.crypto.rfc9162 import leaf_hash, verify_inclusion
from comity.errors import Malformed, ProofInvalid
from comity.limits import (
    LOG_PATH_HASHES_MAX,
    LOG_SIZE_MAX,
    TLOG_PROOF_BYTES_MAX,
    TLOG_PROOF_EXTRA_BYTES_MAX,
)

_HEADER = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """What the file says, verified or not. Raises: Malformed, for fields that no proof has."""

    index: int  # place of the entry in the log
    path: tuple[bytes, ...]  # 32-byte sibling hashes from the leaf up
    note: SignedNote  # a checkpoint
    extra: bytes | None = None  # nobody vouches for this

    def __post_init__(self) -> None:
        if not 0 <= self.index < LOG_SIZE_MAX or len(self.path) > LOG_PATH_HASHES_MAX:
            raise Malformed("tlog-proof: index or path is too long")
        if any(len(one) != HASH_BYTES for one in self.path):
            raise Malformed("tlog-proof: a hash has not 32 bytes")
        if self.extra is not None and len(self.extra) > TLOG_PROOF_EXTRA_BYTES_MAX:
            raise Malformed("tlog-proof: extra has more bytes than TLOG_PROOF_EXTRA_BYTES_MAX")

    def to_bytes(self) -> bytes:
        """Return the file, to be stored under a name that ends in ``.tlog-proof``."""
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(_EXTRA + encode_base64(self.extra))
        lines.append(f"{_INDEX}{self.index}")
        lines.extend(encode_base64(one) for one in self.path)
        return "\n".join((*lines, "", "")).encode() + self.note.to_bytes()


def parse_proof(data: bytes) -> TlogProof:
    """Return what the file says; nothing is verified yet.

    Raises: Malformed, for anything but a tlog-proof of at most ``TLOG_PROOF_BYTES_MAX`` bytes.
    """
    if len(data) > TLOG_PROOF_BYTES_MAX:
        raise Malformed("tlog-proof: more bytes than TLOG_PROOF_BYTES_MAX")
    head, _, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("tlog-proof: not ASCII before the checkpoint") from error
    if lines.pop(0) != _HEADER:
        raise Malformed(f"tlog-proof: the first line is not {_HEADER}")
    extra = None
    if lines and lines[0].startswith(_EXTRA):
        extra = decode_base64(lines.pop(0).removeprefix(_EXTRA))
    if not lines or not lines[0].startswith(_INDEX):
        raise Malformed("tlog-proof: expected a line with the index")
    index = decode_decimal(lines.pop(0).removeprefix(_INDEX))
    path = tuple(decode_base64(line) for line in lines)
    return TlogProof(index, path, parse_note(note), extra)


def verify_proof(
    data: bytes, entry: bytes, origin: str, keys: Sequence[VerifierKey]
) -> SignedCheckpoint:
    """Return the checkpoint that has ``entry``, at the index which the file names.

    Args:
        data: the file.
        entry: the log entry, which the file does not hold.
        origin: of the log.
        keys: of the log and of witnesses; how many must have signed is the caller's policy.
    Raises: Malformed, when it is no such file; ProofInvalid, when it does not verify.
    """
    proof = parse_proof(data)
    signed = verify_checkpoint(proof.note, origin, keys)
    head = signed.checkpoint
    if not verify_inclusion(leaf_hash(entry), proof.index, head.size, proof.path, head.root):
        raise ProofInvalid("tlog-proof: the path does not lead from the entry to the checkpoint")
    return signed
