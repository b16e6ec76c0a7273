"""Pages of a table's rows: all of them agree with the height of the first.

Invariant: walked to the end, pages hold each row that the first page's height had, once, in order,
whatever is committed meanwhile.
"""

from collections.abc import Iterator
from heapq import merge

import apsw

from comity.errors import QueryError
from comity.limits import READ_BODY_BYTES_MAX, READ_HISTORY_TAIL_MAX, READ_ROWS_MAX
from comity.model.row import StoredRow
from comity.query import bodies, page_token
from comity.query.asof import snapshot_of
from comity.query.page_order import Order, conditions_of, order_of
from comity.query.reads import Found, PageRead
from comity.query.table_at import Arm, Schemas, TableAt, tail_start


def answer(connection: apsw.Connection, schemas: Schemas, read: PageRead) -> Found:
    """Return a page. Raises: QueryError. Cost: the rows passed over, of the table and of its history since."""
    if not 1 <= read.limit <= READ_ROWS_MAX:
        message = f"limit: a page has 1 to {READ_ROWS_MAX:,} rows, not {read.limit}"
        raise QueryError("over-limit", message, "READ_ROWS_MAX")
    question = (read.table, read.sort, read.filters)
    snapshot = snapshot_of(connection, read.at if not read.after else _height(read, question))
    table = TableAt(connection, schemas, read.table, snapshot)
    etag = etag_of(table)
    if not read.after and read.etag and is_current(connection, table, read.etag):
        return Found(
            height=snapshot.height, app_hash=snapshot.app_hash, etag=read.etag, is_unchanged=True
        )
    rows = _rows(connection, table, read, question)
    pieces: list[bytes] = []
    last, size, is_cut = None, 0, False
    for row in rows:
        piece = bodies.row_bytes(table, row, read.media)
        if len(pieces) == read.limit or (pieces and size + len(piece) > READ_BODY_BYTES_MAX):
            is_cut = True
            break
        pieces.append(piece)
        size += len(piece)
        last = row
    next_token = ""
    if is_cut and last is not None:
        key = table.codec.key_values(last)
        next_token = page_token.write(snapshot.height, question, key)
    return Found(
        height=snapshot.height,
        app_hash=snapshot.app_hash,
        body=bodies.page(table, pieces, read.media, next_token),
        etag=etag,
        next=next_token,
    )


def etag_of(table: TableAt) -> str:
    """Return the tag of a table at a height, quotes included: ``"h1842-9b1e"``."""
    return f'"h{table.snapshot.height}-{table.leaf().root[:2].hex()}"'


def is_current(connection: apsw.Connection, table: TableAt, etag: str) -> bool:
    """Tell whether the table is still what a tag of ``etag_of`` stood for.

    Two bytes of a root are no proof by themselves: the blocks since the tag's height must have left
    the table alone, too.
    """
    height, dash, digits = etag.strip('"').removeprefix("h").partition("-")
    if not dash or not height.isascii() or not height.isdigit() or len(height) > 18:
        return False
    then, now = int(height), table.snapshot.height
    if then > now or digits != table.leaf().root[:2].hex():
        return False
    found = connection.execute(
        "SELECT 1 FROM main.comity_root WHERE height > ? AND height <= ? AND name = ? LIMIT 1",
        (then, now, table.name),
    ).fetchone()
    return found is None


def _height(read: PageRead, question: object) -> int:
    return page_token.read(read.after, question, read.at).height


def _rows(
    connection: apsw.Connection, table: TableAt, read: PageRead, question: object
) -> Iterator[StoredRow]:
    order = order_of(table, read.sort)
    conditions, values = conditions_of(table, read.filters)
    if read.after:
        key = page_token.read(read.after, question, read.at).key
        row = table.row(key) if len(key) == len(table.codec.schema.key) else None
        if row is None:
            raise QueryError("bad-token", "after: the row that this token names was never there")
        condition, bound = order.behind(row)
        conditions.append(condition)
        values += bound
    wanted = read.limit + 1
    streams = []
    for arm in table.arms:
        extra, places = _of_arm(connection, table, arm, order)
        streams.append(
            table.rows(arm, [*conditions, *extra], [*values, *places], order.to_sql(), wanted)
        )
    return merge(*streams, key=order.rank, reverse=order.is_falling)


def _of_arm(
    connection: apsw.Connection, table: TableAt, arm: Arm, order: Order
) -> tuple[list[str], list[int]]:
    """Return the condition that leaves out versions which ended before the height."""
    if not arm.is_past:
        return [], []
    start, count = tail_start(connection, arm.table, table.snapshot.position)
    # A short tail is sorted. Of a long one the rows come by the key's index, where the order is the key's;
    # the plus keeps SQLite from going by _n.
    is_tail = count <= READ_HISTORY_TAIL_MAX or not order.is_by_key
    return [("_n >= ?" if is_tail else "+_n >= ?")], [start]
