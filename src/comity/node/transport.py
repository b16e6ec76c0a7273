"""The way to a ledger in a folder: reads on a connection of their own, writes through the machine.

Invariant: reading takes no lock and loads no application; the writer, with its lock, is opened by the
first ``submit`` and kept until ``close``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from comity.client.transport import Explanation, NotOrdered, Ordered, Parameters, Tip
from comity.engine import port
from comity.errors import ConfigError, QueryError
from comity.model.column import ColumnValue
from comity.model.genesis import Genesis
from comity.model.names import split_action
from comity.model.receipt import Receipt, unpack_stored
from comity.model.schema import TableSchema
from comity.node.explaining import explain
from comity.node.folder import Folder
from comity.query.answer import Answer
from comity.query.asof import newest_schema, versions_of
from comity.query.guard import connect
from comity.query.history import Event, RowHistory, event_at, row_history
from comity.query.process import QueryProcess
from comity.query.rows import FoundRow, rows_of, schema_of
from comity.store.catalog import TableLeaf
from comity.store.log import Log

if TYPE_CHECKING:
    from comity.client.history import RowDifference
    from comity.client.proofs import Proof
    from comity.client.watching import Change
    from comity.node.local import LocalLedger
    from comity.sdk.declaration import Declaration


_TIP = (
    "SELECT height, app_hash, (SELECT time_ns FROM comity_chain) FROM comity_block"
    " ORDER BY height DESC LIMIT 1"
)
_OUTCOME = "SELECT height, position, receipt FROM comity_transaction WHERE id = ?"
_LEAF = "SELECT leaf FROM comity_table WHERE name = ? AND leaf IS NOT NULL"
_NAME = "SELECT name FROM members__member WHERE account = ?"
_ACCOUNT = "SELECT account FROM members__member WHERE name = ?"
_KEY = "SELECT account FROM comity_key WHERE key = ?"


class LocalTransport:
    """Implements the client's ``Transport`` on a folder. Raises: ConfigError, Unavailable."""

    def __init__(self, directory: Path) -> None:
        self.folder = Folder(directory)
        self.genesis: Genesis = self.folder.read_genesis()
        if not self.folder.database.exists():
            name = self.folder.database.name
            raise ConfigError(f"{directory} has a genesis but no {name}; restore a backup")
        self._connection: apsw.Connection | None = None
        self._writer: LocalLedger | None = None
        self._query: QueryProcess | None = None

    @property
    def connection(self) -> apsw.Connection:
        """Return a connection that may read the whole file. Raises: Unavailable."""
        if self._connection is None:
            self._connection = connect(self.folder.database)
        return self._connection

    @property
    def apps(self) -> "Mapping[str, Declaration]":
        """Return the declarations of the ledger's applications. Raises: ConfigError."""
        if self._writer is not None:
            return self._writer.apps
        load = import_module("comity.sdk.load").load_apps
        names = [app.name for app in self.genesis.apps]
        return {name: app.declaration for name, app in load(names).items()}

    def tip(self) -> Tip:
        """Return the last committed block."""
        height, app_hash, time_ns = _one(self.connection, _TIP)
        return Tip(height=height, app_hash=app_hash, time_ns=time_ns)

    def log(self) -> Log:
        """Return the log of the last committed block, for reading."""
        size = _one(
            self.connection, "SELECT log_size FROM comity_block ORDER BY height DESC LIMIT 1"
        )
        return Log(self.connection, size[0])

    def open_writer(self) -> "LocalLedger":
        """Return the writer, opened if need be. Raises: ConfigError, Unavailable."""
        if self._writer is None:
            local = import_module("comity.node.local")
            writer: LocalLedger = local.LocalLedger.open(self.folder.directory)
            self._writer = writer
        return self._writer

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, once they are on disk."""
        answers: list[Ordered | NotOrdered] = []
        for answer in self.open_writer().submit(transactions):
            if isinstance(answer, port.NotOrdered):
                refusal = NotOrdered(code=answer.code, message=answer.message, waits=answer.waits)
                answers.append(refusal)
                continue
            answers.append(
                Ordered(
                    identifier=answer.identifier,
                    height=answer.height,
                    position=answer.position,
                    receipt=answer.receipt,
                )
            )
        return answers

    def submit_soon(self, transaction: bytes) -> None:
        """Have a signed transaction ordered, whatever becomes of it."""
        self.submit([transaction])

    def rehearse(self, transaction: bytes) -> Ordered | NotOrdered:
        """Return what would become of a signed transaction now; nothing is written."""
        run = import_module("comity.node.rehearsing").rehearse
        key_id = self.folder.read_key().key_id
        found: Ordered | NotOrdered = run(
            self.connection, self.genesis, self.apps, transaction, key_id
        )
        return found

    def outcome(self, identifier: bytes) -> Ordered | None:
        """Return what became of a transaction id, or None when no block holds it."""
        found = _find(self.connection, _OUTCOME, (identifier,))
        if found is None:
            return None
        height, position, stored = found
        receipt = Receipt.decode(unpack_stored(stored)[1])
        return Ordered(identifier=identifier, height=height, position=position, receipt=receipt)

    def schema(self, table: str) -> TableSchema:
        """Return the schema of a table. Raises: QueryError."""
        return schema_of(self.connection, table)

    def rows(
        self, schema: TableSchema, keys: Sequence[Sequence[ColumnValue]]
    ) -> list[FoundRow | None]:
        """Return the row of each key, or None, in order."""
        return rows_of(self.connection, schema, keys)

    def history(self, table: str, key: Sequence[ColumnValue]) -> RowHistory:
        """Return the life of a row. Raises: QueryError."""
        return row_history(self.connection, table, key)

    def diff(self, table: str, older: int, newer: int | None = None) -> "list[RowDifference]":
        """Return the rows that two heights have differently, in key order. Raises: QueryError."""
        found: list[RowDifference] = _following().diff(
            self.connection, self.schema_ever(table), older, newer
        )
        return found

    def prove_row(self, schema: TableSchema, key: Sequence[ColumnValue]) -> "Proof":
        """Return the checked proof of a row, or of its absence. Raises: ProofInvalid, QueryError."""
        proof: Proof = _following().prove_row(self.connection, self.genesis, schema, key)
        return proof

    def follow(self, schema: TableSchema, since: int | None) -> "Iterator[Change]":
        """Yield the changes of a table behind a height, or from now on, for ever. Raises: QueryError."""
        changes: Iterator[Change] = _following().follow(self.connection, schema, since)
        return changes

    def schema_ever(self, table: str) -> TableSchema:
        """Return the newest schema of a table, also of one that was dropped. Raises: QueryError."""
        return newest_schema(versions_of(self.connection, table))

    def event(self, position: int) -> Event:
        """Return who made the log entry at a position, and when."""
        return event_at(self.connection, position)

    def sql(self, query: str, parameters: Parameters, height: int | None) -> Answer:
        """Return the answer to a read-only query, in a process of its own. Raises: QueryError."""
        if self._query is None:
            self._query = QueryProcess(self.folder.database)
        return self._query.run(query, parameters, height)

    def view(self, view: str, arguments: Mapping[str, Any]) -> Any:
        """Return what ``app.view`` says. Raises: QueryError."""
        app, name = split_action(view)
        declaration = self.apps.get(app)
        if declaration is None:
            known = ", ".join(self.apps)
            raise QueryError("unknown-app", f"this ledger has no app {app}; it has {known}")
        run: Callable[..., Any] = import_module("comity.query.views").run_view
        return run(self.connection, declaration, name, arguments)

    def explain(self, receipt: Receipt) -> Explanation:
        """Return a refusal in the words of its application."""
        return explain(self.apps, receipt)

    def rows_count(self, table: str) -> int:
        """Return how many rows a table has, as its entry in the catalog says."""
        found = _find(self.connection, _LEAF, (table,))
        return 0 if found is None else TableLeaf.decode(found[0]).row_count

    def name_of(self, account: bytes) -> str | None:
        """Return the name of a member, or None."""
        found: str | None = self._member(_NAME, account)
        return found

    def account_named(self, name: str) -> bytes | None:
        """Return the account of the member of a name, or None."""
        found: bytes | None = self._member(_ACCOUNT, name)
        return found

    def account_of_key(self, public_key: bytes) -> bytes | None:
        """Return the account that has a key, or None. Cost: a scan of the keys."""
        found = _find(self.connection, _KEY, (public_key,))
        return None if found is None else found[0]

    def close(self) -> None:
        """Close the connections, end the query process, and let another process write."""
        for held in (self._query, self._connection, self._writer):
            if held is not None:
                held.close()
        self._query = self._connection = self._writer = None

    def _member(self, sql: str, value: bytes | str) -> Any:
        try:
            found = _find(self.connection, sql, (value,))
        except apsw.SQLError:  # a ledger without the app members
            return None
        return None if found is None else found[0]


def _following() -> Any:
    return import_module("comity.node.following")


def _find(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    return connection.execute(sql, tuple(values)).fetchone()


def _one(connection: apsw.Connection, sql: str) -> Any:
    found = _find(connection, sql)
    if found is None:
        raise QueryError("damaged", "the ledger file has no block; run comity audit")
    return found
