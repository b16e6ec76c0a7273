"""The life of one row: what changed in it, when, by which transaction, signed by whom.

Invariant: every change is read from the row's stored versions and from the log's own entries, never
from a table that an application could write. What the ledger does not keep is None, not a guess.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import apsw
import msgspec

from comity import limits
from comity.crypto import cbor
from comity.errors import InvariantViolated, Malformed, QueryError
from comity.model.block import Link
from comity.model.column import ColumnValue, check_of
from comity.model.schema import TableSchema
from comity.model.transaction import decode_envelope
from comity.query.asof import history_start, newest_schema, snapshot_of, versions_of
from comity.store.ddl import history_name, quote

Kind: TypeAlias = Literal["genesis", "added", "kept", "changed", "removed"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the log that changed rows.

    Args:
        time_ns: block time, nanoseconds UTC; None at genesis or where the link is not kept here.
        transaction_id: 32 bytes; None for genesis and for a block's timers.
        sender: 20-byte account that signed it; None as above.

    """

    position: int
    height: int
    time_ns: int | None = None
    transaction_id: bytes | None = None
    sender: bytes | None = None


class CellChange(msgspec.Struct, frozen=True):
    """One column's value before and after; None also where there was, or is, no row."""

    column: str
    old: ColumnValue
    new: ColumnValue


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one event did to the row.

    Args:
        kind: ``kept`` for the oldest version of a row whose earlier ones are not kept any more.
        values: all columns by their newest names after the event; empty once removed.
        owner: account that the row belongs to, where rows have owners.
        cells: the columns whose value changed, in column order.

    """

    kind: Kind
    event: Event
    values: Mapping[str, ColumnValue]
    owner: bytes | None
    cells: tuple[CellChange, ...]


class RowHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one row, oldest first, read at ``height``.

    Args:
        start: height before which this ledger keeps no history of the table.
        is_truncated: older changes exist beyond ``ROW_VERSIONS_MAX``.

    """

    table: str
    key: tuple[ColumnValue, ...]
    height: int
    app_hash: bytes
    start: int
    changes: tuple[RowChange, ...]
    is_truncated: bool = False


class _Version(msgspec.Struct, frozen=True):
    start: int  # log position that made it
    end: int | None  # log position that ended it; None while it is the row
    owner: bytes | None
    values: tuple[ColumnValue, ...]


def row_history(connection: apsw.Connection, table: str, key: Sequence[ColumnValue]) -> RowHistory:
    """Return every kept change of one row, with who signed it and when.

    Args:
        connection: one that may read the whole file, such as ``guard.connect`` opens.
        key: values of the key columns, in key order.
    Raises: QueryError, for a table that never was, or a key that its columns cannot hold.
    Cost: O(versions of the row), each one look-up of its transaction and its block's link.
    """
    with connection:  # one snapshot
        snapshot = snapshot_of(connection, None)
        schema = newest_schema(versions_of(connection, table))
        _check_key(schema, key)
        start = history_start(schema, snapshot.height_newest)
        versions = _versions(connection, schema, key)
        kept = versions[-limits.ROW_VERSIONS_MAX :]
        is_truncated = len(kept) < len(versions)
        changes = list(_changes(kept, schema, _Log(connection)))
    if changes and changes[0].kind == "added":
        is_unsure = is_truncated or 0 < changes[0].event.height <= start
        kind: Kind = "kept" if is_unsure else "added"
        changes[0] = msgspec.structs.replace(changes[0], kind=kind)
    return RowHistory(
        table=table,
        key=tuple(key),
        height=snapshot.height,
        app_hash=snapshot.app_hash,
        start=start,
        changes=tuple(changes),
        is_truncated=is_truncated,
    )


def _check_key(schema: TableSchema, key: Sequence[ColumnValue]) -> None:
    columns = schema.key_columns
    if len(key) != len(columns):
        names = ", ".join(column.name for column in columns)
        message = f"the key of {schema.name} has {len(columns)} columns ({names}), not {len(key)}"
        raise QueryError("arguments", message)
    for column, value in zip(columns, key, strict=True):
        problem = check_of(column)(value)
        if problem is not None:
            message = f"key column {column.name} of {schema.name}: {problem}"
            raise QueryError("arguments", message)


