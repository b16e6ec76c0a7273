"""An operator who edits the ledger and recomputes every hash: test code that holds the node's key, and no member's."""

from pathlib import Path

import apsw

from comity.crypto import trie
from comity.model.block import Link
from comity.store import catalog, tree_pages
from comity.store.catalog import TableLeaf
from comity.store.store import Store
from comity.store.tree import Tree
from comity.store.tree_pages import SqlitePages
from tests.simulation.world import World, evidence_of
from tests.unit.machine import trial_app


def edit_row(path: Path, world: World, statement: str, table: str) -> None:
    """Change rows of one table, then make tree, catalog, app hash and the node's signature fit."""
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    store = Store.over(connection)
    stored, number = store.tables[table], store.number_of(table) or 0
    rows = {stored.codec.key(row): stored.codec.row_hash(row) for row in stored.scan()}
    connection.execute("DELETE FROM comity_tree WHERE id >> 40 = ?", (number,))
    tree = Tree(SqlitePages(connection), number).update(dict(rows))
    tree_pages.write(connection, tree)
    leaf = TableLeaf(store.leaf(table).schema_hash, trie.root_of(sorted(rows.items())), len(rows))
    data = leaf.encode()
    connection.execute("UPDATE comity_table SET leaf = ? WHERE name = ?", (data, table))
    connection.execute(
        "UPDATE comity_root SET leaf = ?1 WHERE name = ?2 AND height ="
        " (SELECT max(height) FROM comity_root WHERE name = ?2)",
        (data, table),
    )
    size = store.log_size
    app_hash = catalog.app_hash({**store.leaves, table: data}, size, store.log.root(size))
    connection.execute(
        "UPDATE comity_block SET app_hash = ?, evidence = ? WHERE height = ?",
        (app_hash, evidence_of(world.genesis, store.height, app_hash), store.height),
    )
    Store.over(connection)  # opens as any sound ledger does
    connection.close()


def rebuild(source: Path, target: Path, world: World, left_out: int) -> None:
    """Write a ledger anew from the members' signed transactions, but for those of one height, all links made anew."""
    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    forged = World([trial_app.app], genesis=world.genesis, store=Store.create(str(target)))
    blocks = connection.execute("SELECT height FROM comity_block WHERE height > 0 ORDER BY height")
    for (height,) in blocks.fetchall():
        rows = connection.execute(
            "SELECT id, bytes FROM comity_transaction WHERE height = ? ORDER BY position", (height,)
        ).fetchall()
        forged.now_ns = Link.decode(rows[0][1]).time_ns
        kept = [data for identifier, data in rows if identifier is not None and height != left_out]
        prepared = forged.prepare(*kept, forward_ns=0)
        if prepared.candidate is not None:
            forged.commit(forged.machine.finalize(prepared.candidate.entries))
    connection.close()
    forged.store.close()
