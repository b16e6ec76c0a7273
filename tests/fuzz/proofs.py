"""Targets: what is shown to somebody who does not trust the sender.

Besides their form, proofs are verified: damage never proves anything else than the truth.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comity.crypto import cbor, cose_receipt
from comity.crypto.checkpoint import open_checkpoint
from comity.crypto.notes import VerifierKey, parse_note
from comity.crypto.range_proof import range_from_value, range_to_value, verify_range
from comity.crypto.tlog_proof import parse_proof, verify_proof
from comity.crypto.trie import (
    EMPTY_ROOT,
    PathProof,
    path_from_value,
    path_to_value,
    root_of,
    verify_path,
)
from comity.errors import Malformed, ProofInvalid
from comity.store.tree import Tree
from comity.store.tree_pages import MemoryPages
from comity.store.tree_proof import prove_path, prove_range
from tests.fuzz.target import BrokenPromise, Target

_CHECKED = json.loads((Path(__file__).parents[1] / "vectors" / "transparency.json").read_text())[
    "checked"
]
_ORIGIN = "tab/tab-0123456789abcdef"
_KEYS = [VerifierKey.from_text(text) for text in (*_CHECKED["keys"], _CHECKED["witness_key"])]
_NOTE: bytes = _CHECKED["cosigned_checkpoint"].encode()
_ENTRY: bytes = _CHECKED["tlog_proof_entry"].encode()
_RECEIPT_KEY = bytes.fromhex(_CHECKED["cose_receipt_key"])
_SUBJECT: dict[str, Any] = {"issuer": "ledger/ledger-0123456789abcdef", "subject": "ab" * 32}
_BLOB_MAX = 1 << 16

_ROWS = {bytes((n, n * 7 % 256, 0)): bytes((n,)) * 32 for n in range(0, 60, 3)}
_ROOT = root_of(sorted(_ROWS.items()))
_LOW, _HIGH = bytes((12,)), bytes((30, 255))
_PRESENT, _ABSENT = bytes((12, 84, 0)), bytes((13, 0, 0))


def tree() -> Tree:
    """Return the state tree that these proofs are of."""
    made = Tree(MemoryPages(), 0, entries_max=4)
    made.adopt(made.update(_ROWS))
    return made


def _note(data: bytes) -> Any:
    note = parse_note(data)
    try:
        opened = open_checkpoint(data, _ORIGIN, _KEYS)
    except (Malformed, ProofInvalid):
        return note
    if not _NOTE.startswith(opened.checkpoint.to_text().encode()):
        raise BrokenPromise("checkpoint: something that nobody signed was believed")
    return note


def _tlog_proof(data: bytes) -> Any:
    proof = parse_proof(data)
    try:
        signed = verify_proof(data, _ENTRY, _ORIGIN, _KEYS)
    except (Malformed, ProofInvalid):
        return proof
    if (signed.checkpoint.size, proof.index) != (70_000, 65_537):
        raise BrokenPromise("tlog-proof: the entry was believed to stand elsewhere")
    return proof


def _receipt(data: bytes) -> Any:
    receipt = cose_receipt.parse_receipt(data)
    if cose_receipt.verify_inclusion(data, b"e6", _RECEIPT_KEY, **_SUBJECT):
        raise BrokenPromise("COSE receipt: another entry was believed")
    if cose_receipt.verify_consistency(data, bytes(32), _RECEIPT_KEY, **_SUBJECT):
        raise BrokenPromise("COSE receipt: another log was believed")
    return receipt


def _path(data: bytes) -> PathProof | None:
    proof = path_from_value(cbor.decode(data, size_max=_BLOB_MAX))
    for key in (_PRESENT, _ABSENT):
        try:
            found = verify_path(_ROOT, key, proof)
        except ProofInvalid:
            continue
        if found != _ROWS.get(key):
            raise BrokenPromise(
                f"state proof: something else than the truth of {key.hex()} was believed"
            )
    return proof


def _range(data: bytes) -> Any:
    proof = range_from_value(cbor.decode(data, size_max=_BLOB_MAX))
    truth = [(key, row_hash) for key, row_hash in sorted(_ROWS.items()) if _LOW <= key <= _HIGH]
    for root, rows in ((_ROOT, truth), (EMPTY_ROOT, [])):
        try:
            found = verify_range(root, _LOW, _HIGH, proof)
        except ProofInvalid:
            continue
        if found != rows:
            raise BrokenPromise("range proof: other rows than there are were believed")
    return proof


def _paths() -> Iterator[bytes]:
    yield cbor.encode(None)
    yield from (
        cbor.encode(path_to_value(prove_path(tree(), key, _ROWS.__getitem__)))
        for key in (_PRESENT, _ABSENT)
    )


def _ranges() -> Iterator[bytes]:
    for low, high in ((_LOW, _HIGH), (_ABSENT, _ABSENT), (b"", b"\xff")):
        yield cbor.encode(range_to_value(prove_range(tree(), low, high, _ROWS.__getitem__)))
    yield cbor.encode([])


TARGETS = (
    Target(
        name="note",
        decode=_note,
        encode=lambda note: note.to_bytes(),
        valid=lambda: [_NOTE],
        covers=("comity.crypto.notes.parse_note", "comity.crypto.checkpoint.parse_checkpoint"),
    ),
    Target(
        name="verifier_key",
        decode=lambda data: VerifierKey.from_text(data.decode("utf-8", "surrogateescape")),
        encode=lambda key: key.to_text().encode(),
        valid=lambda: [key.to_text().encode() for key in _KEYS],
        covers=("comity.crypto.notes.VerifierKey.from_text",),
    ),
    Target(
        name="tlog_proof",
        decode=_tlog_proof,
        encode=lambda proof: proof.to_bytes(),
        valid=lambda: [_CHECKED["tlog_proof"].encode()],
        covers=("comity.crypto.tlog_proof.parse_proof",),
    ),
    Target(
        name="cose_receipt",
        decode=_receipt,
        encode=lambda receipt: receipt.to_bytes(),
        valid=lambda: [bytes.fromhex(_CHECKED["cose_receipt"])],
        covers=("comity.crypto.cose_receipt.parse_receipt",),
    ),
    Target(
        name="path_proof",
        decode=_path,
        encode=lambda proof: cbor.encode(path_to_value(proof)),
        valid=_paths,
        covers=("comity.crypto.trie.path_from_value",),
    ),
    Target(
        name="range_proof",
        decode=_range,
        encode=lambda proof: cbor.encode(range_to_value(proof)),
        valid=_ranges,
        covers=("comity.crypto.range_proof.range_from_value",),
    ),
)
