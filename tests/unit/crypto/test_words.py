"""Words and seeds as BIP-39 and SLIP-10 have them."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from mnemonic import Mnemonic

from comity.crypto import ed25519, words
from comity.errors import Malformed

FOLDER = Path(__file__).parents[2] / "vectors"
BIP39 = json.loads((FOLDER / "bip39.json").read_text())["vectors"]
SLIP10 = json.loads((FOLDER / "slip10_ed25519.json").read_text())["vectors"]
ENTROPY = bytes(range(32))
PHRASE = words.to_words(ENTROPY).split(" ")


@pytest.mark.parametrize("vector", BIP39, ids=lambda vector: vector["entropy"][:8])
def test_words_are_those_of_bip_39(vector: dict[str, str]) -> None:
    """Words, entropy and stretched seed are the standard's."""
    entropy = bytes.fromhex(vector["entropy"])
    assert words.to_words(entropy) == vector["words"]
    assert words.to_entropy(vector["words"]) == entropy
    assert Mnemonic.to_seed(vector["words"], "TREZOR").hex() == vector["seed_with_trezor"]


@pytest.mark.parametrize("vector", SLIP10, ids=["vector 1", "vector 2"])
def test_derivation_is_that_of_slip_10(vector: dict[str, dict[str, str] | str]) -> None:
    """Every depth of both Ed25519 vectors gives the standard's private key."""
    assert isinstance(vector["root"], str)
    assert isinstance(vector["derived"], dict)
    assert len(vector["derived"]) == 6
    for path, key in vector["derived"].items():
        assert words.derive(bytes.fromhex(vector["root"]), path).hex() == key


def test_seed_of_known_words_never_changes() -> None:
    """Golden: path and method are for ever, or 24 words on paper would restore another key."""
    zeros = words.derive_seed(bytes(32))
    assert words.PATH == "m/44'/1668117625'/0'"
    assert zeros == words.derive(Mnemonic.to_seed(words.to_words(bytes(32))), words.PATH)
    assert ed25519.public_key(zeros).hex() == GOLDEN_PUBLIC_KEY


GOLDEN_PUBLIC_KEY = "300f6c7d006be77ec198f4e9c550f7530c36bb3c6f43db19f402208bdb19bbe5"


def test_entropy_of_another_length_is_refused() -> None:
    """Comity's keys have 24 words, not fewer."""
    with pytest.raises(ValueError, match="encode 32 bytes, not 16"):
        words.to_words(bytes(16))


@pytest.mark.parametrize(
    ("phrase", "mistake"),
    [
        ([], "1 words, where a key has 24"),
        (PHRASE[:23], "23 words"),
        ([*PHRASE, "zoo"], "25 words"),
        ([*PHRASE[:4], "expirre", *PHRASE[5:]], r"word 5 .*\(nearest: expire\); 1 such in all"),
        ([*PHRASE[:4], "EXPIRE", *PHRASE[5:]], "word 5 .*; 1 such in all"),
        (["zzz"] * 24, "word 1 .*; 24 such in all"),
        ([PHRASE[1], PHRASE[0], *PHRASE[2:]], "checksum does not match"),
        ([*PHRASE[:23], "abandon"], "checksum does not match"),
        (["x" * 2000], "2000 characters are no 24 words"),
    ],
)
def test_mistakes_are_named(phrase: list[str], mistake: str) -> None:
    """Count, word with position and nearest, and checksum have messages of their own."""
    with pytest.raises(Malformed, match=mistake):
        words.to_entropy(" ".join(phrase))


def test_message_shows_no_right_word() -> None:
    """Whoever sees the error learns the nearest of the wrong word, and none of the others."""
    with pytest.raises(Malformed) as raised:
        words.to_entropy(" ".join([*PHRASE[:23], "unawarre"]))
    assert not any(f" {word} " in f" {raised.value} " for word in PHRASE[:23])


def test_every_exchange_of_neighbours_is_seen_or_harmless() -> None:
    """Eight bits of checksum: most exchanged neighbours are refused, none gives the same key."""
    refused = 0
    for index, (first, second) in enumerate(pairwise(PHRASE)):
        swapped = [*PHRASE[:index], second, first, *PHRASE[index + 2 :]]
        try:
            assert words.to_entropy(" ".join(swapped)) != ENTROPY
        except Malformed:
            refused += 1
    assert refused >= 20


@pytest.mark.parametrize(
    "path", ["", "m/", "m/0", "m/0'/1", "m/2147483648'", "m/-1'", "n/0'", "m/9999999999999'"]
)
def test_path_that_is_not_hardened_is_refused(path: str) -> None:
    """Ed25519 derives hardened keys only; other paths and spellings are refused."""
    with pytest.raises(Malformed, match="no hardened path"):
        words.derive(bytes(64), path)
