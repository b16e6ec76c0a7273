"""Any log, however its blocks were cut, has the tree of its entries and proofs that verify."""

from collections.abc import Sequence

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from comity.crypto.rfc9162 import leaf_hash, root_of, verify_consistency, verify_inclusion
from comity.crypto.tlog_tiles import TILE_WIDTH, decode_bundle, edge_tiles, encode_bundle
from comity.errors import Malformed
from comity.limits import LOG_SIZE_MAX
from comity.store import tiles
from comity.store.log import Log, LogUpdate, write

HASH = st.binary(min_size=32, max_size=32)
PATH = st.lists(HASH, max_size=66)
SIZE = st.integers(-1, 80) | st.integers(-1, LOG_SIZE_MAX + 1)
BLOCK = st.lists(st.binary(max_size=20), max_size=40) | st.just([b"fill"] * 300)


class LogMachine(RuleBasedStateMachine):
    """Blocks are tried, committed, rolled back and undone; a list of entries is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = apsw.Connection(":memory:")
        self.connection.execute(tiles.TABLE_SQL)
        self.log = Log(self.connection, 0)
        self.entries: list[bytes] = []
        self.candidate: tuple[LogUpdate, list[bytes]] | None = None

    @rule(block=BLOCK)
    def try_a_block(self, block: Sequence[bytes]) -> None:
        """Execute a candidate; nothing is stored."""
        entries = [*self.entries, *block]
        self.candidate = self.log.append(block), entries
        assert self.candidate[0].root == root_of(entries)

    @precondition(lambda self: self.candidate)
    @rule(is_kept=st.booleans())
    def commit(self, is_kept: bool) -> None:
        """Write the candidate, and adopt it when the transaction is kept."""
        if self.candidate is None:
            return
        update, entries = self.candidate
        self.candidate = None
        self.connection.execute("BEGIN")
        write(self.connection, update)
        self.connection.execute("COMMIT" if is_kept else "ROLLBACK")
        if is_kept:
            self.log.adopt(update)
            self.entries = entries

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """Take the log back to an older size."""
        size = data.draw(st.integers(0, len(self.entries)))
        tiles.cut(self.connection, size)
        self.log, self.candidate = Log(self.connection, size), None
        self.entries = self.entries[:size]

    @rule()
    def open_anew(self) -> None:
        """Restart the node; the candidate was made from the same log and stays good."""
        self.log = Log(self.connection, self.log.size)

    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        """Prove an entry and an older size at any size so far."""
        size = data.draw(st.integers(0, len(self.entries)))
        root = root_of(self.entries[:size])
        assert self.log.root(size) == root
        older = data.draw(st.integers(0, size))
        path = self.log.consistency(older, size)
        assert verify_consistency(older, size, path, root_of(self.entries[:older]), root)
        if older < size:
            leaf, path = leaf_hash(self.entries[older]), self.log.inclusion(older, size)
            assert verify_inclusion(leaf, older, size, path, root)

    @invariant()
    def stores_what_the_size_needs(self) -> None:
        """The stored partial tiles are those that tlog-tiles names for the size."""
        rows = self.connection.execute("SELECT level, number, hashes FROM comity_tile")
        widths = {(level, number): len(hashes) // 32 for level, number, hashes in rows}
        partial = {(level, number): w for level, number, w in edge_tiles(len(self.entries))}
        assert {place: w for place, w in widths.items() if w < TILE_WIDTH} == partial
        assert self.log.size == len(self.entries)

    def teardown(self) -> None:
        """Close the database."""
        self.connection.close()


LogMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
test_any_history_of_a_log = LogMachine.TestCase


@settings(max_examples=2_000, deadline=None)
@given(leaf=HASH, index=SIZE, size=SIZE, path=PATH, root=HASH)
def test_any_invented_inclusion_proof_is_false(
    leaf: bytes, index: int, size: int, path: list[bytes], root: bytes
) -> None:
    """Numbers, paths and roots out of thin air give False, never an error or True."""
    is_the_leaf_itself = (index, size, path, root) == (0, 1, [], leaf)
    assert verify_inclusion(leaf, index, size, path, root) is is_the_leaf_itself


@settings(max_examples=2_000, deadline=None)
@given(size_1=SIZE.filter(bool), size_2=SIZE, path=PATH, root_1=HASH, root_2=HASH)
def test_any_invented_consistency_proof_is_false(
    size_1: int, size_2: int, path: list[bytes], root_1: bytes, root_2: bytes
) -> None:
    """Only an unchanged head is consistent with itself without a path."""
    is_unchanged = 0 < size_1 == size_2 <= LOG_SIZE_MAX and root_1 == root_2 and not path
    assert verify_consistency(size_1, size_2, path, root_1, root_2) is is_unchanged


@settings(max_examples=2_000, deadline=None)
@given(data=st.binary(max_size=600) | st.binary(max_size=600).map(lambda data: data * 300))
def test_any_bytes_are_a_bundle_or_malformed(data: bytes) -> None:
    """What is read is written back as the same bytes."""
    try:
        entries = decode_bundle(data)
    except Malformed:
        return
    assert encode_bundle(entries) == data
