"""Verifies bundles offline: from a claim over hashes to the signature of the node that the genesis names.

Invariant: ``verify`` is a function of its arguments and raises ``ProofInvalid`` only. What a ``Verdict`` says is what
the node signed, or, where a checkpoint that the reader holds has the block in its log, what that checkpoint fixed.
Whether the node built its trees honestly only recomputation proves (consensus rule R4.4).
"""

from typing import Any

from comity.client.verdict import (
    Cell,
    Connection,
    Proved,
    ProvedConsistency,
    ProvedRow,
    ProvedRows,
    ProvedTransaction,
    Signer,
    Verdict,
)
from comity.crypto import cbor, ed25519, rfc9162
from comity.crypto.checkpoint import Checkpoint, open_checkpoint
from comity.crypto.hashing import TAG_RECEIPT, sha256, tagged
from comity.crypto.notes import ED25519, VerifierKey
from comity.crypto.ordered import KeyValue, encode_key
from comity.crypto.range_proof import Leaf, verify_range
from comity.crypto.trie import leaf_hash
from comity.errors import Malformed, ProofInvalid
from comity.limits import (
    ACCOUNT_ID_BYTES,
    BUNDLE_BYTES_MAX,
    ENCODED_KEY_BYTES_MAX,
    FORMAT_NUMBER,
    INT64_MAX,
    LEDGER_NAME_CHARS_MAX,
    PUBLIC_KEY_BYTES,
)
from comity.model.account import KEY_TYPE_ED25519, key_id
from comity.model.bundle import (
    Bundle,
    ConsistencyClaim,
    Items,
    LinkWriter,
    LogProof,
    RowsClaim,
    State,
    TransactionClaim,
    TransactionWriter,
    origin_of,
    split_hashes,
)
from comity.model.evidence import Evidence
from comity.model.receipt import Receipt, link_entry
from comity.model.transaction import Envelope, Transaction, decode_envelope

_NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_"
_TABLE_NAME_CHARS_MAX = 90
_KEY_TYPES = {"integer": int, "decimal": int, "bytes": bytes, "account": bytes}  # others: str
_SCHEMA_KINDS = (int, str, list, list, list, object, bool, bool)
_COLUMN_KINDS = (str, str, bool, bool, object, object, int, list)
_NO_LEAF = (b"", b"")  # stands for a row that a claim does not have: fits no root


def verify(
    data: bytes, *, genesis_hash: bytes | None = None, checkpoint: bytes | None = None
) -> Verdict:
    """Return what a bundle proves.

    Args:
        data: the file.
        genesis_hash: of the ledger that the reader means.
        checkpoint: a signed note of that ledger, which the reader holds; the bundle must be connected to it.
    Raises: ProofInvalid, when it proves nothing, is of another ledger, or of another history than the checkpoint's.
    """
    try:
        return _verify(Bundle.decode(data), genesis_hash, checkpoint)
    except Malformed as error:
        raise ProofInvalid(str(error)) from error


def _verify(bundle: Bundle, genesis_hash: bytes | None, checkpoint: bytes | None) -> Verdict:
    genesis = _Genesis(bundle.genesis)
    if genesis_hash is not None and genesis_hash != genesis.hash:
        raise ProofInvalid(f"this bundle is of another ledger: {genesis.chain_id}")
    time_ns = _check_state(bundle.state, genesis)
    claim: Proved
    if isinstance(bundle.claim, RowsClaim):
        claim = _check_rows(bundle.claim, bundle.state, genesis)
    elif isinstance(bundle.claim, TransactionClaim):
        claim = _check_transaction(bundle.claim, bundle.state, genesis)
    else:
        claim = _check_consistency(bundle.claim, bundle.state, genesis)
    connection = _check_connection(bundle, genesis)
    if checkpoint is not None:
        held = genesis.open(checkpoint)
        if connection is None or (held.size, held.root) != (connection.size, connection.root):
            raise ProofInvalid(
                "this bundle is not connected to the checkpoint that you hold: ask for one that is"
                " made with prove --checkpoint and that file"
            )
    anchors = [("genesis", genesis_hash), ("checkpoint", checkpoint)]
    return Verdict(
        claim=claim,
        ledger=genesis.chain_id,
        genesis_hash=genesis.hash,
        height=bundle.state.height,
        time_ns=time_ns,
        app_hash=bundle.state.app_hash,
        checkpoint=connection,
        anchors=tuple(name for name, known in anchors if known is not None),
    )


