"""The life of a row and what differs between two heights, as a node tells it.

The records have the names of those that a ledger in a folder answers with (``comity.query.history``).

Invariant: what a node tells of the past is not proved; each event names its transaction, which can be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from comity.client.node_answers import from_hex, time_from, value_of
from comity.errors import Malformed
from comity.model import account
from comity.model.column import ColumnType, ColumnValue
from comity.model.schema import TableSchema


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the log that changed rows; ``sender`` and ``transaction_id`` are None for timers and genesis."""

    position: int
    height: int
    time_ns: int | None = None
    transaction_id: bytes | None = None
    sender: bytes | None = None
    who: str | None = None


class CellChange(msgspec.Struct, frozen=True):
    """One column's value before and after; None also where there was, or is, no row."""

    column: str
    old: ColumnValue
    new: ColumnValue


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one event did to the row: ``values`` are all columns after it, and empty once it was removed."""

    kind: str
    event: Event
    values: Mapping[str, ColumnValue]
    owner: bytes | None
    cells: tuple[CellChange, ...]


class RowHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one row, oldest first, read at ``height``.

    Args:
        start: height before which this ledger keeps no history of the table.
    """

    table: str
    key: tuple[ColumnValue, ...]
    height: int
    app_hash: bytes
    start: int
    changes: tuple[RowChange, ...]
    is_truncated: bool = False


class RowDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that two heights have differently.

    Args:
        key: as it stands in an address.
        kind: added, changed or removed.
    """

    key: str
    kind: str
    cells: tuple[CellChange, ...]


class _Cell(msgspec.Struct):
    column: str
    old: Any
    new: Any


class _RowEvent(msgspec.Struct):
    kind: str
    position: int
    height: int
    time: str | None
    transaction: str | None
    account: str | None
    who: str | None
    owner: str | None
    cells: list[_Cell]


class HistoryAnswer(msgspec.Struct):
    """What ``/v1/tables/{table}/rows/{key}/history`` says."""

    height: int
    app_hash: str
    kept_from: int
    truncated: bool
    changes: list[_RowEvent]

    def read(self, schema: TableSchema, key: Sequence[ColumnValue]) -> RowHistory:
        """Return the life of the row with ``key``. Raises: Malformed."""
        types = _types(schema)
        values: dict[str, ColumnValue] = {}
        changes = []
        for each in self.changes:
            cells = _cells(each.cells, types)
            values = {} if each.kind == "removed" else _filled(values, cells, types)
            changes.append(
                RowChange(
                    kind=each.kind,
                    event=_event(each),
                    values=values,
                    owner=None if each.owner is None else account.from_text(each.owner),
                    cells=cells,
                )
            )
        return RowHistory(
            table=schema.name,
            key=tuple(key),
            height=self.height,
            app_hash=from_hex(self.app_hash),
            start=self.kept_from,
            changes=tuple(changes),
            is_truncated=self.truncated,
        )


class _Difference(msgspec.Struct):
    key: str
    kind: str
    cells: list[_Cell]


class DiffAnswer(msgspec.Struct):
    """What ``/v1/tables/{table}/diff`` says, one page of it."""

    rows: list[_Difference]
    next: str | None

    def read(self, schema: TableSchema) -> list[RowDifference]:
        """Return the rows of the page. Raises: Malformed."""
        types = _types(schema)
        return [
            RowDifference(key=row.key, kind=row.kind, cells=_cells(row.cells, types))
            for row in self.rows
        ]


class _Entry(msgspec.Struct):
    position: int
    id: str
    account: str


class BlockAnswer(msgspec.Struct):
    """What ``/v1/blocks/{height}`` says; blocks never change."""

    height: int
    time: str | None
    log_size: int
    transactions: list[_Entry]

    def event(self, position: int) -> Event:
        """Return the event at a position of the block. Raises: Malformed."""
        entry = next((each for each in self.transactions if each.position == position), None)
        return Event(
            position=position,
            height=self.height,
            time_ns=None if self.time is None else time_from(self.time),
            transaction_id=None if entry is None else from_hex(entry.id),
            sender=None if entry is None else account.from_text(entry.account),
        )


def _types(schema: TableSchema) -> dict[str, ColumnType]:
    return {column.name: column.type for column in schema.columns}


def _cells(cells: Sequence[_Cell], types: Mapping[str, ColumnType]) -> tuple[CellChange, ...]:
    found = []
    for cell in cells:
        type_ = types.get(cell.column)
        if type_ is None:
            raise Malformed(f"a change of the column {cell.column!r}, which the table has not")
        old, new = value_of(cell.old, type_), value_of(cell.new, type_)
        found.append(CellChange(cell.column, old, new))
    return tuple(found)


def _filled(
    before: Mapping[str, ColumnValue], cells: Sequence[CellChange], names: Mapping[str, ColumnType]
) -> dict[str, ColumnValue]:
    return dict.fromkeys(names, None) | dict(before) | {cell.column: cell.new for cell in cells}


def _event(each: _RowEvent) -> Event:
    return Event(
        position=each.position,
        height=each.height,
        time_ns=None if each.time is None else time_from(each.time),
        transaction_id=None if each.transaction is None else from_hex(each.transaction),
        sender=None if each.account is None else account.from_text(each.account),
        who=each.who,
    )
