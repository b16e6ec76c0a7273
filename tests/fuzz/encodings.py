"""Targets: encodings that know nothing of ledgers, and what people type."""

from collections.abc import Iterator
from random import Random

from mnemonic import Mnemonic

from comity.client.invitation import Invitation
from comity.crypto import bech32m, cbor, ordered, tlog_tiles, words
from comity.errors import Malformed
from comity.model import account
from comity.model.names import check_ledger_name, check_name, split_action
from tests.fuzz.samples import ACCOUNT, KEY
from tests.fuzz.target import Target

_SIZE_MAX = 1 << 20
_LISTED = Mnemonic("english").wordlist
_KINDS = (
    (int,),
    (str,),
    (bytes,),
    (str, int, bytes),
    (bytes, str),
)  # the first byte of an input chooses


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")  # as an argument of a command comes in


def _key(data: bytes) -> tuple[int, tuple[ordered.KeyValue, ...]]:
    if not data or data[0] >= len(_KINDS):
        raise Malformed("the first byte chooses the kinds")
    return data[0], ordered.decode_key(data[1:], _KINDS[data[0]])


def _keys() -> Iterator[bytes]:
    values: list[list[tuple[ordered.KeyValue, ...]]] = [
        [(0,), (-(2**63),), (2**63 - 1,)],
        [("",), ("a\u00e9",)],
        [(b"",), (b"\0\0\1\xff",)],
        [("k", -1, b"\0")],
        [(b"", "x" * 200)],
    ]
    for choice, several in enumerate(values):
        yield from (bytes((choice,)) + ordered.encode_key(one) for one in several)


def _invitation(data: bytes) -> tuple[bytes, bytes, bool]:
    invitation = Invitation.from_text(_text(data))
    return invitation.secret, invitation.ledger, data.isupper()


def _encode_invitation(value: tuple[bytes, bytes, bool]) -> bytes:
    text = Invitation(secret=value[0], ledger=value[1]).to_text()
    return (text.upper() if value[2] else text).encode()


def _name(data: bytes) -> str:
    text = _text(data)
    if "." in text:
        split_action(text)
    else:
        check_ledger_name(text)
        check_name(text, "column")
    return text


def _mend_bech32m(data: bytes) -> bytes:
    """Write the checksum that the characters before it need."""
    prefix, one, rest = _text(data).rpartition("1")
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    if (
        not one
        or not prefix.isascii()
        or any(char not in alphabet for char in rest)
        or len(rest) < 6
    ):
        return data
    groups = [alphabet.index(char) for char in rest[:-6]]
    codes = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    residue = 1
    for group in [*codes, *groups, *[0] * 6]:
        top, residue = residue >> 25, (residue & 0x1FFFFFF) << 5 ^ group
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            residue ^= term * (top >> bit & 1)
    residue ^= 0x2BC830A3
    tail = "".join(alphabet[residue >> 5 * (5 - place) & 31] for place in range(6))
    return f"{prefix}1{rest[:-6]}{tail}".encode("utf-8", "surrogateescape")


def _mend_words(data: bytes) -> bytes:
    """Put words where none are, and choose the last so that the checksum matches."""
    listed = _LISTED
    parts = _text(data).split(" ")
    if len(parts) != 24:
        return data
    parts = [part if part in listed else listed[len(part) * 97 % 2048] for part in parts]
    number = int("".join(f"{listed.index(part):011b}" for part in parts[:-1]), 2) << 3
    return words.to_words((number | Random(len(data)).randrange(8)).to_bytes(32, "big")).encode()


TARGETS = (
    Target(
        name="cbor",
        decode=lambda data: cbor.decode(data, size_max=_SIZE_MAX),
        encode=cbor.encode,
        valid=lambda: map(
            cbor.encode,
            (
                *(
                    0,
                    -1,
                    23,
                    24,
                    2**64 - 1,
                    -(2**64),
                    "",
                    "\u00e9",
                    b"",
                    b"\0" * 300,
                    True,
                    False,
                    None,
                    [],
                    {},
                ),
                {"a": [1, -500, "text", b"bytes", None], "aa": {"": True}, "b": 2**32},
                {0: {1: {2: [[[]]]}}, 23: 0, 24: [], 2**63: "x"},
                [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],
            ),
        ),
        covers=("comity.crypto.cbor.decode",),
    ),
    Target(
        name="ordered_key",
        decode=_key,
        encode=lambda value: bytes((value[0],)) + ordered.encode_key(value[1]),
        valid=_keys,
        covers=("comity.crypto.ordered.decode_key",),
    ),
    Target(
        name="account_text",
        decode=lambda data: account.from_text(_text(data)),
        encode=lambda value: account.to_text(value).encode(),
        valid=lambda: [account.to_text(one).encode() for one in (bytes(20), ACCOUNT, b"\xff" * 20)],
        covers=("comity.model.account.from_text",),
        mend=_mend_bech32m,
    ),
    Target(
        name="bech32m",
        decode=lambda data: (
            bech32m.decode(_text(data)),
            _text(data).translate(bech32m.TO_SMALL) != _text(data),
        ),
        # Capitals throughout are a second spelling that BIP-173 asks for.
        encode=lambda value: (str.upper if value[1] else str)(bech32m.encode(*value[0])).encode(),
        valid=lambda: [bech32m.encode("cm", KEY).encode(), b"A1LQFN3A", b"?1v759aa"],
        covers=("comity.crypto.bech32m.decode", "comity.crypto.bech32m.decode_groups"),
        mend=_mend_bech32m,
    ),
    Target(
        name="invitation",
        decode=_invitation,
        encode=_encode_invitation,
        valid=lambda: [
            Invitation(secret=KEY[:16], ledger=bytes(range(240, 256))).to_text().encode()
        ],
        covers=("comity.client.invitation.Invitation.from_text",),
        mend=_mend_bech32m,
    ),
    Target(
        name="words",
        decode=lambda data: words.to_entropy(_text(data)),
        encode=lambda value: words.to_words(value).encode(),
        valid=lambda: [words.to_words(one).encode() for one in (bytes(32), KEY, b"\xff" * 32)],
        covers=("comity.crypto.words.to_entropy",),
        mend=_mend_words,
    ),
    Target(
        name="names",
        decode=_name,
        encode=lambda value: value.encode("utf-8", "surrogateescape"),
        valid=lambda: [b"a", b"price_2", b"a" * 33, b"tab.pay"],
        covers=("comity.model.names.check_name", "comity.model.names.split_action"),
    ),
    Target(
        name="entry_bundle",
        decode=tlog_tiles.decode_bundle,
        encode=tlog_tiles.encode_bundle,
        valid=lambda: [b"", tlog_tiles.encode_bundle([b"abc", b"", b"d" * 258]), b"\0\0" * 256],
        covers=("comity.crypto.tlog_tiles.decode_bundle",),
    ),
)
