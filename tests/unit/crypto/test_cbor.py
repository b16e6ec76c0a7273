"""Deterministic CBOR: what is refused, and what refusing it may cost."""

import tracemalloc

import pytest

from comity.crypto import cbor
from comity.errors import Malformed
from tests.fuzz.mutate import bombs

HEAP_BYTES_MAX = 10 << 20  # P06 of the catalogue of faults
NOT_OURS = {
    "a long integer": "1800",
    "an indefinite array": "9fff",
    "an indefinite string": "5f4100ff",
    "a duplicate key": "a200010002",
    "unsorted keys": "a201000000",
    "keys of two kinds": "a20000616100",
    "a negative key": "a12000",
    "NaN": "f97e00",
    "a float": "f93c00",
    "undefined": "f7",
    "a simple value": "e0",
    "a tag": "c000",
    "a shared reference": "d81c80",
    "a large number": "c249010000000000000000",
    "a trailing byte": "0000",
    "nothing": "",
    "a cut string": "4200",
    "text that is not UTF-8": "61ff",
    "a surrogate": "63eda080",
    "a break": "ff",
    "17 arrays": "81" * 17 + "00",
}


@pytest.mark.parametrize("data", NOT_OURS.values(), ids=NOT_OURS)
def test_what_we_never_write_is_refused(data: str) -> None:
    """Each is well-formed CBOR of some kind, or nearly (P05)."""
    with pytest.raises(Malformed, match="CBOR"):
        cbor.decode(bytes.fromhex(data), size_max=100)


def test_sixteen_arrays_are_read() -> None:
    """The near miss of 17."""
    data = b"\x81" * 16 + b"\x00"
    assert cbor.encode(cbor.decode(data, size_max=100)) == data


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, 1.5, 2**64, {1, 2}, {-1: 0}, object()])
def test_what_has_no_encoding_is_refused(value: cbor.Value) -> None:
    """Not only when it is read."""
    with pytest.raises(Malformed, match="CBOR"):
        cbor.encode(value)


def test_bombs_take_no_memory() -> None:
    """Depths of 10,000 and lengths of 2^63 are refused before anything is made for them (P06)."""
    refused = 0
    for data in bombs():
        tracemalloc.start()
        try:
            cbor.decode(data, size_max=1 << 20)
        except Malformed:
            refused += 1
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < HEAP_BYTES_MAX
    assert (
        refused == len(bombs()) - 5
    )  # integers, in a map or not, and 10,000 empty maps are values


def test_what_is_allocated_is_seen() -> None:
    """Canary of the test above: a decoder that believes a length would be caught."""
    tracemalloc.start()
    try:
        believed = bytearray(HEAP_BYTES_MAX)
        assert tracemalloc.get_traced_memory()[1] >= len(believed)
    finally:
        tracemalloc.stop()
