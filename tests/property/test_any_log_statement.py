"""Any bytes are a checkpoint, tlog-proof or receipt in its one spelling, or a named error."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from comity.crypto import cose_receipt
from comity.crypto.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from comity.crypto.notes import VerifierKey, parse_note
from comity.crypto.tlog_proof import parse_proof, verify_proof
from comity.errors import Malformed, ProofInvalid

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "transparency.json").read_text())
CHECKED: dict[str, Any] = VECTORS["checked"]
ORIGIN = "tab/tab-0123456789abcdef"
KEYS = [VerifierKey.from_text(text) for text in (*CHECKED["keys"], CHECKED["witness_key"])]
NOTE: bytes = CHECKED["cosigned_checkpoint"].encode()
PROOF: bytes = CHECKED["tlog_proof"].encode()
ENTRY: bytes = CHECKED["tlog_proof_entry"].encode()
RECEIPT = bytes.fromhex(CHECKED["cose_receipt"])
RECEIPT_KEY = bytes.fromhex(CHECKED["cose_receipt_key"])


@st.composite
def mutated(draw: st.DrawFn, golden: bytes) -> bytes:
    """Golden bytes with up to three pieces replaced, left out, repeated or put in."""
    data = golden
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(st.binary(max_size=5) | st.just(data[start:end] * 2))
        data = data[:start] + piece + data[end:]
    return data


ANY_TEXT = st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
VKEY_TEXT = mutated(CHECKED["witness_key"].encode()).map(
    lambda data: data.decode("utf-8", "replace")
)
ANY = st.binary(max_size=200) | ANY_TEXT


@settings(max_examples=2_000, deadline=None)
@given(data=ANY | mutated(NOTE))
def test_any_bytes_are_a_checkpoint_or_a_named_error(data: bytes) -> None:
    """What parses is written back as the same bytes; what opens says what was signed."""
    with suppress(Malformed):
        assert parse_note(data).to_bytes() == data
    with suppress(Malformed, ProofInvalid):
        opened = open_checkpoint(data, ORIGIN, KEYS)
        assert NOTE.startswith(opened.checkpoint.to_text().encode())


@settings(max_examples=2_000, deadline=None)
@given(data=ANY | mutated(PROOF))
def test_any_bytes_are_a_tlog_proof_or_a_named_error(data: bytes) -> None:
    """What parses is written back as the same bytes; what verifies is at the signed place."""
    with suppress(Malformed):
        assert parse_proof(data).to_bytes() == data
    with suppress(Malformed, ProofInvalid):
        assert verify_proof(data, ENTRY, ORIGIN, KEYS).checkpoint.size == 70_000
        assert parse_proof(data).index == 65_537


@settings(max_examples=2_000, deadline=None)
@given(data=ANY | mutated(RECEIPT))
def test_any_bytes_are_a_receipt_or_malformed(data: bytes) -> None:
    """What parses is written back as the same bytes; verification only ever answers."""
    with suppress(Malformed):
        assert cose_receipt.parse_receipt(data).to_bytes() == data
    named: dict[str, Any] = {"issuer": "ledger/ledger-0123456789abcdef", "subject": "ab" * 32}
    is_proved = cose_receipt.verify_inclusion(data, b"e5", RECEIPT_KEY, **named)
    assert is_proved or data != RECEIPT
    if is_proved:  # index and size may differ: they are not signed
        receipt, golden = cose_receipt.parse_receipt(data), cose_receipt.parse_receipt(RECEIPT)
        assert (receipt.claims, receipt.signature) == (golden.claims, golden.signature)
    assert cose_receipt.verify_consistency(data, bytes(32), RECEIPT_KEY, **named) is False


@settings(max_examples=2_000, deadline=None)
@given(text=st.text(max_size=100) | VKEY_TEXT)
def test_any_text_is_a_verifier_key_or_malformed(text: str) -> None:
    """What is read is written back as the same text."""
    with suppress(Malformed):
        assert VerifierKey.from_text(text).to_text() == text


@settings(max_examples=2_000, deadline=None)
@given(origin=st.text(max_size=20), size=st.integers(-1, 1 << 64), root=st.binary(max_size=33))
def test_any_fields_are_a_checkpoint_that_is_read_back_or_malformed(
    origin: str, size: int, root: bytes
) -> None:
    """No field can tear the text into other lines."""
    with suppress(Malformed):
        head = Checkpoint(origin, size, root.ljust(32, b"\0"))
        assert parse_checkpoint(head.to_text()) == head
