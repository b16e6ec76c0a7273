"""What an action or view is handed: protocols that the machine and the query side implement.

Invariant: a ``Reader`` cannot write, and nothing here offers a clock, chance, files or the network.
Rows of declared tables are ``Row`` classes; rows of tables made at run time are plain tuples, in column order.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from comity.model.column import ColumnValue
from comity.model.genesis import Founder
from comity.model.schema import TableSchema
from comity.sdk.row import Row

R = TypeVar("R", bound=Row)
Founders: TypeAlias = tuple[Founder, ...]  # of the genesis, in its order


class SharedRow(Protocol):
    """A row of a table that was made at run time."""

    @property
    def values(self) -> tuple[ColumnValue, ...]:
        """Return the declared columns' values in ordinal order, padded with null to the schema's width."""

    @property
    def owner(self) -> bytes:
        """Return the 20-byte account that owns the row."""

    @property
    def row_hash(self) -> bytes:
        """Return the 32-byte row hash, which changes with every change of the row."""


class SharedTable(Protocol):
    """A table made at run time, as its app's rules read and write it."""

    @property
    def schema(self) -> TableSchema:
        """Return the schema in force."""

    def get(self, key: Sequence[ColumnValue]) -> SharedRow | None:
        """Return the row with ``key``, or None."""

    def range(
        self,
        low: Sequence[ColumnValue] = (),
        high: Sequence[ColumnValue] = (),
        *,
        index: str | None = None,
        limit: int,
    ) -> Iterator[SharedRow]:
        """Yield at most ``limit`` rows whose key or index columns lie within [low, high], in encoded order."""

    def add(self, values: Sequence[ColumnValue], owner: bytes) -> SharedRow:
        """Add a row. Raises: RowExists, BadRow, NotUnique."""

    def put(self, values: Sequence[ColumnValue], owner: bytes | None = None) -> SharedRow:
        """Replace the row with the same key; the owner stays unless given. Raises: RowNotFound, BadRow, NotUnique."""

    def delete(self, key: Sequence[ColumnValue]) -> None:
        """Remove the row with ``key``. Raises: RowNotFound."""


class Reader(Protocol):
    """Reads by key, declared index and range, in encoded-key order; ``select`` and ``sum`` in views and invariants."""

    def get(self, table: type[R], *key: ColumnValue) -> R:
        """Return the row with ``key``. Raises: RowNotFound."""

    def find(self, table: type[R], *key: ColumnValue) -> R | None:
        """Return the row with ``key``, or None."""

    def exists(self, table: type[Row], *key: ColumnValue) -> bool:
        """Tell whether a row with ``key`` exists."""

    def range(
        self,
        table: type[R],
        low: Sequence[ColumnValue] = (),
        high: Sequence[ColumnValue] = (),
        *,
        index: str | None = None,
        limit: int,
    ) -> Iterator[R]:
        """Yield at most ``limit`` rows whose key (or index) columns lie within [low, high], both inclusive.

        Args:
            low, high: leading columns of the key or index; shorter than it means "by prefix"; empty means unbounded.

        """

    def table(self, name: str) -> SharedTable:
        """Return a table made at run time. Raises: TableNotFound."""

    def parameter(self, name: str, default: int | str | bytes | bool) -> Any:
        """Return the app's parameter ``name`` as genesis or governance set it, else ``default``."""

    def select(
        self, table: type[R], where: str = "", *parameters: ColumnValue, order: str = "", limit: int
    ) -> list[R]:
        """Return rows by SQL. Views and invariants only: an action that calls it faults when tested.

        Args:
            where: SQL condition over the table's columns, with ``?`` for ``parameters``.
            order: column names, each with an optional ``desc``; the key is always appended.

        """

    def sum(self, table: type[Row], column: str, where: str = "", *parameters: ColumnValue) -> int:
        """Return the exact sum of an integer column by SQL. Views and invariants only."""


class Writer(Reader, Protocol):
    """A ``Reader`` that also changes rows; every change is dropped when the transaction is refused."""

    def add(self, row: R) -> R:
        """Add ``row``. Raises: RowExists, BadRow, NotUnique."""

    def put(self, row: R) -> R:
        """Replace the row with the same key. Raises: RowNotFound, BadRow, NotUnique."""

    def delete(self, row: Row) -> None:
        """Remove the row with the same key. Raises: RowNotFound."""


