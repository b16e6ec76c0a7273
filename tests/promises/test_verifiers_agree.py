"""Two verifiers that share no code say the same of the same bundles (fault P25)."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import comity.client.verify as ours
from comity.crypto import ed25519
from comity.crypto.ordered import encode_key
from comity.errors import ProofInvalid
from comity.limits import BUNDLE_BYTES_MAX
from comity.model.bundle import Bundle, RowsClaim, seal
from comity.query.past import rows_at
from tests.bundle_corpus import FOLDER, corpus
from tests.bundle_forger import Forger, key, row
from tests.bundle_ledger import good_bundles, made
from tests.bundle_verdicts import STAND_ALONE, both
from tests.bundle_verdicts import stand_alone as comity_verify

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
VECTORS = json.loads((ROOT / "tests/vectors/ed25519.json").read_text("utf-8"))
VERDICTS: dict[str, Any] = json.loads((FOLDER / "verdicts.json").read_text("utf-8"))
NAMES = sorted(good_bundles())
SMALLEST = min(NAMES, key=lambda name: len(good_bundles()[name]))


# --- the corpus


def test_the_corpus_is_what_the_code_makes() -> None:
    """The files that are checked in are those of today's code: a change of the format changes them."""
    files = {path.stem: path.read_bytes() for path in FOLDER.glob("*.cbor")}
    assert files.pop("genesis") == made()[0].genesis.encode()
    assert files == corpus()
    assert set(VERDICTS) == set(files)


@pytest.mark.parametrize("name", VERDICTS)
def test_both_say_of_the_corpus_what_is_written_there(name: str) -> None:
    """Good files are believed, damaged ones are not; anchored, a good file says the same and its anchor."""
    data = (FOLDER / f"{name}.cbor").read_bytes()
    said = both(data)
    assert said == VERDICTS[name]
    assert (said is None) == name.startswith("damaged-")
    anchored = both(data, made()[0].genesis.hash)
    if said is not None:
        assert anchored == {**said, "anchors": ["genesis"]}


# --- damage


def test_every_byte_of_the_smallest_bundle_counts() -> None:
    """All 255 other values of every byte are refused by both."""
    data = good_bundles()[SMALLEST]
    for at, old in enumerate(data):
        for new in range(256):
            if new != old:
                with pytest.raises(ProofInvalid):
                    ours.verify(data[:at] + bytes((new,)) + data[at + 1 :])
                with pytest.raises(comity_verify.Invalid):
                    comity_verify.verify(data[:at] + bytes((new,)) + data[at + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_every_changed_byte_is_refused(name: str) -> None:
    """Whatever byte of whatever bundle is changed, inserted or lost: both refuse it."""
    data = good_bundles()[name]
    for at in range(len(data)):
        for bent in (
            data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :],
            data[:at] + bytes((data[at] + 1 & 255,)) + data[at + 1 :],
            data[:at] + data[at + 1 :],
            data[:at] + b"\x00" + data[at:],
        ):
            assert both(bent) is None or bent == data


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_byte_changed_with_its_digest_is_refused_or_true(name: str) -> None:
    """Who changes a byte and mends the digest gets a refusal, or another claim that is true of the ledger as well.

    One proof may show several keys absent, or fit a range whose ends stand a little further apart.
    """
    data = good_bundles()[name]
    step, values = (1, 3) if name == SMALLEST else (3, 1)
    for at in range(NAMES.index(name) % step, len(data) - 32, step):
        for turn in range(values):
            bent = seal(data[:at] + bytes((data[at] ^ 1 << (at + turn) % 8,)) + data[at + 1 :])
            said = both(bent)
            assert said is None or _is_true(bent, said), at


def _is_true(data: bytes, said: dict[str, Any]) -> bool:
    """Ask the ledger's rows for what a bundle claims."""
    if data in good_bundles().values():
        return True
    store, claim = made()[0].store, Bundle.decode(data).claim
    if not isinstance(claim, RowsClaim):
        return False
    codec, position = store.tables[claim.table].codec, store.log_size_at(said["height"]) - 1
    rows = {codec.key(it): codec.encode(it) for it in rows_at(store, codec.schema, position)}
    low, high = encode_key(claim.low), encode_key(claim.high) + b"\xff" * 256
    true = tuple(rows[found] for found in sorted(rows) if low <= found <= high)
    others = [Bundle.decode(one).claim for one in good_bundles().values()]
    known = [one.writer for one in others if isinstance(one, RowsClaim) and one.rows == claim.rows]
    return claim.rows == true and claim.writer in (None, *known)


# --- anything at all


_LEAF = (
    st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=5)
    | st.sampled_from([None, True, False, b"\0" * 32, "rows", 1, 2.5])
)
_VALUES = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.integers(0, 12) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=2_000)
@given(st.binary(max_size=300))
@example(b"")
@example(b"\x0a\x58\x20" + bytes(32))
@example(b"\x9f" * 400 + b"\xff" * 400)
def test_any_bytes_are_a_clean_refusal(data: bytes) -> None:
    """Bytes that are no bundle are refused by both, sealed or not, with no other error."""
    assert both(data) is None
    assert both(seal(b"\xaa" + data + b"\x0a\x58\x20" + bytes(32))) is None
    assert both(good_bundles()["row"], None, data) is None


