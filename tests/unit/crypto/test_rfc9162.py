"""The log's tree is the tree of RFC 9162, and its proofs verify exactly where they should."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from comity.crypto.rfc9162 import (
    EMPTY_ROOT,
    consistency_root,
    inclusion_root,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from comity.errors import ProofInvalid
from comity.limits import LOG_PATH_HASHES_MAX, LOG_SIZE_MAX

SIZE_MAX = 70
ENTRIES = [b"entry %d" % number for number in range(SIZE_MAX)]


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    """The numbers of another implementation's tests."""
    path = Path(__file__).parents[2] / "vectors" / "rfc9162.json"
    return dict(json.loads(path.read_text()))


def naive_root(entries: list[bytes]) -> bytes:
    """The recursive definition of RFC 9162, section 2.1.1, word for word."""
    if len(entries) < 2:
        return sha256(b"\x00" + entries[0]).digest() if entries else sha256(b"").digest()
    split = 1 << (len(entries) - 1).bit_length() - 1
    left, right = naive_root(entries[:split]), naive_root(entries[split:])
    return sha256(b"\x01" + left + right).digest()


def naive_path(index: int, entries: list[bytes]) -> list[bytes]:
    """The recursive definition of section 2.1.3.1."""
    if len(entries) == 1:
        return []
    split = 1 << (len(entries) - 1).bit_length() - 1
    if index < split:
        return [*naive_path(index, entries[:split]), naive_root(entries[split:])]
    return [*naive_path(index - split, entries[split:]), naive_root(entries[:split])]


def naive_subproof(size: int, entries: list[bytes], *, is_whole: bool) -> list[bytes]:
    """The recursive definition of section 2.1.4.1."""
    if size == len(entries):
        return [] if is_whole else [naive_root(entries)]
    split = 1 << (len(entries) - 1).bit_length() - 1
    if size <= split:
        head = naive_subproof(size, entries[:split], is_whole=is_whole)
        return [*head, naive_root(entries[split:])]
    head = naive_subproof(size - split, entries[split:], is_whole=False)
    return [*head, naive_root(entries[:split])]


def test_hashes_are_those_of_the_published_vectors(vectors: dict[str, Any]) -> None:
    """Leaves, nodes and roots agree with another implementation's."""
    entries = [bytes.fromhex(text) for text in vectors["leaf_inputs"]]
    row = [leaf_hash(entry) for entry in entries]
    for expected in vectors["node_hashes"]:
        assert [one.hex() for one in row] == expected
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)]
    for size, root in enumerate(vectors["root_hashes"]):
        assert root_of(entries[:size]).hex() == root


def test_roots_follow_the_definition() -> None:
    """Every tree of up to 70 leaves has the root of the RFC's definition."""
    for size in range(SIZE_MAX + 1):
        assert root_of(ENTRIES[:size]) == naive_root(ENTRIES[:size])


def test_every_inclusion_path_verifies_and_none_verifies_elsewhere() -> None:
    """A path proves its own leaf only: not another leaf, nor when cut, extended or altered."""
    for size in range(1, SIZE_MAX + 1):
        entries = ENTRIES[:size]
        root = root_of(entries)
        for index in range(size):
            path = naive_path(index, entries)
            leaf = leaf_hash(entries[index])
            assert verify_inclusion(leaf, index, size, path, root)
            assert inclusion_root(leaf, index, size, path) == root
            assert not verify_inclusion(leaf_hash(b"other"), index, size, path, root)
            assert not verify_inclusion(leaf, index, size, [*path, root], root)
            assert not verify_inclusion(leaf, index, size, path[:-1], root) or not path
            assert not verify_inclusion(leaf, (index + 1) % size, size, path, root) or size == 1


