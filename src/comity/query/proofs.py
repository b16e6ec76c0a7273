"""Bundles as answers: a row or its absence, a range, a transaction, the log's growth.

Invariant: a bundle is made from one committed block; a reader checks all of it again.
"""

import apsw

from comity.errors import QueryError
from comity.model.bundle import Bundle
from comity.model.genesis import Genesis
from comity.query.asof import newest_schema
from comity.query.blocks import stored_transaction
from comity.query.keys import key_from_text
from comity.query.prove import Prover
from comity.query.reads import (
    ConsistencyProofRead,
    Found,
    RangeProofRead,
    RowProofRead,
    TransactionProofRead,
)
from comity.query.table_at import Schemas
from comity.store.store import Store

ProofRead = RowProofRead | RangeProofRead | TransactionProofRead | ConsistencyProofRead


def answer(
    connection: apsw.Connection, schemas: Schemas, genesis: Genesis, read: ProofRead
) -> Found:
    """Return a bundle's bytes. Raises: QueryError, Unavailable. Cost: O(tables), and what ``Prover`` says."""
    prover = Prover(Store.over(connection), genesis, read.at)
    bundle = _bundle(connection, schemas, prover, read)
    return Found(height=prover.height, app_hash=bundle.state.app_hash, body=bundle.encode())


def _bundle(
    connection: apsw.Connection, schemas: Schemas, prover: Prover, read: ProofRead
) -> Bundle:
    if isinstance(read, TransactionProofRead):
        return prover.transaction(stored_transaction(connection, read.identifier)[0])
    if isinstance(read, ConsistencyProofRead):
        return prover.consistency(read.older)
    versions, _ = schemas.of(connection, read.table)
    schema = newest_schema(versions)
    if isinstance(read, RangeProofRead):
        low = key_from_text(read.low, schema, is_whole=False)
        high = key_from_text(read.high, schema, is_whole=False)
        return prover.range(read.table, low, high)
    key = key_from_text(read.key, schema)
    try:
        return prover.row(read.table, key)
    except QueryError as error:
        if error.code != "row-not-found":
            raise
    return prover.absent(read.table, key)
