"""A node that lies: it signs whatever catalog it is told to, so that checks beyond hashes are seen at work."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from comity.crypto import cbor, trie
from comity.crypto.hashing import sha256
from comity.crypto.ordered import KeyValue, encode_key
from comity.crypto.rfc9162 import root_of
from comity.limits import ENCODED_KEY_BYTES_MAX
from comity.model.bundle import (
    Bundle,
    ChainProof,
    Claim,
    Items,
    LogProof,
    RowsClaim,
    State,
    TableProof,
)
from comity.model.evidence import Evidence
from comity.query.leaf_proof import prove_range
from tests.bundle_ledger import NODE

HIGHEST = b"\xff" * (ENCODED_KEY_BYTES_MAX + 1)
COLUMNS: list[Any] = [
    ["id", "integer", True, False, None, None, 0, []],
    ["name", "text", False, False, None, 40, 0, []],
]
SCHEMA: list[Any] = [1, "lies", COLUMNS, [0], [], "all", False, False]
GENESIS: Mapping[str, Any] = {"format": 1, "ledger": "lies", "nodes": [[1, NODE.public_key, 1]]}
HEIGHT = 7
CHAIN: list[Any] = [5, 0, HEIGHT, 1_795_000_000 * 10**9, b""]


class Forger:
    """Signs bundles about one table.

    Args:
        rows: row bytes by encoded key.
        chain: items of the row of ``comity_chain``.
        entries: what the log has.
    """

    def __init__(
        self,
        rows: Mapping[bytes, bytes],
        *,
        table: str = "lies",
        versions: Any = ((0, SCHEMA),),
        row_count: int | None = None,
        genesis: Any = GENESIS,
        chain: Sequence[Any] = CHAIN,
        height: int = HEIGHT,
        entries: Sequence[bytes] = (b"\x82\x02\x40",),
    ) -> None:
        self.rows = dict(sorted(rows.items()))
        self.leaves = [(key, sha256(row)) for key, row in self.rows.items()]
        self.root = trie.root_of(self.leaves)
        self.genesis = cbor.encode(genesis) if not isinstance(genesis, bytes) else genesis
        self.versions = versions if isinstance(versions, bytes) else cbor.encode(versions)
        self.table, self.height, self.entries = table, height, list(entries)
        self.row_count = len(rows) if row_count is None else row_count
        self.chain = cbor.encode(list(chain))
        log = cbor.encode([len(entries), root_of(entries)])
        shown = cbor.encode([sha256(self.versions), self.root, self.row_count])
        chain_root = trie.root_of([(encode_key((0,)), sha256(self.chain))])
        chain_row = cbor.encode([bytes(32), chain_root, 1])
        catalog = {
            self.key_of("comity_chain"): chain_row,
            self.key_of(table): shown,
            b"\x02" + encode_key(("log",)): log,
        }
        self.catalog = sorted((key, sha256(row)) for key, row in catalog.items())
        self.app_hash = trie.root_of(self.catalog)

    @staticmethod
    def key_of(table: str) -> bytes:
        """Return a table's key in the catalog."""
        return b"\x01" + encode_key((table,))

    def items(self, leaves: list[tuple[bytes, bytes]], low: bytes, high: bytes) -> Items:
        """Return an honest state proof, with the rows of the range left to the claim."""
        found = prove_range(leaves, low, high)
        is_in = [isinstance(item, tuple) and low <= item[0] <= high for item in found]
        return tuple(None if is_ else item for is_, item in zip(is_in, found, strict=True))

    def entry(self, key: bytes) -> Any:
        """Return the state proof of a catalog entry."""
        return self.items(self.catalog, key, key)

    def evidence(self, height: int | None = None, signer: Any = NODE) -> bytes:
        """Return a signature of the app hash."""
        evidence = Evidence(
            height=self.height if height is None else height,
            app_hash=self.app_hash,
            kid=signer.key_id,
        )
        message = evidence.to_be_signed(sha256(self.genesis))
        return msgspec.structs.replace(evidence, signature=signer.sign(message)).encode()

    def state(self, *, is_logged: bool = True, evidence: bytes | None = None) -> State:
        """Return the signed state."""
        log = LogProof(
            size=len(self.entries),
            root=root_of(self.entries),
            catalog=self.entry(b"\x02" + encode_key(("log",))),
        )
        return State(
            height=self.height,
            app_hash=self.app_hash,
            chain=ChainProof(
                row=self.chain,
                schema_hash=bytes(32),
                catalog=self.entry(self.key_of("comity_chain")),
            ),
            log=log if is_logged else None,
            evidence=self.evidence() if evidence is None else evidence,
        )

    def claim(
        self, low: tuple[KeyValue, ...] = (), high: tuple[KeyValue, ...] = (), **changes: Any
    ) -> RowsClaim:
        """Return an honest claim of all rows between two keys, but for ``changes``."""
        first = encode_key(low)
        last = (encode_key(high) + HIGHEST)[: len(HIGHEST)]
        claim = RowsClaim(
            table=self.table,
            low=low,
            high=high,
            rows=tuple(row for key, row in self.rows.items() if first <= key <= last),
            writer=None,
            proof=TableProof(
                versions=self.versions,
                root=self.root,
                row_count=self.row_count,
                catalog=self.entry(self.key_of(self.table)),
                items=self.items(self.leaves, first, last),
            ),
        )
        proof = changes.pop("proof", {})
        claim = msgspec.structs.replace(claim, **changes)
        return msgspec.structs.replace(claim, proof=msgspec.structs.replace(claim.proof, **proof))

    def bundle(self, claim: Claim | None = None, **changes: Any) -> bytes:
        """Return the file of a claim, or of all rows."""
        bundle = Bundle(
            claim=self.claim() if claim is None else claim,
            state=self.state(),
            checkpoint=None,
            genesis=self.genesis,
        )
        return msgspec.structs.replace(bundle, **changes).encode()


def row(*items: Any) -> bytes:
    """Return row bytes, trailing nulls and all."""
    return cbor.encode(list(items))


def key(*values: KeyValue) -> bytes:
    """Return an encoded key."""
    return encode_key(values)
