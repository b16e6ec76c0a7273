"""What must hold of any ledger at any time: its hashes follow from its rows, and its records fit together.

Invariant: nothing that the store remembers is believed; everything is recomputed from the rows.
"""

from itertools import pairwise
from typing import Any

import apsw

from comity.crypto import cbor, rfc9162, trie
from comity.model.receipt import (
    Receipt,
    genesis_entry,
    link_entry,
    transaction_entry,
    unpack_stored,
)
from comity.model.schema import schema_hash, versions_from_value
from comity.model.transaction import Transaction
from comity.store import catalog
from comity.store.catalog import TableLeaf
from comity.store.store import Store
from comity.store.tree import Tree
from comity.store.tree_check import check
from comity.store.tree_pages import SqlitePages
from tests.simulation.model import Model


class Wrong(AssertionError):
    """A ledger is not what its rows make of it."""


def need(condition: object, *what: object) -> None:
    """Raise ``Wrong`` unless ``condition`` holds."""
    if not condition:
        raise Wrong(" ".join(map(str, what)))


def inspect(store: Store, genesis_hash: bytes) -> None:
    """Recompute every hash of a ledger from its rows, and check its records. Raises: Wrong."""
    connection = store.connection
    need(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "SQLite structure")
    leaves = {name: _leaf(store, name) for name in store.tables}
    need(leaves == store.leaves, "catalog leaves differ from the rows'")
    kept = connection.execute("SELECT name, leaf FROM comity_table WHERE leaf IS NOT NULL")
    need(dict(kept.fetchall()) == leaves, "comity_table differs from the rows'")
    entries = [genesis_entry(genesis_hash), *log_entries(connection)]
    root = rfc9162.root_of(entries)
    need(store.log.root(len(entries)) == root, "log tiles differ from the log's entries")
    app_hash = catalog.app_hash(leaves, len(entries), root)
    need(store.app_hash == app_hash, "the app hash differs from the rows'")
    last = connection.execute(
        "SELECT height, app_hash, log_size FROM comity_block ORDER BY height DESC LIMIT 1"
    ).fetchone()
    need(last == (store.height, app_hash, len(entries)), "the last block's record is wrong", last)
    heights = connection.execute("SELECT height FROM comity_block ORDER BY height").fetchall()
    need(heights == [(height,) for height in range(store.height + 1)], "a block is missing")
    _inspect_history(store)


def log_entries(connection: apsw.Connection) -> list[bytes]:
    """Return the log entries after the genesis, recomputed from the stored transactions. Raises: Wrong."""
    entries = []
    ids: dict[bytes, int] = {}
    rows = connection.execute(
        "SELECT position, id, bytes, receipt FROM comity_transaction ORDER BY position"
    )
    for at, (position, identifier, data, stored) in enumerate(rows, 1):
        need(position == at, "log positions have a gap at", at)
        if identifier is None:
            entries.append(link_entry(data))
            continue
        need(identifier not in ids, "executed twice:", position, ids.get(identifier))
        ids[identifier] = position
        salt, receipt = unpack_stored(stored)
        Receipt.decode(receipt)
        envelope = Transaction.decode(data).envelope.encode()
        entries.append(transaction_entry(identifier, envelope, salt, receipt))
    return entries


def _leaf(store: Store, name: str) -> bytes:
    table = store.tables[name]
    rows = [(table.codec.key(row), table.codec.row_hash(row)) for row in table.scan()]
    need(rows == sorted(rows), name, "is not read in key order")
    number = store.number_of(name)
    need(number is not None, name, "has no number")
    fault = check(Tree(SqlitePages(store.connection), number or 0), rows)
    need(fault is None, name, "tree pages:", fault)
    found = store.connection.execute(
        "SELECT versions FROM comity_schema WHERE name = ?", (name,)
    ).fetchone()
    versions = versions_from_value(cbor.decode(found[0], size_max=len(found[0])))
    need(versions[-1][1] == table.schema, name, "has another schema than its row says")
    return TableLeaf(schema_hash(versions), trie.root_of(rows), len(rows)).encode()


def _inspect_history(store: Store) -> None:
    """Check that no two versions of a row hold at the same position."""
    for name, table in store.tables.items():
        if table.schema.history == "none":
            continue
        key = ", ".join('"' + column + '"' for column in table.schema.key)
        spans: dict[tuple[Any, ...], list[tuple[int, float]]] = {}
        past = f'SELECT {key}, _from, _to FROM "{name}__h" ORDER BY _n'
        live = f'SELECT {key}, _from FROM "{name}"'
        for *values, start, end in store.connection.execute(past):
            spans.setdefault(tuple(values), []).append((start, end))
        for *values, start in store.connection.execute(live):
            spans.setdefault(tuple(values), []).append((start, float("inf")))
        for values, found in spans.items():
            for (start, end), (later, _) in pairwise(found):
                need(start < end <= later, name, values, "has versions that overlap", found)


def compare(store: Store, model: Model) -> None:
    """Compare every row and every kept version with the model's. Raises: Wrong."""
    ours = {name for name in store.tables if name[:7] != "comity_"}
    need(ours == set(model.tables), "tables", ours ^ set(model.tables))
    for name, expected in model.tables.items():
        table = store.tables[name]
        found = {
            expected.key(list(table.codec.columns(row))): (
                row[0],
                row[1] if table.schema.is_owned else b"",
                list(table.codec.columns(row)),
            )
            for row in table.scan()
        }
        need(found == expected.rows, name, "rows", _difference(found, expected.rows))
        if table.schema.history == "all":
            past = _past(store, name)
            wide = [(at, to, _padded(v, expected.width)) for _, at, to, v in expected.past]
            need(sorted(past, key=repr) == sorted(wide, key=repr), name, "history", past, wide)


def rows_at(store: Store, name: str, height: int) -> dict[tuple[Any, ...], list[Any]]:
    """Return the columns of a table's rows by key as of a height, as rule R4.1 reads them."""
    table = store.tables[name]
    position = store.log_size_at(height) - 1
    columns = ", ".join('"' + column.name + '"' for column in table.schema.columns)
    sql = (
        f'SELECT {columns} FROM "{name}" WHERE _from <= :at UNION ALL '
        f'SELECT {columns} FROM "{name}__h" WHERE _from <= :at AND _to > :at'
    )
    booleans = [at for at, one in enumerate(table.schema.columns) if one.type.kind == "boolean"]
    found: dict[tuple[Any, ...], list[Any]] = {}
    for row in store.connection.execute(sql, {"at": position}):
        values = list(row)
        for at in booleans:
            values[at] = None if values[at] is None else values[at] == 1
        key = tuple(values[table.schema.ordinal(column)] for column in table.schema.key)
        need(key not in found, name, key, "stands twice at height", height)
        found[key] = values
    return found


def _past(store: Store, name: str) -> list[tuple[int, int, list[Any]]]:
    table = store.tables[name]
    columns = ", ".join('"' + column.name + '"' for column in table.schema.columns)
    rows = store.connection.execute(f'SELECT _from, _to, {columns} FROM "{name}__h" ORDER BY _n')
    booleans = [at for at, one in enumerate(table.schema.columns) if one.type.kind == "boolean"]
    found = []
    for start, to, *values in rows:
        for at in booleans:
            values[at] = None if values[at] is None else values[at] == 1
        found.append((start, to, values))
    return found


def _padded(values: list[Any], width: int) -> list[Any]:
    return values + [None] * (width - len(values))


def _difference(found: dict[Any, Any], expected: dict[Any, Any]) -> list[Any]:
    keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    return [(key, found.get(key), expected.get(key)) for key in keys[:3]]
