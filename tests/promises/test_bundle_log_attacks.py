"""Attacks on what a bundle shows of the log: receipts, writers, growth (faults P25, P26)."""

from typing import Any

import msgspec

from comity.crypto import cbor, ed25519
from comity.model.bundle import Bundle, RowsClaim, TransactionClaim, TransactionWriter
from comity.model.receipt import Receipt
from tests.bundle_ledger import ANA, BO, ProofLedger, good_bundles, made
from tests.bundle_verdicts import both

replace = msgspec.structs.replace
LEDGER = made()[0]
GENESIS_HASH = LEDGER.genesis.hash


def opened(name: str) -> Bundle:
    """Return a good bundle as a record."""
    return Bundle.decode(good_bundles()[name])


def changed(bundle: Bundle, **changes: Any) -> bytes:
    """Return the file of a bundle whose claim is changed."""
    return replace(bundle, claim=replace(bundle.claim, **changes)).encode()


def claim_of(bundle: Bundle) -> RowsClaim:
    """Return the claim of a bundle about rows."""
    assert isinstance(bundle.claim, RowsClaim)
    return bundle.claim


def test_receipts_and_salts_are_those_of_the_log() -> None:
    """A changed receipt, or a body with another salt, is not the one that the log has."""
    bundle = opened("transaction")
    claim = bundle.claim
    assert isinstance(claim, TransactionClaim)
    for receipt in (
        Receipt(results=(1,)).encode(),
        Receipt(call_index=0, app="shop", code=1).encode(),
        claim.receipt[:-1],
        claim.receipt + b"\x00",
        b"\x82\x00\x80",
        b"\x82\x01\x80",
        b"\x82\xf4\x80",
        b"\x81\x00",
        b"\x85\x00\x00\x60\x00\xa0",
        b"\xa0",
    ):
        assert both(changed(bundle, receipt=receipt)) is None
    refused: Any = opened("transaction-refused")
    assert both(changed(bundle, receipt=refused.claim.receipt)) is None
    envelope, body = cbor.decode(claim.transaction, size_max=10_000)
    salt, calls = cbor.decode(body, size_max=10_000)
    for other in ([bytes(16), calls], [salt, []], [salt, calls[:-1]]):
        data = cbor.encode([envelope, cbor.encode(other)])
        assert both(changed(bundle, transaction=data)) is None


def test_a_transaction_is_of_who_signed_it() -> None:
    """Nobody's key but the signer's is taken, and no other position of the log."""
    bundle = opened("transaction")
    assert both(changed(bundle, public_key=BO.public_key)) is None
    assert both(changed(bundle, public_key=bytes(32))) is None
    assert isinstance(bundle.claim, TransactionClaim)
    for position in (0, 1, 3, bundle.claim.position + 16, 2**63 - 1):
        assert both(changed(bundle, position=position)) is None
    for path in (b"", bundle.claim.path[:-32], bundle.claim.path + bytes(32)):
        assert both(changed(bundle, path=path)) is None
    assert both(replace(bundle, state=replace(bundle.state, log=None)).encode()) is None
    wrong = bytes(bundle.claim.transaction[:-200]) + bundle.claim.transaction[-199:]
    assert both(changed(bundle, transaction=wrong)) is None


def test_a_signature_under_a_logged_transaction_is_checked() -> None:
    """An operator cannot make up what a member signed, though he signs the log that has it."""
    bundle = opened("transaction")
    assert isinstance(bundle.claim, TransactionClaim)
    envelope, body = cbor.decode(bundle.claim.transaction, size_max=10_000)
    bent = envelope[:-64] + ed25519.sign(BO.seed, b"something else")
    assert both(changed(bundle, transaction=cbor.encode([bent, body]))) is None


def test_the_writer_is_the_event_that_the_row_names() -> None:
    """Another transaction, link or position is not shown as who changed a row."""
    bundle, timer, other = opened("row"), opened("row-timer"), opened("row-owned")
    writer = claim_of(bundle).writer
    assert isinstance(writer, TransactionWriter)
    for wrong in (
        claim_of(timer).writer,
        claim_of(other).writer,
        replace(writer, public_key=BO.public_key),
        replace(writer, receipt_hash=bytes(32)),
        replace(writer, envelope=writer.envelope[:-1]),
        replace(writer, envelope=b"\x80"),
    ):
        assert both(changed(bundle, writer=wrong)) is None
    link: Any = claim_of(timer).writer
    for data in (b"\x80", b"", link.link + b"\x00", b"\x86" + bytes(6)):
        assert both(changed(timer, writer=replace(link, link=data))) is None
    assert both(replace(bundle, state=replace(bundle.state, log=None)).encode()) is None
    ranged = opened("range-prefix")
    assert both(changed(ranged, writer=writer)) is None
    assert both(changed(opened("absent"), writer=writer)) is None


def test_a_log_that_did_not_only_grow_is_refused() -> None:
    """Consistency is of two signed states, the older first."""
    bundle: Any = opened("consistency")
    older = bundle.claim.older
    backward = replace(bundle, state=older, claim=replace(bundle.claim, older=bundle.state))
    assert both(backward.encode()) is None
    assert both(changed(bundle, path=b"")) is None
    assert both(changed(bundle, path=bytes(32))) is None
    assert both(changed(opened("consistency-same"), path=bytes(32))) is None
    for part in ("height", "app_hash", "evidence", "chain", "log"):
        wrong = replace(older, **{part: getattr(bundle.state, part)})
        assert both(changed(bundle, older=wrong)) is None, part
    assert both(changed(bundle, older=replace(older, log=None))) is None
    rewritten = ProofLedger()
    rewritten.run(ANA, "put", store=2, code="bolt", price=250)
    rewritten.run(ANA, "put", store=3, code="bolt", price=250)
    assert both(changed(bundle, older=rewritten.prover().state(is_logged=True))) is None
