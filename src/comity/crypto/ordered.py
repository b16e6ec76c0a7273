"""Order-preserving, prefix-free key encoding, so that one byte order serves SQLite, the state tree and range proofs.

Invariant: comparing two encoded keys as bytes compares the values as SQLite's BINARY order does, and no encoded key of
a table is a prefix of another. INTEGER is 8 bytes, sign bit flipped; TEXT is UTF-8 then 00 01; BYTES escape 00 as
00 FF and end in 00 01; a composite key is the concatenation (consensus rule R4.4).
"""

from collections.abc import Sequence
from typing import TypeAlias

from comity.errors import Malformed
from comity.limits import ENCODED_KEY_BYTES_MAX, INT64_MAX, INT64_MIN

KeyValue: TypeAlias = int | str | bytes
OptionalKeyValue: TypeAlias = int | str | bytes | None

_END = b"\x00\x01"
_BIAS = 1 << 63


class KeyTooLong(Malformed):
    """An encoded key is over ``ENCODED_KEY_BYTES_MAX`` bytes."""


def encode_key(values: Sequence[KeyValue]) -> bytes:
    """Return the encoded key of ``values`` in key-column order.

    Raises: KeyTooLong; Malformed, when an integer is outside 64 bits, text holds U+0000, or a kind is not permitted.
    """
    if len(values) == 1:
        encoded = _encode_value(values[0])
    else:
        encoded = b"".join([_encode_value(value) for value in values])
    if len(encoded) > ENCODED_KEY_BYTES_MAX:
        raise KeyTooLong(
            f"key: {len(encoded)} bytes encoded, at most {ENCODED_KEY_BYTES_MAX} are allowed"
        )
    return encoded


def encode_index(values: Sequence[OptionalKeyValue]) -> bytes:
    """Return the order-preserving encoding of index columns, where null sorts first: 00, else 01 and the value.

    A boolean is the integer 0 or 1, as SQLite stores it.

    Cost: unlike keys, index encodings are never hashed and have no bound of their own.
    """
    return b"".join(
        [b"\x00" if value is None else b"\x01" + _encode_value(_number(value)) for value in values]
    )


def decode_key(data: bytes, kinds: Sequence[type]) -> tuple[KeyValue, ...]:
    """Return the values of an encoded key.

    Args:
        kinds: ``int``, ``str`` or ``bytes`` for each key column, in order.
    Raises: Malformed, when ``data`` is not the encoding of such values.

    """
    if len(data) > ENCODED_KEY_BYTES_MAX:
        raise KeyTooLong(f"key: {len(data)} bytes, at most {ENCODED_KEY_BYTES_MAX} are allowed")
    values: list[KeyValue] = []
    at = 0
    for kind in kinds:
        value, at = _decode_int(data, at) if kind is int else _decode_string(data, at, kind)
        values.append(value)
    if at != len(data):
        raise Malformed("key: trailing bytes")
    return tuple(values)


def after(prefix: bytes) -> bytes:
    """Return the smallest byte string above every string that starts with ``prefix``, for half-open ranges."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return b"\xff" * (ENCODED_KEY_BYTES_MAX + 1)
    return stripped[:-1] + bytes((stripped[-1] + 1,))


def _number(value: KeyValue) -> KeyValue:
    return (1 if value else 0) if type(value) is bool else value


def _encode_value(value: KeyValue) -> bytes:
    if isinstance(value, str):
        if "\0" in value:
            raise Malformed("key: text with U+0000")
        try:
            return value.encode() + _END
        except UnicodeEncodeError as error:
            raise Malformed("key: a lone surrogate is not text") from error
    if isinstance(value, bytes):
        return value.replace(b"\x00", b"\x00\xff") + _END
    if type(value) is not int:
        raise Malformed(f"key: {type(value).__name__} is not permitted")
    if not INT64_MIN <= value <= INT64_MAX:
        raise Malformed("key: integer outside 64 bits")
    return (value + _BIAS).to_bytes(8, "big")


def _decode_int(data: bytes, at: int) -> tuple[int, int]:
    end = at + 8
    if end > len(data):
        raise Malformed("key: truncated integer")
    return int.from_bytes(data[at:end], "big") - _BIAS, end


def _decode_string(data: bytes, at: int, kind: type) -> tuple[str | bytes, int]:
    end = at
    while True:
        end = data.find(b"\x00", end)
        if end < 0 or end + 1 >= len(data):
            raise Malformed("key: unterminated string")
        if data[end + 1] == 1:
            break
        if data[end + 1] != 0xFF or kind is str:
            raise Malformed("key: a zero byte must be escaped")
        end += 2
    raw = data[at:end]
    if kind is bytes:
        return raw.replace(b"\x00\xff", b"\x00"), end + 2
    try:
        return raw.decode("utf-8"), end + 2
    except UnicodeDecodeError as error:
        raise Malformed("key: text is not valid UTF-8") from error
