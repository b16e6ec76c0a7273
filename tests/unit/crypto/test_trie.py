"""The hash rules of the state tree, and what its verifiers refuse."""

from hashlib import sha256
from itertools import pairwise

import pytest

from comity.crypto import cbor
from comity.crypto.range_proof import (
    RangeProof,
    range_from_value,
    range_to_value,
    verify_range,
)
from comity.crypto.trie import (
    EMPTY_ROOT,
    PathProof,
    leaf_hash,
    node_hash,
    path_from_value,
    path_to_value,
    root_of,
    shared_bits,
    verify_path,
)
from comity.errors import InvariantViolated, Malformed, ProofInvalid

# A tree small enough to write down: 00, 40 | 80 part at bit 0, 00 | 40 at bit 1.
HASHES = [bytes((n,)) * 32 for n in range(3)]
KEYS = [b"\x00", b"\x40", b"\x80"]
LEAVES = [leaf_hash(key, row_hash) for key, row_hash in zip(KEYS, HASHES, strict=True)]
LEFT = node_hash(1, LEAVES[0], LEAVES[1])
ROOT = node_hash(0, LEFT, LEAVES[2])
ROWS = list(zip(KEYS, HASHES, strict=True))
WHOLE: RangeProof = (0, 1, ROWS[0], ROWS[1], ROWS[2])


def test_the_hash_rules_are_those_of_the_format() -> None:
    """Each kind of hash is SHA-256 of its tag, its sizes and its parts."""
    assert sha256(b"\x12").digest() == EMPTY_ROOT
    assert leaf_hash(b"ab", HASHES[1]) == sha256(b"\x10\x00\x02ab" + HASHES[1]).digest()
    assert node_hash(258, LEFT, ROOT) == sha256(b"\x11\x01\x02" + LEFT + ROOT).digest()


def test_the_root_of_rows_follows_from_the_bits_in_which_keys_part() -> None:
    """No row, one row and three rows have the roots that the rules give."""
    assert root_of([]) == EMPTY_ROOT
    assert root_of(ROWS[:1]) == LEAVES[0]
    assert root_of(ROWS) == ROOT


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([b"b", b"a"], id="falling"),
        pytest.param([b"a", b"a"], id="twice"),
        pytest.param([b"a", b"ab"], id="one begins with the other"),
        pytest.param([b"a", b"a\0"], id="one begins with the other, then zeros"),
    ],
)
def test_rows_that_are_no_tree_have_no_root(keys: list[bytes]) -> None:
    """Keys must rise and be prefix-free."""
    with pytest.raises(InvariantViolated):
        root_of((key, HASHES[0]) for key in keys)


def test_shared_bits_count_from_the_most_significant() -> None:
    """Two keys share the bits before the first that differs, at most the shorter key."""
    assert shared_bits(b"\x00", b"\x80") == 0
    assert shared_bits(b"\xff\x00", b"\xff\x01\x05") == 15
    assert shared_bits(b"ab", b"abc") == 16


def test_a_path_proves_a_row_and_its_absence() -> None:
    """The leaf at which the search ends shows both."""
    proof = PathProof(KEYS[1], HASHES[1], ((1, LEAVES[0]), (0, LEAVES[2])))
    assert verify_path(ROOT, KEYS[1], proof) == HASHES[1]
    assert verify_path(ROOT, b"\x41", proof) is None
    assert verify_path(ROOT, b"\x7f\xff", proof) is None
    with pytest.raises(ProofInvalid):
        verify_path(ROOT, KEYS[0], proof)  # its search ends elsewhere


def test_bits_past_the_end_of_a_query_read_zero() -> None:
    """A query shorter than the keys is answered by the leaf that zeros lead to (R4.4)."""
    keys = [b"a\x00\x01", b"a\x80\x01"]
    leaves = [leaf_hash(key, HASHES[0]) for key in keys]
    root = node_hash(8, *leaves)
    assert verify_path(root, b"a", PathProof(keys[0], HASHES[0], ((8, leaves[1]),))) is None
    with pytest.raises(ProofInvalid):
        verify_path(root, b"a", PathProof(keys[1], HASHES[0], ((8, leaves[0]),)))


