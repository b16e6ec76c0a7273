"""Whatever is shown as a proof is verified or refused, and nothing else happens."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from comity.crypto.range_proof import range_from_value, verify_range
from comity.crypto.trie import path_from_value, root_of, verify_path
from comity.errors import ProofInvalid

HASHES = st.one_of(st.just(bytes(32)), st.binary(min_size=32, max_size=32))
KEYS = st.binary(max_size=4)
BITS = st.integers(-2, 40)
LEAVES = st.tuples(KEYS, HASHES).map(list)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.binary(max_size=40), st.text(max_size=4)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=6), max_leaves=30)
PATHS = st.tuples(KEYS, HASHES, st.lists(BITS, max_size=4), st.binary(max_size=128)).map(list)
RANGES = st.lists(st.one_of(BITS, HASHES, LEAVES), max_size=12)
ROWS = {b"\x10\x00": bytes(32), b"\x10\x80": b"\1" * 32, b"\x80\x00": b"\2" * 32}
ROOT = root_of(sorted(ROWS.items()))


@settings(max_examples=300, deadline=None)
@given(st.one_of(VALUES, PATHS), KEYS)
def test_any_path_is_refused_or_true(value: object, key: bytes) -> None:
    """A made-up proof raises ProofInvalid, or it is the truth."""
    with contextlib.suppress(ProofInvalid):
        assert verify_path(ROOT, key, path_from_value(value)) == ROWS.get(key)


@settings(max_examples=300, deadline=None)
@given(st.one_of(VALUES, RANGES), KEYS, KEYS)
def test_any_range_is_refused_or_true(value: object, low: bytes, high: bytes) -> None:
    """A made-up proof raises ProofInvalid, or it is the truth."""
    with contextlib.suppress(ProofInvalid):
        proved = verify_range(ROOT, low, high, range_from_value(value))
        assert proved == [row for row in sorted(ROWS.items()) if low <= row[0] <= high]