def test_every_consistency_path_verifies_and_none_verifies_elsewhere() -> None:
    """A path proves its own two sizes and roots: not when cut, extended, altered or swapped."""
    for size_2 in range(1, SIZE_MAX + 1):
        root_2 = root_of(ENTRIES[:size_2])
        for size_1 in range(1, size_2 + 1):
            root_1 = root_of(ENTRIES[:size_1])
            path = naive_subproof(size_1, ENTRIES[:size_2], is_whole=True)
            assert verify_consistency(size_1, size_2, path, root_1, root_2)
            assert consistency_root(size_1, size_2, path, root_1) == root_2
            assert not verify_consistency(size_1, size_2, [*path, root_1], root_1, root_2)
            for at in range(len(path)):
                wrong = [*path[:at], leaf_hash(b"wrong"), *path[at + 1 :]]
                assert not verify_consistency(size_1, size_2, wrong, root_1, root_2)
                assert not verify_consistency(size_1, size_2, path[:at], root_1, root_2)
            if size_1 < size_2:
                assert not verify_consistency(size_1, size_2, path, root_2, root_1)
                assert not verify_consistency(size_2, size_1, path, root_2, root_1)


def test_every_tree_continues_the_empty_one() -> None:
    """Size 0 needs no path, and allows none; it fixes the older root but no newer one."""
    root = root_of(ENTRIES)
    assert verify_consistency(0, SIZE_MAX, [], EMPTY_ROOT, root)
    assert verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not verify_consistency(0, 0, [], EMPTY_ROOT, root)
    assert not verify_consistency(0, SIZE_MAX, [root], EMPTY_ROOT, root)
    assert not verify_consistency(0, SIZE_MAX, [], root, root)
    assert not verify_consistency(0, -1, [], EMPTY_ROOT, root)
    with pytest.raises(ProofInvalid, match="sizes"):
        consistency_root(0, SIZE_MAX, [], EMPTY_ROOT)


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 0, []),
        (-1, 1, []),
        (1, 1, []),
        (0, LOG_SIZE_MAX + 1, []),
        (0, 2, [b"short"]),
        (0, LOG_SIZE_MAX, [bytes(32)] * (LOG_PATH_HASHES_MAX + 1)),
    ],
)
def test_numbers_and_paths_outside_the_limits_are_refused(
    index: int, size: int, path: list[bytes]
) -> None:
    """No number or length from outside is hashed before it was checked."""
    with pytest.raises(ProofInvalid):
        inclusion_root(bytes(32), index, size, path)
    assert not verify_inclusion(bytes(32), index, size, path, bytes(32))


@pytest.mark.parametrize(
    ("size", "count", "reason"),
    [
        (1, 1, "too long"),
        (2, 0, "too short"),
        (2, 2, "too long"),
        (3, 1, "too short"),
        (LOG_SIZE_MAX, LOG_PATH_HASHES_MAX + 1, "LOG_PATH_HASHES_MAX"),
    ],
)
def test_a_path_of_another_length_leads_to_no_root(size: int, count: int, reason: str) -> None:
    """A receipt's signature is never asked about a root that no such tree can have."""
    with pytest.raises(ProofInvalid, match=reason):
        inclusion_root(bytes(32), 0, size, [bytes(32)] * count)


def test_the_longest_paths_fit_the_limits() -> None:
    """A log of the greatest size still has proofs: 63 hashes of inclusion, 64 of consistency."""
    assert inclusion_root(bytes(32), 0, LOG_SIZE_MAX, [bytes(32)] * 63)
    size_1 = LOG_SIZE_MAX // 2
    with pytest.raises(ProofInvalid, match="older root"):
        consistency_root(size_1, LOG_SIZE_MAX, [bytes(32)] * LOG_PATH_HASHES_MAX, bytes(32))


def test_index_is_proved_only_together_with_the_size() -> None:
    """A path and root verify for index 5 of 6 and for 3 of 4: a root alone fixes no index."""
    entries = ENTRIES[:6]
    path, root, leaf = naive_path(5, entries), root_of(entries), leaf_hash(entries[5])
    assert verify_inclusion(leaf, 5, 6, path, root)
    assert verify_inclusion(leaf, 3, 4, path, root)