def test_only_an_empty_tree_shows_nothing() -> None:
    """No proof at all is the proof of an empty table, and of no other."""
    assert verify_path(EMPTY_ROOT, b"x", None) is None
    assert verify_range(EMPTY_ROOT, b"", b"\xff", ()) == []
    with pytest.raises(ProofInvalid):
        verify_path(ROOT, b"x", None)
    with pytest.raises(ProofInvalid):
        verify_range(ROOT, b"", b"\xff", ())


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(((0, LEAVES[2]), (1, LEAVES[0])), id="bits rise towards the root"),
        pytest.param(((1, LEAVES[0]), (1, LEAVES[0])), id="a bit twice"),
        pytest.param(((8, LEAVES[0]), (0, LEAVES[2])), id="bit at the key's end"),
        pytest.param(((1, LEAVES[0]), (-1, LEAVES[2])), id="bit below zero"),
        pytest.param(((1, LEAVES[0]),), id="too short"),
        pytest.param(((1, LEAVES[2]), (0, LEAVES[0])), id="siblings swapped"),
    ],
)
def test_a_path_that_is_not_one_is_refused(path: tuple[tuple[int, bytes], ...]) -> None:
    """Bits are below the leaf key's length and fall towards the root (R4.4)."""
    with pytest.raises(ProofInvalid):
        verify_path(ROOT, KEYS[1], PathProof(KEYS[1], HASHES[1], path))


ZERO, ONE = (bytes(256), HASHES[0]), (bytes(255) + b"\1", HASHES[1])  # part at bit 2,047
CROSSED = node_hash(1, node_hash(0, LEAVES[0], LEAVES[2]), leaf_hash(b"\xc0", HASHES[0]))
CROSSED_RIGHT = node_hash(1, LEAVES[0], node_hash(0, LEAVES[1], leaf_hash(b"\xc0", HASHES[0])))


@pytest.mark.parametrize(
    ("root", "key", "path", "proof"),
    [
        pytest.param(
            CROSSED,
            KEYS[0],
            ((0, LEAVES[2]), (1, leaf_hash(b"\xc0", HASHES[0]))),
            (1, 0, ROWS[0], ROWS[2], (b"\xc0", HASHES[0])),
            id="rising on the left",
        ),
        pytest.param(
            CROSSED_RIGHT,
            KEYS[1],
            ((0, leaf_hash(b"\xc0", HASHES[0])), (1, LEAVES[0])),
            (1, ROWS[0], 0, ROWS[1], (b"\xc0", HASHES[0])),
            id="rising on the right",
        ),
        pytest.param(
            node_hash(8, LEAVES[0], LEAVES[1]),
            KEYS[0],
            ((8, LEAVES[1]),),
            (8, ROWS[0], LEAVES[1]),
            id="at the end of the left key",
        ),
        pytest.param(
            node_hash(8, leaf_hash(b"\0\0", HASHES[0]), LEAVES[0]),
            b"\0\0",
            None,
            (8, (b"\0\0", HASHES[0]), ROWS[0]),
            id="at the end of the right key",
        ),
        pytest.param(
            node_hash(2_047, leaf_hash(*ZERO), leaf_hash(*ONE)),
            ZERO[0],
            ((-1, leaf_hash(*ONE)),),
            (-1, ZERO, ONE),
            id="counted from the end",
        ),
    ],
)
def test_bits_count_even_where_the_hashes_fit(
    root: bytes, key: bytes, path: tuple[tuple[int, bytes], ...] | None, proof: RangeProof
) -> None:
    """Whoever made a root from bits that no tree has, proves nothing by it (R4.4)."""
    with pytest.raises(ProofInvalid, match="fall"):
        verify_range(root, b"", b"\xff" * 256, proof)
    if path is not None:
        row_hash = next(item[1] for item in proof if isinstance(item, tuple) and item[0] == key)
        with pytest.raises(ProofInvalid, match="fall"):
            verify_path(root, key, PathProof(key, row_hash, path))


