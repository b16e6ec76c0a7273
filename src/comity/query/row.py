"""One row by its key, and its life, as answers.

Invariant: the tag of a row is the first half of its hash, so a row that was written anew has another.
"""

from collections.abc import Mapping, Sequence

import apsw

from comity.crypto.ordered import KeyValue
from comity.errors import QueryError
from comity.model import account
from comity.model.column import ColumnType
from comity.query import bodies
from comity.query.answer import AnswerColumn, json_value, shown
from comity.query.asof import Snapshot, snapshot_of
from comity.query.documents import Cell, Row, RowEvent, RowLife, to_json
from comity.query.history import CellChange, RowChange, event_at, row_history
from comity.query.keys import key_from_text, key_text
from comity.query.reads import Found, HistoryRead, RowRead
from comity.query.table_at import Schemas, TableAt
from comity.query.times import text_of
from comity.store.ddl import history_name, quote

_ETAG_BYTES = 8


def answer(connection: apsw.Connection, schemas: Schemas, read: RowRead) -> Found:
    """Return a row. Raises: QueryError: ``row-not-found``, or ``row-removed`` for one that was there."""
    snapshot = snapshot_of(connection, read.at)
    table = TableAt(connection, schemas, read.table, snapshot)
    key = key_from_text(read.key, table.schema)
    row = table.row(key)
    if row is None:
        raise _missing(connection, table, key, read.key)
    etag = etag_of(table.codec.row_hash(row))
    if etag == read.etag:
        return _found(snapshot, b"", etag, is_unchanged=True)
    document = Row(
        table=read.table,
        key=key_text(key, table.schema.key_columns),
        height=snapshot.height,
        app_hash=snapshot.app_hash.hex(),
        row=bodies.row_document(table, row),
    )
    return _found(snapshot, to_json(document), etag)


def etag_of(row_hash: bytes) -> str:
    """Return the tag of a row, quotes included."""
    return f'"{row_hash[:_ETAG_BYTES].hex()}"'


def history(connection: apsw.Connection, schemas: Schemas, read: HistoryRead) -> Found:
    """Return the changes of a row, oldest first. Raises: QueryError."""
    _, codec = schemas.of(connection, read.table)
    key = key_from_text(read.key, codec.schema)
    found = row_history(connection, read.table, key)
    if not found.changes:
        raise QueryError("row-not-found", f"{read.table}[{read.key}]: there never was such a row")
    types = {column.name: column.type for column in codec.schema.columns}
    document = RowLife(
        table=found.table,
        key=key_text(key, codec.schema.key_columns),
        height=found.height,
        app_hash=found.app_hash.hex(),
        kept_from=found.start,
        truncated=found.is_truncated,
        changes=[_row_event(connection, change, types) for change in found.changes],
    )
    return Found(height=found.height, app_hash=found.app_hash, body=to_json(document))


def _row_event(
    connection: apsw.Connection, change: RowChange, types: Mapping[str, ColumnType]
) -> RowEvent:
    event, sender = change.event, change.event.sender
    return RowEvent(
        kind=change.kind,
        position=event.position,
        height=event.height,
        time=None if event.time_ns is None else text_of(event.time_ns),
        transaction=None if event.transaction_id is None else event.transaction_id.hex(),
        account=None if sender is None else account.to_text(sender),
        who=None if sender is None else name_of(connection, sender),
        owner=None if change.owner is None else account.to_text(change.owner),
        cells=cells_of(change.cells, types),
    )


def cells_of(cells: Sequence[CellChange], types: Mapping[str, ColumnType]) -> list[Cell]:
    """Return changed cells as JSON holds them."""
    columns = {name: AnswerColumn(name, type_.kind, type_.scale) for name, type_ in types.items()}
    return [
        Cell(
            column=cell.column,
            old=json_value(shown(columns[cell.column], cell.old)),
            new=json_value(shown(columns[cell.column], cell.new)),
        )
        for cell in cells
    ]


def name_of(connection: apsw.Connection, sender: bytes) -> str | None:
    """Return the member's name of an account, where the ledger has members."""
    try:
        found = connection.execute(
            "SELECT name FROM main.members__member WHERE account = ?", (sender,)
        ).fetchone()
    except apsw.SQLError:  # a ledger without the app members
        return None
    return None if found is None else found[0]


def _found(snapshot: Snapshot, body: bytes, etag: str, *, is_unchanged: bool = False) -> Found:
    return Found(
        height=snapshot.height,
        app_hash=snapshot.app_hash,
        body=body,
        etag=etag,
        is_unchanged=is_unchanged,
    )


def _missing(
    connection: apsw.Connection, table: TableAt, key: Sequence[KeyValue], text: str
) -> QueryError:
    schema = table.codec.schema
    name = f"{table.name}[{text}]"
    found = None
    if schema.history != "none":
        where = " AND ".join(quote(column) + " = ?" for column in schema.key)
        past = "SELECT max(_to) FROM main." + quote(history_name(schema)) + " WHERE " + where
        found = connection.execute(
            past + " AND _to <= ?", (*key, table.snapshot.position)
        ).fetchone()
    if found is None or found[0] is None:
        words = f"{name}: there is no such row at height {table.snapshot.height}"
        return QueryError("row-not-found", words)
    event = event_at(connection, found[0])
    sender = event.sender
    who = "a timer" if sender is None else name_of(connection, sender) or account.to_text(sender)
    return QueryError("row-removed", f"{name} was removed at height {event.height} by {who}")
