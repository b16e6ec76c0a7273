"""Invitations as words."""

import pytest

from comity.client.invitation import Invitation
from comity.crypto import ed25519
from comity.errors import Malformed
from comity.model.account import possession_message

SEED, GENESIS = bytes(range(32)), bytes(range(100, 132))


def test_the_word_is_the_invitation() -> None:
    """Word and invitation are one, the proof verifies, and no repr shows the seed."""
    made = Invitation.of(SEED, GENESIS)
    word = made.to_text()
    assert Invitation.from_text(word) == made
    assert made.is_for(GENESIS)
    assert not made.is_for(bytes(32))
    message = possession_message(GENESIS, b"a" * 20)
    assert ed25519.verify(made.public_key, message, made.proof(GENESIS, b"a" * 20))
    assert SEED.hex() not in repr(made)
    assert word not in repr(made)


def test_a_mistyped_character_is_noticed() -> None:
    """Each single wrong character, another prefix and a cut word are refused."""
    word = Invitation.of(SEED, GENESIS).to_text()
    for at in range(4, len(word)):
        wrong = "q" if word[at] != "q" else "p"
        with pytest.raises(Malformed):
            Invitation.from_text(word[:at] + wrong + word[at + 1 :])
    for other in (word[:-1], "", "cm1fc0tv0ufx9yquug9rgws38nseve2y9x9gm3hpp"):
        with pytest.raises(Malformed):
            Invitation.from_text(other)