def test_a_key_that_no_table_has_is_refused() -> None:
    """A shown key is at most as long as an encoded key."""
    with pytest.raises(ProofInvalid, match="257 bytes"):
        verify_path(ROOT, b"", PathProof(b"k" * 257, HASHES[0], ()))


def test_a_range_shows_all_of_its_rows() -> None:
    """Subtrees outside the range are cut, those inside are not."""
    assert verify_range(ROOT, b"", b"\xff", WHOLE) == ROWS
    assert verify_range(ROOT, b"\x00", b"\x40", (0, 1, ROWS[0], ROWS[1], LEAVES[2])) == ROWS[:2]
    assert verify_range(ROOT, b"\x80", b"\x80", (0, LEFT, ROWS[2])) == ROWS[2:]
    assert verify_range(ROOT, b"\x90", b"\x90", (0, LEFT, ROWS[2])) == []


@pytest.mark.parametrize(
    ("low", "high", "proof"),
    [
        pytest.param(b"\x00", b"\x80", (0, 1, ROWS[0], LEAVES[1], ROWS[2]), id="a row cut"),
        pytest.param(b"\x00", b"\x20", (0, LEFT, ROWS[2]), id="a subtree cut"),
        pytest.param(b"", b"\xff", (ROOT,), id="no leaf shown"),
        pytest.param(b"\xff", b"\xff", (0, LEFT, LEAVES[2]), id="no neighbour shown"),
        pytest.param(b"", b"\xff", (0, 1, ROWS[0], ROWS[1]), id="a side missing"),
        pytest.param(b"", b"\xff", (*WHOLE, ROWS[2]), id="an item too many"),
        pytest.param(b"", b"\xff", (ROWS[0], *WHOLE), id="a leaf before the tree"),
        pytest.param(b"", b"\xff", (0, ROWS[2], 1, ROWS[0], ROWS[1]), id="sides swapped"),
        pytest.param(b"", b"\xff", (0, 2, ROWS[0], ROWS[1], ROWS[2]), id="another bit"),
        pytest.param(b"", b"\xff", (8, 1, ROWS[0], ROWS[1], ROWS[2]), id="bit past the keys"),
        pytest.param(b"", b"\xff", (-1, *WHOLE, ROWS[2]), id="bit below zero"),
        pytest.param(b"\xff", b"", WHOLE, id="low beyond high"),
        pytest.param(b"", b"\xff", (1,), id="a bit alone"),
        pytest.param(b"", b"\xff", (0,) * 5_000 + (ROWS[0],), id="deep"),
        pytest.param(b"", b"\xff", ((b"k" * 257, HASHES[0]),), id="long key"),
    ],
)
def test_a_range_proof_that_leaves_out_or_bends_is_refused(
    low: bytes, high: bytes, proof: RangeProof
) -> None:
    """Nothing in the range is missing, nothing is added."""
    with pytest.raises(ProofInvalid):
        verify_range(ROOT, low, high, proof)


def test_hidden_rows_are_refused_where_only_the_hash_rule_could_tell() -> None:
    """Sides, prefixes and order are checked, not only the root: here the root was made to fit."""
    wrong_sides: list[tuple[bytes, RangeProof]] = [
        (node_hash(0, LEAVES[2], LEAVES[0]), (0, ROWS[2], ROWS[0])),
        (node_hash(0, LEAVES[2], LEAVES[2]), (0, ROWS[2], LEAVES[2])),
        (node_hash(0, LEAVES[0], LEAVES[0]), (0, LEAVES[0], ROWS[0])),
    ]
    for root, proof in wrong_sides:
        for key in (KEYS[0], KEYS[2]):
            with pytest.raises(ProofInvalid, match="wrong side"):
                verify_range(root, key, key, proof)
    far = (b"\xc0\x80", HASHES[0])
    unlike = node_hash(8, leaf_hash(b"\x00\x00", HASHES[0]), leaf_hash(*far))
    with pytest.raises(ProofInvalid, match="before its bit"):
        verify_range(unlike, b"", b"\xff", (8, (b"\x00\x00", HASHES[0]), far))


