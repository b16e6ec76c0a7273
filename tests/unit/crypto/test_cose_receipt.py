"""COSE receipts are those of RFC 9942, and other libraries verify them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
from pycose.keys.curves import Ed25519
from pycose.keys.okp import OKPKey
from pycose.messages.sign1message import Sign1Message

from comity.crypto import cbor, cose_receipt, ed25519
from comity.crypto.cose_receipt import (
    CONSISTENCY,
    ED25519,
    EDDSA,
    INCLUSION,
    Proof,
    ReceiptClaims,
    issue,
    parse_receipt,
)
from comity.crypto.rfc9162 import leaf_hash, node_hash, root_of
from comity.errors import Malformed
from comity.limits import COSE_RECEIPT_BYTES_MAX, LOG_PATH_HASHES_MAX

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transparency.json").read_text())
CHECKED: dict[str, Any] = VECTORS["checked"]
SEED = bytes(range(32))
KEY = ed25519.public_key(SEED)
ISSUER = "ledger/ledger-0123456789abcdef"
CLAIMS = ReceiptClaims(ISSUER, "ab" * 32, 1_790_000_000)
ENTRIES = [b"e%d" % number for number in range(6)]
ROOT = root_of(ENTRIES)
INCLUDED = Proof(INCLUSION, (6, 5), (leaf_hash(b"e4"), root_of(ENTRIES[:4])))
GREW = Proof(CONSISTENCY, (4, 6), (root_of(ENTRIES[4:]),))
RECEIPT = issue(SEED, CLAIMS, INCLUDED, ROOT)
GROWTH = issue(SEED, CLAIMS, GREW, ROOT)


def is_included(data: bytes, entry: bytes = b"e5", **changes: Any) -> bool:
    """Verify with what the receipt of this module should name, but for ``changes``."""
    named: dict[str, Any] = {"key": KEY, "issuer": ISSUER, "subject": "ab" * 32, **changes}
    return cose_receipt.verify_inclusion(data, entry, **named)


def is_grown(data: bytes, root_1: bytes, **changes: Any) -> bool:
    """The same for consistency."""
    named: dict[str, Any] = {"key": KEY, "issuer": ISSUER, "subject": "ab" * 32, **changes}
    return cose_receipt.verify_consistency(data, root_1, **named)


def with_header(header: Any, *, seed: bytes = SEED) -> bytes:
    """The receipt under another protected header, rightly signed."""
    protected = cbor.encode(header)
    message = cbor.encode(["Signature1", protected, b"", ROOT])
    signature = ed25519.sign(seed, message)
    return replace(parse_receipt(RECEIPT), protected=protected, signature=signature).to_bytes()


GOOD = cbor.encode([*INCLUDED.numbers, list(INCLUDED.path)])  # the proof inside the receipt
HEADER: dict[int, Any] = cbor.decode(parse_receipt(RECEIPT).protected, size_max=1000)


@pytest.mark.parametrize("data", [RECEIPT, GROWTH])
def test_another_library_verifies_our_receipts(data: bytes) -> None:
    """Pycose checks the signature over the root, and refuses it over another."""
    tagged = cbor2.loads(data)
    assert tagged.tag == 18
    # pycose 1.1.0 takes the untagged array as a list, which cbor2 6 gives only outside a tag
    message = Sign1Message.from_cose_obj(cbor2.loads(data[1:]), True)
    message.key = OKPKey(crv=Ed25519, x=KEY)
    assert message.payload is None
    message.payload = ROOT
    assert message.verify_signature()
    message.payload = bytes(32)
    assert not message.verify_signature()


def test_a_receipt_that_other_programs_checked_is_still_made() -> None:
    """These bytes were verified by pycose, cwt and go-cose."""
    assert RECEIPT.hex() == CHECKED["cose_receipt"]
    assert (ROOT.hex(), KEY.hex()) == (CHECKED["cose_receipt_root"], CHECKED["cose_receipt_key"])


@pytest.mark.parametrize(("data", "label"), [(RECEIPT, -1), (GROWTH, -2)])
def test_the_layout_is_that_of_the_rfc(data: bytes, label: int) -> None:
    """Headers, proof and detached payload are where RFC 9942 puts them, in canonical CBOR."""
    protected, unprotected, payload, signature = cbor2.loads(data).value
    proof = INCLUDED if label == -1 else GREW
    assert cbor2.loads(protected) == {
        1: -8,
        4: cose_receipt.key_hint(KEY),
        15: {1: ISSUER, 2: "ab" * 32, 6: 1_790_000_000},
        395: 1,
    }
    assert list(unprotected) == [396]
    assert list(unprotected[396]) == [label]
    (encoded,) = unprotected[396][label]
    assert cbor2.loads(encoded) == [*proof.numbers, list(proof.path)]
    assert (payload, len(signature)) == (None, 64)
    assert cbor2.dumps(cbor2.loads(data), canonical=True) == data


def test_an_inclusion_receipt_proves_its_entry_only() -> None:
    """Another entry, key, issuer, subject or algorithm gives False."""
    assert is_included(RECEIPT)
    assert not is_included(RECEIPT, b"e4")
    assert not is_included(RECEIPT, leaf_hash(b"e5"))
    assert not is_included(RECEIPT, key=ed25519.public_key(bytes(32)))
    assert not is_included(RECEIPT, key=KEY[:31])
    assert not is_included(RECEIPT, issuer="ledger/other")
    assert not is_included(RECEIPT, subject="cd" * 32)
    assert not is_included(RECEIPT, algorithm=ED25519)
    assert not is_grown(RECEIPT, ROOT)


def test_a_consistency_receipt_proves_growth_from_the_root_that_the_reader_had() -> None:
    """Another older root, and everything else that must agree, gives False."""
    older = root_of(ENTRIES[:4])
    assert is_grown(GROWTH, older)
    assert not is_grown(GROWTH, root_of(ENTRIES[:5]))
    assert not is_grown(GROWTH, ROOT)
    assert not is_grown(GROWTH, older, issuer="ledger/other")
    assert not is_grown(GROWTH, older, subject="other")
    assert not is_grown(GROWTH, older, key=ed25519.public_key(bytes(32)))
    assert not is_grown(GROWTH, older, algorithm=ED25519)
    assert not is_included(GROWTH)


def test_a_proof_of_one_kind_is_never_read_as_the_other() -> None:
    """The label of the proof decides, even where the numbers and path would fit."""
    as_growth = issue(SEED, CLAIMS, replace(INCLUDED, kind=CONSISTENCY), ROOT)
    as_inclusion = issue(SEED, CLAIMS, replace(GREW, kind=INCLUSION), ROOT)
    assert not is_included(as_growth)
    assert not is_grown(as_inclusion, root_of(ENTRIES[:4]))


def test_any_flipped_bit_makes_it_false() -> None:
    """No bit of a receipt is outside of what is checked."""
    for at in range(8 * len(RECEIPT)):
        changed = bytearray(RECEIPT)
        changed[at // 8] ^= 1 << at % 8
        assert not is_included(bytes(changed))


def test_a_proof_can_be_moved_to_another_entry_but_not_the_subject() -> None:
    """Only root and claims are signed: so a reader compares the subject with the entry."""
    moved = replace(
        parse_receipt(RECEIPT),
        proof=Proof(INCLUSION, (6, 4), (leaf_hash(b"e5"), root_of(ENTRIES[:4]))),
    ).to_bytes()
    assert is_included(moved, b"e4")
    assert not is_included(moved, b"e4", subject="cd" * 32)


def test_index_and_size_are_not_signed() -> None:
    """The receipt for index 5 of 6 also reads as 3 of 4: it proves the entry, not its position."""
    renumbered = replace(INCLUDED, numbers=(4, 3))
    assert is_included(replace(parse_receipt(RECEIPT), proof=renumbered).to_bytes())


def test_both_numbers_of_the_algorithm_are_read() -> None:
    """A key that signs under -19 is verified under -19 only."""
    newer = with_header({**HEADER, 1: ED25519})
    assert is_included(newer, algorithm=ED25519)
    assert not is_included(newer, algorithm=EDDSA)


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, 1: -7},
        {**HEADER, 395: 2},
        {**HEADER, 395: True},
        {**HEADER, 4: bytes(20)},
        {**HEADER, 4: "12345678"},
        {**HEADER, 3: "application/cbor"},
        {key: value for key, value in HEADER.items() if key != 15},
        {**HEADER, 15: {1: ISSUER, 2: "ab" * 32}},
        {**HEADER, 15: {1: ISSUER, 2: b"ab", 6: 1}},
        {**HEADER, 15: {1: ISSUER, 2: "ab" * 32, 6: 1, 7: b""}},
        {**HEADER, 15: []},
        [],
        0,
    ],
)
def test_headers_that_say_less_or_more_are_malformed(header: Any) -> None:
    """Rightly signed, but not a receipt of ours."""
    data = with_header(header)
    with pytest.raises(Malformed):
        parse_receipt(data)
    assert not is_included(data)


def test_a_kid_of_another_key_is_refused() -> None:
    """The hint need not be trusted, but it must not mislead."""
    assert not is_included(with_header({**HEADER, 4: bytes(8)}))


@pytest.mark.parametrize(
    "proof",
    [
        [6, 5],
        [6, 5, []],
        [6, 5, [bytes(32)] * (LOG_PATH_HASHES_MAX + 1)],
        [6, 5, ["text"]],
        [6, True, list(INCLUDED.path)],
        [6, 5, list(INCLUDED.path), 0],
        {0: 6},
        6,
    ],
)
def test_proofs_of_another_shape_are_malformed(proof: Any) -> None:
    """Two numbers and a path of 1 to 64 hashes, nothing else."""
    data = RECEIPT.replace(cbor.encode(GOOD), cbor.encode(cbor.encode(proof)))
    assert data != RECEIPT
    with pytest.raises(Malformed, match="COSE receipt"):
        parse_receipt(data)
    assert not is_included(data)


@pytest.mark.parametrize("numbers", [(6, -1), (5, 5), (1 << 63, 5), (0, 0)])
def test_numbers_that_fit_no_tree_give_false(numbers: tuple[int, int]) -> None:
    """So does a path with something that is no hash; never a crash."""
    receipt = parse_receipt(RECEIPT)
    assert not is_included(replace(receipt, proof=replace(INCLUDED, numbers=numbers)).to_bytes())
    torn = replace(INCLUDED, path=(bytes(31), bytes(32)))
    assert not is_included(replace(receipt, proof=torn).to_bytes())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RECEIPT[1:],
        b"\xd2" + RECEIPT,
        RECEIPT[:-1],
        RECEIPT + b"\0",
        RECEIPT.replace(b"\xf6\x58\x40", b"\xf6\x59\x00\x40"),
        RECEIPT.replace(b"\xf6\x58\x40", b"\x58\x20" + ROOT + b"\x58\x40"),
        RECEIPT.replace(b"\xa1\x19\x01\x8c", b"\xa2\x19\x01\x8c"),
        RECEIPT.replace(b"\xf6\x58\x40", b"\xf6\x5b" + bytes(7) + b"\x40"),
        RECEIPT + bytes(COSE_RECEIPT_BYTES_MAX),
    ],
)
def test_another_layout_is_malformed(data: bytes) -> None:
    """No attached payload, no missing tag, no longer form of a length, nothing left over."""
    with pytest.raises(Malformed):
        parse_receipt(data)
    assert not is_included(data)


def test_the_longest_receipt_fits_the_limit() -> None:
    """A path of 64 hashes and long claims are below COSE_RECEIPT_BYTES_MAX."""
    claims = ReceiptClaims("x" * 255, "y" * 255, (1 << 64) - 1)
    proof = Proof(INCLUSION, ((1 << 63) - 1, 0), (bytes(32),) * LOG_PATH_HASHES_MAX)
    data = issue(SEED, claims, proof, bytes(32))
    assert parse_receipt(data).claims == claims
    for path in ((), (bytes(32),) * (LOG_PATH_HASHES_MAX + 1)):
        with pytest.raises(Malformed, match="LOG_PATH_HASHES_MAX"):
            issue(SEED, claims, replace(proof, path=path), bytes(32))


def test_a_receipt_for_a_log_of_a_million_stays_small() -> None:
    """2^20 leaves: 20 hashes, less than 1 kB."""
    leaf = leaf_hash(b"entry")
    path = tuple(leaf_hash(b"%d" % level) for level in range(20))
    root = leaf
    for sibling in path:
        root = node_hash(root, sibling)
    data = issue(SEED, CLAIMS, Proof(INCLUSION, (1 << 20, 0), path), root)
    assert is_included(data, b"entry")
    assert len(data) < 1_000