class Timers(Protocol):
    """Work for later: run by the machine as the app that set it, at the start of the first block past its time."""

    def set(self, at_ns: int, action: str, arguments: Mapping[str, ColumnValue]) -> tuple[int, int]:
        """Run this app's timer ``action`` once block time is past ``at_ns``; return its (fire_at, sequence).

        Args:
            at_ns: one second or more after the block's time.

        Raises: BadTimer.
        """

    def cancel(self, fire_at: int, sequence: int) -> bool:
        """Drop a timer that this app set; tell whether it was still there."""


class SchemaWriter(Protocol):
    """Makes tables at run time; only for apps that genesis grants ``schema``, on their own tables."""

    def create(self, schema: TableSchema) -> None:
        """Make a table. Raises: TableExists, BadSchema, TooManyTables, TablesUsedUp."""

    def alter(self, schema: TableSchema) -> None:
        """Give a table its next schema version. Raises: TableNotFound, BadSchema."""

    def drop(self, name: str) -> None:
        """Remove an empty table from the catalog; its history stays. Raises: TableNotFound, TableNotEmpty."""


class Accounts(Protocol):
    """Accounts and keys; only for apps that genesis grants ``accounts``."""

    def exists(self, account: bytes) -> bool:
        """Tell whether the account exists."""

    def status(self, account: bytes) -> str | None:
        """Return ``active`` or ``suspended``, or None for no such account."""

    def admit(self, key_type: int, public_key: bytes) -> bytes:
        """Make the account of a first key and return its 20-byte id. Raises: AccountExists, BadKey."""

    def set_status(self, account: bytes, status: str) -> None:
        """Set ``active`` or ``suspended``. Raises: AccountNotFound."""

    def add_key(
        self, account: bytes, key_type: int, public_key: bytes, scope: str, proof: bytes
    ) -> None:
        """Add a key to an account.

        Args:
            scope: ``owner`` may change keys, ``daily`` may not.
            proof: the new key's own signature over CBOR [genesis hash, account].
        Raises: AccountNotFound, KeyExists, BadKey, TooManyKeys.

        """

    def remove_key(self, account: bytes, public_key: bytes) -> None:
        """Remove a key. Raises: KeyNotFound, LastKey (an account keeps one ``owner`` key)."""

    def keys(self, account: bytes) -> list[tuple[bytes, str]]:
        """Return (public key, scope) of each key, in key order."""

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Verify an Ed25519 signature strictly."""

    def verify_proof(self, public_key: bytes, account: bytes, proof: bytes) -> bool:
        """Tell whether ``proof`` is the key's signature over CBOR [genesis hash, account].

        It shows that the key's holder wants it for this account; invitations are such key pairs.
        """


class Context(Protocol):
    """Everything that an action gets besides its arguments."""

    @property
    def db(self) -> Writer:
        """Return the database as of this call, the block's earlier writes included."""

    @property
    def sender(self) -> bytes:
        """Return the 20-byte account that signed; for a timer, the empty string."""

    @property
    def signing_key(self) -> tuple[int, bytes]:
        """Return (key type, public key) that signed the transaction."""

    @property
    def signing_scope(self) -> str:
        """Return the signing key's scope: ``owner``, ``daily``, or ``joining`` when the account is not there yet."""

    @property
    def height(self) -> int:
        """Return the height of this block, from 1."""

    @property
    def time_ns(self) -> int:
        """Return the block's time in nanoseconds UTC."""

    @property
    def position(self) -> int:
        """Return the log position of this transaction (of the link, for timers)."""

    @property
    def transaction_id(self) -> bytes:
        """Return the 32-byte id of this transaction; for a timer, the empty string."""

    @property
    def genesis_hash(self) -> bytes:
        """Return the 32-byte hash of the ledger's genesis."""

    @property
    def timers(self) -> Timers:
        """Return the app's timers."""

    @property
    def schema(self) -> SchemaWriter:
        """Return the maker of tables. Raises: NotGranted."""

    @property
    def accounts(self) -> Accounts:
        """Return accounts and keys. Raises: NotGranted."""

    def authorize(self, account: bytes) -> None:
        """Refuse unless ``account`` is the sender. Raises: NotAuthorized."""

    def call(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run another action of the same app in this transaction; its refusal refuses the whole transaction."""
