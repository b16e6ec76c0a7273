"""A ledger's file made by plain SQL in the documented layout, and a model of each height's rows."""

import copy
from pathlib import Path
from typing import Any

import apsw

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.model.block import Link
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema, versions_value
from comity.model.transaction import Call, signed, unsigned
from comity.store import ddl

ACCOUNTS = tuple(bytes([number]) * 20 for number in range(1, 4))
SECOND_NS = 10**9
START_NS = 1_795_000_000 * SECOND_NS

PRICES = TableSchema(
    name="prices",
    columns=(
        Column(name="item", type=ColumnType(kind="text", maximum=40)),
        Column(name="price", type=ColumnType(kind="decimal", scale=2), required=False),
        Column(name="sold", type=ColumnType(kind="boolean"), required=False),
        Column(name="count", type=ColumnType(kind="integer"), required=False),
    ),
    key=("item",),
    is_owned=True,
    is_salted=True,
)


class LedgerFile:
    """Writes blocks of row changes; ``shown[height][table]`` is what a view must hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = apsw.Connection(str(path))
        self.connection.execute("PRAGMA journal_mode=WAL").fetchall()
        self.connection.execute("PRAGMA synchronous=OFF").fetchall()
        for statement in ddl.UNHASHED:
            self.connection.execute(statement).fetchall()
        self.connection.execute(
            "CREATE TABLE comity_schema(name TEXT NOT NULL, versions BLOB NOT NULL,"
            " _from INTEGER NOT NULL, PRIMARY KEY(name)) STRICT, WITHOUT ROWID"
        ).fetchall()
        self.versions: dict[str, list[tuple[int, TableSchema | None]]] = {}
        self.rows: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = {}
        self.shown: dict[int, dict[str, list[tuple[Any, ...]]]] = {}
        self.height = -1
        self.position = 0  # of the last entry of the log
        self.end_block()  # genesis

    def begin_block(self) -> None:
        """Log the link of the next block."""
        self.position += 1
        link = Link(
            height=self.height + 1,
            app_hash=app_hash(self.height),
            time_ns=START_NS + (self.height + 1) * SECOND_NS,
            proposer=ACCOUNTS[0],
        )
        self._log(None, link.encode())

    def transaction(self, sender: bytes = ACCOUNTS[0]) -> bytes:
        """Log a transaction, as whose work the next changes count; return its id."""
        self.position += 1
        draft = unsigned(
            sender=sender,
            kid=sender,
            valid_until=START_NS,
            salt=self.position.to_bytes(16, "big"),
            calls=[Call("tables.add", {})],
        )
        identifier = sha256(self.position.to_bytes(8, "big"))
        self._log(identifier, signed(draft, bytes(64)).encode())
        return identifier

    def end_block(self) -> None:
        """Make what was changed since ``begin_block`` the next height."""
        self.height += 1
        self.connection.execute(
            "INSERT INTO comity_block VALUES(?, ?, ?, ?, NULL)",
            (self.height, self.height, app_hash(self.height), self.position + 1),
        ).fetchall()
        self.shown[self.height] = {
            name: self._view_rows(name)
            for name, versions in self.versions.items()
            if versions[-1][1]
        }

    def make(self, schema: TableSchema) -> None:
        """Make a table in the block that is open."""
        for statement in ddl.create(schema):
            self.connection.execute(statement).fetchall()
        self.rows[schema.name] = {}
        self._version(schema.name, schema)

    def alter(self, schema: TableSchema) -> None:
        """Change a table's schema in the block that is open."""
        old = self.schema(schema.name)
        for statement in ddl.alter(old, schema):
            self.connection.execute(statement).fetchall()
        added = (None,) * (len(schema.columns) - len(old.columns))
        kept = self.rows[schema.name]
        self.rows[schema.name] = {key: row + added for key, row in kept.items()}
        self._version(schema.name, schema)

    def drop(self, name: str) -> None:
        """Drop an empty table: it leaves the catalog, its file and history stay."""
        assert not self.rows[name]
        self._version(name, None)

    def schema(self, name: str) -> TableSchema:
        """Return the newest schema of a table."""
        found = self.versions[name][-1][1]
        assert found is not None
        return found

    def put(self, name: str, values: tuple[Any, ...], owner: bytes = ACCOUNTS[0]) -> None:
        """Add or change a row, as the transaction logged last."""
        schema = self.schema(name)
        key = tuple(values[schema.ordinal(column)] for column in schema.key)
        old = self.rows[name].get(key)
        if old is not None:
            owner = old[1] if schema.is_owned else owner
            self.delete(name, key)
        row = (self.position, *([owner] if schema.is_owned else []))
        row += (*([bytes(16)] if schema.is_salted else []), *values)
        self.rows[name][key] = row
        columns = ", ".join(ddl.stored_columns(schema))
        holes = ", ".join("?" * len(row))
        sql = f"INSERT INTO {ddl.quote(name)}({columns}) VALUES({holes})"
        self.connection.execute(sql, row).fetchall()

    def delete(self, name: str, key: tuple[Any, ...]) -> None:
        """End a row, as the transaction logged last."""
        schema = self.schema(name)
        row = self.rows[name].pop(key)
        where = " AND ".join(f"{ddl.quote(column)} = ?" for column in schema.key)
        self.connection.execute(f"DELETE FROM {ddl.quote(name)} WHERE {where}", key).fetchall()
        if schema.history != "none" and row[0] != self.position:
            columns = ", ".join([*ddl.stored_columns(schema), "_to"])
            holes = ", ".join("?" * (len(row) + 1))
            sql = f"INSERT INTO {ddl.quote(name + '__h')}({columns}) VALUES({holes})"
            self.connection.execute(sql, (*row, self.position)).fetchall()

    def _version(self, name: str, schema: TableSchema | None) -> None:
        self.versions.setdefault(name, []).append((self.height + 1, schema))
        blob = cbor.encode(versions_value(self.versions[name]))
        self.connection.execute(
            "INSERT OR REPLACE INTO comity_schema VALUES(?, ?, ?)", (name, blob, self.position)
        ).fetchall()

    def _log(self, identifier: bytes | None, data: bytes) -> None:
        self.connection.execute(
            "INSERT INTO comity_transaction VALUES(?, ?, ?, ?, NULL)",
            (self.position, identifier, self.height + 1, data),
        ).fetchall()

    def _view_rows(self, name: str) -> list[tuple[Any, ...]]:
        """Return the rows as the view shows them: columns not retired, owner, position."""
        schema = self.schema(name)
        skipped = 1 + schema.is_owned + schema.is_salted
        shown = []
        for row in copy.copy(self.rows[name]).values():
            columns = zip(schema.columns, row[skipped:], strict=True)
            values = [
                int(value) if isinstance(value, bool) else value
                for column, value in columns
                if not column.retired
            ]
            shown.append((*values, *([row[1]] if schema.is_owned else []), row[0]))
        return sorted(shown, key=repr)


def app_hash(height: int) -> bytes:
    """Return the made-up app hash after a height."""
    return sha256(b"app hash" + height.to_bytes(8, "big", signed=True))
