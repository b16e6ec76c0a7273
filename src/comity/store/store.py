"""The store: one SQLite file that is at one block exactly, whatever happens to the process.

Invariant: ``write_block`` is one SQLite transaction with full sync; the object's own state moves only after it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import apsw

from comity.crypto import cbor
from comity.errors import ConfigError, InvariantViolated, Unavailable
from comity.limits import (
    FILE_FORMAT_NUMBER,
    STORE_BUSY_MS,
    STORE_CACHE_KIB,
    UNDO_BLOCKS,
    WAL_PAGES_MAX,
)
from comity.model.schema import TableSchema, versions_from_value
from comity.store import catalog, ddl, history, log, tree_pages, undo
from comity.store.block_write import BlockWrite, TableWrite
from comity.store.catalog import TableLeaf
from comity.store.log import Log
from comity.store.table import StoredTable
from comity.store.tree import Tree
from comity.store.tree_pages import SqlitePages

APPLICATION_ID = 0x436F6D69  # "Comi": SQLite's header names the program that a file belongs to
_SCHEMA_TABLE = "comity_schema"


class Store:
    """An open ledger file.

    Attributes:
        height, app_hash, time_ns, log_size: of the last committed block.
        leaves: catalog row bytes by table name.
        wal_pages_max: pages of the write-ahead log past which a block is followed by a checkpoint.
        wal_listener: told after each block how many pages the log has.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.height = -1
        self.engine_height = 0
        self.app_hash = b""
        self.time_ns = 0
        self.leaves: dict[str, bytes] = {}
        self.tables: dict[str, StoredTable] = {}
        self.trees: dict[str, Tree] = {}
        self._numbers: dict[str, int] = {}
        self._pages = SqlitePages(connection)
        self.log = Log(connection, 0)
        self.wal_pages_max = WAL_PAGES_MAX
        self.wal_listener: Callable[[int], None] | None = None
        self._wal_pages = 0
        self._has_failed = False
        connection.set_wal_hook(self._note_wal)

    @classmethod
    def create(cls, path: str, *, vfs: str | None = None) -> "Store":
        """Make an empty ledger file; ``write_block`` of height 0 gives it its genesis state.

        Args:
            vfs: SQLite's name of a file system, for tests on a simulated disk.
        Raises: ConfigError, when the file exists or its directory cannot be written.
        """
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_EXRESCODE
        connection = _connect(path, flags, vfs)
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
            raise ConfigError(f"{path} exists already; choose another folder")
        return cls._make(connection)

    @classmethod
    def in_memory(cls) -> "Store":
        """Make an empty ledger that no file holds, for tests and replay."""
        connection = apsw.Connection(":memory:")
        _set_pragmas(connection, is_file=False)
        return cls._make(connection)

    @classmethod
    def open(cls, path: str, *, is_writable: bool = True, vfs: str | None = None) -> "Store":
        """Open an existing ledger file. Raises: ConfigError, when it is missing or no ledger of this format."""
        access = apsw.SQLITE_OPEN_READWRITE if is_writable else apsw.SQLITE_OPEN_READONLY
        connection = _connect(path, access | apsw.SQLITE_OPEN_EXRESCODE, vfs)
        return cls.over(connection, path)

    @classmethod
    def over(cls, connection: apsw.Connection, path: str = "ledger") -> "Store":
        """Open the ledger behind a connection. Raises: ConfigError, InvariantViolated."""
        identity = connection.execute("PRAGMA application_id").fetchone()
        number = connection.execute("PRAGMA user_version").fetchone()
        if identity != (APPLICATION_ID,):
            raise ConfigError(
                f"{path} is not a ledger file; point at a folder that 'comity init' made"
            )
        if number != (FILE_FORMAT_NUMBER,):
            raise ConfigError(
                f"{path} has file format {number[0] if number else 0}, this program knows {FILE_FORMAT_NUMBER};"
                " use the version of Comity that made it"
            )
        store = cls(connection)
        store._load()
        return store

    @property
    def log_size(self) -> int:
        """Return the count of log entries."""
        return self.log.size

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep one read transaction over many reads: else each statement opens its own, for twice the price of a row.

        Writes nothing; inside another transaction it does nothing.
        """
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the connection; everything committed is already on disk."""
        self.connection.close()

    def leaf(self, name: str) -> TableLeaf:
        """Return what the catalog says of a table. Raises: KeyError."""
        return TableLeaf.decode(self.leaves[name])

    def versions(self, name: str) -> list[tuple[int, TableSchema | None]]:
        """Return all schema versions of a table with their heights. Raises: KeyError."""
        row = self.tables[_SCHEMA_TABLE].get((name,))
        if row is None:
            raise KeyError(name)
        return versions_from_value(cbor.decode(row[2], size_max=len(row[2])))  # type: ignore[arg-type]  # BLOB

    def empty_tree(self, number: int) -> Tree:
        """Return a tree over the pages of table ``number``."""
        return Tree(self._pages, number)

    def next_number(self) -> int:
        """Return the smallest unused table number; a dropped table keeps its own."""
        return max(self._numbers.values(), default=0) + 1

    def log_size_at(self, height: int) -> int:
        """Return the count of log entries after the block at ``height``. Raises: KeyError."""
        row = self.connection.execute(
            "SELECT log_size FROM comity_block WHERE height = ?", (height,)
        ).fetchone()
        if row is None:
            raise KeyError(height)
        return row[0]  # type: ignore[no-any-return]  # an INTEGER column

    def number_of(self, name: str) -> int | None:
        """Return the number of a table that is or was there, or None."""
        return self._numbers.get(name)

    def write_block(self, block: BlockWrite, numbers: Mapping[str, int]) -> None:
        """Write one block in one transaction, then let reads see it.

        Args:
            numbers: table number by name, for the tables that the block made.
        Raises: Unavailable, when the disk is full: nothing was written, and the same block may be written again.
            Anything else stops this store for good: what is on disk is known only when it is opened anew.
        """
        if self._has_failed:
            raise InvariantViolated("an earlier write failed; stop, mend the disk, open the ledger")
        self._check_follows(block)
        self._has_failed = True
        try:
            self._commit(block, numbers)
        except apsw.FullError as error:
            self._has_failed = False
            raise Unavailable(
                "the disk is full: no block was written; make room, then try again"
            ) from error
        self._adopt(block, numbers)
        self._checkpoint()
        self._has_failed = False

    def _commit(self, block: BlockWrite, numbers: Mapping[str, int]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self._write(block, numbers)
            self.connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """Move a long WAL into the file. SQLite would do it by itself, and would hide a disk error."""
        if self.wal_listener is not None:
            self.wal_listener(self._wal_pages)
        if self._wal_pages <= self.wal_pages_max:
            return
        self._wal_pages = 0
        try:
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.FullError, apsw.BusyError):
            return  # the block is safe in the WAL; the next block tries again

    def _check_follows(self, block: BlockWrite) -> None:
        if block.height != self.height + 1 or block.log.base_size != self.log.size:
            raise InvariantViolated(f"block {block.height} does not follow block {self.height}")

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _write(self, block: BlockWrite, numbers: Mapping[str, int]) -> None:
        run = self.connection.execute
        for name, write in block.tables.items():
            self._write_table(name, write, numbers)
            run("INSERT INTO comity_root VALUES(?, ?, ?)", (block.height, name, write.leaf))
        self.connection.executemany(
            "INSERT INTO comity_transaction VALUES(?, ?, ?, ?, ?)",
            [(r.position, r.identifier, block.height, r.entry, r.receipt) for r in block.records],
        )
        log.write(self.connection, block.log)
        run(
            "INSERT INTO comity_block VALUES(?, ?, ?, ?, ?)",
            (block.height, block.engine_height, block.app_hash, block.log.size, block.evidence),
        )
        record = undo.encode(block)
        run("INSERT INTO comity_undo VALUES(?, ?)", (block.height, record))
        run("DELETE FROM comity_undo WHERE height <= ?", (block.height - UNDO_BLOCKS,))
        for name, position in block.history_before.items():
            history.prune(self.connection, name, position)

    def _write_table(self, name: str, write: TableWrite, numbers: Mapping[str, int]) -> None:
        run = self.connection.execute
        number = self._numbers.get(name, numbers.get(name))
        if number is None:
            raise InvariantViolated(f"table {name} has no number")
        if write.base is None and name not in self._numbers:
            for statement in ddl.create(write.schema):
                run(statement)
        elif write.base is not None and write.base != write.schema:
            for statement in ddl.alter(write.base, write.schema):
                run(statement)
        table = self.tables.get(name)
        if table is None or table.schema != write.schema:
            table = StoredTable(self.connection, number, write.schema)
        table.write(write.inserts, write.updates, write.deletes)
        table.keep(write.superseded)
        tree_pages.write(self.connection, write.tree)
        run(
            "INSERT INTO comity_table VALUES(?, ?, ?)"
            " ON CONFLICT(number) DO UPDATE SET leaf = excluded.leaf",
            (number, name, write.leaf),
        )

    def _adopt(self, block: BlockWrite, numbers: Mapping[str, int]) -> None:
        self.height, self.engine_height = block.height, block.engine_height
        self.app_hash, self.time_ns = block.app_hash, block.time_ns
        self.log.adopt(block.log)
        for name, write in block.tables.items():
            number = self._numbers.setdefault(name, numbers.get(name, 0))
            tree = self.trees.get(name)
            if tree is None:
                self.trees[name] = self.empty_tree(number)  # opens on the pages just committed
            else:
                tree.adopt(write.tree)
            if write.leaf is None:
                self.leaves.pop(name, None)
                self.tables.pop(name, None)
                continue
            self.leaves[name] = write.leaf
            if name not in self.tables or self.tables[name].schema != write.schema:
                self.tables[name] = StoredTable(self.connection, number, write.schema)

    @classmethod
    def _make(cls, connection: apsw.Connection) -> "Store":
        with connection:
            for statement in ddl.UNHASHED:
                connection.execute(statement)
            connection.execute("PRAGMA application_id = 1131375977").fetchall()
            connection.execute("PRAGMA user_version = 2").fetchall()
        return cls(connection)

    def _load(self) -> None:
        last = self.connection.execute(
            "SELECT height, engine_height, app_hash, log_size FROM comity_block ORDER BY height DESC LIMIT 1"
        ).fetchone()
        if last is None:
            raise ConfigError(
                "the ledger file has no genesis block; make it again with 'comity init'"
            )
        self.height, self.engine_height, self.app_hash, log_size = last
        self.log = Log(self.connection, log_size)
        schemas = self._load_schemas()
        for number, name, leaf in self.connection.execute(
            "SELECT number, name, leaf FROM comity_table"
        ):
            self._numbers[name] = number
            self.trees[name] = self.empty_tree(number)
            if leaf is not None:
                if name not in schemas:
                    raise InvariantViolated(f"table {name} has no schema; run 'comity audit'")
                self.leaves[name] = leaf
                self.tables[name] = StoredTable(self.connection, number, schemas[name])
        if "comity_chain" not in self.tables:
            raise InvariantViolated("the table comity_chain is missing; run 'comity audit'")
        chain = self.tables["comity_chain"].get((0,))
        if chain is None or chain[2] != self.height:
            raise InvariantViolated(
                "the ledger's height disagrees with its last block; run 'comity audit'"
            )
        self.time_ns = chain[3]  # type: ignore[assignment]  # an integer column
        if catalog.app_hash(self.leaves, log_size, self.log.root(log_size)) != self.app_hash:
            raise InvariantViolated(
                "the catalog disagrees with the last app hash; run 'comity audit'"
            )

    def _load_schemas(self) -> dict[str, TableSchema]:
        found: dict[str, TableSchema] = {}
        for name, versions in self.connection.execute("SELECT name, versions FROM comity_schema"):
            schema = versions_from_value(cbor.decode(versions, size_max=len(versions)))[-1][1]
            if schema is not None:
                found[name] = schema
        return found


