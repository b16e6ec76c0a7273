"""Checks that a node's proof is of what was asked: this transaction, this row, this ledger, no older block.

``verify`` says what a bundle proves; here that is held against the question, because a true proof of something else
proves nothing.

Invariant: what is returned was proved; everything else raises ``ProofInvalid``.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from comity.client.verdict import ProvedRows, ProvedTransaction, Verdict
from comity.client.verify import verify
from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.errors import Malformed, ProofInvalid
from comity.model.bundle import Bundle, RowsClaim
from comity.model.column import ColumnValue
from comity.model.outcome import Ordered
from comity.model.row import RowCodec
from comity.model.schema import TableSchema, versions_from_value


class FoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that a node gave.

    Args:
        height: it was the row after this block.
        is_verified: whether it was proved.
    """

    values: tuple[ColumnValue, ...]
    owner: bytes | None
    row_hash: bytes
    height: int
    is_verified: bool


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was checked: ``comity verify`` checks the file again, without this ledger's node."""

    data: bytes
    verdict: Verdict

    def save(self, path: str | Path) -> None:
        """Write the bundle into a file."""
        Path(path).write_bytes(self.data)


def check_outcome(data: bytes, genesis_hash: bytes, outcome: Ordered) -> Verdict:
    """Check that the log has a transaction with the receipt that was answered. Raises: ProofInvalid."""
    verdict = verify(data, genesis_hash=genesis_hash)
    claim = verdict.claim
    if not isinstance(claim, ProvedTransaction):
        raise ProofInvalid("the node proved something else than a transaction")
    if claim.signer.transaction_id != outcome.identifier:
        raise ProofInvalid("the node proved another transaction than the one that was sent")
    if claim.receipt.encode() != outcome.receipt.encode():
        raise ProofInvalid("the node answered another receipt than the log has")
    if (claim.position, verdict.height) != (outcome.position, outcome.height):
        raise ProofInvalid("the node answered another place in the log than it can prove")
    return verdict


def check_rows(
    data: bytes,
    genesis_hash: bytes,
    table: str,
    low: Sequence[ColumnValue],
    high: Sequence[ColumnValue],
) -> tuple[Verdict, TableSchema, dict[tuple[ColumnValue, ...], FoundRow]]:
    """Return the proved rows of a table between two keys, both inclusive, by key. Raises: ProofInvalid."""
    verdict = verify(data, genesis_hash=genesis_hash)
    it = verdict.claim
    if not isinstance(it, ProvedRows) or (it.table, it.low, it.high) != (
        table, tuple(low), tuple(high),
    ):  # fmt: skip
        raise ProofInvalid(f"the node proved something else than the rows of {table} asked for")
    claim = Bundle.decode(data).claim
    if not isinstance(claim, RowsClaim):
        raise ProofInvalid("the node proved something else than rows")
    try:
        versions = cbor.decode(claim.proof.versions, size_max=len(claim.proof.versions))
        schema = versions_from_value(versions)[-1][1]
        if schema is None:
            raise ProofInvalid(f"the table {table} was dropped")
        codec = RowCodec(schema)
        found: dict[tuple[ColumnValue, ...], FoundRow] = {}
        for row in claim.rows:
            stored = codec.decode(row)
            owner = stored[codec.owner_at] if codec.owner_at else None
            found[codec.key_values(stored)] = FoundRow(
                values=codec.columns(stored),
                owner=owner if isinstance(owner, bytes) else None,
                row_hash=sha256(row),
                height=verdict.height,
                is_verified=True,
            )
    except Malformed as error:
        raise ProofInvalid(str(error)) from error
    return verdict, schema, found
