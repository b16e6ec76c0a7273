"""Each decoder of what comes from outside is fuzzed: it has a target, a corpus and 2,000 examples in the suite."""

import ast
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from comity.errors import Malformed
from tests.fuzz import inputs, items
from tests.fuzz.lookup import target_of
from tests.fuzz.mutate import bombs, mutated
from tests.fuzz.planted import PLANTED
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import CORPUS, BrokenPromise, Target, examine
from tests.property import test_any_decoder_input as properties

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "comity"
FOLDERS = (
    "crypto",
    "model",
    "client",
)  # whoever else reads bytes reads what this ledger wrote, or by these
BEGINNINGS = ("decode", "parse_", "from_text", "from_value", "open_", "to_entropy", "to_cells")
ENDINGS = ("_from_value", "_from_document", "_of")
HEAP_BYTES_MAX = 10 << 20  # P06
COVERED_BY_ANOTHER = {
    "comity.client.checkpoints.open_held": "through the target note",
    "comity.client.files.row_file.open_rows": "reads a file for rows_of",
    "comity.client.files.json_lines.to_cells": "through the target json_lines",
    "comity.crypto.bech32m.decode_groups": "through bech32m.decode",
    "comity.crypto.checkpoint.decode_decimal": "through checkpoints and tlog-proofs",
    "comity.crypto.checkpoint.open_checkpoint": "through the target note",
    "comity.crypto.checkpoint.parse_checkpoint": "through the target note",
    "comity.crypto.notes.decode_base64": "through notes, tlog-proofs and verifier keys",
}
NOT_A_DECODER = {
    "comity.client.plain_file.open_plain": "opens a file; what is in it has decoders of its own",
    "comity.client.secret.Secret.from_text": "holds a text, reads nothing in it",
    "comity.client.files.values.from_text": "a cell, tested by tests/property/test_any_file_value.py",
}


def decoders_in(path: Path, module: str) -> list[str]:
    """Dotted names of the public functions and methods whose names say that they decode."""
    found: list[str] = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for prefix, body in [
        (module, tree.body),
        *((f"{module}.{one.name}", one.body) for one in classes),
    ]:
        found += [
            f"{prefix}.{node.name}"
            for node in body
            if isinstance(node, ast.FunctionDef) and _is_decoder(node.name)
        ]
    return found


def _is_decoder(name: str) -> bool:
    return not name.startswith("_") and (
        name.startswith(BEGINNINGS) or name.endswith(ENDINGS[:2]) or name == "rows_of"
    )


def missing(decoders: Iterable[str], targets: Iterable[Target]) -> list[str]:
    """Decoders that no target covers and no reason excuses."""
    covered = {name for target in targets for name in target.covers}
    return [
        name
        for name in decoders
        if name not in covered | COVERED_BY_ANOTHER.keys() | NOT_A_DECODER.keys()
    ]


def all_decoders() -> list[str]:
    """Every decoder of the layers that read what comes from outside."""
    paths = [path for folder in FOLDERS for path in sorted((SOURCE / folder).rglob("*.py"))]
    return [
        name
        for path in paths
        for name in decoders_in(
            path, ".".join(("comity", *path.relative_to(SOURCE).with_suffix("").parts))
        )
    ]


def test_each_decoder_has_a_target() -> None:
    """A new decoder is fuzzed from its first day, or says here why not."""
    decoders = all_decoders()
    assert missing(decoders, TARGETS.values()) == []
    assert set(COVERED_BY_ANOTHER) | set(NOT_A_DECODER) <= set(decoders)


def test_a_decoder_without_a_target_is_found(tmp_path: Path) -> None:
    """Canary: a planted module with one decoder, and a near miss."""
    planted = tmp_path / "planted.py"
    planted.write_text("class New:\n    def decode(self): ...\ndef encode(): ...\n")
    decoders = decoders_in(planted, "comity.model.planted")
    assert missing(decoders, TARGETS.values()) == ["comity.model.planted.New.decode"]


def test_each_decoder_has_two_thousand_examples() -> None:
    """In every run of the suite, whatever the profile."""
    assert properties.EXAMPLES >= 2_000
    for test in (
        properties.test_any_bytes_are_refused_by_name_or_have_one_spelling,
        properties.test_no_bomb_goes_off,
    ):
        (mark,) = test.pytestmark  # type: ignore[attr-defined]  # pytest puts it there
        assert list(mark.args[1]) == list(TARGETS.values())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_corpus_is_read_as_it_was(target: Target) -> None:
    """Each input that was ever worth keeping breaks no promise; the valid ones are there and accepted."""
    files = {path.read_bytes(): path.name for path in sorted(target.folder.iterdir())}
    for data in files:
        examine(target, data)
    for data in target.valid():
        assert data in files, "run python -m tests.fuzz --seeds"
        assert examine(target, data)


def test_the_corpus_has_no_strangers() -> None:
    """A folder without a target would be replayed by nobody."""
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)


def planted(
    name: str, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes] = bytes
) -> Target:
    """A target that breaks a promise."""
    return Target(name=name, decode=decode, encode=encode, valid=lambda: [b"ab"], covers=())


