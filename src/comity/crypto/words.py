"""Twenty-four words that restore a key: BIP-39 words to an Ed25519 seed by SLIP-10.

Entropy comes in as an argument; only the client draws chance. What fails here holds words in its
frames, so whoever calls with real secrets drops the traceback (`comity.client.secret.sealed`).

Invariant: words and entropy determine one another; the same words give the same seed for ever.
"""

from functools import cache

from mnemonic import Mnemonic
from slip10 import SLIP10, SLIP10DerivationError  # type: ignore[import-untyped]  # no hints

from comity.errors import Malformed
from comity.limits import ENTROPY_BYTES, WORDS_COUNT, WORDS_TEXT_CHARS_MAX

# All hardened, as Ed25519 demands: purpose 44 (BIP-44), coin type "cmty" in ASCII (nobody's in
# SLIP-44, so that no wallet derives the same key from the same words), first key.
PATH = "m/44'/1668117625'/0'"


def to_words(entropy: bytes) -> str:
    """Return the 24 words, one space apart, that encode 32 bytes. Source: BIP-39."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"{WORDS_COUNT} words encode {ENTROPY_BYTES} bytes, not {len(entropy)}")
    return _english().to_mnemonic(entropy)


def to_entropy(words: str) -> bytes:
    """Return the 32 bytes that 24 words encode.

    Args:
        words: small letters, one space apart.

    Raises:
        Malformed: not 24 words; a word that is not in the list, with its position and the nearest
            one; a checksum that does not match. A message shows no word that was right.

    Source: BIP-39.
    """
    if len(words) > WORDS_TEXT_CHARS_MAX:
        raise Malformed(f"{len(words)} characters are no {WORDS_COUNT} words")
    parts = words.split(" ")
    if len(parts) != WORDS_COUNT:
        raise Malformed(f"{len(parts)} words, where a key has {WORDS_COUNT}")
    known = _positions()
    wrong = [number for number, word in enumerate(parts, start=1) if word not in known]
    if wrong:
        raise Malformed(
            f"word {wrong[0]} is not in the list of BIP-39 (nearest:"
            f" {_nearest(parts[wrong[0] - 1])}); {len(wrong)} such in all"
        )
    try:
        return bytes(_english().to_entropy(parts))
    except ValueError:
        raise Malformed(
            "each word is in the list, but their checksum does not match:"
            " one is wrong, or two changed places"
        ) from None


def derive_seed(entropy: bytes, path: str = PATH) -> bytes:
    """Return the 32-byte Ed25519 seed at ``path`` below the words of ``entropy``.

    Args:
        entropy: 32 bytes, secret.
        path: as `derive`; the words have no extra BIP-39 passphrase.

    Cost: 2,048 rounds of HMAC-SHA-512, about 1 ms.
    Source: BIP-39, "From mnemonic to seed".
    """
    return derive(Mnemonic.to_seed(to_words(entropy)), path)


def derive(root: bytes, path: str) -> bytes:
    """Return the 32-byte Ed25519 seed at ``path`` below a root seed. Source: SLIP-10.

    Args:
        root: 16 to 64 bytes, secret.
        path: ``m``, then ``/`` and an index with ``'`` for each level.

    Raises:
        Malformed: the path is written otherwise, has an index of 2^31 or more, or one that is not
            hardened, which Ed25519 cannot derive.
    """
    try:
        seed: bytes = SLIP10.from_seed(root, curve_name="ed25519").get_privkey_from_path(path)
    except (ValueError, OverflowError, SLIP10DerivationError):
        raise Malformed(f"{path[:WORDS_TEXT_CHARS_MAX]!a} is no hardened path") from None
    return seed


@cache
def _english() -> Mnemonic:
    """Return the English word list, read once."""
    return Mnemonic("english")


@cache
def _positions() -> dict[str, int]:
    """Return each word's place in the list."""
    return {word: index for index, word in enumerate(_english().wordlist)}


def _nearest(word: str) -> str:
    """Return the listed word that takes the fewest single-letter edits; the first of equals."""
    longest = max(len(listed) for listed in _positions())
    return min(_positions(), key=lambda listed: _edits(word[: 2 * longest], listed))


def _edits(first: str, second: str) -> int:
    """Count the insertions, deletions and substitutions between two words (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, start=1):
        above, row = row, [i]
        for j, right in enumerate(second, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (left != right)))
    return row[-1]
