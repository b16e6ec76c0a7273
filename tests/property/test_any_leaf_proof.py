"""Any set of keys: proofs over sorted leaves are those of the stored tree, and verify."""

from hypothesis import example, given
from hypothesis import strategies as st

from comity.crypto.hashing import sha256
from comity.crypto.ordered import encode_key
from comity.crypto.range_proof import verify_range
from comity.crypto.trie import root_of
from comity.query.leaf_proof import from_path, prove_range
from comity.store import tree_pages, tree_proof
from comity.store.store import Store

_KEYS = st.binary(max_size=6).map(lambda raw: encode_key((raw,)))


_BESIDE = {b"\x00\x01", b"\xc0\x00\x01", b"\xc1\x00\x01", b"\xd0\x00\x01"}


@example(_BESIDE, b"\x00\x01", b"\x90\x00\x01")  # a subtree beside the range: one leaf is shown
@given(st.sets(_KEYS, max_size=40), _KEYS, _KEYS)
def test_any_leaf_proof_is_the_stored_trees(keys: set[bytes], one: bytes, other: bytes) -> None:
    """The root, the range and the single key agree with the stored tree, and show just the rows of the range."""
    leaves = [(key, sha256(key)) for key in sorted(keys)]
    low, high = sorted((one, other))
    store = Store.in_memory()
    tree = store.empty_tree(1)
    update = tree.update(dict(leaves))
    tree_pages.write(store.connection, update)
    tree.adopt(update)
    assert tree.root == root_of(leaves)
    proof = prove_range(leaves, low, high)
    assert proof == tree_proof.prove_range(tree, low, high, sha256)
    inside = [leaf for leaf in leaves if low <= leaf[0] <= high]
    assert verify_range(tree.root, low, high, proof) == inside
    end = one.ljust(257, b"\xff")
    shown = verify_range(tree.root, one, end, from_path(tree_proof.prove_path(tree, one, sha256)))
    assert shown == [leaf for leaf in leaves if leaf[0] == one]
    assert verify_range(tree.root, one, end, prove_range(leaves, one, one)) == shown
