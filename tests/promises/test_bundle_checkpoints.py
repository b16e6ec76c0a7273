"""A checkpoint that a reader holds exposes a rewritten history, and nothing else passes for it."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from comity.crypto import cbor
from comity.model.bundle import Bundle
from comity.testing.people import Person
from tests.bundle_forger import Forger, key, row
from tests.bundle_ledger import ANA, BO, ProofLedger, good_bundles, made
from tests.bundle_verdicts import both

replace = msgspec.structs.replace
LEDGER = made()[0]
GENESIS_HASH = LEDGER.genesis.hash


def opened(name: str) -> Bundle:
    """Return a good bundle as a record."""
    return Bundle.decode(good_bundles()[name])


def test_a_held_checkpoint_exposes_a_rewritten_history() -> None:
    """What does not continue the log that a member holds is refused, though the node signed it."""
    ledger, rewritten = ProofLedger(), ProofLedger()
    for each, price in ((ledger, 1), (rewritten, 2)):
        each.run(ANA, "put", store=1, code="bolt", price=price)
    held = ledger.checkpoint()
    for each in (ledger, rewritten):
        each.run(BO, "put", store=1, code="nut", price=1)
    good = ledger.prover(None, held).row("shop__item", (1, "nut")).encode()
    assert both(good, None, held)["anchors"] == ["checkpoint"]
    plain = rewritten.prover().row("shop__item", (1, "nut"))
    assert both(plain.encode(), rewritten.genesis.hash, held) is None
    forged = rewritten.prover(None, rewritten.checkpoint()).row("shop__item", (1, "nut"))
    assert both(forged.encode(), None, held) is None
    connected = Bundle.decode(good).checkpoint
    assert both(replace(forged, checkpoint=connected).encode(), None, held) is None
    with pytest.raises(Exception, match="not the one of the checkpoint"):
        rewritten.prover(None, held).row("shop__item", (1, "nut"))


def test_a_checkpoint_of_another_size_is_not_the_held_one() -> None:
    """A bundle that is connected to one checkpoint says nothing of another."""
    data = good_bundles()["row-checkpoint-older"]
    store = LEDGER.store
    held = LEDGER.checkpoint(store.log_size_at(3))
    assert both(data, GENESIS_HASH, held)["anchors"] == ["genesis", "checkpoint"]
    assert both(data, None, LEDGER.checkpoint(store.log_size_at(4))) is None
    assert both(good_bundles()["row"], GENESIS_HASH, held) is None
    assert both(data, None, LEDGER.checkpoint(store.log_size_at(3), Person("stranger"))) is None


@pytest.mark.parametrize("name", ["row-checkpoint-older", "row-checkpoint-newer"])
def test_a_checkpoint_is_of_one_history_with_the_bundle(name: str) -> None:
    """Neither a bent path nor another link nor a missing log connects a bundle."""
    bundle = opened(name)
    proof = bundle.checkpoint
    assert proof is not None
    timer: Any = opened("row-timer")
    links = [None, b"\x80", timer.claim.writer.link]
    wrongs = [replace(proof, path=path) for path in (b"", proof.path[:-32], proof.path + bytes(32))]
    wrongs += [replace(proof, link=link) for link in links if link != proof.link]
    wrongs += [replace(proof, note=note) for note in (b"", LEDGER.checkpoint(1), proof.note[:-2])]
    for wrong in wrongs:
        assert both(replace(bundle, checkpoint=wrong).encode()) is None
    assert both(replace(bundle, state=replace(bundle.state, log=None)).encode()) is None


def test_no_link_names_the_app_hash_of_the_genesis_block() -> None:
    """Height 0 is connected to no newer checkpoint, whose link names the genesis."""
    forger = Forger({key(1): row(0, 1, "a")}, height=0, chain=[0, 0, 0, 9, b""])
    link = cbor.encode([1, forger.app_hash, 9, bytes(20), [], []])
    assert both(forger.bundle()) is not None
    with pytest.raises(Exception, match="height 0"):
        LEDGER.prover(0, LEDGER.checkpoint()).row("comity_account", (ANA.account_id,))
    bundle = LEDGER.prover(0, LEDGER.checkpoint(1)).row("comity_account", (ANA.account_id,))
    assert both(bundle.encode(), None, LEDGER.checkpoint(1))["height"] == 0
    assert bundle.checkpoint is not None
    newer = replace(bundle.checkpoint, note=LEDGER.checkpoint(3), link=link)
    assert both(replace(bundle, checkpoint=newer).encode()) is None


@dataclass(frozen=True)
class Note:
    """A checkpoint's text with one thing changed."""

    old: bytes
    new: bytes


NOTES = [
    Note(b"shop/shop-", b"shop/ship-"),
    Note(b"\n5\n", b"\n05\n"),
    Note(b"\n5\n", b"\n6\n"),
    Note(b"\n5\n", b"\n9223372036854775808\n"),
    Note(b"\n5\n", b"\n\xd9\xa5\n"),
    Note(b"=\n\n", b"=\nextension\n\n"),
    Note(b"=\n\n", b"\n\n"),
    Note(b"\xe2\x80\x94 ", b"- "),
    Note(b"\xe2\x80\x94 shop/", b"\xe2\x80\x94 s+hop/"),
    Note(b"\xe2\x80\x94 shop/", b"\xe2\x80\x94 ship/"),
    Note(b"\n\n", b"\n"),
    Note(b"\n\n", b"\r\n\r\n"),
    Note(b"shop", b"\xff"),
]


@pytest.mark.parametrize("note", NOTES)
def test_a_checkpoint_in_another_form_is_refused(note: Note) -> None:
    """A checkpoint is three lines and signatures, in their one spelling."""
    data = good_bundles()["row-checkpoint-older"]
    held = LEDGER.checkpoint(LEDGER.store.log_size_at(2))
    assert b"\n5\n" in held
    assert both(LEDGER.prover(None, held).row("suppliers", ("AOS",)).encode(), None, held)
    assert both(data, None, held.replace(note.old, note.new)) is None


def test_signatures_of_strangers_under_a_checkpoint_are_ignored() -> None:
    """Witnesses may sign too; what they write must be a signature line."""
    held = LEDGER.checkpoint(LEDGER.store.log_size_at(3))
    data = good_bundles()["row-checkpoint-older"]
    line = "\u2014 witness.example/w AAAAAAAA\n".encode()
    assert both(data, None, held + line) is not None
    assert both(data, None, held + held[held.rindex(b"\xe2\x80\x94") :]) is not None
    for bad in (
        b"\n",
        line[:-1],
        line.replace(b"AAAAAAAA", b"AAAAAAA"),
        line.replace(b"AAAAAAAA", b"AAAAAA=="),
        line.replace(b"AAAAAAAA", b"AAAA"),
        line.replace(b"AAAAAAAA", b"AAAAAAB="),
        line.replace(b"witness", "wit\u2003ness".encode()),
        line.replace(b"witness", b"w" * 256),
        line.replace(b"witness", b"wit\x01ness"),
        line.replace(b"witness", b"wit\xffness"),
        b"\xe2\x80\x94 "
        + held.split(b"\n")[0]
        + b" "
        + held.split(b" ")[2][:6]
        + b"AA"
        + b"A" * 84
        + b"\n",
        line * 256,
        line * 2_000,
    ):
        assert both(data, None, held + bad) is None, bad[:80]
