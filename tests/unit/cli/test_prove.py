"""``comity prove`` and ``comity verify``: proofs that are checked without the ledger."""

import io
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
    ["people", "--all"],
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
    people("prove", *words, "-o", file, "--force")
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
        (["people", "bo", "--all"], "leave out all but people"),
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


def test_rows_of_a_proved_range_are_shown(people: Comity) -> None:
    """Who checks a range sees its rows under their columns; one row is listed by column."""
    said = people("verify", prove(people, "people", "--range", "ana", "bz")).out.splitlines()
    assert "2 rows, all of people" in said[0]
    shown = [line.split() for line in said[1:4]]
    assert shown == [["name", "age", "city"], ["ana", "31", "Roma"], ["bo", "28", "Oslo"]]
    said = people("verify", prove(people, "people", "--all")).out.splitlines()
    assert ["cy", "44", "Lima"] in [line.split() for line in said]


def test_many_rows_are_cut_on_a_terminal_and_whole_in_json(people: Comity) -> None:
    """The first rows are shown with the count of all and the limit's name; long cells are cut visibly."""
    lines = [f"k{number:03},{'x' * 100}\n" for number in range(60)]
    people("import", people.write("many.csv", "key,note\n" + "".join(lines)), "-y")
    file = prove(people, "many", "--all")
    said = people("verify", file).out
    assert "k049" in said
    assert "k050" not in said
    assert "the first 50 of 60 rows (VERIFY_ROWS_SHOWN_MAX)" in said
    assert "x" * 60 not in said
    assert "…" in said
    assert len(people("verify", file, "--json").json["claim"]["rows"]) == 60


def test_a_file_that_exists_is_kept(people: Comity) -> None:
    """A proof or a checkpoint is evidence: it is replaced only with --force; exit code 2."""
    file = people.write("held", "kept")
    for words in (["prove", "people", "bo"], ["checkpoint"]):
        said = people(*words, "-o", file, code=2)
        assert "exists" in said.err
        assert "--force" in said.err
        assert file.read_text() == "kept"
    people("checkpoint", "-o", file, "--force")
    assert file.read_text() != "kept"


def test_an_output_without_a_folder_is_a_usage_error(people: Comity) -> None:
    """A missing folder and a folder in place of a file are told before any work; exit code 2."""
    for words in (["prove", "people", "bo"], ["checkpoint"]):
        said = people(*words, "-o", people.folder / "no" / "it", code=2)
        assert f"there is no folder {people.folder / 'no'}" in said.err
        assert "is a directory" in people(*words, "-o", people.folder, code=2).err


def test_a_proof_is_read_from_standard_input(
    people: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``-`` stands for what is piped in; a device in place of a file is refused."""
    data = prove(people, "people", "bo").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert people("verify", "-").out.startswith("valid")
    assert "not a regular file" in people("verify", "/dev/zero", code=2).err
