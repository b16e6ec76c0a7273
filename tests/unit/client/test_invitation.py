"""Invitations as words and links."""

import pytest

from comity.client.invitation import Invitation, from_link, ticket
from comity.crypto import ed25519
from comity.errors import Malformed
from comity.model.account import possession_message
from comity.model.genesis import Genesis

SECRET, GENESIS = bytes(range(16)), bytes(range(100, 132))
LEDGER = Genesis(ledger="fruit-stand", time_ns=0, salt=bytes(16), apps=(), founders=(), nodes=())


def test_the_word_is_the_invitation() -> None:
    """Word and invitation are one, the proof verifies, and no repr shows the secret."""
    made = Invitation.of(SECRET, GENESIS)
    word = made.to_text()
    assert Invitation.from_text(word) == made
    assert Invitation.from_text(word.upper()) == made
    message = possession_message(GENESIS, b"a" * 20)
    assert ed25519.verify(made.public_key, message, made.proof(GENESIS, b"a" * 20))
    assert SECRET.hex() not in repr(made)
    assert word not in repr(made)


def test_the_word_is_for_one_ledger() -> None:
    """Sixteen bytes of the genesis hash are in the word: another ledger's are told apart."""
    made = Invitation.of(SECRET, GENESIS)
    assert made.is_for(GENESIS)
    assert not made.is_for(bytes(32))
    assert not made.is_for(GENESIS[:15] + bytes(17))


def test_a_mistyped_character_is_noticed() -> None:
    """Each single wrong character, another prefix and a cut word are refused."""
    word = Invitation.of(SECRET, GENESIS).to_text()
    for at in range(4, len(word)):
        wrong = "q" if word[at] != "q" else "p"
        with pytest.raises(Malformed):
            Invitation.from_text(word[:at] + wrong + word[at + 1 :])
    for other in (word[:-1], "", "cm1fc0tv0ufx9yquug9rgws38nseve2y9x9gm3hpp"):
        with pytest.raises(Malformed):
            Invitation.from_text(other)


@pytest.mark.parametrize(
    "url", ["http://localhost:7080", "https://node.example/comity", "http://[::1]:7080"]
)
def test_a_link_holds_address_and_word(url: str) -> None:
    """The link leads to the node and holds the word; what a server sees of it is no secret."""
    made = Invitation.of(SECRET, LEDGER.hash)
    link = made.to_link(url + "/", LEDGER)
    assert from_link(link) == (url, made)
    seen, _, kept = link.partition("#")
    assert seen == f"{url}/j/{ticket(LEDGER, made.public_key)}"
    assert seen.partition("/j/")[2].startswith(f"fruit-stand-{LEDGER.hash.hex()[:4]}-")
    assert kept == made.to_text()
    assert made.to_text()[5:] not in seen


def test_a_link_that_lost_something_says_what() -> None:
    """A link without its end, with a wrong character and of something else are told apart."""
    link = Invitation.of(SECRET, LEDGER.hash).to_link("http://localhost:7080", LEDGER)
    with pytest.raises(Malformed, match="lacks its end"):
        from_link(link.partition("#")[0])
    with pytest.raises(Malformed, match=r"checksum|mistyped"):
        from_link(link[:-1] + ("q" if link[-1] != "q" else "p"))
    for other in ("http://localhost:7080/v1/docs", "ftp://x/j/a#b", "http://[/j/a#b", "cmi1"):
        with pytest.raises(Malformed, match="no link to join"):
            from_link(other)
