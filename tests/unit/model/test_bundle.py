"""A bundle's bytes: one encoding, a digest at its end, and a clear word on what is wrong."""

import pytest

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.errors import Malformed
from comity.limits import BUNDLE_BYTES_MAX
from comity.model.bundle import Bundle, seal
from tests.bundle_ledger import good_bundles


@pytest.mark.parametrize("name", good_bundles())
def test_a_bundle_has_one_encoding(name: str) -> None:
    """What is decoded encodes to the same bytes, which end in the hash of all before."""
    data = good_bundles()[name]
    assert Bundle.decode(data).encode() == data
    assert data[-32:] == sha256(data[:-32])
    assert list(cbor.decode(data, size_max=len(data))) == list(range(1, 11))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "damaged"),
        (good_bundles()["row"][:-1], "damaged"),
        (seal(good_bundles()["row"] + b"\x00"), "damaged"),
        (seal(b"\xa1\x0a\x58\x20" + bytes(32)), "keys 1 to 10"),
        (seal(b"\x81" * 9 + b"\x0a\x58\x20" + bytes(32)), "CBOR"),
        (bytes(BUNDLE_BYTES_MAX + 1), "more than"),
    ],
)
def test_what_is_no_bundle_is_told(data: bytes, said: str) -> None:
    """Damage, a wrong shape and a huge file are told apart."""
    with pytest.raises(Malformed, match=said):
        Bundle.decode(data)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (1, 2, "format 1"),
        (1, True, "format 1"),
        (2, [], "a claim is needed"),
        (2, ["column"], "no such claim"),
        (9, [b"", [1]], "changes of nodes"),
        (8, [], "a list of 1"),
        (4, [-1, bytes(32)], "negative"),
        (4, [1, bytes(31)], "32 bytes"),
        (4, [1, 1], "another kind"),
    ],
)
def test_a_part_of_another_form_is_told(key: int, value: object, said: str) -> None:
    """Whatever is wrong in a part is said in words."""
    whole = cbor.decode(good_bundles()["row"], size_max=BUNDLE_BYTES_MAX)
    with pytest.raises(Malformed, match=said):
        Bundle.decode(seal(cbor.encode({**whole, key: value})))
