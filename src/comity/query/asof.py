"""Reading at a height: views that shadow the tables and show their rows as they were (R4.1-3).

Each view shows a table's declared columns, under the names of that height and without retired ones,
then ``_owner`` where rows have owners, then ``_from``; never ``_salt``. The newest height is read
through such views too, so that one query means the same at both. ``t__h`` shows the superseded
versions, at the newest height only.

Invariant: a view of height h holds exactly the rows that were there after log position
``log_size(h) - 1``; a table whose history does not reach back to h has no view but a reason.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import apsw
import msgspec

from comity.crypto import cbor
from comity.errors import QueryError, Unavailable
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema, versions_from_value
from comity.query.guard import Rules
from comity.store.ddl import quote

Versions = Sequence[tuple[int, TableSchema | None]]

_ACCOUNT = ColumnType(kind="account")
_POSITION = ColumnType(kind="integer")
_NONCE_BYTES = 8

# System tables that anyone may read; all others are bookkeeping. Those in _UNHASHED are no rows of
# the catalog, so they have no versions: a height cuts them. A cut names a column that is not the
# row's number, or count(*) would look to the authorizer like a read from outside the view.
READABLE = ("comity_account", "comity_chain", "comity_key", "comity_parameter")
_UNHASHED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "comity_block": (
        ("height", "engine_height", "app_hash", "log_size"),
        "height <= {height} AND log_size > 0",
    ),
    "comity_transaction": (
        ("position", "id", "height"),
        "position <= {position} AND height >= 0",
    ),
}


class Snapshot(msgspec.Struct, frozen=True):
    """The height that a query reads, and the newest that its file has.

    Args:
        app_hash: app hash after the block of ``height``.
        position: log position of the last event of that block.

    """

    height: int
    app_hash: bytes
    position: int
    height_newest: int

    @property
    def is_newest(self) -> bool:
        """Tell whether the newest height is read."""
        return self.height == self.height_newest


class View(msgspec.Struct, frozen=True):
    """One view to be made.

    Args:
        arms: SELECTs joined by UNION ALL.
        types: type of each column, where Comity knows one, by the name that the view shows.
        origins: (table, column) of the file -> column of the view.

    """

    name: str
    columns: tuple[str, ...]
    arms: tuple[str, ...]
    types: Mapping[str, ColumnType] = {}
    origins: Mapping[tuple[str, str], str] = {}


class Plan(msgspec.Struct, frozen=True):
    """The views that a query can name, and the reasons why others are missing."""

    views: Mapping[str, View]
    reasons: Mapping[str, tuple[str, str]]  # code and words

    def create(self, connection: apsw.Connection) -> frozenset[str]:
        """Make the views and return the contexts in which they read the file."""
        nonce = os.urandom(_NONCE_BYTES).hex()
        contexts = []
        for view in self.views.values():
            inner = quote(f"{view.name}_{nonce}")
            columns = ", ".join(map(quote, view.columns))
            arms = " UNION ALL ".join(view.arms)
            source = " AS WITH " + inner + "(" + columns + ") AS (" + arms + ") SELECT "
            sql = "CREATE TEMP VIEW " + quote(view.name) + source + columns + " FROM " + inner
            connection.execute(sql).fetchall()
            contexts.append(f"{view.name}_{nonce}")
        return frozenset(contexts)

    def rules(self, inner: frozenset[str], snapshot: Snapshot, verb: str) -> Rules:
        """Return the authorizer that lets a query read these views."""
        return Rules(
            views=frozenset(self.views),
            inner=inner,
            reasons=self.reasons,
            is_newest=snapshot.is_newest,
            verb=verb,
        )


def snapshot_of(connection: apsw.Connection, height: int | None) -> Snapshot:
    """Return the snapshot of ``height``, or of the newest for None; call it in a read transaction.

    Raises: QueryError, when there is no such height; Unavailable, when the file has no blocks.
    """
    try:
        ends = _rows(connection, "SELECT min(height), max(height) FROM main.comity_block")
    except apsw.SQLError as error:
        raise Unavailable("this file is no ledger: it has no table comity_block") from error
    oldest, newest = ends[0]
    if newest is None:
        raise Unavailable("this ledger has no block yet")
    wanted = newest if height is None else height
    if not 0 <= wanted <= newest:
        raise QueryError("unknown-height", f"height {wanted} is not one of 0 to {newest}")
    sql = "SELECT app_hash, log_size FROM main.comity_block WHERE height = ?"
    found = _rows(connection, sql, (wanted,))
    if not found:
        message = f"history starts at height {oldest}: height {wanted} cannot be read here"
        raise QueryError("pruned-height", message)
    app_hash, log_size = found[0]
    return Snapshot(wanted, app_hash, log_size - 1, newest)


def plan_of(connection: apsw.Connection, snapshot: Snapshot, sql: str) -> Plan:
    """Return the views of all tables that ``sql`` can name.

    A table's name holds small ASCII letters, digits and underscores only, so a query that reads it
    holds that name in some case: the others need no view.
    Cost: O(tables), and one schema decoded for each named table.
    """
    text = sql.lower()
    names = _rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = 'table'")
    tables = {name for (name,) in names}
    views: dict[str, View] = {}
    reasons: dict[str, tuple[str, str]] = {}
    for name, (columns, condition) in _UNHASHED.items():
        if name in text:
            cut = condition.format(height=snapshot.height, position=snapshot.position)
            views[name] = View(name, columns, (_select(columns, columns, name, cut),))
    for name, versions in _schemas(connection, text):
        if name.startswith("comity_") and name not in READABLE:
            continue
        try:
            for view in _views_of(name, versions, snapshot, tables):
                views[view.name] = view
        except QueryError as error:
            reasons[name] = (error.code, str(error))
        if f"{name}__h" not in views:
            reasons[f"{name}__h"] = ("refused", _no_history_table(name, f"{name}__h" in tables))
    return Plan(views, reasons)


def versions_of(connection: apsw.Connection, name: str) -> Versions:
    """Return all schema versions of a table that is, or was, in the ledger.

    Raises: QueryError, when there never was such a table.
    """
    sql = "SELECT versions FROM main.comity_schema WHERE name = ?"
    found = _rows(connection, sql, (name,))
    if not found:
        raise QueryError("unknown-table", f"there is no table {name}")
    return versions_from_blob(found[0][0])


def newest_schema(versions: Versions) -> TableSchema:
    """Return the last version that is one: its names are those of the file, also after a drop."""
    return [schema for _, schema in versions if schema is not None][-1]


def history_start(schema: TableSchema, newest: int) -> int:
    """Return the first height at which all rows of a table can be read."""
    if schema.history == "all":
        return 0
    return newest if schema.history == "none" else max(0, newest - schema.history)


def _schemas(connection: apsw.Connection, text: str) -> list[tuple[str, Versions]]:
    rows = _rows(connection, "SELECT name, versions FROM main.comity_schema")
    return [(name, versions_from_blob(blob)) for name, blob in rows if name in text]


def _views_of(name: str, versions: Versions, snapshot: Snapshot, tables: set[str]) -> list[View]:
    """Return the view of one table and, at the newest height, of its history.

    Raises: QueryError.
    """
    schema = schema_at(name, versions, snapshot.height)
    physical = newest_schema(versions)
    start = history_start(physical, snapshot.height_newest)
    if snapshot.height < start:
        raise QueryError(
            "pruned-height",
            f"history of {name} starts at height {start}: it cannot be read at height"
            f" {snapshot.height}",
        )
    shown = shown_columns(schema, physical)
    live, past = name, f"{name}__h"
    arms = [(live, "")]
    if not snapshot.is_newest:
        cut = f"_from <= {snapshot.position}"
        arms = [(live, cut)]
        arms += [(past, f"{cut} AND _to > {snapshot.position}")] if past in tables else []
    views = [_view(live, shown, arms)]
    if snapshot.is_newest and past in tables:
        views.append(_view(past, [*shown, ("_to", "_to", _POSITION)], [(past, "")]))
    return views


def schema_at(name: str, versions: Versions, height: int) -> TableSchema:
    """Return the schema that held at ``height``.

    Raises: QueryError, when there was no such table then.
    """
    held = [version for version in versions if version[0] <= height]
    if not held:
        made = f"{name} was made at height {versions[0][0]}"
        raise QueryError("unknown-table", f"{made}: it was not there at height {height}")
    since, schema = held[-1]
    if schema is None:
        dropped = f"{name} was dropped at height {since}"
        raise QueryError("unknown-table", f"{dropped}: it is not there at height {height}")
    return schema


def shown_columns(schema: TableSchema, physical: TableSchema) -> list[tuple[str, str, ColumnType]]:
    """Return (name in the file, name shown, type) of the columns that a view has."""
    pairs: list[tuple[Column, Column]] = list(zip(physical.columns, schema.columns, strict=False))
    shown = [
        (stored.name, column.name, column.type) for stored, column in pairs if not column.retired
    ]
    if schema.is_owned:
        shown.append(("_owner", "_owner", _ACCOUNT))
    return [*shown, ("_from", "_from", _POSITION)]


def _view(
    name: str, shown: Sequence[tuple[str, str, ColumnType]], arms: Sequence[tuple[str, str]]
) -> View:
    stored = [column[0] for column in shown]
    names = tuple(column[1] for column in shown)
    return View(
        name=name,
        columns=names,
        arms=tuple(_select(stored, names, table, condition) for table, condition in arms),
        types={column: kind for _, column, kind in shown},
        origins={(table, source): column for table, _ in arms for source, column, _ in shown},
    )


def _select(stored: Sequence[str], names: Sequence[str], table: str, condition: str) -> str:
    pairs = zip(stored, names, strict=True)
    columns = ", ".join(quote(source) + " AS " + quote(name) for source, name in pairs)
    source = columns + " FROM main." + quote(table)
    return "SELECT " + source + (" WHERE " + condition if condition else "")


def _no_history_table(name: str, is_kept: bool) -> str:
    if is_kept:
        return f"{name}__h holds versions of all heights: read it at the newest height only"
    return f"{name} keeps no history, so there is no {name}__h"


def versions_from_blob(blob: bytes) -> Versions:
    """Return the schema versions that a row of ``comity_schema`` holds."""
    return versions_from_value(cbor.decode(blob, size_max=len(blob)))


def _rows(
    connection: apsw.Connection, sql: str, parameters: tuple[int | str, ...] = ()
) -> list[tuple[Any, ...]]:
    return connection.execute(sql, parameters).fetchall()