class _Genesis:
    """What a reader needs of a genesis: its hash, and the node that signs for the ledger."""

    def __init__(self, data: bytes) -> None:
        value = cbor.decode(data, size_max=BUNDLE_BYTES_MAX)
        if type(value) is not dict or not {"format", "ledger", "nodes"} <= value.keys():
            raise ProofInvalid("genesis: not one")
        number, name, nodes = _items(
            [value[key] for key in ("format", "ledger", "nodes")], int, str, list
        )
        if number != FORMAT_NUMBER:
            raise ProofInvalid(f"genesis: this program knows format {FORMAT_NUMBER}")
        _check_name(name, LEDGER_NAME_CHARS_MAX, _NAME_CHARS + "-")
        (node,) = _items(nodes, list)
        kind, self.key, _ = _items(node, int, bytes, int)
        if kind != KEY_TYPE_ED25519 or len(self.key) != PUBLIC_KEY_BYTES:
            raise ProofInvalid("genesis: the node has no Ed25519 key")
        self.hash = sha256(data)
        self.chain_id = f"{name}-{self.hash.hex()[:16]}"
        self._origin = origin_of(name, self.chain_id)

    def check_evidence(self, state: State) -> None:
        """Check the node's signature of an app hash. Raises: Malformed, ProofInvalid."""
        evidence = Evidence.decode(state.evidence)
        if (evidence.height, evidence.app_hash) != (state.height, state.app_hash):
            raise ProofInvalid("evidence: it is of another height or app hash")
        if evidence.kid != key_id(self.key):
            raise ProofInvalid("evidence: not by the node that the genesis names")
        if not ed25519.verify(self.key, evidence.to_be_signed(self.hash), evidence.signature):
            raise ProofInvalid("evidence: the signature is wrong")

    def open(self, note: bytes) -> Checkpoint:
        """Return the checkpoint of a note that the node signed. Raises: Malformed, ProofInvalid."""
        key = VerifierKey(self._origin, ED25519, self.key)
        return open_checkpoint(note, self._origin, [key]).checkpoint

    def check_signer(self, envelope: Envelope, public_key: bytes) -> Signer:
        """Check who signed an envelope. That the key is the sender's is the node's word, unless it is the first one."""
        kid = key_id(public_key)
        if envelope.kid != (b"\x01" + public_key if envelope.is_joining else kid):
            raise ProofInvalid("transaction: signed by another key than the one shown")
        if not ed25519.verify(public_key, envelope.to_be_signed(self.hash), envelope.signature):
            raise ProofInvalid("transaction: its signature is wrong")
        return Signer(
            transaction_id=envelope.transaction_id(self.hash),
            sender=envelope.sender,
            key_id=kid,
            is_first_key=kid == envelope.sender,
        )


def _check_state(state: State, genesis: _Genesis) -> int:
    """Check what the node signed of height, time and log; return the time."""
    time_ns: int
    _, key, height, time_ns, _ = _items(_decode(state.chain.row), int, int, int, int, bytes)
    if key != 0 or height != state.height:
        raise ProofInvalid("comity_chain: its row is of another height")
    # The table has this row alone, so the row's leaf is its root.
    root = leaf_hash(encode_key((key,)), sha256(state.chain.row))
    leaf = [state.chain.schema_hash, root, 1]
    _check_catalog(state, b"\x01", "comity_chain", leaf, state.chain.catalog)
    if state.log is not None:
        leaf = [state.log.size, state.log.root]
        _check_catalog(state, b"\x02", "log", leaf, state.log.catalog)
    genesis.check_evidence(state)
    return time_ns


def _check_catalog(state: State, kind: bytes, name: str, leaf: list[Any], items: Items) -> None:
    key = kind + encode_key((name,))
    _check_items(state.app_hash, key, key, items, [(key, sha256(cbor.encode_array(leaf)))])


def _check_items(root: bytes, low: bytes, high: bytes, items: Items, leaves: list[Leaf]) -> None:
    """Check that the tree of ``root`` has just these leaves from ``low`` to ``high``."""
    waiting = iter(leaves)
    shown = tuple(next(waiting, _NO_LEAF) if item is None else item for item in items)
    if verify_range(root, low, high, shown) != leaves:
        raise ProofInvalid("state proof: it shows other rows than the bundle")


