"""What answers look like, field by field: a reader process fills them, OpenAPI describes them.

Hashes, ids and bytes are in hex, accounts ``cm1...``; whole numbers beyond 2^53 and decimals are text.

Invariant: an answer says the height that it was read at, and the app hash after it.
"""

from typing import Any

import msgspec


class TableEntry(msgspec.Struct, kw_only=True):
    """A table in the list of tables.

    Args:
        app: application that it belongs to; null for a shared table.
        rows: how many there are; root: of the table's state tree.
    """

    name: str
    app: str | None
    rows: int
    root: str
    key: list[str]


class Tables(msgspec.Struct, kw_only=True):
    """The tables of a height."""

    height: int
    app_hash: str
    tables: list[TableEntry]


class Table(msgspec.Struct, kw_only=True):
    """One table.

    Args:
        schema: columns, key, indexes and what is kept, by name.
        schema_hash: of ``schema_versions``, CBOR of every version, as the catalog has it.
        history_from: first height whose rows can still be read.
    """

    name: str
    height: int
    app_hash: str
    app: str | None
    rows: int
    root: str
    schema: dict[str, Any]
    schema_hash: str
    schema_versions: str
    history_from: int


class Page(msgspec.Struct, kw_only=True):
    """A page of rows: each by column names, with ``_owner``, ``_from`` (log position) and ``_hash``.

    Args:
        next: ``after`` of the next page, which is of the same height; null behind the last.
    """

    table: str
    height: int
    app_hash: str
    rows: list[dict[str, Any]]
    next: str | None


class Row(msgspec.Struct, kw_only=True):
    """One row by column names, with ``_owner``, ``_from`` (log position) and ``_hash``."""

    table: str
    key: str
    height: int
    app_hash: str
    row: dict[str, Any]


class Cell(msgspec.Struct, kw_only=True):
    """A column's value before and after; null also where there was, or is, no row."""

    column: str
    old: Any
    new: Any


class RowEvent(msgspec.Struct, kw_only=True):
    """What one transaction, or one block's timers, did to a row.

    Args:
        kind: genesis, added, kept (its earlier versions are not), changed or removed.
        transaction, account, who: null for genesis and timers; ``who`` is the member's name.
    """

    kind: str
    position: int
    height: int
    time: str | None
    transaction: str | None
    account: str | None
    who: str | None
    owner: str | None
    cells: list[Cell]


class RowLife(msgspec.Struct, kw_only=True):
    """The life of a row, oldest change first.

    Args:
        kept_from: height before which this ledger keeps no history of the table.
    """

    table: str
    key: str
    height: int
    app_hash: str
    kept_from: int
    truncated: bool
    changes: list[RowEvent]


class Difference(msgspec.Struct, kw_only=True):
    """A row that two heights have differently; ``old`` or ``new`` is null where it was not there."""

    key: str
    kind: str
    cells: list[Cell]
    old_hash: str | None
    new_hash: str | None


class Diff(msgspec.Struct, kw_only=True):
    """Rows of a table that differ between two heights, by key."""

    table: str
    older: int
    newer: int
    rows: list[Difference]
    next: str | None


class Block(msgspec.Struct, kw_only=True):
    """A block.

    Args:
        app_hash: after it; log_size: entries of the log after it.
        transactions: how many it holds.
    """

    height: int
    app_hash: str
    time: str | None
    log_size: int
    transactions: int


class Blocks(msgspec.Struct, kw_only=True):
    """Blocks, newest first; ``next`` is the height to ask below for older ones."""

    blocks: list[Block]
    next: int | None


class BlockEntry(msgspec.Struct, kw_only=True):
    """A transaction of a block."""

    position: int
    id: str
    account: str
    ok: bool


class BlockDetail(msgspec.Struct, kw_only=True):
    """A block with its transactions, in order.

    Args:
        evidence: the node's signature of the app hash, COSE_Sign1; null where none is stored.
        tables: those that the block changed.
    """

    height: int
    app_hash: str
    time: str | None
    log_size: int
    proposer: str | None
    evidence: str | None
    tables: list[str]
    transactions: list[BlockEntry]


class CallEntry(msgspec.Struct, kw_only=True):
    """A call of a transaction."""

    action: str
    arguments: Any


class Refusal(msgspec.Struct, kw_only=True):
    """Why a transaction was refused."""

    call_index: int
    app: str
    number: int
    fields: dict[str, Any]


class TransactionDetail(msgspec.Struct, kw_only=True):
    """A transaction that the log holds, and what became of it.

    Args:
        key: id of the key that signed; receipt: canonical bytes.
        results: one a call, where it was executed.
    """

    id: str
    height: int
    position: int
    time: str | None
    account: str
    who: str | None
    key: str
    valid_until: str
    calls: list[CallEntry]
    ok: bool
    results: list[Any]
    refusal: Refusal | None
    receipt: str


class Change(msgspec.Struct, kw_only=True):
    """A change of a row, as an event of a table.

    Args:
        id: log position and index, by which a reader resumes.
        key: as it stands in the row's address.
        old_hash, new_hash: row hashes; null where there was, or is, no row.
        old, new: the row before and after.
    """

    id: str
    table: str
    key: str
    kind: str
    height: int
    time: str | None
    transaction: str | None
    account: str | None
    who: str | None
    old_hash: str | None
    new_hash: str | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class Sql(msgspec.Struct, kw_only=True):
    """An answer to a query: rows are lists, because column names may repeat.

    Args:
        truncated: rows are missing, because the limit named in ``limit`` cut the answer.
        next: always null: ask for less, or by key.
    """

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    limit: str | None
    next: None
    height: int
    app_hash: str
    notes: list[str]


class ViewAnswer(msgspec.Struct, kw_only=True):
    """What a view of an application says."""

    app: str
    view: str
    height: int
    app_hash: str
    result: Any


class Head(msgspec.Struct, kw_only=True):
    """Size and root of the log."""

    height: int
    app_hash: bytes
    size: int
    root: bytes


to_json = msgspec.json.Encoder().encode
