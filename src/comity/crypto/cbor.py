"""Deterministic CBOR: the one encoding in which everything that is hashed or signed is written.

Invariant: ``decode`` accepts a byte string only when ``encode`` of the result gives the same bytes back, so no two
byte strings mean the same. Values are integers, text, bytes, booleans, null, arrays, and maps whose keys are all text
or all non-negative integers. Source: RFC 8949, section 4.2.1.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import cbor2

from comity.errors import Malformed
from comity.limits import CBOR_CONTAINERS_MAX, NESTING_MAX

Value: TypeAlias = Any  # int | str | bytes | bool | None | list[Value] | dict[str | int, Value]

_INT_MIN = -(1 << 64)
_INT_MAX = (1 << 64) - 1
_SCALARS = (bytes, str, bool, type(None))


def _refuse_tag(*_: object) -> None:
    raise Malformed("CBOR: tags are not permitted")


# To these tags the decoder gives a meaning of its own (dates, shared references ...) unless told not to.
_TAG_NUMBERS = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000),
    55799,
)
_TAGS_REFUSED: Mapping[int, Callable[..., None]] = dict.fromkeys(_TAG_NUMBERS, _refuse_tag)


def encode(value: Value) -> bytes:
    """Return the deterministic CBOR of ``value``.

    Raises: Malformed, when ``value`` holds anything outside the permitted kinds or ranges.
    Cost: O(size of the value).
    """
    _Checking(CBOR_CONTAINERS_MAX).check(value, NESTING_MAX + 1)
    try:
        return _dumps(value)
    except UnicodeEncodeError as error:
        raise Malformed("CBOR: a lone surrogate is not text") from error


def decode(
    data: bytes,
    *,
    size_max: int,
    depth_max: int = NESTING_MAX,
    containers_max: int = CBOR_CONTAINERS_MAX,
) -> Value:
    """Return the value that ``data`` encodes.

    Args:
        data: the whole of one CBOR item; trailing bytes are an error.
        size_max: most bytes accepted.
        depth_max: most arrays and maps inside one another.
        containers_max: most arrays and maps in all: they cost far more time than the byte that each may take.
    Raises: Malformed, for anything that is not the deterministic encoding of a permitted value.

    """
    if len(data) > size_max:
        raise Malformed(f"CBOR: {len(data)} bytes, at most {size_max} are allowed")
    try:
        value = cbor2.loads(
            data,
            tag_hook=_refuse_tag,
            semantic_decoders=_TAGS_REFUSED,
            max_depth=depth_max,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        _Checking(containers_max).check(value, depth_max)
        again = _dumps(value)
    except Malformed:
        raise
    except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, ValueError, TypeError) as error:
        raise Malformed(f"CBOR: {type(error).__name__}") from error
    if again != data:
        raise Malformed("CBOR: not the deterministic encoding (RFC 8949, section 4.2.1)")
    return value


def encode_array(items: tuple[Value, ...] | list[Value]) -> bytes:
    """Return the CBOR of an array without maps, whose kinds the caller has already checked (rows, log entries)."""
    return cbor2.dumps(items)


def _dumps(value: Value) -> bytes:
    return cbor2.dumps(value, canonical=True)


class _Checking:
    """One walk over a value: refuses kinds and nesting outside the rules, and more containers than are allowed."""

    __slots__ = ("_left",)

    def __init__(self, containers_max: int) -> None:
        self._left = containers_max

    def check(self, value: Value, depth: int) -> None:
        """Check one value. Recursion is bounded by ``depth``."""
        kind = type(value)
        if kind is int:
            if not _INT_MIN <= value <= _INT_MAX:
                raise Malformed("CBOR: integer outside -2^64..2^64-1")
        elif kind is list or kind is tuple:
            self._check_items(value, depth)
        elif kind is dict:
            self._check_map(value, depth)
        elif kind not in _SCALARS:
            raise Malformed(f"CBOR: {kind.__name__} is not permitted")

    def _check_items(self, value: Value, depth: int) -> None:
        if depth <= 0:
            raise Malformed("CBOR: nested too deeply")
        self._left -= 1
        if self._left < 0:
            raise Malformed("CBOR: too many arrays and maps")
        for item in value:
            if type(item) is int:
                if not _INT_MIN <= item <= _INT_MAX:
                    raise Malformed("CBOR: integer outside -2^64..2^64-1")
            elif type(item) not in _SCALARS:
                self.check(item, depth - 1)

    def _check_map(self, value: Value, depth: int) -> None:
        keys = list(value)
        is_text = all(type(key) is str for key in keys)
        if not is_text and not all(type(key) is int and 0 <= key <= _INT_MAX for key in keys):
            raise Malformed("CBOR: map keys must be all text or all non-negative integers")
        self._check_items(list(value.values()), depth)