def _check_logged(state: State, entry: bytes, position: int, path: bytes) -> None:
    log = _log_of(state)
    leaf, hashes = rfc9162.leaf_hash(entry), split_hashes(path)
    if not rfc9162.verify_inclusion(leaf, position, log.size, hashes, log.root):
        raise ProofInvalid(f"log: the entry is not at position {position}")


def _log_of(state: State) -> LogProof:
    if state.log is None:
        raise ProofInvalid("bundle: the log is not shown")
    return state.log


class _Shape:
    """What a reader needs of a table's schema, and the check that the catalog has that schema."""

    def __init__(self, claim: RowsClaim, state: State) -> None:
        table, proof = claim.table, claim.proof
        _check_name(table, _TABLE_NAME_CHARS_MAX, _NAME_CHARS)
        leaf = [sha256(proof.versions), proof.root, proof.row_count]
        _check_catalog(state, b"\x01", table, leaf, proof.catalog)
        versions = _decode(proof.versions)
        since, schema = _items(
            versions[-1] if type(versions) is list and versions else 0, int, list
        )
        number, name, columns, self.key, _, _, self.is_owned, is_salted = _items(
            schema, *_SCHEMA_KINDS
        )
        if since > state.height or number != FORMAT_NUMBER or name != table:
            raise ProofInvalid("schema: of another height, format or table")
        self.columns = [_items(column, *_COLUMN_KINDS) for column in columns]
        self.columns_at = 1 + self.is_owned + is_salted
        _items(self.key, *[int] * len(self.key))
        if not self.key or max(self.key) >= len(columns):
            raise ProofInvalid("schema: the key names no column")

    def encode_key(self, values: tuple[KeyValue, ...]) -> bytes:
        """Return the encoded key, or its beginning. Raises: ProofInvalid, Malformed."""
        if len(values) > len(self.key):
            raise ProofInvalid("key: too many values")
        for ordinal, value in zip(self.key, values, strict=False):
            if type(value) is not _KEY_TYPES.get(self.columns[ordinal][1], str):
                raise ProofInvalid("key: a value of another type")
        return encode_key(values)

    def read(self, data: bytes) -> tuple[bytes, ProvedRow]:
        """Return the encoded key and the row. Raises: ProofInvalid, Malformed."""
        row, width = _decode(data), self.columns_at + len(self.columns)
        if type(row) is not list or not self.columns_at <= len(row) <= width or row[-1] is None:
            raise ProofInvalid("row: too short, too long, or nulls at its end")
        if any(type(value) in (list, dict) for value in row):
            raise ProofInvalid("row: a value of no column type")
        _items(row[: 1 + self.is_owned], *(int, bytes)[: 1 + self.is_owned])
        owner = row[1] if self.is_owned else None
        if owner is not None and len(owner) != ACCOUNT_ID_BYTES:
            raise ProofInvalid("row: no owner")
        values = row[self.columns_at :] + [None] * (width - len(row))
        key = tuple(values[ordinal] for ordinal in self.key)
        pairs = zip(self.columns, values, strict=True)
        cells = tuple(Cell(it[0], it[1], it[6], value) for it, value in pairs if not it[3])
        proved = ProvedRow(key=key, cells=cells, owner=owner, position=row[0])
        return self.encode_key(key), proved


def _check_rows(claim: RowsClaim, state: State, genesis: _Genesis) -> ProvedRows:
    shape = _Shape(claim, state)
    low, high = shape.encode_key(claim.low), shape.encode_key(claim.high)
    high = high.ljust(ENCODED_KEY_BYTES_MAX + 1, b"\xff")  # all keys that begin so
    read = [shape.read(row) for row in claim.rows]
    leaves = [(key, sha256(row)) for (key, _), row in zip(read, claim.rows, strict=True)]
    _check_items(claim.proof.root, low, high, claim.proof.items, leaves)
    if claim.low == claim.high == () and len(leaves) != claim.proof.row_count:
        raise ProofInvalid("rows: the catalog counts another number of rows")
    writer: Signer | int | None = None
    if claim.writer is not None:
        if len(read) != 1:
            raise ProofInvalid("rows: the writer of one row is shown, of others not")
        writer = _check_writer(claim.writer, read[0][1].position, state, genesis)
    return ProvedRows(
        table=claim.table,
        low=claim.low,
        high=claim.high,
        rows=tuple(row for _, row in read),
        writer=writer,
        is_one_key=claim.low == claim.high and len(claim.low) == len(shape.key),
    )