def _versions(
    connection: apsw.Connection, schema: TableSchema, key: Sequence[ColumnValue]
) -> list[_Version]:
    """Return the newest versions of a row, oldest first: one more than a history shows."""
    arms_count = 1 if schema.history == "none" else 2
    bound = limits.ROW_VERSIONS_MAX + 1
    found = connection.execute(_select(schema), (*list(key) * arms_count, bound)).fetchall()
    rows: list[tuple[Any, ...]] = found
    booleans = [column.type.kind == "boolean" for column in schema.columns]
    versions = []
    for *stored, owner, start, end in reversed(rows):
        pairs = zip(stored, booleans, strict=True)
        values = tuple(value == 1 if is_b and value is not None else value for value, is_b in pairs)
        versions.append(_Version(start, end, owner, values))
    return versions


def _select(schema: TableSchema) -> str:
    """Return the statement that reads a row's versions, newest first."""
    names = [quote(column.name) for column in schema.columns]
    names += [quote("_owner") if schema.is_owned else "NULL", "_from"]
    where = " AND ".join(quote(name) + " = ?" for name in schema.key)
    arms = [_arm([*names, "NULL AS _to"], schema.name, where)]
    if schema.history != "none":
        arms.append(_arm([*names, "_to"], history_name(schema), where))
    return " UNION ALL ".join(arms) + " ORDER BY _from DESC LIMIT ?"


def _arm(columns: Sequence[str], table: str, where: str) -> str:
    return " ".join(("SELECT", ", ".join(columns), "FROM main." + quote(table), "WHERE", where))


def _changes(versions: Sequence[_Version], schema: TableSchema, log: "_Log") -> Iterator[RowChange]:
    """Yield what happened between versions; a gap before the next one, or an end, is a removal."""
    names = [column.name for column in schema.columns]
    nothing: tuple[ColumnValue, ...] = (None,) * len(names)
    before: _Version | None = None
    for index, version in enumerate(versions):
        next_start = versions[index + 1].start if index + 1 < len(versions) else None
        is_change = before is not None and before.end == version.start
        old = before.values if before is not None and is_change else nothing
        event = log.event(version.start)
        yield RowChange(
            kind="changed" if is_change else "added" if event.position else "genesis",
            event=event,
            values=dict(zip(names, version.values, strict=True)),
            owner=version.owner,
            cells=_cells(names, old, version.values),
        )
        if version.end is not None and version.end != next_start:
            yield RowChange(
                kind="removed",
                event=log.event(version.end),
                values={},
                owner=version.owner,
                cells=_cells(names, version.values, nothing),
            )
        before = version


def _cells(
    names: Sequence[str], old: Sequence[ColumnValue], new: Sequence[ColumnValue]
) -> tuple[CellChange, ...]:
    cells = zip(names, old, new, strict=True)
    return tuple(
        CellChange(name, before, after) for name, before, after in cells if before != after
    )


def event_at(connection: apsw.Connection, position: int) -> Event:
    """Return the event at a log position. Raises: InvariantViolated, when the log lacks it."""
    return _Log(connection).event(position)


class _Log:
    """Looks events up by their log position, and each block's time once."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._times: dict[int, int | None] = {}

    def event(self, position: int) -> Event:
        """Return the event at ``position``. Raises: InvariantViolated, when the log lacks it."""
        if position == 0:
            return Event(position=0, height=0)
        row = self._row(position)
        if row is None:
            raise InvariantViolated(f"log position {position} is missing; run comity audit")
        height, identifier, data = row
        return Event(
            position=position,
            height=height,
            time_ns=self._time(height),
            transaction_id=identifier,
            sender=None if identifier is None else _sender(position, data),
        )

    def _time(self, height: int) -> int | None:
        """Return the time in the link of a block: the first entry after the block before."""
        if height not in self._times:
            sql = "SELECT log_size FROM main.comity_block WHERE height = ?"
            before = self._connection.execute(sql, (height - 1,)).fetchone()
            row = self._row(before[0]) if before else None
            self._times[height] = Link.decode(row[2]).time_ns if row and row[1] is None else None
        return self._times[height]

    def _row(self, position: int) -> tuple[int, bytes | None, bytes] | None:
        sql = "SELECT height, id, bytes FROM main.comity_transaction WHERE position = ?"
        rows: list[Any] = self._connection.execute(sql, (position,)).fetchall()
        return rows[0] if rows else None


def _sender(position: int, data: bytes) -> bytes:
    """Return the account that signed the transaction, whose body may be erased by now."""
    try:
        envelope, *_ = cbor.decode(data, size_max=limits.TRANSACTION_BYTES_MAX)
        return decode_envelope(envelope).sender
    except (Malformed, TypeError, ValueError) as error:
        message = f"log position {position} holds no transaction; run comity audit"
        raise InvariantViolated(message) from error
