"""A tlog-proof is one text file that proves an entry offline, as C2SP says."""

import json
from pathlib import Path
from typing import Any

import pytest

from comity.crypto import ed25519
from comity.crypto.checkpoint import Checkpoint
from comity.crypto.notes import ED25519, SignedNote, VerifierKey, parse_note, sign_note
from comity.crypto.rfc9162 import leaf_hash, node_hash, root_of
from comity.crypto.tlog_proof import TlogProof, parse_proof, verify_proof
from comity.errors import Malformed, ProofInvalid
from comity.limits import TLOG_PROOF_BYTES_MAX, TLOG_PROOF_EXTRA_BYTES_MAX

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transparency.json").read_text())
CHECKED: dict[str, Any] = VECTORS["checked"]
ORIGIN = "tab/tab-0123456789abcdef"
KEY = VerifierKey.from_text(CHECKED["keys"][0])
PROOF: bytes = CHECKED["tlog_proof"].encode()
ENTRY: bytes = CHECKED["tlog_proof_entry"].encode()


def made(entries: list[bytes], index: int, path: list[bytes], extra: bytes | None) -> bytes:
    """A proof under a checkpoint signed by a key of this test."""
    text = Checkpoint(ORIGIN, len(entries), root_of(entries)).to_text()
    note = SignedNote(text, (sign_note(text, ORIGIN, bytes(32)),))
    return TlogProof(index, tuple(path), note, extra).to_bytes()


def test_a_proof_that_another_program_checked_verifies() -> None:
    """Torchwood accepted this file for the entry and a witness policy; so do we."""
    witness = VerifierKey.from_text(CHECKED["witness_key"])
    opened = verify_proof(PROOF, ENTRY, ORIGIN, [KEY, witness])
    assert opened.checkpoint.size == 70_000
    assert {one.key for one in opened.signers} == {KEY, witness}
    proof = parse_proof(PROOF)
    assert (proof.index, proof.extra) == (65_537, b"extra words")
    assert proof.to_bytes() == PROOF


@pytest.mark.parametrize("extra", [None, b"", b"x" * TLOG_PROOF_EXTRA_BYTES_MAX])
def test_a_proof_is_read_as_it_was_written(extra: bytes | None) -> None:
    """Index, path, checkpoint and extra come back; an empty path fits a log of one."""
    key = VerifierKey(ORIGIN, ED25519, ed25519.public_key(bytes(32)))
    two = made([b"a", b"b"], 1, [leaf_hash(b"a")], extra)
    assert verify_proof(two, b"b", ORIGIN, [key]).checkpoint.size == 2
    assert parse_proof(two).extra == extra
    one = made([b"a"], 0, [], extra)
    assert verify_proof(one, b"a", ORIGIN, [key]).checkpoint.size == 1
    assert one.startswith(b"c2sp.org/tlog-proof@v1\n")


def test_a_proof_holds_for_its_entry_log_and_key_only() -> None:
    """Another entry, origin, key, index or path is refused."""
    for entry in (b"entry 65536", b"", ENTRY + b"\0"):
        with pytest.raises(ProofInvalid, match="does not lead"):
            verify_proof(PROOF, entry, ORIGIN, [KEY])
    with pytest.raises(ProofInvalid, match="another log"):
        verify_proof(PROOF, ENTRY, "tab/other", [KEY])
    stranger = VerifierKey(ORIGIN, ED25519, ed25519.public_key(bytes(32)))
    with pytest.raises(ProofInvalid, match="known key"):
        verify_proof(PROOF, ENTRY, ORIGIN, [stranger])
    for index in (b"65536", b"65538", b"0", b"69999", b"70000"):
        with pytest.raises(ProofInvalid, match="does not lead"):
            verify_proof(PROOF.replace(b"index 65537", b"index " + index), ENTRY, ORIGIN, [KEY])


def test_a_node_of_the_tree_is_no_entry() -> None:
    """A proof for an inner node does not verify for the bytes that hash to it."""
    entries = [b"a", b"b", b"c", b"d"]
    inner = leaf_hash(b"a") + leaf_hash(b"b")
    other = node_hash(leaf_hash(b"c"), leaf_hash(b"d"))
    key = VerifierKey(ORIGIN, ED25519, ed25519.public_key(bytes(32)))
    for index in range(4):
        with pytest.raises(ProofInvalid):
            verify_proof(made(entries, index, [other], None), inner, ORIGIN, [key])


def test_the_extra_field_is_not_authenticated() -> None:
    """Anyone can change it and the proof still verifies: nobody may rely on it."""
    changed = PROOF.replace(b"extra ZXh0cmEgd29yZHM=", b"extra AAAA")
    assert changed != PROOF
    verify_proof(changed, ENTRY, ORIGIN, [KEY])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"c2sp", b" c2sp"),
        (b"\nindex 65537", b""),
        (b"index 65537", b"index 065537"),
        (b"index 65537", b"index -1"),
        (b"index 65537", b"index 9223372036854775807"),
        (b"index 65537\n", b"index 65537\nindex 65537\n"),
        (b"index 65537\n", b"index 65537\r\n"),
        (b"index 65537\n", b"index 65537\nAAAA\n"),
        (b"index 65537\n", b"index 65537\n" + b"A" * 43 + b"=\n" * 1),
        (b"extra ", b"extra  "),
        (b"extra ZXh0", b"extra ZXh0\nextra ZXh0"),
        (b"=\n\ntab", b"=\n\n\ntab"),
        (b"=\n\ntab", b"=\ntab"),
        (b"index", "\u0131ndex".encode()),
    ],
)
def test_other_spellings_of_a_proof_are_refused(old: bytes, new: bytes) -> None:
    """One spelling only; a path that is one hash longer parses but proves nothing."""
    assert old in PROOF
    with pytest.raises((Malformed, ProofInvalid)):
        verify_proof(PROOF.replace(old, new, 1), ENTRY, ORIGIN, [KEY])


def test_sizes_are_bounded_before_anything_is_parsed() -> None:
    """Path, extra and the whole file have named limits."""
    note = parse_note(CHECKED["cosigned_checkpoint"].encode())
    longest = TlogProof(0, (bytes(32),) * 64, note, b"x" * TLOG_PROOF_EXTRA_BYTES_MAX)
    assert parse_proof(longest.to_bytes()) == longest
    with pytest.raises(Malformed, match="too long"):
        TlogProof(0, (bytes(32),) * 65, note)
    with pytest.raises(Malformed, match="32 bytes"):
        TlogProof(0, (bytes(31),), note)
    with pytest.raises(Malformed, match="EXTRA"):
        TlogProof(0, (), note, b"x" * (TLOG_PROOF_EXTRA_BYTES_MAX + 1))
    with pytest.raises(Malformed, match="TLOG_PROOF_BYTES_MAX"):
        parse_proof(PROOF + bytes(TLOG_PROOF_BYTES_MAX))
