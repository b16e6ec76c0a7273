"""A candidate block: executed on a state of its own, and turned into what the store writes (consensus rule R3.4).

Invariant: making a candidate writes nothing; its ``BlockWrite`` is a function of the state before and the entries.
"""

from collections.abc import Sequence

import msgspec

from comity.crypto import cbor
from comity.crypto.ordered import encode_key
from comity.errors import InvariantViolated
from comity.limits import SEEN_EXPIRED_BASE, SEEN_EXPIRED_PER_ENTRY, UNDO_BLOCKS
from comity.machine.checks import Checked
from comity.machine.pending import PendingTable
from comity.machine.state import State
from comity.machine.system import CHAIN, CHAIN_KEY, SCHEMA, SEEN
from comity.model.receipt import Receipt, pack_stored
from comity.model.row import StoredRow
from comity.model.schema import schema_hash, versions_from_value
from comity.store import catalog
from comity.store.block_write import BlockWrite, TableWrite, TransactionRecord
from comity.store.catalog import TableLeaf

_VERSIONS_AT = 3


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction with its place in the log and its receipt."""

    checked: Checked
    position: int
    receipt: Receipt


class Candidate:
    """A block that was executed and may be committed.

    Attributes:
        entries: as ordered, the link first.
        outcomes: of the block's transactions, in order.
    """

    def __init__(
        self,
        *,
        state: State,
        height: int,
        time_ns: int,
        entries: Sequence[bytes],
        log_entries: Sequence[bytes],
        outcomes: Sequence[Outcome],
    ) -> None:
        self.state = state
        self.height = height
        self.time_ns = time_ns
        self.entries = tuple(entries)
        self.outcomes = tuple(outcomes)
        self.engine_height = height
        self._log_entries = log_entries
        self._write: BlockWrite | None = None
        self._numbers: dict[str, int] = {}

    @property
    def app_hash(self) -> bytes:
        """Return the app hash after this block; works it out on first use."""
        return self.seal().app_hash

    @property
    def numbers(self) -> dict[str, int]:
        """Return the numbers of the tables that this block makes, by name."""
        self.seal()
        return self._numbers

    def seal(self) -> BlockWrite:
        """Return what the store writes: net changes, tree pages, roots, log and app hash."""
        if self._write is None:
            with self.state.store.reading():
                self._write = self._seal()
        return self._write

    def _seal(self) -> BlockWrite:
        store = self.state.store
        if self.height:
            expire_seen(self.state, self.time_ns, len(self._log_entries))
            write_chain(self.state, self.height, self.time_ns)
        tables = {}
        versions = self.state.system(SCHEMA).rows
        for name, table, is_dropped in self.state.tables():
            has_new_version = encode_key((name,)) in versions
            if table.rows or is_dropped or table.stored is None or has_new_version:
                tables[name] = self._table_write(name, table, is_dropped=is_dropped)
        log = store.log.append(self._log_entries)
        leaves = dict(store.leaves)
        for name, write in tables.items():
            if write.leaf is None:
                leaves.pop(name, None)
            else:
                leaves[name] = write.leaf
        return BlockWrite(
            height=self.height,
            engine_height=self.engine_height,
            time_ns=self.time_ns,
            app_hash=catalog.app_hash(leaves, log.size, log.root),
            log=log,
            tables=tables,
            records=self._records(),
            history_before=self._history_before(),
        )

    def _table_write(self, name: str, table: PendingTable, *, is_dropped: bool) -> TableWrite:
        inserts: list[StoredRow] = []
        updates: list[StoredRow] = []
        befores: list[StoredRow] = []
        deletes: list[StoredRow] = []
        changes: dict[bytes, bytes | None] = {}
        row_hash, base = table.codec.row_hash, table.base
        for key in table.changed_keys():
            row, before = table.rows[key], base.get(key)
            if row is not None:
                changes[key] = row_hash(row)
                if before is None:
                    inserts.append(row)
                else:
                    updates.append(row)
                    befores.append(before)
            elif before is not None:
                changes[key] = None
                deletes.append(before)
        store = self.state.store
        tree = store.trees.get(name)
        if tree is None:
            self._numbers[name] = number = store.next_number() + len(self._numbers)
            tree = store.empty_tree(number)
        update = tree.update(changes)
        count = store.leaf(name).row_count if name in store.leaves else 0
        leaf = TableLeaf(self._schema_hash(name), update.root, count + update.rows_delta)
        return TableWrite(
            schema=table.schema,
            base=None if table.stored is None else table.stored.schema,
            inserts=inserts,
            updates=updates,
            befores=befores,
            deletes=deletes,
            superseded=table.superseded if table.schema.history != "none" else [],
            tree=update,
            leaf=None if is_dropped else leaf.encode(),
        )

    def _schema_hash(self, name: str) -> bytes:
        """Return the hash of the table's schema versions: the catalog's, unless this block changed them."""
        store = self.state.store
        schemas = self.state.system(SCHEMA)
        if name in store.leaves and encode_key((name,)) not in schemas.rows:
            return store.leaf(name).schema_hash
        row = schemas.get(encode_key((name,)), (name,))
        if row is None:
            raise InvariantViolated(f"table {name} has no schema row")
        data = row[2]
        return schema_hash(versions_from_value(cbor.decode(data, size_max=len(data))))  # type: ignore[arg-type]  # a bytes column

    def _records(self) -> list[TransactionRecord]:
        first = self.state.store.log_size
        records = [TransactionRecord(position=first, entry=self.entries[0])] if self.entries else []
        for outcome in self.outcomes:
            salt = outcome.checked.transaction.receipt_salt
            records.append(
                TransactionRecord(
                    position=outcome.position,
                    entry=outcome.checked.data,
                    identifier=outcome.checked.identifier,
                    receipt=pack_stored(salt, outcome.receipt.encode()),
                )
            )
        return records

    def _history_before(self) -> dict[str, int]:
        """Return, for each table with a limited history, the log position up to which ended versions may go."""
        store = self.state.store
        limits = {}
        for name, table in store.tables.items():
            if isinstance(table.schema.history, int):
                horizon = self.height - table.schema.history - UNDO_BLOCKS
                if horizon > 0:
                    limits[name] = store.log_size_at(horizon) - 1
        return limits


def expire_seen(state: State, time_ns: int, entries_count: int) -> None:
    """Delete ids that no later block may hold, at most 2 x entries + 1,000 (rule R2.3).

    Args:
        entries_count: of those that are logged, so that a replay counts alike.
    """
    seen = state.system(SEEN)
    bound = SEEN_EXPIRED_PER_ENTRY * entries_count + SEEN_EXPIRED_BASE
    for row in seen.range((), (time_ns,), None, bound):
        key = seen.codec.key(row)
        seen.before(key, seen.codec.key_values(row))
        seen.set(key, None)


def write_seen(state: State, checked: Checked, position: int) -> None:
    """Burn the id of a transaction (rule R2.2)."""
    seen = state.system(SEEN)
    values = (checked.transaction.envelope.valid_until, checked.identifier)
    key = encode_key(values)
    seen.base[key] = None  # the checks found that it was not there
    seen.set(key, (position, *values))


def write_chain(state: State, height: int, time_ns: int, versions: bytes | None = None) -> None:
    """Write the one row of ``comity_chain``."""
    chain = state.system(CHAIN)
    key = encode_key((CHAIN_KEY,))
    before = chain.get(key, (CHAIN_KEY,))
    position = state.store.log_size
    if versions is None:
        if before is None:
            raise InvariantViolated("comity_chain has no row")
        versions = before[1 + _VERSIONS_AT]  # type: ignore[assignment]  # a bytes column
        chain.superseded.append((*before, position))
    chain.set(key, (position, CHAIN_KEY, height, time_ns, versions))
