"""Taking back the last block, for repair (consensus rule R5.1).

A record holds each changed row as it was and each schema as it was, so it needs no history and no replay.

Invariant: after ``take_back`` every table, the log and the catalog are as they were one block before, which the
recomputed app hash proves; versions that a limited history has forgotten stay forgotten.
"""

from typing import Any

import apsw
import msgspec

from comity.crypto import trie
from comity.crypto.ordered import encode_key
from comity.errors import InvariantViolated, Unavailable
from comity.limits import UNDO_BLOCKS
from comity.model.row import RowCodec
from comity.model.schema import TableSchema, versions_from_value
from comity.store import ddl, tiles, tree_pages
from comity.store.block_write import BlockWrite
from comity.store.catalog import TableLeaf
from comity.store.table import StoredTable
from comity.store.tree import Tree
from comity.store.tree_pages import SqlitePages


class _TableRecord(msgspec.Struct, array_like=True, frozen=True):
    name: str
    base: object  # schema value before the block; None for a table that the block made
    schema: object
    befores: list[Any]
    deletes: list[Any]
    inserted: list[Any]  # stored rows' keys
    superseded_count: int


class _Record(msgspec.Struct, array_like=True, frozen=True):
    log_size: int
    tables: list[_TableRecord]


def encode(block: BlockWrite) -> bytes:
    """Return what undoes ``block``, as bytes."""
    tables = []
    for name, write in block.tables.items():
        codec = RowCodec(write.schema)
        tables.append(
            _TableRecord(
                name=name,
                base=None if write.base is None else write.base.to_value(),
                schema=write.schema.to_value(),
                befores=write.befores,
                deletes=write.deletes,
                inserted=[codec.key_values(row) for row in write.inserts],
                superseded_count=len(write.superseded) if write.schema.history != "none" else 0,
            )
        )
    return msgspec.msgpack.encode(_Record(block.log.base_size, tables))


def take_back(connection: apsw.Connection) -> int:
    """Undo the last block in one transaction and return its height.

    Raises: Unavailable, when the block is the genesis or older than ``UNDO_BLOCKS``; InvariantViolated, when the state
        that results is not the one that the block before sealed: then nothing was undone.
    Cost: one read of every table that the block changed.
    """
    last = connection.execute(
        "SELECT height, record FROM comity_undo ORDER BY height DESC LIMIT 1"
    ).fetchone()
    tip = connection.execute("SELECT max(height) FROM comity_block").fetchone()
    if last is None or tip != (last[0],) or last[0] == 0:
        raise Unavailable(f"only the last {UNDO_BLOCKS} blocks after genesis can be taken back")
    height, data = last
    record = msgspec.msgpack.decode(data, type=_Record)
    with connection:
        for table in record.tables:
            _undo_table(connection, height, table)
        for name in ("comity_block", "comity_undo", "comity_root", "comity_transaction"):
            connection.execute("DELETE FROM " + ddl.quote(name) + " WHERE height = ?", (height,))
        tiles.cut(connection, record.log_size)
    return height  # type: ignore[no-any-return]  # an INTEGER column


def _undo_table(connection: apsw.Connection, height: int, record: _TableRecord) -> None:
    number, _ = connection.execute(
        "SELECT number, leaf FROM comity_table WHERE name = ?", (record.name,)
    ).fetchone() or (None, None)
    schema = _schema(record.schema)
    if number is None or schema is None:
        raise InvariantViolated(f"table {record.name} is missing; restore a backup")
    if record.base is None:
        _drop(connection, number, schema)
        return
    base = _schema(record.base)
    if base is None:
        raise InvariantViolated(f"table {record.name}: its undo record is damaged")
    for statement in ddl.take_back(base, schema):
        connection.execute(statement)
    table = StoredTable(connection, number, base)
    table.remove(record.inserted)
    befores, deletes = (
        [table.codec.from_sql(tuple(row)) for row in rows]
        for rows in (record.befores, record.deletes)
    )
    befores, deletes = _cut(befores, table.codec.width), _cut(deletes, table.codec.width)
    table.write(deletes, befores, [])
    _forget(connection, base, record.superseded_count)
    previous = connection.execute(
        "SELECT leaf FROM comity_root WHERE name = ? AND height < ? ORDER BY height DESC LIMIT 1",
        (record.name, height),
    ).fetchone()
    leaf = None if previous is None else previous[0]
    connection.execute("UPDATE comity_table SET leaf = ? WHERE number = ?", (leaf, number))
    changes: dict[bytes, bytes | None] = {encode_key(values): None for values in record.inserted}
    changes.update((table.codec.key(row), table.codec.row_hash(row)) for row in befores + deletes)
    update = Tree(SqlitePages(connection), number).update(changes)
    tree_pages.write(connection, update)
    rows = ((table.codec.key(row), table.codec.row_hash(row)) for row in table.scan())
    sealed = None if leaf is None else TableLeaf.decode(leaf).root
    if sealed != update.root or sealed != trie.root_of(rows):
        raise InvariantViolated(
            f"table {record.name} is not as block {height - 1} left it; restore a backup"
        )


def _cut(rows: list[Any], width: int) -> list[Any]:
    """Cut rows to the width of the older schema: columns that the block appended were null."""
    return [row[:width] for row in rows]


def _drop(connection: apsw.Connection, number: int, schema: TableSchema) -> None:
    connection.execute("DROP TABLE " + ddl.quote(schema.name))
    if schema.history != "none":
        connection.execute("DROP TABLE " + ddl.quote(ddl.history_name(schema)))
    connection.execute("DELETE FROM comity_table WHERE number = ?", (number,))
    connection.execute("DELETE FROM comity_tree WHERE id >> 40 = ?", (number,))


def _forget(connection: apsw.Connection, schema: TableSchema, count: int) -> None:
    """Delete the newest ``count`` versions from the history."""
    if count:
        name = ddl.quote(ddl.history_name(schema))
        connection.execute(
            "DELETE FROM "
            + name
            + " WHERE _n IN (SELECT _n FROM "
            + name
            + " ORDER BY _n DESC LIMIT ?)",
            (count,),
        )


def _schema(value: object) -> TableSchema | None:
    return versions_from_value([[0, value]])[0][1]
