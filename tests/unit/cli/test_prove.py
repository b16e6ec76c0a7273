"""``comity prove`` and ``comity verify``: proofs that are checked without the ledger."""

from pathlib import Path

import pytest

from comity.client.checkpoints import log_key, origin_of
from comity.crypto.cose_receipt import verify_inclusion
from comity.crypto.tlog_proof import parse_proof, verify_proof
from comity.model.genesis import Genesis
from tests.unit.cli.command import Comity

CLAIMS = [
    ["people", "bo"],
    ["people", "zoe", "--absent"],
    ["people", "--range", "ana", "bz"],
    ["--since", "1"],
]


@pytest.fixture
def people(comity: Comity) -> Comity:
    """Give a ledger with three rows, one of them changed, and the genesis elsewhere."""
    comity.import_people()
    comity("row", "set", "people", "bo", "age=28")
    (comity.folder / "genesis.cbor").write_bytes((comity.node / "genesis.cbor").read_bytes())
    return comity


def prove(people: Comity, *words: str) -> Path:
    """Write a proof and return its file."""
    file = people.folder / "it.proof"
    people("prove", *words, "-o", file)
    return file


@pytest.mark.parametrize("words", CLAIMS)
def test_a_proof_is_checked_against_the_genesis(people: Comity, words: list[str]) -> None:
    """Row, absence, range and growth hold for who knows the genesis, by file or by hash."""
    file, elsewhere = prove(people, *words), people.folder
    said = people(
        "verify", file, "--node", elsewhere / "x", "--genesis", elsewhere / "genesis.cbor"
    )
    assert said.out.startswith("valid")
    document = people("verify", file, "--json").json
    assert document["anchors"] == ["genesis"]
    people("verify", file, "--node", elsewhere / "x", "--genesis", document["genesis"])


def test_a_proof_without_an_anchor_is_told(people: Comity) -> None:
    """Who knows nothing of the ledger is told so; exit code 3."""
    file = prove(people, "people", "bo")
    assert "unanchored" in people("verify", file, "--node", people.folder / "x", code=3).out
    said = people("verify", file, "--genesis", "00" * 32, code=3)
    assert "another ledger" in said.err


def test_a_changed_proof_is_refused(people: Comity) -> None:
    """A flipped bit anywhere is exit code 3, never a fault."""
    file = prove(people, "people", "bo")
    data = file.read_bytes()
    for at in range(0, len(data), 97):
        file.write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        people("verify", file, code=3)
    file.write_bytes(b"")
    people("verify", file, code=3)


def test_a_checkpoint_that_a_reader_holds_is_connected(people: Comity) -> None:
    """A proof made with the reader's checkpoint shows that both are of one history."""
    held = people.folder / "held.checkpoint"
    people("checkpoint", "-o", held)
    people("row", "set", "people", "bo", "age=29")
    file = prove(people, "people", "bo", "--checkpoint", str(held))
    said = people("verify", file, "--checkpoint", held, "--json").json
    assert said["anchors"] == ["genesis", "checkpoint"]
    plain = prove(people, "people", "bo")
    people("verify", plain, "--checkpoint", held, code=3)


def test_an_earlier_height_is_proved(people: Comity) -> None:
    """--at proves the row as it was."""
    height = people("sql", "SELECT 1", "--json").json["height"]
    said = people("verify", prove(people, "people", "bo", "--at", str(height - 1))).out
    assert "27" in said


def test_a_transaction_is_proved_in_three_formats(people: Comity) -> None:
    """A bundle of ours, a C2SP tlog-proof and a COSE receipt, each checked by its own verifier."""
    changes = people("log", "people", "bo", "--json").json["changes"]
    identifier = changes[-1]["transaction"]
    assert "valid" in people("verify", prove(people, "--transaction", identifier)).out
    genesis = Genesis.decode((people.node / "genesis.cbor").read_bytes())
    (node,) = genesis.nodes
    tlog = prove(people, "--transaction", identifier, "--tlog-proof").read_bytes()
    entry = parse_proof(tlog).extra
    assert entry is not None
    verify_proof(tlog, entry, origin_of(genesis), [log_key(genesis, node)])
    receipt = prove(people, "--transaction", identifier, "--cose").read_bytes()
    named = {"issuer": origin_of(genesis), "subject": identifier}
    assert verify_inclusion(receipt, entry, node.public_key, **named)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["people", "zoe"], "--absent"),
        (["people", "bo", "--absent"], "leave --absent out"),
        (["nosuch", "bo"], "nosuch"),
        (["people", "--range", "bo"], "two keys"),
        (["--transaction", "xyz"], "hex"),
        (["--transaction", "00" * 32], "no transaction"),
        (["--cose", "people", "bo"], "--transaction"),
        (["--since", "99"], "99"),
        ([], "say what to prove"),
    ],
)
def test_what_cannot_be_proved_is_told(people: Comity, words: list[str], said: str) -> None:
    """A mistake leaves no file behind; exit code 2."""
    file = people.folder / "none.proof"
    assert said in people("prove", *words, "-o", file, code=2).err
    assert not file.exists()
