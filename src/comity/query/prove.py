"""Makes bundles from a ledger's file: rows, absent keys, ranges, transactions, and that the log only grew.

Invariant: what is proved is of one committed block, whose app hash and signature are in the file; nothing is signed
here. A reader checks all of it again, so a mistake here makes a bundle that fails, never one that lies.
"""

from collections.abc import Sequence
from typing import Protocol

from comity.crypto import cbor, trie
from comity.crypto.checkpoint import parse_checkpoint
from comity.crypto.hashing import sha256
from comity.crypto.notes import parse_note
from comity.crypto.ordered import KeyValue, decode_key, encode_key
from comity.crypto.range_proof import RangeProof
from comity.errors import InvariantViolated, Malformed, QueryError
from comity.limits import BUNDLE_ROWS_MAX, ENCODED_KEY_BYTES_MAX
from comity.model.account import key_id
from comity.model.bundle import (
    Bundle,
    ChainProof,
    CheckpointProof,
    Claim,
    ConsistencyClaim,
    Items,
    LinkWriter,
    LogProof,
    RowsClaim,
    State,
    TableProof,
    TransactionClaim,
    TransactionWriter,
    origin_of,
)
from comity.model.column import check_of
from comity.model.genesis import Genesis
from comity.model.receipt import receipt_hash, unpack_stored
from comity.model.row import FROM_AT, RowCodec, StoredRow
from comity.model.schema import versions_value
from comity.model.transaction import Envelope, Transaction
from comity.query import leaf_proof
from comity.query.asof import newest_schema
from comity.query.past import PastTable, block_at, leaves_at, rows_at
from comity.store import catalog, tree_proof
from comity.store.catalog import TableLeaf
from comity.store.ddl import quote
from comity.store.store import Store
from comity.store.table import StoredTable
from comity.store.tree import Tree

_CHAIN = "comity_chain"
_CHAIN_KEY = (0,)
_KEY = "comity_key"


class ProvedTable(Protocol):
    """A table at one height: its rows, and proofs of them."""

    def get(self, key: bytes) -> StoredRow | None:
        """Return the row with this encoded key, or None."""

    def prove_key(self, key: bytes) -> RangeProof:
        """Return the proof of the row with this encoded key, or of its absence."""

    def prove(self, low: bytes, high: bytes) -> RangeProof:
        """Return the proof of all rows with ``low <= key <= high``."""


class PresentTable:
    """A table at the newest height, proved from its stored tree."""

    def __init__(self, table: StoredTable, tree: Tree) -> None:
        self._table = table
        self._tree = tree

    def get(self, key: bytes) -> StoredRow | None:
        """Return the row with this encoded key, or None."""
        return self._table.get(decode_key(key, self._table.codec.key_types))

    def prove_key(self, key: bytes) -> RangeProof:
        """Return the proof of the row with this encoded key, or of its absence. Cost: one search."""
        return leaf_proof.from_path(tree_proof.prove_path(self._tree, key, self._row_hash))

    def prove(self, low: bytes, high: bytes) -> RangeProof:
        """Return the proof of all rows with ``low <= key <= high``. Cost: O(rows + log of the table's)."""
        return tree_proof.prove_range(self._tree, low, high, self._row_hash)

    def _row_hash(self, key: bytes) -> bytes:
        try:
            row = self.get(key)
        except Malformed:
            row = None
        if row is None:
            raise InvariantViolated(
                f"the tree has a row that the table lacks: {key.hex()}; run comity audit"
            )
        return self._table.codec.row_hash(row)


