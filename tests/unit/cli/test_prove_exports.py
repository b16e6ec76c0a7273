"""Exports are for other people's tools: a COSE library that is not ours verifies the receipt."""

import cbor2
from pycose.keys.curves import Ed25519
from pycose.keys.okp import OKPKey
from pycose.messages.sign1message import Sign1Message

from comity.crypto.tlog_proof import parse_proof
from comity.model.genesis import Genesis
from tests.bundle_verdicts import stand_alone
from tests.unit.cli.command import Comity


def test_another_library_verifies_a_receipt_of_a_real_ledger(comity: Comity) -> None:
    """Pycose checks the node's signature over the root to which the receipt's path leads from the entry (RFC 9942)."""
    comity.import_people()
    identifier = comity("log", "people", "bo", "--json").json["changes"][-1]["transaction"]
    for option, name in (("--cose", "it.cose"), ("--tlog-proof", "it.tlog-proof")):
        comity("prove", "--transaction", identifier, option, "-o", comity.folder / name)
    receipt = (comity.folder / "it.cose").read_bytes()
    proof = parse_proof((comity.folder / "it.tlog-proof").read_bytes())
    assert proof.extra is not None
    (encoded,) = cbor2.loads(receipt).value[1][396][-1]
    size, index, path = cbor2.loads(encoded)
    assert (index, path) == (proof.index, list(proof.path))
    leaf = stand_alone.h(b"\0", proof.extra)
    _, root = stand_alone.roots_of(index, size - 1, b"".join(path), leaf)
    genesis = Genesis.decode((comity.node / "genesis.cbor").read_bytes())
    # pycose 1.1.0 takes the untagged array as a list, which cbor2 6 gives only outside a tag
    message = Sign1Message.from_cose_obj(cbor2.loads(receipt[1:]), True)
    message.key = OKPKey(crv=Ed25519, x=genesis.nodes[0].public_key)
    message.payload = root
    assert message.verify_signature()
    message.payload = bytes(32)
    assert not message.verify_signature()
