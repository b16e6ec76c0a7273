"""What a client asks of a node, wherever it is: in this process, or behind HTTP.

Invariant: a transport adds nothing of its own: what it answers is what the node committed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from comity.model.column import ColumnValue
from comity.model.genesis import Genesis
from comity.model.outcome import NotOrdered, Ordered
from comity.model.receipt import Receipt
from comity.model.schema import TableSchema

__all__ = [  # two records of the model among them, as every transport answers with them
    "Explanation",
    "LiveRow",
    "NotOrdered",
    "Ordered",
    "Parameter",
    "Parameters",
    "SqlAnswer",
    "SqlColumn",
    "Tip",
    "Transport",
]

Parameter: TypeAlias = int | float | str | bytes | None
Parameters: TypeAlias = Sequence[Parameter] | Mapping[str, Parameter]


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """The last committed block."""

    height: int
    app_hash: bytes
    time_ns: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal of a receipt in the words of the application that declares it.

    Args:
        name: of the refusal, such as ``NotRowOwner``.
        sentence: what is true; ``fix``: what to do, and who can do it.
        accounts: names of the fields that hold accounts.

    """

    app: str
    number: int
    name: str
    sentence: str
    fix: str
    fields: Mapping[str, Any]
    accounts: tuple[str, ...] = ()


class LiveRow(Protocol):
    """A row as it is now."""

    @property
    def values(self) -> tuple[ColumnValue, ...]:
        """Return the values in column order."""

    @property
    def owner(self) -> bytes | None:
        """Return the account that owns the row, where rows have owners."""

    @property
    def row_hash(self) -> bytes:
        """Return the 32-byte row hash, which a change must name."""


class SqlColumn(Protocol):
    """A column of an answer."""

    @property
    def name(self) -> str:
        """Return the column's name."""


class SqlAnswer(Protocol):
    """The answer to a query, with the height that it was read at."""

    @property
    def columns(self) -> Sequence[SqlColumn]:
        """Return the columns in order."""

    @property
    def rows(self) -> Sequence[tuple[Parameter, ...]]:
        """Return the rows as SQL sees them."""

    @property
    def height(self) -> int:
        """Return the height that was read."""

    @property
    def app_hash(self) -> bytes:
        """Return the 32-byte app hash after that height."""

    @property
    def is_truncated(self) -> bool:
        """Tell whether a limit cut the answer."""


class Transport(Protocol):
    """A way to one ledger."""

    @property
    def genesis(self) -> Genesis:
        """Return the genesis of the ledger."""

    def tip(self) -> Tip:
        """Return the last committed block."""

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in order, once they are final."""

    def rehearse(self, transaction: bytes) -> Ordered | NotOrdered:
        """Return what would become of a signed transaction now; nothing is written."""

    def submit_soon(self, transaction: bytes) -> None:
        """Hand in a signed transaction without waiting for it."""

    def outcome(self, identifier: bytes) -> Ordered | None:
        """Return what became of a transaction id, or None when no block holds it."""

    def schema(self, table: str) -> TableSchema:
        """Return the schema of a table. Raises: QueryError."""

    def rows(self, schema: TableSchema, keys: Sequence[Sequence[ColumnValue]]) -> list[Any]:
        """Return the ``LiveRow`` of each key, or None, in order."""

    def history(self, table: str, key: Sequence[ColumnValue]) -> Any:
        """Return the life of a row, oldest change first. Raises: QueryError."""

    def diff(self, table: str, older: int, newer: int | None = None) -> Any:
        """Return the rows that two heights have differently, in key order. Raises: QueryError."""

    def prove_row(self, schema: TableSchema, key: Sequence[ColumnValue]) -> Any:
        """Return the checked ``Proof`` of a row, or of its absence. Raises: ProofInvalid, QueryError."""

    def follow(self, schema: TableSchema, since: int | None) -> Iterator[Any]:
        """Yield each ``Change`` of a table behind a height, or from now on, for ever. Raises: QueryError."""

    def sql(self, query: str, parameters: Parameters, height: int | None) -> Any:
        """Return the answer to a read-only query. Raises: QueryError."""

    def view(self, view: str, arguments: Mapping[str, Any]) -> Any:
        """Return what ``app.view`` says. Raises: QueryError."""

    def explain(self, receipt: Receipt) -> Explanation:
        """Return a refusal in the words of its application."""

    def rows_count(self, table: str) -> int:
        """Return how many rows a table has."""

    def name_of(self, account: bytes) -> str | None:
        """Return the name of a member, or None."""

    def account_named(self, name: str) -> bytes | None:
        """Return the account of the member of a name, or None."""

    def account_of_key(self, public_key: bytes) -> bytes | None:
        """Return the account that has a key, or None."""

    def close(self) -> None:
        """Let go of what is held."""