@settings(max_examples=2_000)
@given(st.data())
def test_any_part_replaced_gets_one_verdict(draw: st.DataObject) -> None:
    """A part of a bundle that is replaced by any value is refused by both, or true."""
    value = cbor2.loads(good_bundles()[draw.draw(st.sampled_from(NAMES))])
    part, place = value, draw.draw(st.integers(1, 9))
    while isinstance(part[place], list) and part[place] and draw.draw(st.booleans()):
        part, place = part[place], draw.draw(st.integers(0, len(part[place]) - 1))
    part[place] = draw.draw(_VALUES)
    data = seal(cbor2.dumps(value, canonical=True))
    said = both(data)
    assert said is None or _is_true(data, said)


def _with_row(data: bytes) -> bytes:
    return Forger({key(1): data}).bundle()


def _with_versions(data: bytes) -> bytes:
    return Forger({key(1): row(0, 1, "a")}, versions=data).bundle()


def _with_genesis(data: bytes) -> bytes:
    return Forger({key(1): row(0, 1, "a")}, genesis=data).bundle()


def _with_receipt(data: bytes) -> bytes:
    bundle = Bundle.decode(good_bundles()["transaction"])
    return replace(bundle, claim=replace(bundle.claim, receipt=data)).encode()


_FORGED: dict[str, Callable[[bytes], bytes]] = {
    "row": _with_row,
    "versions": _with_versions,
    "genesis": _with_genesis,
    "receipt": _with_receipt,
}


@settings(max_examples=2_000)
@given(_VALUES | st.binary(max_size=60), st.sampled_from(sorted(_FORGED)))
def test_any_value_inside_gets_one_verdict(value: Any, place: str) -> None:
    """CBOR within a bundle is read alike by both: schema, rows, genesis, receipt, which hashes only protect later."""
    encoded = value if isinstance(value, bytes) else cbor2.dumps(value, canonical=True)
    forged = _FORGED[place](encoded)
    said = both(forged)
    assert said is None or place == "row"


@pytest.mark.parametrize("depth", [7, 8, 9, 15, 16, 17, 31, 32, 33, 100_000])
def test_nesting_ends_at_one_depth(depth: int) -> None:
    """Neither verifier recurses on input: what is nested too deeply is refused, at the same depth."""
    nested = b"\x81" * depth + b"\x01"
    assert both(seal(nested + b"\x0a\x58\x20" + bytes(32))) is None
    assert both(_with_versions(nested)) is None
    assert both(_with_receipt(b"\x82\x00\x81" + nested)) is None
    value: Any = 1
    for _ in range(min(depth, 40)):
        value = [value]
    assert both(_with_row(cbor2.dumps([0, 1, value]))) is None


def test_a_huge_file_is_refused_before_it_is_read() -> None:
    """Lengths that are only declared cost nothing, and no file is decoded beyond the bound."""
    for head in (b"\x9b", b"\xbb", b"\x5b", b"\x7b"):
        assert both(seal(head + b"\x7f" + b"\xff" * 7 + b"\x0a\x58\x20" + bytes(32))) is None
    assert both(bytes(BUNDLE_BYTES_MAX + 1)) is None
    assert both(seal(bytes(BUNDLE_BYTES_MAX - 34) + b"\x0a\x58\x20" + bytes(32))) is None


