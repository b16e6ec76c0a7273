"""What differs in a table between two heights, row by row in key order.

Only versions that began or ended between the heights are read, so the cost follows the changes and
one pass over the table, not the table twice.

Invariant: a row that is not listed, between the first key and the last, is the same at both heights.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby

import apsw

from comity.crypto.ordered import KeyValue, encode_key
from comity.errors import QueryError
from comity.limits import READ_BODY_BYTES_MAX, READ_ROWS_MAX
from comity.model.row import StoredRow
from comity.query import page_token
from comity.query.asof import snapshot_of
from comity.query.documents import Diff, Difference, to_json
from comity.query.history import CellChange
from comity.query.keys import key_text
from comity.query.reads import DiffRead, Found
from comity.query.row import cells_of
from comity.query.table_at import Schemas, TableAt, has_changed
from comity.store.ddl import history_name, quote, stored_columns

_Side = tuple[bytes, bool, StoredRow]  # encoded key, whether it is the newer row, the row


def answer(connection: apsw.Connection, schemas: Schemas, read: DiffRead) -> Found:
    """Return the rows that differ. Raises: QueryError."""
    if not 1 <= read.limit <= READ_ROWS_MAX:
        message = f"limit: 1 to {READ_ROWS_MAX:,}, not {read.limit}"
        raise QueryError("over-limit", message, "READ_ROWS_MAX")
    question = ("diff", read.table, read.older)
    token = page_token.read(read.after, question, read.newer) if read.after else None
    newer = snapshot_of(connection, read.newer if token is None else token.height)
    if read.older > newer.height:
        raise QueryError(
            "arguments", f"the older height comes first: {read.older} is above {newer.height}"
        )
    older = snapshot_of(connection, read.older)
    table = TableAt(connection, schemas, read.table, newer)
    if has_changed(connection, read.table, older.height):
        TableAt(connection, schemas, read.table, older)  # refuses a height that is not kept
    after = encode_key(token.key) if token is not None else b""
    rows: list[Difference] = []
    size, next_token, last = 0, "", None
    for _, sides in groupby(
        _sides(connection, table, older.position, newer.position, after), key=lambda side: side[0]
    ):
        versions = {is_new: row for _, is_new, row in sides}
        if len(rows) == read.limit or size > READ_BODY_BYTES_MAX:
            next_token = page_token.write(newer.height, question, last or ())
            break
        old, new = versions.get(False), versions.get(True)
        last = table.codec.key_values(new or old or ())
        rows.append(_difference(table, last, old, new))
        size += len(to_json(rows[-1]))
    document = Diff(
        table=read.table,
        older=older.height,
        newer=newer.height,
        rows=rows,
        next=next_token or None,
    )
    return Found(
        height=newer.height, app_hash=newer.app_hash, body=to_json(document), next=next_token
    )


def _difference(
    table: TableAt, key: Sequence[KeyValue], old: StoredRow | None, new: StoredRow | None
) -> Difference:
    places = [(column.name, at) for column, at in table.shown if column.name != "_from"]
    types = {column.name: column.type for column in table.schema.columns}
    cells = [
        CellChange(name, None if old is None else old[at], None if new is None else new[at])
        for name, at in places
        if name in types
    ]
    hash_of = table.codec.row_hash
    return Difference(
        key=key_text(key, table.schema.key_columns),
        kind="added" if old is None else "removed" if new is None else "changed",
        cells=cells_of([cell for cell in cells if cell.old != cell.new], types),
        old_hash=None if old is None else hash_of(old).hex(),
        new_hash=None if new is None else hash_of(new).hex(),
    )


def _sides(
    connection: apsw.Connection, table: TableAt, older: int, newer: int, after: bytes
) -> Iterator[_Side]:
    """Yield the versions that one height has and the other has not, behind ``after``, in key order."""
    schema = table.codec.schema
    live, past = quote(table.name), quote(history_name(schema))
    made = " WHERE _from > ? AND _from <= ?"
    arms: list[tuple[str, str, tuple[int, ...], bool]] = [(live, made, (older, newer), True)]
    if schema.history != "none":
        arms += [
            (past, made + " AND _to > ?", (older, newer, newer), True),
            (past, " WHERE _from <= ? AND _to > ? AND _to <= ?", (older, older, newer), False),
        ]
    columns = "SELECT " + ", ".join(stored_columns(schema)) + " FROM main."
    order = " ORDER BY " + ", ".join(map(quote, schema.key))
    streams = [
        _side(
            table, connection.execute(columns + name + where + order, bound), is_new
        )  # tidy: sql-text: quoted
        for name, where, bound, is_new in arms
    ]
    for side in merge(*streams, key=lambda side: side[:2]):
        if side[0] > after:
            yield side


def _side(table: TableAt, cursor: apsw.Cursor, is_new: bool) -> Iterator[_Side]:
    for record in cursor:
        row = table.codec.from_sql(record)
        yield table.codec.key(row), is_new, row
