"""Which Ed25519 signatures are valid is consensus: every verdict here is pinned."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from comity.crypto import ed25519
from tests.unit.crypto import edwards

VECTORS = json.loads(edwards.VECTORS.read_text())
ALL = [vector for group in ("rfc8032", "speccheck", "made") for vector in VECTORS[group]]
SEED = bytes(range(32))


def parts(vector: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Return key, message and signature of a vector."""
    key, message, signature = (bytes.fromhex(vector[n]) for n in ("key", "message", "signature"))
    return key, message, signature


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector["name"])
def test_verdict_of_every_edge_case_is_pinned(vector: dict[str, Any]) -> None:
    """P03: libsodium and the rule in plain arithmetic both give the golden verdict."""
    assert ed25519.verify(*parts(vector)) is vector["valid"]
    assert edwards.is_valid(*parts(vector)) is vector["valid"]


def test_edge_cases_hold_both_verdicts_and_every_kind() -> None:
    """The golden file is what its generator makes, and covers what libraries decide differently."""
    made = VECTORS["made"]
    assert made == edwards.make_edge_cases()
    assert {vector["valid"] for vector in made} == {True, False}
    assert len(edwards.small_encodings()) == 14
    for data in edwards.small_encodings():
        names = [vector["name"] for vector in made]
        assert f"key small {data.hex()}, R prime" in names
        assert f"key prime, R small {data.hex()}" in names


@pytest.mark.parametrize("vector", VECTORS["rfc8032"], ids=lambda vector: vector["name"])
def test_signing_reproduces_rfc_8032(vector: dict[str, Any]) -> None:
    """Keys and signatures are those of RFC 8032, section 7.1."""
    seed, (key, message, signature) = bytes.fromhex(vector["seed"]), parts(vector)
    assert ed25519.public_key(seed) == key
    assert ed25519.sign(seed, message) == signature


def test_verify_is_total_over_lengths() -> None:
    """Keys and signatures of any other length are refused, not read past their end."""
    key, message = ed25519.public_key(SEED), b"message"
    signature = ed25519.sign(SEED, message)
    assert ed25519.verify(key, message, signature)
    for size in (0, 1, 31, 33, 64, 96):
        assert not ed25519.verify(key[:size].ljust(size, b"\0"), message, signature)
    for size in (0, 32, 63, 65, 128):
        assert not ed25519.verify(key, message, signature[:size].ljust(size, b"\0"))


def test_every_changed_bit_is_refused() -> None:
    """No single bit of key, message or signature can change."""
    original = (ed25519.public_key(SEED), b"pay", ed25519.sign(SEED, b"pay"))
    for index, part in enumerate(original):
        for bit in range(len(part) * 8):
            changed = list(original)
            flipped = int.from_bytes(part, "little") ^ 1 << bit
            changed[index] = flipped.to_bytes(len(part), "little")
            assert not ed25519.verify(*changed)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_seed_of_wrong_length_is_refused(size: int) -> None:
    """A seed is 32 bytes; the message shows none of it."""
    for call in (ed25519.public_key, lambda seed: ed25519.sign(seed, b"")):
        with pytest.raises(ValueError, match=f"has 32 bytes, this has {size}"):
            call(b"s" * size)


def test_library_with_another_rule_is_refused(tmp_path: Path) -> None:
    """Canary: where libsodium would accept everything, the import fails and says what to do."""
    program = (
        "import nacl.bindings\n"
        "nacl.bindings.crypto_sign_open = lambda signed, key: signed[64:]\n"
        "import comity.crypto.ed25519\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode != 0
    assert "ImportError: this libsodium verifies Ed25519 by another rule" in done.stderr
