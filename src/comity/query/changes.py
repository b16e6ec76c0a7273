"""The changes of a table in the order in which they happened: what a follower resumes from.

An event is named by its log position and its place among the position's changes, in key order. The
list is read from the rows and their history, never from memory, so a reader that was away for a
month goes on without a gap. What changed lately is found through the records that undo the last
blocks; what changed earlier by one pass over the table.

Invariant: for equal rows and history, an event has one name for ever, and between two events of a
table there is no other.
"""

from typing import Any, TypeAlias

import apsw
import msgspec

from comity.crypto.ordered import KeyValue, encode_key
from comity.errors import QueryError
from comity.limits import CHANGES_MAX, CHANGES_UNDO_KEYS_MAX, ROWS_WRITTEN_PER_BLOCK_MAX
from comity.model import account
from comity.model.row import FROM_AT, StoredRow
from comity.query import bodies
from comity.query.asof import history_start, snapshot_of
from comity.query.documents import Change, to_json
from comity.query.history import event_at
from comity.query.keys import key_text
from comity.query.reads import ChangesRead, Found
from comity.query.row import name_of
from comity.query.table_at import Schemas, TableAt, tail_start
from comity.query.times import text_of
from comity.store import undo
from comity.store.ddl import history_name, quote, stored_columns

_POINTS_MAX = ROWS_WRITTEN_PER_BLOCK_MAX + CHANGES_MAX  # more than one position can have
_KEPT_MAX = 8  # for followers at several places
_ALL = 1 << 40  # an index behind every event of a position
_HEIGHT = "SELECT min(height) FROM main.comity_block WHERE log_size > ?"
_UNDO = "SELECT height, record FROM main.comity_undo WHERE height >= ? ORDER BY height"

Key: TypeAlias = tuple[KeyValue, ...]


class Points(msgspec.Struct, frozen=True):
    """Where a table changed: all of it from ``start`` to ``end``, log positions, both inclusive."""

    table: str
    start: int
    end: int
    points: list[tuple[int, int, Key]]  # log position, index in it, key


class Changes:
    """Finds the changes of tables; what a pass over a table found is kept for the next question."""

    def __init__(self, connection: apsw.Connection, schemas: Schemas) -> None:
        self._connection = connection
        self._schemas = schemas
        self._kept: list[Points] = []  # what was asked for last comes first
        self._author: _Author | None = None

    def answer(self, read: ChangesRead) -> Found:
        """Return events as JSON Lines; ``next`` is the id to go on from.

        Raises: QueryError: no such table; one without history; an id whose changes are not kept here.
        Cost: the changes since, or one pass over the table.
        """
        if not 1 <= read.limit <= CHANGES_MAX:
            message = f"limit: 1 to {CHANGES_MAX}, not {read.limit}"
            raise QueryError("over-limit", message, "CHANGES_MAX")
        snapshot = snapshot_of(self._connection, None)
        table = TableAt(self._connection, self._schemas, read.table, snapshot)
        _check_kept(self._connection, table, read.position)
        seen, found = (read.position, read.index), self._points(table, read.position, read.index)
        points = [point for point in found.points if (point[0], point[1]) > seen]
        events: list[bytes] = []
        self._author = None  # a name may have changed since the last answer
        size, last = 0, (found.end, _ALL)  # unless something is left
        for point in points:
            if len(events) == read.limit or size > read.size:
                break
            events.append(to_json(self._event(table, *point)) + b"\n")
            size += len(events[-1])
            last = point[:2] if len(events) < len(points) else (found.end, _ALL)
        return Found(
            height=snapshot.height,
            app_hash=snapshot.app_hash,
            body=b"".join(events),
            next=f"{last[0]}.{last[1]}",
        )

    def _points(self, table: TableAt, position: int, index: int) -> Points:
        """Return points of which some are behind (position, index), or else all to the newest position."""
        newest, seen = table.snapshot.position, (position, index)
        for kept in self._kept:
            if kept.table == table.name and kept.start <= position <= kept.end:
                found = kept
                break
        else:
            found = _find(self._connection, table, position)
        while found.end < newest and not (found.points and found.points[-1][:2] > seen):
            found = _find(self._connection, table, found.end + 1)
        others = [kept for kept in self._kept if kept is not found]
        self._kept = [found, *others][:_KEPT_MAX]
        return found

    def _event(self, table: TableAt, position: int, index: int, key: Key) -> Change:
        old, new = _versions(self._connection, table, position, key)
        if self._author is None or self._author.position != position:
            self._author = _author(self._connection, position)
        author, hash_of = self._author, table.codec.row_hash
        return Change(
            id=f"{position}.{index}",
            table=table.name,
            key=key_text(key, table.schema.key_columns),
            kind="added" if old is None else "removed" if new is None else "changed",
            height=author.height,
            time=author.time,
            transaction=author.transaction,
            account=author.account,
            who=author.who,
            old_hash=None if old is None else hash_of(old).hex(),
            new_hash=None if new is None else hash_of(new).hex(),
            old=None if old is None else bodies.row_document(table, old),
            new=None if new is None else bodies.row_document(table, new),
        )


