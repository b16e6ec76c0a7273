"""Encoded keys: what is too long or no text is refused, in both directions."""

import pytest

from comity.crypto.ordered import KeyTooLong, decode_key, encode_key
from comity.errors import Malformed


def test_the_longest_key_comes_back_and_nothing_longer_is_read() -> None:
    """What could not be written again is not read."""
    longest = "x" * 254
    assert decode_key(encode_key((longest,)), (str,)) == (longest,)
    with pytest.raises(KeyTooLong):
        decode_key(b"x" * 255 + b"\0\1", (str,))


@pytest.mark.parametrize("text", ["\ud800", "a\0"])
def test_what_is_no_text_is_no_key(text: str) -> None:
    """A lone surrogate comes in with an argument that is not UTF-8."""
    with pytest.raises(Malformed, match="key"):
        encode_key((text,))
