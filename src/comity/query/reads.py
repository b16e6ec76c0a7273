"""Reads that a node answers: what is asked, as records, and what comes back, ready to be sent on.

A reader process makes the very bytes of an answer, so that the process that orders blocks neither
decodes nor encodes rows.

Invariant: a read names everything that its answer depends on but the ledger itself; two equal reads
of one height have equal bodies.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from comity import limits
from comity.query.frames import Failure, QueryLimits

Media: TypeAlias = Literal["json", "csv", "jsonl", "msgpack"]
Operator: TypeAlias = Literal[
    "eq", "not", "lt", "lte", "gt", "gte", "isnull", "startswith"
]  # as Datasette spells them behind two underscores


class Filter(msgspec.Struct, frozen=True):
    """A condition of a page: several of ``eq`` on one column mean any of them."""

    column: str
    operator: Operator
    text: str


class TablesRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """All tables that can be read."""

    at: int | None = None


class TableRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One table: its columns, key, indexes, size and root; or its schema for other programs."""

    table: str
    is_frictionless: bool = False
    at: int | None = None
    etag: str = ""


class PageRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A page of a table's rows.

    Args:
        sort: columns with commas, a minus before those that fall; "" for the key.
        after: token of the page before.
        etag: what the asker has; where it still holds, no body is made.

    """

    table: str
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    limit: int = limits.READ_ROWS_DEFAULT
    after: str = ""
    at: int | None = None
    etag: str = ""
    media: Media = "json"


class RowRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One row by its key, as ``query.keys`` writes it."""

    table: str
    key: str
    at: int | None = None
    etag: str = ""


class HistoryRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The life of one row."""

    table: str
    key: str


class DiffRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The rows that differ between two heights, by key."""

    table: str
    older: int
    newer: int | None = None
    limit: int = limits.READ_ROWS_DEFAULT
    after: str = ""


class BlocksRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Blocks from ``after`` on, upwards; or below it, newest first."""

    after: int | None = None
    is_rising: bool = False
    limit: int = limits.READ_ROWS_DEFAULT


class BlockRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One block and the ids of its transactions."""

    height: int


class TransactionRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One transaction by its id in hex, or by the first digits of it."""

    identifier: str


class ChangesRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The row changes of a table behind an event id, in the order in which they happened.

    Args:
        position, index: the last event that was seen; -1 as index for none of that position.
        size: bytes after which an answer ends.

    """

    table: str
    position: int
    index: int = -1
    limit: int = limits.CHANGES_MAX
    size: int = limits.READ_BODY_BYTES_MAX


class SqlRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Anybody's SQL, answered as bytes."""

    sql: str
    parameters: tuple[Any, ...] | dict[str, Any] = ()
    at: int | None = None
    media: Media = "json"
    limits: QueryLimits = QueryLimits()


class ViewRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A view of an application; arguments are JSON values, or texts where ``is_text``; ``msgpack`` loses no type."""

    app: str
    view: str
    arguments: Mapping[str, Any] = {}
    is_text: bool = False
    media: Media = "json"


class RowProofRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bundle that proves a row, or that there is none."""

    table: str
    key: str
    at: int | None = None


class RangeProofRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bundle that proves all rows between two keys, or leading columns of keys; "" for an end."""

    table: str
    low: str = ""
    high: str = ""
    at: int | None = None


class TransactionProofRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bundle that proves a transaction and its receipt."""

    identifier: str
    at: int | None = None


class ConsistencyProofRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bundle that proves that the log only grew since a height."""

    older: int
    at: int | None = None


class HeadRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Size and root of the log."""


class TileRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A tile of the log; level -1 for the bundle of entries."""

    level: int
    number: int
    width: int


Read: TypeAlias = (
    TablesRead
    | TableRead
    | PageRead
    | RowRead
    | HistoryRead
    | DiffRead
    | BlocksRead
    | BlockRead
    | TransactionRead
    | ChangesRead
    | SqlRead
    | ViewRead
    | RowProofRead
    | RangeProofRead
    | TransactionProofRead
    | ConsistencyProofRead
    | HeadRead
    | TileRead
)

SLOW = (
    SqlRead,
    ViewRead,
    DiffRead,
    RowProofRead,
    RangeProofRead,
    TransactionProofRead,
    ConsistencyProofRead,
)


class Found(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An answer.

    Args:
        height, app_hash: of the block that was read.
        body: the bytes to send; none where ``is_unchanged``.
        etag: stands for this body, quotes included; "" for none.
        next: token of the next page, "" for none.
        limit: name of the limit that cut the answer, or None.
        is_unchanged: what the asker has still holds.

    """

    height: int
    app_hash: bytes
    body: bytes = b""
    etag: str = ""
    next: str = ""
    limit: str | None = None
    is_unchanged: bool = False


to_bytes = msgspec.msgpack.Encoder().encode
read_from_bytes = msgspec.msgpack.Decoder(Read).decode
answer_from_bytes = msgspec.msgpack.Decoder(Found | Failure).decode