# --- signatures


ALL_VECTORS = [vector for kind in ("rfc8032", "speccheck", "made") for vector in VECTORS[kind]]


@pytest.mark.parametrize("vector", ALL_VECTORS, ids=lambda vector: vector["name"])
def test_both_verify_ed25519_by_one_rule(vector: dict[str, Any]) -> None:
    """P03: what OpenSSL leaves open, the stand-alone verifier decides as libsodium and consensus do."""
    parts = [bytes.fromhex(vector[part]) for part in ("key", "message", "signature")]
    try:
        comity_verify.check_signed(*parts)
        is_valid = True
    except comity_verify.Invalid:
        is_valid = False
    assert is_valid == ed25519.verify(*parts) == vector["valid"]


def test_the_vectors_have_cases_that_openssl_alone_takes() -> None:
    """The extra checks are not for nothing: without them verdicts would differ."""
    differing = 0
    for vector in ALL_VECTORS:
        key_, message, signature = (
            bytes.fromhex(vector[part]) for part in ("key", "message", "signature")
        )
        try:
            Ed25519PublicKey.from_public_bytes(key_).verify(signature, message)
            differing += not vector["valid"]
        except (InvalidSignature, ValueError):
            assert not vector["valid"]
    assert differing > 0


# --- what the stand-alone verifier is


def test_each_verifier_is_short() -> None:
    """At most 400 lines, so that somebody reads them."""
    for path in (STAND_ALONE, Path(ours.__file__)):
        assert len(path.read_text("utf-8").split("\n")) - 1 <= LINES_MAX, path


