"""Proofs that the state tree makes, and what happens to bent ones."""

import random
from collections.abc import Iterator

import pytest

from comity.crypto import cbor
from comity.crypto.range_proof import RangeProof, verify_range
from comity.crypto.trie import (
    EMPTY_ROOT,
    PathProof,
    leaf_hash,
    node_hash,
    path_to_value,
    verify_path,
)
from comity.errors import ProofInvalid, QueryError
from comity.store import tree_proof
from comity.store.tree import Tree
from comity.store.tree_pages import MemoryPages

Rows = dict[bytes, bytes]


class ProvedTree(Tree):
    """A tree in memory that knows its rows."""

    rows: Rows


def prove_path(tree: ProvedTree, key: bytes) -> PathProof | None:
    """Prove a key."""
    return tree_proof.prove_path(tree, key, tree.rows.__getitem__)


def prove_range(tree: ProvedTree, low: bytes, high: bytes) -> RangeProof:
    """Prove a range."""
    return tree_proof.prove_range(tree, low, high, tree.rows.__getitem__)


def tree_of(rows: Rows, entries_max: int = 8) -> ProvedTree:
    """Make a tree in memory."""
    tree = ProvedTree(MemoryPages(), 1, entries_max)
    tree.rows = rows
    tree.adopt(tree.update(rows))
    return tree


def short_keys(chance: random.Random, count: int) -> Rows:
    """Rows whose keys leave gaps and neighbours everywhere."""
    return {chance.randbytes(2): chance.randbytes(32) for _ in range(count)}


def text_keys(chance: random.Random, count: int) -> Rows:
    """Rows with keys of many lengths, ended as text is."""
    letters = [bytes(chance.choices(b"ab", k=chance.randrange(9))) for _ in range(count)]
    return {text + b"\0\1": chance.randbytes(32) for text in letters}


def test_every_row_and_every_gap_can_be_proved() -> None:
    """Each key is proved present with its row hash, each other query absent."""
    chance = random.Random(3)
    for rows in (short_keys(chance, 700), text_keys(chance, 300), {b"one": bytes(32)}, {}):
        tree = tree_of(rows)
        queries = [*rows, b"", b"\xff" * 300, *(chance.randbytes(2) for _ in range(300))]
        for query in queries:
            assert verify_path(tree.root, query, prove_path(tree, query)) == rows.get(query)


def test_a_present_key_cannot_be_proved_absent() -> None:
    """P27: whatever other leaf is shown, the search does not end there."""
    rows = short_keys(random.Random(4), 200)
    tree = tree_of(rows)
    proofs = [prove_path(tree, key) for key in rows]
    for query in list(rows)[:40]:
        for proof in proofs:
            assert proof is not None
            if proof.key != query:
                with pytest.raises(ProofInvalid):
                    verify_path(tree.root, query, proof)


def test_every_range_is_proved_whole() -> None:
    """What is verified is what the rows between the ends are."""
    chance = random.Random(5)
    for rows in (short_keys(chance, 400), text_keys(chance, 200), {b"one": bytes(32)}, {}):
        tree = tree_of(rows)
        ordered = sorted(rows.items())
        bounds = [b"", b"\xff" * 300, *rows, *(chance.randbytes(2) for _ in range(200))]
        for _ in range(300):
            low, high = sorted(chance.choices(bounds, k=2))
            expected = [row for row in ordered if low <= row[0] <= high]
            assert verify_range(tree.root, low, high, prove_range(tree, low, high)) == expected
            exact = prove_range(tree, low, low)
            assert [row for row in ordered if row[0] == low] == verify_range(
                tree.root, low, low, exact
            )


def test_a_range_that_ends_before_it_begins_is_a_bad_read() -> None:
    """The prover refuses what the verifier would."""
    with pytest.raises(QueryError):
        prove_range(tree_of({b"a": bytes(32)}), b"b", b"a")