def test_each_broken_promise_is_seen() -> None:
    """Canaries of ``examine``: what may not come out, two spellings of one value, an unprintable message."""

    def controls(_: bytes) -> None:
        raise Malformed("\x1b[2J")

    with pytest.raises(ZeroDivisionError):
        examine(planted("crash", lambda _: 1 // 0), b"x")
    with pytest.raises(BrokenPromise, match="written otherwise"):
        examine(planted("loose", bytes.lower), b"AB")
    with pytest.raises(BrokenPromise, match="two inputs"):
        examine(planted("blind", len, lambda _: b"xy"), b"xy")
    with pytest.raises(BrokenPromise, match="message"):
        examine(planted("controls", controls), b"x")
    assert examine(planted("sound", bytes), b"x")


def test_damage_reaches_behind_checksums() -> None:
    """Mutation is worth its time only when part of it gets past the hash of the body."""
    target = TARGETS["transaction"]
    damaged = [target.damaged(Random(number)) for number in range(500)]
    accepted = [data for data in damaged if data not in target.seeds and target.accept(data)]
    assert len(accepted) >= 5


def test_damage_is_of_every_kind() -> None:
    """What P05 names is made: indefinite lengths, duplicate keys, NaN, tags, long integers, nesting."""
    start = b"\xa2\x00\x01\x01\x82\x41a\x18\x20"
    made = {mutated(start, [start], Random(number)) for number in range(20_000)}
    for piece in (
        b"\xbf",
        b"\x9f",
        b"\x5f",
        b"\xf9\x7e",
        b"\xc0",
        b"\x18\x01",
        b"\x81" * 15,
        b"\xbb",
    ):
        assert any(piece in data for data in made), piece
    assert b"\xa3\x00\x01\x00\x01\x01\x82\x41a\x18\x20" in made  # a duplicate key
    assert b"\xa2\x01\x82\x41a\x18\x20\x00\x01" in made  # unsorted keys


def test_the_tree_of_items_writes_what_it_read() -> None:
    """The tool that makes damage does none of its own."""
    for name in ("transaction", "genesis", "bundle", "schema_versions"):
        for data in TARGETS[name].valid():
            root = items.parse(data)
            assert root is not None
            items.open_strings(root)
            assert items.emit(root) == data


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_bomb_takes_memory(target: Target) -> None:
    """At most 10 MB for an input of 30 kB that asks for 2^63 bytes or 10,000 levels (P06)."""
    examine(target, b"")  # what is made once is not counted
    for bomb in bombs():
        tracemalloc.start()
        try:
            target.accept(bomb)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < HEAP_BYTES_MAX, bomb[:20]


def test_what_the_corpus_does_not_reach_is_told() -> None:
    """Lines are told apart: a valid input reaches more than rubbish does."""
    target = target_of("tick")
    rubbish, cut, valid = b"\xff", b"\x83\x64tick\x00", next(iter(target.valid()))
    reached = [inputs.lines_of(target, data) for data in (rubbish, cut, valid)]
    assert reached[0] == reached[1]
    assert not reached[2] <= reached[0]


@pytest.fixture(scope="session")
def fuzz_python() -> Path:
    """The interpreter that has atheris, made by ``scripts/env fuzz``."""
    made = subprocess.run(
        ["scripts/env", "fuzz"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if made.returncode:  # a machine without wheels of atheris; with CI=true a skip fails the run
        pytest.skip(f"no environment for fuzzing: {made.stderr[-300:]}")
    return ROOT / ".venv-fuzz/bin/python"


@pytest.mark.slow
def test_a_planted_crash_is_found_and_replays(fuzz_python: Path, tmp_path: Path) -> None:
    """What ``make fuzz`` runs finds a crash two bytes from a valid input, and tells how to see it again."""
    command = [
        str(fuzz_python),
        "-m",
        "tests.fuzz",
        "--work",
        str(tmp_path),
        "--seconds",
        "20",
        PLANTED.name,
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    (replay,) = {line.split("replay: ")[1] for line in run.stdout.split("\n") if "replay: " in line}
    again = subprocess.run(replay.split(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert "ZeroDivisionError: planted" in again.stderr


@pytest.mark.slow
def test_a_sound_decoder_is_fuzzed_to_the_end(fuzz_python: Path, tmp_path: Path) -> None:
    """The run counts its inputs, ends with 0 and leaves the corpus alone when told to."""
    before = sorted(path.name for path in TARGETS["tick"].folder.iterdir())
    command = [
        str(fuzz_python),
        "-m",
        "tests.fuzz",
        "--work",
        str(tmp_path),
        "--seconds",
        "2",
        "--no-merge",
    ]
    run = subprocess.run([*command, "tick"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 targets, 0 with problems" in run.stdout
    assert int(run.stdout.split(" inputs")[0].split()[-1].replace(",", "")) > 100
    assert sorted(path.name for path in TARGETS["tick"].folder.iterdir()) == before


def test_a_target_that_is_not_there_is_named() -> None:
    """A slip in a name runs nothing else instead."""
    command = [sys.executable, "-m", "tests.fuzz", "transactoin"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "no target 'transactoin'" in run.stderr
