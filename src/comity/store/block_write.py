"""What one block changes, as data: made by the machine, written by the store in one SQLite transaction.

Invariant: a ``BlockWrite`` is complete; writing it needs nothing but the state that it was made from.
"""

from dataclasses import dataclass, field

from comity.model.row import StoredRow
from comity.model.schema import TableSchema
from comity.store.log import LogUpdate
from comity.store.tree import TreeUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWrite:
    """Net changes of one table.

    Args:
        inserts, updates: stored rows as they become, in key order; deletes: as they were.
        befores: the rows that updates replace, in the same order.
        superseded: versions for the history, each with its ``_to`` appended, in the order they ended.
        leaf: catalog row bytes after the block; None when the table was dropped.
        base: schema before the block; None for a table that the block made.
    """

    schema: TableSchema
    base: TableSchema | None
    inserts: list[StoredRow]
    updates: list[StoredRow]
    befores: list[StoredRow]
    deletes: list[StoredRow]
    superseded: list[StoredRow]
    tree: TreeUpdate
    leaf: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """A logged entry with its log position: a link (no id, no receipt) or a transaction."""

    position: int
    entry: bytes
    identifier: bytes | None = None
    receipt: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWrite:
    """Everything that one block writes.

    Args:
        tables: by table name, in name order.
        history_before: log position below which superseded versions may go, by table name.
    """

    height: int
    engine_height: int
    time_ns: int
    app_hash: bytes
    log: LogUpdate
    tables: dict[str, TableWrite]
    records: list[TransactionRecord]
    evidence: bytes | None = None
    history_before: dict[str, int] = field(default_factory=dict)