def pages(connection: apsw.Connection) -> Iterator[tuple[int, bytes]]:
    """Yield every stored tree page with its id, in order."""
    yield from connection.execute("SELECT id, page FROM comity_tree ORDER BY id")


def _connect(path: str, flags: int, vfs: str | None) -> apsw.Connection:
    try:
        connection = apsw.Connection(path, flags=flags, vfs=vfs)
        _set_pragmas(connection, is_file=not flags & apsw.SQLITE_OPEN_READONLY)
    except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
        raise ConfigError(
            f"{path} cannot be opened: missing, or its directory cannot be written"
        ) from error
    except apsw.NotADBError as error:
        raise ConfigError(f"{path} is not an SQLite file") from error
    return connection


def _set_pragmas(connection: apsw.Connection, *, is_file: bool) -> None:
    """Set and read back what durability and strictness rest on; one PRAGMA a call, or SQLite stops at the first row."""
    connection.set_busy_timeout(STORE_BUSY_MS)
    for words in (apsw.SQLITE_DBCONFIG_DQS_DML, apsw.SQLITE_DBCONFIG_DQS_DDL):
        connection.config(words, 0)  # a name that is no column must not be read as text
    wanted: list[tuple[str, object]] = [
        ("PRAGMA synchronous = FULL", 2),
        ("PRAGMA trusted_schema = OFF", 0),
        ("PRAGMA cell_size_check = ON", 1),
    ]
    if is_file:
        wanted.insert(0, ("PRAGMA journal_mode = WAL", "wal"))
    for statement, value in wanted:
        connection.execute(statement).fetchall()
        name = statement.split(" ")[1]
        answer = connection.execute("PRAGMA " + name).fetchone()  # tidy: sql-text: one of ours
        if answer != (value,):
            raise ConfigError(f"SQLite did not take {statement!r}: it answers {answer}")
    size = "PRAGMA cache_size = " + str(-STORE_CACHE_KIB)
    connection.execute(size).fetchall()  # tidy: sql-text: a number of ours
