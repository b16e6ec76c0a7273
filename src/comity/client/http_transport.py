"""The way to a ledger through a node's HTTP interface for callers that block: ``NodeTransport``, run to its end.

Invariant: it answers as the transport of a folder does, so that a client and a command do not know which they have.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from comity.client.answers import SqlRows
from comity.client.asking import Asking
from comity.client.finish import finish, finish_each
from comity.client.history import Event, RowDifference, RowHistory
from comity.client.http_link import BlockingLink
from comity.client.node_transport import NodeTransport
from comity.client.proofs import FoundRow, Proof
from comity.client.transport import Explanation, NotOrdered, Ordered, Parameters, Tip
from comity.client.watching import Change
from comity.limits import CLIENT_TIMEOUT_S
from comity.model.column import ColumnValue
from comity.model.genesis import Genesis
from comity.model.receipt import Receipt
from comity.model.schema import TableSchema


class HttpTransport:
    """Implements the client's ``Transport`` through a node."""

    def __init__(self, node: NodeTransport) -> None:
        self.node = node

    @classmethod
    def open(
        cls,
        url: str,
        genesis_hash: bytes | None = None,
        *,
        is_verifying: bool = True,
        timeout_s: float = CLIENT_TIMEOUT_S,
    ) -> Self:
        """Connect to the node at an address. Raises: ConfigError, ProofInvalid, Unavailable."""
        asking = Asking(BlockingLink(url), timeout_s)
        opening = NodeTransport.open(asking, genesis_hash, is_verifying=is_verifying)
        return cls(finish(opening))

    @property
    def url(self) -> str:
        """Return the node's address."""
        return self.node.url

    @property
    def genesis(self) -> Genesis:
        """Return the genesis of the ledger."""
        return self.node.genesis

    def tip(self) -> Tip:
        """Return the last committed block."""
        return finish(self.node.tip())

    def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in order, once they are final."""
        return finish(self.node.submit(transactions))

    def submit_soon(self, transaction: bytes) -> None:
        """Hand in a signed transaction without waiting for it."""
        finish(self.node.submit_soon(transaction))

    def rehearse(self, transaction: bytes) -> Ordered | NotOrdered:
        """Return what would become of a signed transaction now; nothing is written."""
        return finish(self.node.rehearse(transaction))

    def outcome(self, identifier: bytes) -> Ordered | None:
        """Return what became of a transaction id, or None when no block holds it."""
        return finish(self.node.outcome(identifier))

    def schema(self, table: str) -> TableSchema:
        """Return the schema of a table. Raises: QueryError."""
        return finish(self.node.schema(table))

    def schema_ever(self, table: str) -> TableSchema:
        """Return the newest schema of a table. Raises: QueryError."""
        return finish(self.node.schema_ever(table))

    def rows(
        self, schema: TableSchema, keys: Sequence[Sequence[ColumnValue]]
    ) -> list[FoundRow | None]:
        """Return the row of each key, or None, in order."""
        return finish(self.node.rows(schema, keys))

    def history(self, table: str, key: Sequence[ColumnValue]) -> RowHistory:
        """Return the life of a row, oldest change first. Raises: QueryError."""
        return finish(self.node.history(table, key))

    def diff(self, table: str, older: int, newer: int | None = None) -> list[RowDifference]:
        """Return the rows that two heights have differently. Raises: QueryError."""
        return finish(self.node.diff(table, older, newer))

    def prove_row(self, schema: TableSchema, key: Sequence[ColumnValue]) -> Proof:
        """Return the checked proof of a row, or of its absence. Raises: ProofInvalid, QueryError."""
        return finish(self.node.prove_row(schema, key))

    def follow(self, schema: TableSchema, since: int | None) -> Iterator[Change]:
        """Yield the changes of a table behind a height, or from now on. Raises: QueryError."""
        return finish_each(self.node.follow(schema, since))

    def event(self, position: int) -> Event:
        """Return who made the log entry at a position, and when."""
        return finish(self.node.event(position))

    def sql(self, query: str, parameters: Parameters, height: int | None) -> SqlRows:
        """Return the answer to a read-only query. Raises: QueryError."""
        return finish(self.node.sql(query, parameters, height))

    def view(self, view: str, arguments: Mapping[str, Any]) -> Any:
        """Return what ``app.view`` says. Raises: QueryError."""
        return finish(self.node.view(view, arguments))

    def explain(self, receipt: Receipt) -> Explanation:
        """Return a refusal in the words of its application."""
        return finish(self.node.explain(receipt))

    def rows_count(self, table: str) -> int:
        """Return how many rows a table has."""
        return finish(self.node.rows_count(table))

    def name_of(self, account: bytes) -> str | None:
        """Return the name of a member, or None."""
        return finish(self.node.name_of(account))

    def account_named(self, name: str) -> bytes | None:
        """Return the account of the member of a name, or None."""
        return finish(self.node.account_named(name))

    def account_of_key(self, public_key: bytes) -> bytes | None:
        """Return the account that has a key, or None."""
        return finish(self.node.account_of_key(public_key))

    def close(self) -> None:
        """Close the connections."""
        finish(self.node.close())
