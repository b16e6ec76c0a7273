"""Account ids and their text form."""

import pytest

from comity.crypto import bech32m
from comity.crypto.hashing import sha256
from comity.errors import Malformed
from comity.model import account

KEY = bytes(range(32))
ID = account.account_id(KEY)
TEXT = account.to_text(ID)


def test_id_is_the_tagged_hash_of_type_and_key() -> None:
    """R2.4: the first 20 bytes of H(22 | key type | key)."""
    assert sha256(b"\x22\x01" + KEY)[:20] == ID == account.key_id(KEY)


def test_text_of_known_accounts_never_changes() -> None:
    """Golden: the text form is printed on paper."""
    assert account.to_text(bytes(20)) == "cm1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqeuq9u7"
    assert account.from_text(TEXT) == ID
    assert len(TEXT) == account.TEXT_CHARS == 41


@pytest.mark.parametrize(("key", "key_type"), [(KEY, 0), (KEY, 2), (KEY[:31], 1), (KEY + b"\0", 1)])
def test_unknown_key_is_refused(key: bytes, key_type: int) -> None:
    """Only Ed25519 keys of 32 bytes have an id."""
    with pytest.raises(Malformed):
        account.key_id(key, key_type)


def test_id_of_another_length_has_no_text() -> None:
    """An id of another length is a bug, not a text."""
    with pytest.raises(ValueError, match="has 20 bytes, this has 32"):
        account.to_text(KEY)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "does not start with cm1"),
        ("ana", "does not start with cm1"),
        (TEXT.replace("cm1", "bc1"), "does not start with cm1"),
        (TEXT[:-1], "has 40 characters, not 41"),
        (TEXT + TEXT[-1], "has 42 characters, not 41"),
        ("cm1" + "q" * 10_000, "has 10003 characters"),
        (f" {TEXT}", "does not start with cm1"),
        (f"{TEXT}\n", "has 42 characters"),
        (TEXT[:9] + "b" + TEXT[10:], "character 10 is 'b', which this form never uses"),
        (TEXT[:9] + "\u0430" + TEXT[10:], r"character 10 is '\\u0430': only printable ASCII"),
        (TEXT[:9] + "Q" + TEXT[10:], "mixes capitals and small letters"),
        (TEXT.swapcase(), "is in capitals"),
        (bech32m.encode("cm1qq", bytes(18)), "has a second"),
        (TEXT[:-1] + ("q" if TEXT[-1] != "q" else "p"), "is mistyped"),
    ],
)
def test_mistakes_are_named(text: str, mistake: str) -> None:
    """Each kind of mistake has a message of its own, of bounded length."""
    with pytest.raises(Malformed, match=mistake) as raised:
        account.from_text(text)
    assert len(str(raised.value)) < 400
    assert str(raised.value).isascii()
