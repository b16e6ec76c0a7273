"""Bech32m: bytes as text that people can copy, with a checksum that catches their slips.

Own code, because no maintained package does only this: `bech32` predates bech32m, and the others
bring a wallet's worth of dependencies for these hundred lines.

Invariant: a valid text with one to four characters replaced is refused (BIP-173, "Checksum
design"); a refusal says which kind of mistake it saw, with character positions from 1.

Source: BIP-350, and BIP-173 where that refers to it.
"""

from collections.abc import Iterable

from comity.errors import Malformed
from comity.limits import BECH32M_CHARS_MAX

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GROUP_BY_CHAR = {char: group for group, char in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_RESIDUE = 1
_BECH32M_RESIDUE = 0x2BC830A3
_CHECKSUM_CHARS = 6
TO_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # ASCII capitals only


def encode(prefix: str, payload: bytes) -> str:
    """Return ``payload`` as bech32m text, in small letters.

    Args:
        prefix: what the text starts with, before the separator "1"; small ASCII letters.
        payload: as many bytes as fit into 90 characters of text.
    """
    groups = _to_groups(payload)
    residue = _residue(_expand(prefix) + groups + [0] * _CHECKSUM_CHARS) ^ _BECH32M_RESIDUE
    groups += [residue >> 5 * (_CHECKSUM_CHARS - 1 - i) & 31 for i in range(_CHECKSUM_CHARS)]
    text = prefix + "1" + "".join(_ALPHABET[group] for group in groups)
    if len(text) > BECH32M_CHARS_MAX:
        raise ValueError(f"{len(payload)} bytes do not fit into {BECH32M_CHARS_MAX} characters")
    return text


def decode(text: str) -> tuple[str, bytes]:
    """Return prefix and payload of a bech32m text.

    Raises:
        Malformed: anything that `decode_groups` refuses; bits left over that are not zero.
    """
    prefix, groups = decode_groups(text)
    return prefix, _from_groups(groups)


def decode_groups(text: str) -> tuple[str, list[int]]:
    """Return prefix (in small letters) and data, in groups of 5 bits, of a bech32m text.

    Raises:
        Malformed: length, character, mixed case, separator, prefix, checksum; in this order.
    """
    if len(text) > BECH32M_CHARS_MAX:
        raise Malformed(f"has {len(text)} characters, more than {BECH32M_CHARS_MAX}")
    for position, char in enumerate(text, start=1):
        if not "!" <= char <= "~":
            raise Malformed(f"character {position} is {char!a}: only printable ASCII is allowed")
    small = text.translate(TO_SMALL)
    if text != small and any("a" <= char <= "z" for char in text):
        raise Malformed("mixes capitals and small letters")
    prefix, separator, data = small.rpartition("1")
    if not separator:
        raise Malformed('has no separator "1"')
    if not prefix:
        raise Malformed('has nothing before its separator "1"')
    for position, char in enumerate(data, start=len(prefix) + 2):
        if char not in _GROUP_BY_CHAR:
            raise Malformed(f"character {position} is {char!r}, which this form never uses")
    if len(data) < _CHECKSUM_CHARS:
        raise Malformed("is cut off: it ends before its checksum")
    groups = [_GROUP_BY_CHAR[char] for char in data]
    _check_residue(_residue(_expand(prefix) + groups))
    return prefix, groups[:-_CHECKSUM_CHARS]


def _check_residue(residue: int) -> None:
    """Refuse a wrong checksum."""
    if residue == _BECH32_RESIDUE:
        raise Malformed("has a checksum of the older form bech32, not bech32m")
    if residue != _BECH32M_RESIDUE:
        raise Malformed("is mistyped: its checksum does not match")


def _expand(prefix: str) -> list[int]:
    """Return the prefix as the checksum reads it. Source: BIP-173, "Checksum"."""
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _residue(groups: Iterable[int]) -> int:
    """Return the remainder of the BCH code. Source: BIP-173, "Checksum"."""
    residue = 1
    for group in groups:
        top = residue >> 25
        residue = (residue & 0x1FFFFFF) << 5 ^ group
        for bit, term in enumerate(_GENERATOR):
            if top >> bit & 1:
                residue ^= term
    return residue


def _to_groups(payload: bytes) -> list[int]:
    """Cut bytes into groups of 5 bits, the last one filled with zero bits."""
    count = -(-len(payload) * 8 // 5)
    number = int.from_bytes(payload) << count * 5 - len(payload) * 8
    return [number >> 5 * (count - 1 - i) & 31 for i in range(count)]


def _from_groups(groups: list[int]) -> bytes:
    """Join groups of 5 bits into bytes; the bits left over must be fewer than 5, and zero."""
    number = 0
    for group in groups:
        number = number << 5 | group
    size, spare = divmod(len(groups) * 5, 8)
    if spare >= 5 or number & (1 << spare) - 1:
        raise Malformed("does not end on a whole byte")
    return (number >> spare).to_bytes(size)