def subtrees(proof: RangeProof) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, end and hash of every subtree of a proof, from the last to the first."""
    ends: list[tuple[int, bytes]] = []
    for start in reversed(range(len(proof))):
        item = proof[start]
        if isinstance(item, int):
            left, right = ends.pop(), ends.pop()
            ends.append((right[0], node_hash(item, left[1], right[1])))
        else:
            ends.append((start + 1, item if isinstance(item, bytes) else leaf_hash(*item)))
        yield start, *ends[-1]


def test_cutting_any_shown_subtree_is_refused_or_harmless() -> None:
    """P27: no row of the range can be hidden behind its hash."""
    chance = random.Random(6)
    rows = short_keys(chance, 300)
    tree = tree_of(rows)
    refused = 0
    for _ in range(60):
        low, high = sorted((chance.randbytes(2), chance.randbytes(2)))
        proof = prove_range(tree, low, high)
        honest = verify_range(tree.root, low, high, proof)
        for start, end, top in subtrees(proof):
            cut: RangeProof = (*proof[:start], top, *proof[end:])
            try:
                assert verify_range(tree.root, low, high, cut) == honest
            except ProofInvalid:
                refused += 1
    assert refused > 1_000


def test_swapping_the_sides_of_any_node_is_refused() -> None:
    """Left and right are part of what is proved."""
    chance = random.Random(12)
    tree = tree_of(short_keys(chance, 300))
    for _ in range(20):
        low, high = sorted((chance.randbytes(2), chance.randbytes(2)))
        proof = prove_range(tree, low, high)
        ends = {start: end for start, end, _ in subtrees(proof)}
        for start, item in enumerate(proof):
            if isinstance(item, int):
                left, right = ends[start + 1], ends[start]
                swapped = (*proof[left:right], *proof[start + 1 : left])
                with pytest.raises(ProofInvalid):
                    verify_range(
                        tree.root, low, high, (*proof[: start + 1], *swapped, *proof[right:])
                    )


def bend(chance: random.Random, proof: RangeProof) -> RangeProof:
    """Change a proof in one place: a bit, a byte, an item dropped, doubled or swapped."""
    items = list(proof)
    at, other = chance.randrange(len(items)), chance.randrange(len(items))
    item = items[at]
    match chance.randrange(5):
        case 0:
            del items[at]
        case 1:
            items.insert(at, items[other])
        case 2:
            items[at], items[other] = items[other], items[at]
        case _ if isinstance(item, int):
            items[at] = item + chance.choice((-1, 1, 8, 1 << 20))
        case _ if isinstance(item, bytes):
            items[at] = flip(chance, item)
        case 3:
            items[at] = (flip(chance, item[0]), item[1])
        case _:
            items[at] = (item[0], flip(chance, item[1]))
    return tuple(items)


def flip(chance: random.Random, data: bytes) -> bytes:
    """Flip one bit."""
    number = int.from_bytes(data, "big") ^ 1 << chance.randrange(8 * len(data))
    return number.to_bytes(len(data), "big")


def test_a_bent_range_proof_is_refused_or_means_the_same() -> None:
    """Nothing but the truth verifies."""
    chance = random.Random(7)
    rows = short_keys(chance, 300)
    tree = tree_of(rows)
    refused = 0
    for _ in range(2_000):
        low, high = sorted((chance.randbytes(2), chance.randbytes(2)))
        proof = prove_range(tree, low, high)
        bent = bend(chance, proof)
        try:
            assert verify_range(tree.root, low, high, bent) == verify_range(
                tree.root, low, high, proof
            )
        except ProofInvalid:
            refused += 1
    assert refused > 1_500


def test_128_hostile_keys_cost_their_victim_a_proof_of_at_most_4_kb() -> None:
    """The depth of a tree is bounded by the bits of a key, whatever keys are chosen."""
    victim = random.Random(8).randbytes(16)
    number = int.from_bytes(victim, "big")
    rows = {(number ^ 1 << bit).to_bytes(16, "big"): bytes(32) for bit in range(128)}
    rows[victim] = b"\1" * 32
    rows |= {key: bytes(32) for key in (random.Random(9).randbytes(16) for _ in range(2_000))}
    tree = tree_of(rows, 64)
    proof = prove_path(tree, victim)
    assert proof is not None
    assert len(proof.path) == 128
    assert len(cbor.encode(path_to_value(proof))) <= 4_500
    assert verify_path(tree.root, victim, proof) == rows[victim]


def test_proofs_are_small() -> None:
    """A path in 20,000 rows, and what a range of 100 rows needs beside its rows, stay small."""
    chance = random.Random(10)
    rows = {chance.randbytes(18): chance.randbytes(32) for _ in range(20_000)}
    tree = tree_of(rows, 64)
    ordered = sorted(rows)
    path = prove_path(tree, ordered[777])
    assert isinstance(path, PathProof)
    assert len(cbor.encode(path_to_value(path))) < 750
    shown = prove_range(tree, ordered[5_000], ordered[5_099])
    around = [item for item in shown if not isinstance(item, tuple)]
    assert len(cbor.encode(around)) <= 1_500


def test_the_proof_of_nothing_is_no_proof() -> None:
    """An empty tree proves absence by its root alone."""
    tree = tree_of({})
    assert tree.root == EMPTY_ROOT
    assert prove_path(tree, b"k") is None
    assert prove_range(tree, b"", b"\xff") == ()
