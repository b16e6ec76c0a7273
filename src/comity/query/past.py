"""Tables and catalogs at an older height, made again in memory from what each height left behind.

The store keeps the newest trees only; rows keep every version, and blocks keep the catalog leaves that they changed
(consensus rule R2.3). So an older proof costs one pass over the table, and is refused beyond a named number of rows.

Invariant: nothing is proved from rows whose root is not the one that the height's catalog names.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from comity.crypto.ordered import KeyValue, decode_key
from comity.crypto.range_proof import Leaf, RangeProof
from comity.crypto.trie import root_of
from comity.errors import InvariantViolated, QueryError, Unavailable
from comity.limits import PAST_PROOF_ROWS_MAX
from comity.model.row import RowCodec, StoredRow
from comity.model.schema import TableSchema
from comity.query.asof import history_start
from comity.query.leaf_proof import prove_range
from comity.store.catalog import TableLeaf
from comity.store.ddl import history_name, quote, stored_columns
from comity.store.store import Store

_LEAVES_NOW = "SELECT name, leaf FROM comity_table ORDER BY name"
_LEAVES_AT = (
    "SELECT name, leaf, max(height) FROM comity_root WHERE height <= ? GROUP BY name ORDER BY name"
)


def leaves_at(store: Store, height: int) -> dict[str, bytes]:
    """Return the catalog row bytes of every table at ``height``, by name.

    Cost: at the newest height none; else one pass over the leaves that blocks changed.
    """
    if height == store.height:
        return dict(store.leaves)
    return dict(leaf_names(store.connection, height, is_newest=False))


def leaf_names(
    connection: apsw.Connection, height: int, *, is_newest: bool
) -> list[tuple[str, bytes]]:
    """Return (name, catalog row bytes) of every table at ``height``, by name. Cost: as ``leaves_at``."""
    if is_newest:
        now: list[Any] = connection.execute(_LEAVES_NOW).fetchall()
        return [(name, leaf) for name, leaf in now if leaf is not None]
    found: list[Any] = connection.execute(_LEAVES_AT, (height,)).fetchall()
    return [(name, leaf) for name, leaf, *_ in found if leaf is not None]


def block_at(store: Store, height: int) -> tuple[bytes, int, bytes]:
    """Return (app hash, log size, evidence) after the block at ``height``.

    Raises: QueryError, when there is no such height; Unavailable, when nobody's signature is stored here.
    """
    row = store.connection.execute(
        "SELECT app_hash, log_size, evidence FROM comity_block WHERE height = ?", (height,)
    ).fetchone()
    if row is None:
        raise QueryError("unknown-height", f"height {height} is not one of 0 to {store.height}")
    if row[2] is None:
        raise Unavailable(f"no signature of the app hash of height {height} is stored here")
    return row[0], row[1], row[2]


def rows_at(
    store: Store, schema: TableSchema, position: int, key: Sequence[KeyValue] | None = None
) -> Iterator[StoredRow]:
    """Yield the stored rows of a table as they were after log position ``position``, in no order.

    Args:
        schema: the newest, whose names are those of the file.
        key: of the one row wanted, or None for all.
    """
    codec = RowCodec(schema)
    where = " WHERE _from <= ?"
    if key is not None:
        where += "".join(" AND " + quote(name) + " = ?" for name in schema.key)
    select = "SELECT " + ", ".join(stored_columns(schema)) + " FROM "
    live, asked = select + quote(schema.name) + where, (position, *(key or ()))
    for record in store.connection.execute(live, asked):
        yield codec.from_sql(record)
    if schema.history != "none":
        past = select + quote(history_name(schema)) + where + " AND _to > ?"
        asked += (position,)
        for record in store.connection.execute(past, asked):  # tidy: sql-text: names are quoted
            yield codec.from_sql(record)


class PastTable:
    """The rows of one table after the block at ``height``, and proofs of them."""

    def __init__(self, store: Store, schema: TableSchema, height: int, leaf: TableLeaf) -> None:
        """Read the rows.

        Args:
            schema: the newest, whose names are those of the file.
            leaf: what the catalog of ``height`` says of the table.
        Raises: QueryError, when the table is too large or its history starts later; InvariantViolated, when the rows
            are not those of the catalog's root.
        Cost: one pass over the table's versions, about 15 us a row.
        """
        name, start = schema.name, history_start(schema, store.height)
        if height < start:
            message = f"history of {name} starts at height {start}: {height} cannot be proved here"
            raise QueryError("pruned-height", message)
        if leaf.row_count > PAST_PROOF_ROWS_MAX:
            message = (
                f"{name} had {leaf.row_count} rows at height {height}; an older height is proved"
                f" up to {PAST_PROOF_ROWS_MAX}: prove the newest"
            )
            raise QueryError("too-costly", message, limit="PAST_PROOF_ROWS_MAX")
        self._codec = RowCodec(schema)
        self._store, self._position = store, store.log_size_at(height) - 1
        rows = rows_at(store, schema, self._position)
        self._leaves: list[Leaf] = sorted(
            (self._codec.key(row), self._codec.row_hash(row)) for row in rows
        )
        if root_of(self._leaves) != leaf.root:
            message = f"the rows of {name} at height {height} are not those of its root"
            raise InvariantViolated(message + "; run comity audit")

    def get(self, key: bytes) -> StoredRow | None:
        """Return the row with this encoded key, or None."""
        values = decode_key(key, self._codec.key_types)
        return next(rows_at(self._store, self._codec.schema, self._position, values), None)

    def prove_key(self, key: bytes) -> RangeProof:
        """Return the proof of the row with this encoded key, or of its absence."""
        return self.prove(key, key)

    def prove(self, low: bytes, high: bytes) -> RangeProof:
        """Return the proof of all rows with ``low <= key <= high``."""
        return prove_range(self._leaves, low, high)
