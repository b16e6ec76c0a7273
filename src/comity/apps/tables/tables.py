"""Shared tables: members define typed tables, and add, change and remove rows under their rules.

A member has at most ``per_member`` tables at a time, a genesis parameter, and makes at most ten times as many ever.

Invariant: each shared table has one row in ``tables__rule`` from its making to its end, and who may
do what follows from that row alone.
"""

from typing import Annotated, Literal

from comity.sdk import (
    AccountId,
    App,
    Bytes,
    Document,
    Flag,
    Integer,
    Many,
    Row,
    Text,
    Values,
)  # fmt: skip

ROWS_MAX = 1_000  # of one call
NUMBER_MAX = (1 << 63) - 1
TABLES_MAX = 1_000  # that the parameter ``per_member`` may permit
TABLES_PER_MEMBER = 250  # at one time, unless the genesis says otherwise
MADE_PER_TABLE = 10  # tables that a member ever makes, for each that it may have

TableName = Annotated[str, Text(40, chars_min=1)]
ColumnName = Annotated[str, Text(40, chars_min=1)]
ColumnDocuments = Annotated[list[Document], Many(100)]
ColumnNames = Annotated[list[ColumnName], Many(100)]
RowHash = Annotated[bytes, Bytes(32, bytes_min=8)]  # a row hash, or its first 8 bytes
RowHashes = Annotated[list[RowHash], Many(ROWS_MAX)]
Keys = Annotated[list[Values], Many(ROWS_MAX)]
Number = Annotated[int, Integer(0, NUMBER_MAX)]
Numbers = Annotated[list[Number], Many(ROWS_MAX)]
Preset = Literal["open", "own-rows", "append-only", "read-only"]

Tables = Annotated[int, Integer(0, MADE_PER_TABLE * TABLES_MAX)]

app = App("tables", version=1, grants=("schema",), parameters=("per_member",))


@app.table(key="name", indexes=("creator",))
class Rule(Row):
    """Who may do what with a shared table: one row for each."""

    name: TableName
    creator: AccountId  # who made the table, and may alter or drop it
    preset: Preset
    is_numbered: Flag = False  # the ledger numbers rows that come without a key


@app.table(key="name", history="none")
class Counter(Row):
    """The highest number of a numbered table's rows so far."""

    name: TableName
    last: Number = 0


@app.table(key="account", history="none")
class Maker(Row):
    """How many tables a member has, and how many it ever made: one row for each who made any."""

    account: AccountId
    live: Tables = 0
    made: Tables = 0
