"""Any mistyped account is refused, and any text is an account or malformed."""

from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.crypto import bech32m
from comity.errors import Malformed
from comity.model import account

IDS = st.binary(min_size=20, max_size=20)
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
NEAR = st.text(st.sampled_from(ALPHABET + "1bioCMQ \u00e9"), max_size=50)


@pytest.mark.parametrize("account_id", [bytes(20), bytes(range(20)), b"\xff" * 20])
def test_any_single_mistyped_character_is_caught(account_id: bytes) -> None:
    """All positions x all printable characters: 41 x 94 texts, none of which is an account."""
    text = account.to_text(account_id)
    for position in range(len(text)):
        for code in range(ord("!"), ord("~") + 1):
            changed = text[:position] + chr(code) + text[position + 1 :]
            if changed != text:
                with pytest.raises(Malformed):
                    account.from_text(changed)


@settings(max_examples=500, deadline=None)
@given(account_id=IDS, data=st.data())
def test_any_four_mistyped_characters_are_caught(account_id: bytes, data: st.DataObject) -> None:
    """Up to four replaced characters are always seen (the promise of the BCH code)."""
    chars = list(account.to_text(account_id))
    positions = data.draw(
        st.lists(st.integers(3, len(chars) - 1), min_size=1, max_size=4, unique=True)
    )
    for position in positions:
        others = [char for char in ALPHABET if char != chars[position]]
        chars[position] = data.draw(st.sampled_from(others))
    with pytest.raises(Malformed):
        account.from_text("".join(chars))


@settings(max_examples=50, deadline=None)
@given(account_id=IDS)
def test_any_two_exchanged_characters_are_caught(account_id: bytes) -> None:
    """Exchanging any two characters that differ is always seen."""
    text = account.to_text(account_id)
    for i, j in combinations(range(3, len(text)), 2):
        if text[i] != text[j]:
            chars = list(text)
            chars[i], chars[j] = chars[j], chars[i]
            with pytest.raises(Malformed):
                account.from_text("".join(chars))


@settings(max_examples=2_000, deadline=None)
@given(account_id=IDS)
def test_any_account_comes_back(account_id: bytes) -> None:
    """Text and id determine one another."""
    assert account.from_text(account.to_text(account_id)) == account_id


@settings(max_examples=2_000, deadline=None)
@given(text=st.one_of(st.text(), NEAR, NEAR.map("cm1".__add__)))
def test_any_text_is_an_account_or_malformed(text: str) -> None:
    """No other error comes out, and what is accepted is what that account is written as."""
    with suppress(Malformed):
        assert account.to_text(account.from_text(text)) == text


@settings(max_examples=2_000, deadline=None)
@given(text=st.one_of(st.text(), NEAR, st.tuples(NEAR, NEAR).map("1".join)))
def test_any_text_is_bech32m_or_malformed(text: str) -> None:
    """No other error comes out, and what is accepted re-encodes to the same, in small letters."""
    with suppress(Malformed):
        assert bech32m.encode(*bech32m.decode(text)) == text.translate(bech32m.TO_SMALL)


@settings(max_examples=2_000, deadline=None)
@given(
    groups=st.lists(st.integers(0, 31), max_size=60),
    prefix=st.text(st.sampled_from("cm1!~x"), min_size=1, max_size=10),
)
def test_any_groups_under_a_right_checksum(groups: list[int], prefix: str) -> None:
    """With a right checksum too, the bytes re-encode to the same text or there are none."""
    residue = bech32m._residue(bech32m._expand(prefix) + groups + [0] * 6) ^ 0x2BC830A3
    groups += [residue >> 5 * (5 - i) & 31 for i in range(6)]
    text = prefix + "1" + "".join(ALPHABET[group] for group in groups)
    with suppress(Malformed):
        assert bech32m.encode(*bech32m.decode(text)) == text