def _check_writer(
    writer: LinkWriter | TransactionWriter, position: int, state: State, genesis: _Genesis
) -> Signer | int:
    """Return who signed what is logged at ``position``, or the height of the block whose timers wrote there."""
    if isinstance(writer, LinkWriter):
        _check_logged(state, link_entry(writer.link), position, writer.path)
        return _read_link(writer.link)[0]
    signer = genesis.check_signer(decode_envelope(writer.envelope), writer.public_key)
    entry = _entry(signer, writer.envelope, writer.receipt_hash)
    _check_logged(state, entry, position, writer.path)
    return signer


def _check_transaction(
    claim: TransactionClaim, state: State, genesis: _Genesis
) -> ProvedTransaction:
    transaction = Transaction.decode(claim.transaction)
    receipt = Receipt.decode(claim.receipt)
    signer = genesis.check_signer(transaction.envelope, claim.public_key)
    receipt_hash = tagged(TAG_RECEIPT, transaction.receipt_salt, claim.receipt)
    entry = _entry(signer, transaction.envelope.encode(), receipt_hash)
    _check_logged(state, entry, claim.position, claim.path)
    return ProvedTransaction(
        signer=signer, position=claim.position, calls=transaction.calls, receipt=receipt
    )


def _entry(signer: Signer, envelope: bytes, receipt_hash: bytes) -> bytes:
    return cbor.encode_array([1, signer.transaction_id, sha256(envelope), receipt_hash])


def _check_consistency(
    claim: ConsistencyClaim, state: State, genesis: _Genesis
) -> ProvedConsistency:
    older, hashes = claim.older, split_hashes(claim.path)
    time_ns = _check_state(older, genesis)
    old_log, log = _log_of(older), _log_of(state)
    is_grown = rfc9162.verify_consistency(old_log.size, log.size, hashes, old_log.root, log.root)
    if older.height > state.height or old_log.size == 0 or not is_grown:
        raise ProofInvalid("log: the newer one is not the older one with more entries")
    return ProvedConsistency(
        older_height=older.height,
        older_time_ns=time_ns,
        older_app_hash=older.app_hash,
        older_log_size=old_log.size,
        log_size=log.size,
    )


def _check_connection(bundle: Bundle, genesis: _Genesis) -> Connection | None:
    """Check that the state and the bundle's checkpoint are of one history."""
    proof, state = bundle.checkpoint, bundle.state
    if proof is None:
        return None
    head, log, hashes = genesis.open(proof.note), _log_of(state), split_hashes(proof.path)
    if proof.link is None:
        is_joined = rfc9162.verify_consistency(head.size, log.size, hashes, head.root, log.root)
    else:
        is_next = _read_link(proof.link) == (state.height + 1, state.app_hash) and state.height > 0
        leaf = rfc9162.leaf_hash(link_entry(proof.link))
        is_joined = is_next and rfc9162.verify_inclusion(
            leaf, log.size, head.size, hashes, head.root
        )
    if head.size == 0 or not is_joined:
        raise ProofInvalid("checkpoint: the bundle's block is not of its history")
    return Connection(size=head.size, root=head.root, is_newer=proof.link is not None)


def _read_link(data: bytes) -> tuple[int, bytes]:
    """Return height and app hash of a link."""
    link = _items(_decode(data), int, bytes, object, object, object, object)
    return link[0], link[1]


def _decode(data: bytes) -> Any:
    return cbor.decode(data, size_max=len(data))


def _items(value: Any, *kinds: type) -> list[Any]:
    """Return a list of just these kinds; ``object`` stands for any. Integers are 0 to 2^63 - 1."""
    if type(value) is not list or len(value) != len(kinds):
        raise ProofInvalid("bundle: a list of another length is needed")
    for item, kind in zip(value, kinds, strict=True):
        is_kind = kind is object or type(item) is kind
        if not is_kind or (kind is int and not 0 <= item <= INT64_MAX):
            raise ProofInvalid("bundle: an item is of another kind than its place asks for")
    return value


def _check_name(name: str, chars_max: int, chars: str) -> None:
    """Refuse a name that could steer a terminal."""
    if not 1 <= len(name) <= chars_max or any(char not in chars for char in name):
        raise ProofInvalid("bundle: a name with characters that no name has")
