"""Bech32m as BIP-350 has it."""

import json
from pathlib import Path

import pytest

from comity.crypto import bech32m
from comity.errors import Malformed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bip350.json").read_text())
REASONS = {
    "HRP character out of range": "only printable ASCII",
    "overall max length exceeded": "has 91 characters",
    "No separator character": "no separator",
    "Empty HRP": "nothing before its separator",
    "empty HRP": "nothing before its separator",
    "Invalid data character": "never uses",
    "Invalid character in checksum": "never uses",
    "Too short checksum": "cut off",
    "checksum calculated with uppercase form of HRP": "mistyped",
}


@pytest.mark.parametrize("text", VECTORS["valid"])
def test_valid_vectors_decode(text: str) -> None:
    """Every valid text of BIP-350 is read, capitals included."""
    prefix, groups = bech32m.decode_groups(text)
    assert text.translate(bech32m.TO_SMALL).startswith(prefix + "1")
    assert len(groups) == len(text) - len(prefix) - 7


@pytest.mark.parametrize(("text", "reason"), VECTORS["invalid"])
def test_invalid_vectors_are_refused_for_their_reason(text: str, reason: str) -> None:
    """Every invalid text of BIP-350 is refused, and the message names that mistake."""
    with pytest.raises(Malformed, match=REASONS[reason]):
        bech32m.decode_groups(text)


def test_payload_of_a_segwit_address_of_bip_350() -> None:
    """The bytes of a whole-byte vector are those that BIP-350 states."""
    prefix, groups = bech32m.decode_groups("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs")
    program = bech32m._from_groups(groups[1:])  # the first group is the witness version
    assert (prefix, program.hex()) == ("bc", "751e76e8199196d454941c45d1b3a323")


@pytest.mark.parametrize("size", range(50))
def test_decode_inverts_encode(size: int) -> None:
    """Every payload that fits comes back."""
    payload = bytes(range(7, 7 + size))
    assert bech32m.decode(bech32m.encode("cm", payload)) == ("cm", payload)


def test_payload_that_does_not_fit_is_refused() -> None:
    """90 characters are the most that the checksum is made for."""
    with pytest.raises(ValueError, match="51 bytes do not fit"):
        bech32m.encode("cm", bytes(51))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("cm1Qqqq", "mixes capitals"),
        ("a12uel5l", "older form bech32"),  # valid under BIP-173
        ("11" + "l" * 82 + "ludsr8", "whole byte"),
    ],
)
def test_other_mistakes_are_named(text: str, mistake: str) -> None:
    """Mixed case, the older checksum and left-over bits have messages of their own."""
    with pytest.raises(Malformed, match=mistake):
        bech32m.decode(text)