class _Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what stands at a log position: the same for all of its changes."""

    position: int
    height: int
    time: str | None
    transaction: str | None
    account: str | None
    who: str | None


def _author(connection: apsw.Connection, position: int) -> _Author:
    event = event_at(connection, position)
    sender, identifier = event.sender, event.transaction_id
    return _Author(
        position=position,
        height=event.height,
        time=None if event.time_ns is None else text_of(event.time_ns),
        transaction=None if identifier is None else identifier.hex(),
        account=None if sender is None else account.to_text(sender),
        who=None if sender is None else name_of(connection, sender),
    )


def _check_kept(connection: apsw.Connection, table: TableAt, position: int) -> None:
    """Refuse a place from which changes would be missing. Raises: QueryError."""
    schema, snapshot = table.codec.schema, table.snapshot
    if schema.history == "none":
        message = f"{table.name} keeps no history, so its changes cannot be told without gaps"
        raise QueryError("no-history", message)
    if not 0 <= position <= snapshot.position:
        message = f"no event {position}: the log's last entry is {snapshot.position}"
        raise QueryError("out-of-range", message)
    start = history_start(schema, snapshot.height_newest)
    if start and _height_of(connection, position) < start:
        message = f"changes of {table.name} are kept from height {start}: read the table anew"
        raise QueryError("pruned-height", message)


def _find(connection: apsw.Connection, table: TableAt, start: int) -> Points:
    """Return the points from ``start`` on."""
    past = history_name(table.codec.schema)
    first, count = tail_start(connection, past, start - 1)
    keys = _undo_keys(connection, table, start) if count <= CHANGES_UNDO_KEYS_MAX else None
    arms = [
        _arm(connection, table, past, "_to", "_n >= ?", (first,)),
        _arm(connection, table, past, "_from", "_n >= ? AND _from >= ?", (first, start)),
        _arm(connection, table, table.name, "_from", "_from >= ?", (start,))
        if keys is None
        else _looked_up(table, keys, start),
    ]
    end = min(_complete_to(arm, table.snapshot.position) for arm in arms)
    found = {(position, encode_key(key)): key for arm in arms for position, key in arm}
    points: list[tuple[int, int, Key]] = []
    for (position, _), key in sorted(found.items()):
        if position <= end:
            is_same = bool(points) and points[-1][0] == position
            points.append((position, points[-1][1] + 1 if is_same else 0, key))
    return Points(table.name, start, end, points)


def _arm(
    connection: apsw.Connection,
    table: TableAt,
    name: str,
    column: str,
    condition: str,
    parameters: tuple[int, ...],
) -> list[tuple[int, Key]]:
    """Return (log position, key) of the first rows of one table of the file that meet a condition."""
    columns = ", ".join([column, *map(quote, table.codec.schema.key)])
    sql = "SELECT " + columns + " FROM main." + quote(name) + " WHERE " + condition
    order = "_n" if column == "_to" else column  # versions are stored in the order they ended
    found = connection.execute(  # tidy: sql-text: names are quoted
        sql + " ORDER BY " + order + " LIMIT ?", (*parameters, _POINTS_MAX + 1)
    )
    return [(position, tuple(key)) for position, *key in found]


def _looked_up(table: TableAt, keys: list[Key], start: int) -> list[tuple[int, Key]]:
    """Return (log position, key) of the rows with ``keys`` that were made from ``start`` on."""
    rows = [table.row(key) for key in keys]
    return [
        (row[FROM_AT], table.codec.key_values(row))  # type: ignore[misc]  # a position is a number
        for row in rows
        if row is not None and row[FROM_AT] >= start  # type: ignore[operator]  # as above
    ]


def _complete_to(arm: list[tuple[int, Key]], newest: int) -> int:
    """Return the last position of which an arm has everything: it may have been cut inside one."""
    return arm[-1][0] - 1 if len(arm) > _POINTS_MAX else newest


def _undo_keys(connection: apsw.Connection, table: TableAt, start: int) -> list[Key] | None:
    """Return every key that blocks from ``start`` on changed, or None when a pass is cheaper, or needed."""
    height = _height_of(connection, start)
    found: list[Any] = connection.execute(_UNDO, (height,)).fetchall()
    if height <= table.snapshot.height and (not found or found[0][0] != height):
        return None
    keys: dict[Key, None] = {}
    for _, data in found:
        record = msgspec.msgpack.decode(data, type=undo._Record)
        for each in record.tables:
            if each.name == table.name:
                rows = (*each.befores, *each.deletes)
                keys.update((tuple(key), None) for key in each.inserted)
                keys.update((table.codec.key_values(tuple(row)), None) for row in rows)
        if len(keys) > CHANGES_UNDO_KEYS_MAX:
            return None
    return list(keys)


def _height_of(connection: apsw.Connection, position: int) -> int:
    """Return the height whose block has a log position; one above the newest for a position to come."""
    height: Any
    ((height,),) = connection.execute(_HEIGHT, (position,)).fetchall()
    if height is None:
        ((height,),) = connection.execute(
            "SELECT max(height) + 1 FROM main.comity_block"
        ).fetchall()
    return int(height)


def _versions(
    connection: apsw.Connection, table: TableAt, position: int, key: Key
) -> tuple[StoredRow | None, StoredRow | None]:
    """Return a row before and after a log position."""
    schema = table.codec.schema
    where = " AND ".join(quote(name) + " = ?" for name in schema.key)
    columns = ", ".join([*stored_columns(schema), "_to"])
    sql = "SELECT " + columns + " FROM main." + quote(history_name(schema)) + " WHERE " + where
    found: list[Any] = connection.execute(  # tidy: sql-text: names are quoted
        sql + " AND _to >= ? ORDER BY _to LIMIT 2", (*key, position)
    ).fetchall()
    old = new = None
    for *values, to in found:
        row = table.codec.from_sql(tuple(values))
        if to == position:
            old = row
        elif row[FROM_AT] == position:
            new = row
    if new is None:
        live = table.row(key)
        new = live if live is not None and live[FROM_AT] == position else None
    return old, new
