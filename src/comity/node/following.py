"""What a client in this process asks of a ledger's folder beside rows: differences, proofs and changes.

Invariant: it is answered by the code that answers it over HTTP.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import apsw
import msgspec

from comity.client.history import DiffAnswer, RowDifference
from comity.client.proofs import Proof, check_rows
from comity.client.watching import Change, change_of
from comity.limits import READ_ROWS_MAX
from comity.model.column import ColumnValue
from comity.model.genesis import Genesis
from comity.model.schema import TableSchema
from comity.query import difference, proofs, reads
from comity.query.changes import Changes
from comity.query.keys import key_text
from comity.query.table_at import Schemas

_POLL_S = 0.2
_ALL = 1 << 40  # an index behind every change of a log position
_LOG_SIZE = "SELECT log_size FROM comity_block WHERE height <= ? ORDER BY height DESC LIMIT 1"
_NEWEST = 1 << 62
_diff = msgspec.json.Decoder(DiffAnswer).decode


def diff(
    connection: apsw.Connection, schema: TableSchema, older: int, newer: int | None
) -> list[RowDifference]:
    """Return the rows that two heights have differently, in key order. Raises: QueryError."""
    schemas, rows, after = Schemas(), list[RowDifference](), ""
    while True:
        read = reads.DiffRead(
            table=schema.name, older=older, newer=newer, limit=READ_ROWS_MAX, after=after
        )
        with connection:
            page = _diff(difference.answer(connection, schemas, read).body)
        rows += page.read(schema)
        if page.next is None:
            return rows
        after = page.next


def prove_row(
    connection: apsw.Connection, genesis: Genesis, schema: TableSchema, key: Sequence[ColumnValue]
) -> Proof:
    """Return the checked proof of a row, or of its absence. Raises: ProofInvalid, QueryError."""
    read = reads.RowProofRead(table=schema.name, key=key_text(key, schema.key_columns))
    with connection:
        data = proofs.answer(connection, Schemas(), genesis, read).body
    verdict, _, _ = check_rows(data, genesis.hash, schema.name, key, key)
    return Proof(data=data, verdict=verdict)


def follow(connection: apsw.Connection, schema: TableSchema, since: int | None) -> Iterator[Change]:
    """Yield the changes of a table behind a height, or from now on, for ever. Raises: QueryError."""
    found: Any = connection.execute(_LOG_SIZE, (_NEWEST if since is None else since,)).fetchone()
    place = found[0] - 1, _ALL
    changes = Changes(connection, Schemas())
    while True:
        read = reads.ChangesRead(table=schema.name, position=place[0], index=place[1])
        with connection:
            answer = changes.answer(read)
        for line in answer.body.splitlines():
            yield change_of(line.decode(), schema)
        position, _, index = answer.next.partition(".")
        place = int(position), int(index)
        if not answer.body:
            time.sleep(_POLL_S)