def test_a_deep_proof_neither_recurses_nor_slows() -> None:
    """2,048 nodes on one path, the most that a 256-byte key allows, verify in both forms."""
    victim = b"\0" * 256
    numbers = [0, *(1 << bit for bit in range(2_048))]
    keys = [number.to_bytes(256, "big") for number in numbers]
    root = root_of((key, HASHES[0]) for key in keys)
    leaves = [leaf_hash(key, HASHES[0]) for key in keys[1:]]
    path = tuple((2_047 - place, leaf) for place, leaf in enumerate(leaves))
    assert verify_path(root, victim, PathProof(victim, HASHES[0], path)) == HASHES[0]
    proof: RangeProof = (*range(2_048), (victim, HASHES[0]), *leaves)
    assert verify_range(root, victim, victim, proof) == [(victim, HASHES[0])]


def test_proofs_travel_as_plain_cbor() -> None:
    """What is written is read again, through bytes."""
    path = PathProof(KEYS[1], HASHES[1], ((1, LEAVES[0]), (0, LEAVES[2])))
    for proof in (path, None):
        data = cbor.encode(path_to_value(proof))
        assert path_from_value(cbor.decode(data, size_max=10_000)) == proof
    data = cbor.encode(range_to_value(WHOLE))
    assert range_from_value(cbor.decode(data, size_max=10_000)) == WHOLE


H = HASHES[0]


@pytest.mark.parametrize(
    "value",
    [
        *(0, b"", "text", [], {}, True, [b"k", H], [b"k", H, [0]], [b"k", H, [0], H, 0]),
        *([b"k", H[:31], [], b""], [b"k", H, [0], H[:31]], [b"k", H, [0, 1], H]),
        *(["k", H, [], b""], [b"k", H, [True], H], [b"k", H, ["0"], H], [b"k", H, b"\0", H]),
        *([b"k", None, [], b""], [b"k", H, None, b""], [b"k", H, [], None]),
    ],
)
def test_a_path_of_another_shape_is_refused(value: object) -> None:
    """Wrong types end in one error and in no other."""
    with pytest.raises(ProofInvalid):
        path_from_value(value)


@pytest.mark.parametrize(
    "value",
    [
        *(None, 0, b"", "text", {}, [None], [True], ["0"], [H[:31]], [[]], [[b"k"]]),
        *([[b"k", H, 0]], [["k", H]], [[b"k", H[:31]]], [[b"k", None]], [{}], [[[b"k", H]]]),
    ],
)
def test_a_range_of_another_shape_is_refused(value: object) -> None:
    """Wrong types end in one error and in no other."""
    with pytest.raises(ProofInvalid):
        range_from_value(value)


def test_a_flipped_bit_anywhere_in_a_proof_is_refused() -> None:
    """No byte of a proof of a present row is without effect."""
    data = cbor.encode(path_to_value(PathProof(KEYS[0], H, ((1, LEAVES[1]), (0, LEAVES[2])))))
    for bit in range(8 * len(data)):
        bent = (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")
        with pytest.raises((ProofInvalid, Malformed)):
            verify_path(ROOT, KEYS[0], path_from_value(cbor.decode(bent, size_max=10_000)))


def test_tags_and_sizes_keep_kinds_of_hash_apart() -> None:
    """A leaf cannot be read as a node: the hashed bytes begin differently."""
    key = LEAVES[0][:30]
    assert leaf_hash(key, LEAVES[1]) != node_hash(30, LEAVES[0], LEAVES[1])
    assert all(a != b for a, b in pairwise(sorted([*LEAVES, LEFT, ROOT, EMPTY_ROOT])))
