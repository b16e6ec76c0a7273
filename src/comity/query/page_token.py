"""Tokens that lead from one page to the next: the height of the first page, and the last row's key.

Invariant: a token belongs to one question; at another table, filter or order it is refused, so no
page is ever cut out of the wrong list.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from comity.crypto.hashing import sha256
from comity.crypto.ordered import KeyValue
from comity.errors import QueryError
from comity.limits import READ_TEXT_CHARS_MAX

_QUESTION_BYTES = 6


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended."""

    height: int
    question: bytes
    key: list[Any]  # of KeyValue


_decode = msgspec.msgpack.Decoder(PageToken).decode


def write(height: int, question: object, key: Sequence[KeyValue]) -> str:
    """Return the text of a token. Args: question: what every page of the list has in common."""
    token = PageToken(height, _hash(question), list(key))
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode().rstrip("=")


def read(text: str, question: object, at: int | None) -> PageToken:
    """Return the token that ``write`` wrote for this question. Raises: QueryError."""
    try:
        if len(text) > READ_TEXT_CHARS_MAX:
            raise QueryError("bad-token", _WORDS)
        padding = "=" * (-len(text) % 4)
        token = _decode(base64.b64decode(text + padding, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise QueryError("bad-token", _WORDS) from error
    is_key = all(type(value) in (int, str, bytes) for value in token.key)
    if not is_key or token.question != _hash(question) or at not in (None, token.height):
        raise QueryError("bad-token", _WORDS)
    return token


_WORDS = (
    "after: this is no token of this list: take it from the page before, and change nothing else"
)


def _hash(question: object) -> bytes:
    return sha256(msgspec.msgpack.encode(question))[:_QUESTION_BYTES]