def test_the_stand_alone_verifier_needs_two_packages() -> None:
    """It imports the standard library, cbor2 and cryptography, and nothing of Comity."""
    tree = ast.parse(STAND_ALONE.read_text("utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {
        one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    }
    foreign = {str(name).partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert foreign == {"cbor2", "cryptography"}


def _run(python: Path, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    options: list[str] = ["-I", "-W", "error", str(STAND_ALONE)]
    command: list[str] = [str(python), *options, *[str(one) for one in arguments]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "beginning"),
    [
        (["row.cbor", "--genesis", made()[0].genesis.hash.hex()], 0, "valid, "),
        (["row.cbor", "--genesis", "genesis.cbor"], 0, "valid, "),
        (["row-checkpoint-same.cbor", "--checkpoint", "held.checkpoint"], 0, "valid, "),
        (["row.cbor"], 3, "unanchored, "),
        (["row.cbor", "--checkpoint", "held.checkpoint"], 3, "invalid: of no checkpoint"),
        (["damaged-cut.cbor"], 3, "invalid: damaged"),
        (["nothing.cbor"], 2, "invalid: "),
        (["row.cbor", "--genesis", "nothing"], 2, "invalid: "),
    ],
)
def test_its_command_line(
    arguments: list[str],
    code: int,
    beginning: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its first word and its exit code tell the verdict."""
    monkeypatch.chdir(FOLDER)
    monkeypatch.setattr(sys, "argv", ["comity_verify.py", *arguments])
    assert comity_verify.main() == code
    said = capsys.readouterr()
    assert (said.out or said.err).startswith(beginning)


@pytest.mark.parametrize("option", ["", "--genesis", "--checkpoint"])
def test_it_reads_files_alone_and_within_a_bound(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe that nobody writes to ends it at once, a device and a folder too; of a huge file it reads a part."""
    huge, pipe = tmp_path / "huge", tmp_path / "pipe"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(pipe)
    good = str(FOLDER / "row.cbor")
    for path, code, words in (
        (pipe, 2, "not a regular one"),
        (Path("/dev/zero"), 2, "not a regular one"),
        (tmp_path, 2, "not a regular one"),
        (tmp_path / "absent", 2, "no such file"),
        (huge, 3, ""),
    ):
        given = [good, option, str(path)] if option else [str(path)]
        monkeypatch.setattr(sys, "argv", ["comity_verify.py", *given])
        assert comity_verify.main() == code
        said = capsys.readouterr().err
        assert said.startswith("invalid: ")
        assert words in said


@pytest.mark.slow
def test_it_runs_where_comity_is_not(verify_python: Path, tmp_path: Path) -> None:
    """In an environment without Comity it says the same of files, with exit codes that scripts can use."""
    without = [str(verify_python), "-c", "import comity"]
    assert subprocess.run(without, capture_output=True, check=False).returncode == 1
    genesis = made()[0].genesis.hash.hex()
    for name in ("row-checkpoint-same", "range-whole", "transaction-refused"):
        ran = _run(verify_python, FOLDER / f"{name}.cbor", "--genesis", genesis)
        word, _, text = ran.stdout.partition(", ")
        assert (ran.returncode, word, ran.stderr) == (0, "valid", "")
        *rows, said = map(json.loads, text.splitlines()[1:])  # a row a line, then the rest
        if "rows" in VERDICTS[name]["claim"]:
            said["claim"]["rows"] = rows
        assert said == {**VERDICTS[name], "anchors": ["genesis"]}
    held = ("--checkpoint", FOLDER / "held.checkpoint")
    good = FOLDER / "row-checkpoint-same.cbor"
    assert _run(verify_python, good, "--genesis", FOLDER / "genesis.cbor", *held).returncode == 0
    assert _run(verify_python, good, *held).returncode == 0
    unanchored = _run(verify_python, good)
    assert (unanchored.returncode, unanchored.stdout[:10]) == (3, "unanchored")
    wrong: list[list[Path | str]] = [
        [good, "--genesis", "00" * 32],
        [FOLDER / "row.cbor", *held],
        [FOLDER / "damaged-cut.cbor"],
        [FOLDER / "damaged-deep.cbor"],
        [FOLDER / "damaged-long.cbor"],
    ]
    for arguments in wrong:
        ran = _run(verify_python, *arguments)
        assert (ran.returncode, ran.stdout, ran.stderr[:7]) == (3, "", "invalid"), arguments
        assert ran.stderr.count("\n") == 1
    wrong = [[tmp_path / "none"], [], [good, "--genesis", "nothing"], [tmp_path]]
    for arguments in wrong:
        assert _run(verify_python, *arguments).returncode == 2, arguments


@pytest.mark.slow
def test_every_branch_of_both_verifiers_is_tested(tmp_path: Path) -> None:
    """These tests and the attacks reach every line and every branch of both verifiers."""
    settings_file = tmp_path / "coverage.ini"
    settings_file.write_text(
        f"[run]\nbranch = True\ndata_file = {tmp_path}/coverage\n"
        f"include =\n  {STAND_ALONE}\n  {ours.__file__}\n  {Path(ours.__file__).with_name('verdict.py')}\n"
        "[report]\nexclude_also =\n  if __name__\n",
        "utf-8",
    )
    coverage = [sys.executable, "-m", "coverage"]
    names = ("bundle_attacks", "bundle_log_attacks", "bundle_checkpoints", "verifiers_agree")
    tests = [f"tests/promises/test_{name}.py" for name in names]
    tests += ["tests/unit/client/test_verdict.py"]
    run = ["run", f"--rcfile={settings_file}", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    quick = ["-m", "not slow", "-k", "not any_ and not every_"]
    ran = subprocess.run(
        [*coverage, *run, *quick, *tests], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-3_000:]
    report = ["report", f"--rcfile={settings_file}", "--show-missing", "--fail-under=100"]
    told = subprocess.run(
        [*coverage, *report], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout.count("100%")) == (0, 4), told.stdout


@pytest.mark.parametrize(
    "inside", [b"\x60", b"\x01", b"\x41\x01", b"\x82\x1a\x7f\xff\xff\xff\x01", b"\x80"]
)
def test_no_tag_means_anything(inside: bytes) -> None:
    """Tags that a decoder would make dates, fractions, patterns or addresses of are refused, quickly."""
    numbers = [*range(400), 1004, 43000, 55799, 2**16, 2**32]
    for number in numbers:
        tagged = cbor2.dumps(cbor2.CBORTag(number, 0))[:-1] + inside
        with pytest.raises(comity_verify.Invalid):
            comity_verify.decode(b"\x81" + tagged)
        assert both(seal(b"\x81" + tagged + b"\x0a\x58\x20" + bytes(32))) is None
    pattern = cbor2.dumps("(" * 5_000)
    with pytest.raises(comity_verify.Invalid):
        comity_verify.decode(b"\xd8\x23" + pattern)