class Prover:
    """Proves what a ledger holds after the block at ``height``.

    Args:
        store: open in a read transaction, or not written meanwhile.
        height: None for the newest.
        checkpoint: a signed note of this ledger, to which bundles are to be connected; its signature is not checked.
    Raises: QueryError, when there is no such height; Unavailable, when its signature is not stored here.
    """

    def __init__(
        self,
        store: Store,
        genesis: Genesis,
        height: int | None = None,
        checkpoint: bytes | None = None,
    ) -> None:
        self.height = store.height if height is None else height
        self._store = store
        self._genesis = genesis
        self._genesis_data = genesis.encode()
        self._checkpoint = checkpoint
        self._states: dict[bool, State] = {}
        self._schemas: dict[str, tuple[RowCodec, bytes]] = {}
        self._sources: dict[str, ProvedTable] = {}
        self._app_hash, self.log_size, self._evidence = block_at(store, self.height)
        self._leaves = leaves_at(store, self.height)
        self._log_root = store.log.root(self.log_size)
        self._entries = catalog.entries(self._leaves, self.log_size, self._log_root)
        if trie.root_of(self._entries) != self._app_hash:
            raise InvariantViolated(
                f"the catalog of height {self.height} is not that of its app hash; run comity audit"
            )

    def row(self, table: str, key: Sequence[KeyValue], *, is_writer_shown: bool = True) -> Bundle:
        """Prove the row with ``key`` and, unless told otherwise, who wrote it.

        Raises: QueryError, when there is no such table or row, or its key columns cannot hold ``key``.
        """
        rows, proof = self._one(table, key)
        if not rows:
            message = f"{table} has no such row at height {self.height}; prove that it is absent"
            raise QueryError("row-not-found", message)
        writer = None
        if is_writer_shown:
            writer = self._writer(rows[0][FROM_AT])  # type: ignore[arg-type]  # an integer
        return self._rows_bundle(table, (key, key), rows, proof, writer)

    def absent(self, table: str, key: Sequence[KeyValue]) -> Bundle:
        """Prove that there is no row with ``key``. Raises: QueryError, as ``row`` does, or when there is one."""
        rows, proof = self._one(table, key)
        if rows:
            message = f"{table} has this row at height {self.height}; prove the row"
            raise QueryError("row-exists", message)
        return self._rows_bundle(table, (key, key), rows, proof, None)

    def range(self, table: str, low: Sequence[KeyValue], high: Sequence[KeyValue]) -> Bundle:
        """Prove all rows from ``low`` to ``high``, both inclusive.

        Args:
            low, high: leading key columns; none for the table's first or last row.
        Raises: QueryError, as ``row`` does, and when the range ends before it begins, or has more rows than
            ``BUNDLE_ROWS_MAX``.
        """
        self._check_key(table, low)
        self._check_key(table, high)
        first = encode_key(low)
        last = encode_key(high).ljust(ENCODED_KEY_BYTES_MAX + 1, b"\xff")  # all keys that begin so
        if first > last:
            raise QueryError("out-of-range", "the range ends before it begins")
        rows, proof = self._rows(table, first, last, self._source(table).prove(first, last))
        return self._rows_bundle(table, (low, high), rows, proof, None)

    def transaction(self, identifier: bytes) -> Bundle:
        """Prove a transaction and its receipt. Raises: QueryError, when the log has none with this id."""
        found = self._store.connection.execute(
            "SELECT position, bytes, receipt FROM comity_transaction WHERE id = ?", (identifier,)
        ).fetchone()
        if found is None or found[0] >= self.log_size:
            message = f"no transaction {identifier.hex()} in the log at height {self.height}"
            raise QueryError("unknown-transaction", message)
        position, data, stored = found
        claim = TransactionClaim(
            transaction=data,
            public_key=self._public_key(Transaction.decode(data).envelope),
            receipt=unpack_stored(stored)[1],
            position=position,
            path=self._log_path(position),
        )
        return self._bundle(claim)

    def consistency(self, older_height: int) -> Bundle:
        """Prove that the log only grew since the block at ``older_height``. Raises: QueryError, when that is later."""
        older = Prover(self._store, self._genesis, older_height)
        if older.height > self.height:
            raise QueryError("out-of-range", "the older height comes first")
        path = self._store.log.consistency(older.log_size, self.log_size)
        claim = ConsistencyClaim(older=older.state(is_logged=True), path=b"".join(path))
        return self._bundle(claim)

    def state(self, *, is_logged: bool) -> State:
        """Return what the app hash commits to besides the tables, and who signed it."""
        if is_logged not in self._states:
            self._states[is_logged] = self._state(is_logged=is_logged)
        return self._states[is_logged]

    def _state(self, *, is_logged: bool) -> State:
        schema = self._store.tables[_CHAIN].schema
        (row,) = rows_at(self._store, schema, self.log_size - 1, _CHAIN_KEY)
        leaf = TableLeaf.decode(self._leaves[_CHAIN])
        log = LogProof(
            size=self.log_size,
            root=self._log_root,
            catalog=self._catalog(catalog.log_key()),
        )
        return State(
            height=self.height,
            app_hash=self._app_hash,
            chain=ChainProof(
                row=RowCodec(schema).encode(row),
                schema_hash=leaf.schema_hash,
                catalog=self._catalog(catalog.table_key(_CHAIN)),
            ),
            log=log if is_logged else None,
            evidence=self._evidence,
        )

    def _bundle(self, claim: Claim) -> Bundle:
        is_of_log = isinstance(claim, TransactionClaim | ConsistencyClaim)
        is_written = isinstance(claim, RowsClaim) and claim.writer is not None
        is_logged = is_of_log or is_written or self._checkpoint is not None
        return Bundle(
            claim=claim,
            state=self.state(is_logged=is_logged),
            checkpoint=self._checkpoint_proof(),
            genesis=self._genesis_data,
        )

    def _schema(self, table: str) -> tuple[RowCodec, bytes]:
        """Return how rows of a table are written, and the schema versions that it had at this height."""
        if table not in self._schemas:
            if table not in self._leaves:
                message = f"there is no table {table} at height {self.height}"
                raise QueryError("unknown-table", message)
            versions = self._store.versions(table)
            data = cbor.encode(versions_value([it for it in versions if it[0] <= self.height]))
            if sha256(data) != TableLeaf.decode(self._leaves[table]).schema_hash:
                message = f"the schema of {table} is not that of the catalog; run comity audit"
                raise InvariantViolated(message)
            self._schemas[table] = RowCodec(newest_schema(versions)), data
        return self._schemas[table]

    def _source(self, table: str) -> ProvedTable:
        """Return the rows of a table at this height."""
        if table not in self._sources:
            codec, _ = self._schema(table)
            store, leaf = self._store, TableLeaf.decode(self._leaves[table])
            if self.height == store.height:
                self._sources[table] = PresentTable(store.tables[table], store.trees[table])
            else:
                self._sources[table] = PastTable(store, codec.schema, self.height, leaf)
        return self._sources[table]

    def _check_key(self, table: str, key: Sequence[KeyValue], *, is_whole: bool = False) -> None:
        """Refuse a key, or leading columns of one, that the table cannot have. Raises: QueryError."""
        columns = self._schema(table)[0].schema.key_columns
        if len(key) > len(columns) or (is_whole and len(key) < len(columns)):
            names = ", ".join(column.name for column in columns)
            message = f"the key of {table} has {len(columns)} columns ({names}), not {len(key)}"
            raise QueryError("arguments", message)
        for column, value in zip(columns, key, strict=False):
            problem = check_of(column)(value)
            if problem is not None:
                raise QueryError("arguments", f"key column {column.name} of {table}: {problem}")

    def _one(self, table: str, key: Sequence[KeyValue]) -> tuple[list[StoredRow], TableProof]:
        """Return the row with ``key``, if there is one, and what leads from it, or its absence, to the app hash."""
        self._check_key(table, key, is_whole=True)
        encoded = encode_key(key)
        return self._rows(table, encoded, encoded, self._source(table).prove_key(encoded))

    def _rows(
        self, table: str, low: bytes, high: bytes, found: RangeProof
    ) -> tuple[list[StoredRow], TableProof]:
        """Return the rows from low to high that a proof shows, and what leads from them to the app hash."""
        leaves = [item for item in found if isinstance(item, tuple) and low <= item[0] <= high]
        if len(leaves) > BUNDLE_ROWS_MAX:
            message = f"{len(leaves)} rows: at most {BUNDLE_ROWS_MAX} are proved at once"
            raise QueryError("too-costly", message, limit="BUNDLE_ROWS_MAX")
        codec, versions = self._schema(table)
        source, leaf = self._source(table), TableLeaf.decode(self._leaves[table])
        rows = [row for key, _ in leaves if (row := source.get(key)) is not None]
        if [(codec.key(row), codec.row_hash(row)) for row in rows] != leaves:
            raise InvariantViolated(f"rows of {table} are not those of its tree; run comity audit")
        shown = dict(leaves)
        return rows, TableProof(
            versions=versions,
            root=leaf.root,
            row_count=leaf.row_count,
            catalog=self._catalog(catalog.table_key(table)),
            items=tuple(
                None if isinstance(item, tuple) and item[0] in shown else item for item in found
            ),
        )

    def _rows_bundle(
        self,
        table: str,
        ends: tuple[Sequence[KeyValue], Sequence[KeyValue]],
        rows: Sequence[StoredRow],
        proof: TableProof,
        writer: LinkWriter | TransactionWriter | None,
    ) -> Bundle:
        claim = RowsClaim(
            table=table,
            low=tuple(ends[0]),
            high=tuple(ends[1]),
            rows=tuple(map(self._schema(table)[0].encode, rows)),
            writer=writer,
            proof=proof,
        )
        return self._bundle(claim)

    def _catalog(self, key: bytes) -> Items:
        """Return the state proof of one entry of the catalog, which the reader makes himself."""
        items = leaf_proof.prove_range(self._entries, key, key)
        return tuple(None if isinstance(item, tuple) else item for item in items)

    def _log_path(self, position: int) -> bytes:
        return b"".join(self._store.log.inclusion(position, self.log_size))

    def _entry(self, position: int) -> tuple[bytes, bytes | None, bytes | None]:
        """Return (bytes, id, stored receipt) of what is logged at ``position``."""
        row = self._store.connection.execute(
            "SELECT bytes, id, receipt FROM comity_transaction WHERE position = ?", (position,)
        ).fetchone()
        if row is None:
            raise InvariantViolated(f"log position {position} is missing; run comity audit")
        return row[0], row[1], row[2]

    def _writer(self, position: int) -> LinkWriter | TransactionWriter | None:
        """Return who wrote at ``position``; None for the genesis, which stands in the bundle anyway."""
        if position == 0:
            return None
        data, identifier, stored = self._entry(position)
        path = self._log_path(position)
        if identifier is None or stored is None:
            return LinkWriter(link=data, path=path)
        transaction = Transaction.decode(data)
        return TransactionWriter(
            envelope=transaction.envelope.encode(),
            public_key=self._public_key(transaction.envelope),
            receipt_hash=receipt_hash(*unpack_stored(stored)),
            path=path,
        )

    def _public_key(self, envelope: Envelope) -> bytes:
        """Return the key that signed an envelope: one that its sender has, or had."""
        if envelope.is_joining:
            return envelope.kid[1:]
        for table in (_KEY, _KEY + "__h"):
            found = self._store.connection.execute(
                "SELECT key FROM " + quote(table) + " WHERE account = ?", (envelope.sender,)
            )
            for (key,) in found:
                if key_id(key) == envelope.kid:
                    return bytes(key)
        raise InvariantViolated(
            f"no key {envelope.kid.hex()} of account {envelope.sender.hex()}; run comity audit"
        )

    def _checkpoint_proof(self) -> CheckpointProof | None:
        """Connect the state to the checkpoint. Raises: QueryError, when it is of another history."""
        if self._checkpoint is None:
            return None
        head, log = parse_checkpoint(parse_note(self._checkpoint).text), self._store.log
        if head.origin != origin_of(self._genesis.ledger, self._genesis.chain_id):
            raise QueryError("other-ledger", f"the checkpoint is of {head.origin}")
        if not 1 <= head.size <= log.size or log.root(head.size) != head.root:
            message = f"this ledger's log is not the one of the checkpoint at size {head.size}"
            raise QueryError("other-history", message + ": keep both, and ask the ledger's members")
        if head.size <= self.log_size:
            path = log.consistency(head.size, self.log_size)
            return CheckpointProof(note=self._checkpoint, link=None, path=b"".join(path))
        if self.height == 0:
            message = "no link names the app hash of height 0: prove a later height"
            raise QueryError("out-of-range", message)
        link, _, _ = self._entry(self.log_size)
        path = log.inclusion(self.log_size, head.size)
        return CheckpointProof(note=self._checkpoint, link=link, path=b"".join(path))
