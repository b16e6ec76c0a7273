"""Any words, key file or path give a key or a named error, never another exception."""

import json
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from comity.client import key_file
from comity.crypto import words
from comity.errors import Malformed

GOLDEN = (Path(__file__).parents[1] / "vectors" / "first.key.json").read_bytes()
WORD = st.sampled_from(words.to_words(bytes(range(32))).split(" ")) | st.text(max_size=9)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(sorted(json.loads(GOLDEN)))
KDF_FIELDS = st.sampled_from(sorted(json.loads(GOLDEN)["kdf"]))


def decode(data: bytes) -> None:
    """Read a key file; what is accepted says the same when it is written again."""
    with suppress(Malformed):
        file = key_file.decode(data)
        assert key_file.decode(key_file.encode(file)) == file


@settings(max_examples=2_000, deadline=None)
@given(entropy=st.binary(min_size=32, max_size=32))
def test_any_entropy_comes_back(entropy: bytes) -> None:
    """Words and entropy determine one another."""
    phrase = words.to_words(entropy)
    assert words.to_entropy(phrase) == entropy
    assert len(phrase.split(" ")) == 24


@settings(max_examples=2_000, deadline=None)
@given(
    phrase=st.one_of(st.text(), st.lists(WORD, min_size=23, max_size=25).map(" ".join)),
)
def test_any_phrase_is_a_key_or_malformed(phrase: str) -> None:
    """What is accepted is what its entropy is written as."""
    with suppress(Malformed):
        assert words.to_words(words.to_entropy(phrase)) == phrase


@settings(max_examples=2_000, deadline=None)
@given(path=st.text() | st.text(st.sampled_from("m/'0123456789hH-")).map("m/".__add__))
def test_any_path_is_derived_or_malformed(path: str) -> None:
    """A derivation path gives 32 bytes or is refused."""
    with suppress(Malformed):
        assert len(words.derive(bytes(64), path)) == 32


@settings(max_examples=2_000, deadline=None)
@given(data=st.binary() | VALUES.map(json.dumps).map(str.encode))
def test_any_bytes_are_a_key_file_or_malformed(data: bytes) -> None:
    """Random bytes and random JSON."""
    decode(data)


@settings(max_examples=2_000, deadline=None)
@given(field=FIELDS, kdf_field=KDF_FIELDS, value=VALUES, other=VALUES)
def test_any_field_of_a_key_file(field: str, kdf_field: str, value: object, other: object) -> None:
    """A key file with any value in any place."""
    content = json.loads(GOLDEN)
    content["kdf"][kdf_field] = other
    decode(json.dumps(content).encode())
    content[field] = value
    decode(json.dumps(content).encode())


@settings(max_examples=2_000, deadline=None)
@given(position=st.integers(0, len(GOLDEN) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_any_damaged_byte_of_a_key_file(position: int, byte: int, cut: bool) -> None:
    """A key file with one byte changed, or cut off there."""
    decode(GOLDEN[:position] + bytes((byte,)) + (b"" if cut else GOLDEN[position + 1 :]))
