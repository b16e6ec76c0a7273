"""The Python client for callers that block: the same names as ``AsyncLedger``, whose code it runs.

Invariant: no method has logic of its own; each runs the awaited one to its end.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from comity.client.answers import Answer
from comity.client.async_ledger import (
    AsyncLedger,
    AsyncTable,
    Clock,
    Done,
    Key,
    Progress,
    Signed,
)
from comity.client.finish import finish
from comity.client.proofs import Proof
from comity.client.refused import Refused
from comity.client.row import Row
from comity.client.row_source import Rows
from comity.client.signing import Signer
from comity.client.transport import LiveRow, NotOrdered, Ordered, Parameters, Tip, Transport
from comity.client.watching import Change
from comity.limits import IMPORT_BATCH_ROWS
from comity.model.column import ColumnValue
from comity.model.transaction import Call

__all__ = ["Done", "Ledger", "Signed", "Table"]


class Ledger:
    """A ledger as one member uses it; what its arguments mean stands at ``AsyncLedger``."""

    def __init__(
        self,
        transport: Transport,
        key: Signer | None = None,
        *,
        account: bytes | None = None,
        is_rehearsal: bool = False,
        clock: Clock = time.time_ns,
        salts: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.transport = transport
        self._awaited = AsyncLedger(
            transport, key, account=account, is_rehearsal=is_rehearsal, clock=clock, salts=salts
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ledger."""
        finish(self._awaited.close())

    @property
    def chain_id(self) -> str:
        """Return the ledger's name for ever: its name and the start of its genesis hash."""
        return self._awaited.chain_id

    @property
    def account(self) -> bytes:
        """Return the 20-byte account that acts.

        Raises: ConfigError, when there is no key; Rejected, when no account has it.
        """
        return finish(self._awaited.account())

    def tip(self) -> Tip:
        """Return the last committed block."""
        return finish(self._awaited.tip())

    def table(self, name: str) -> "Table":
        """Return a table. Raises: QueryError, when there is none of this name."""
        return Table(self, finish(self._awaited.table(name)))

    def sql(self, query: str, parameters: Parameters = (), at: int | None = None) -> Answer:
        """Return the answer to a read-only query, as of height ``at`` or now; nothing proves it. Raises: QueryError."""
        return finish(self._awaited.sql(query, parameters, at))

    def view(self, view: str, /, **arguments: Any) -> Any:
        """Return what the view ``app.view`` says. Raises: QueryError."""
        return finish(self._awaited.view(view, **arguments))

    def call(self, action: str, /, **arguments: Any) -> Done:
        """Sign and send one call of ``app.action``; return once it is final.

        Raises: Refused, RowChanged, Rejected, Unavailable, ProofInvalid.
        """
        return finish(self._awaited.call(action, **arguments))

    def join(self, action: str, /, **arguments: Any) -> Done:
        """Sign and send a call by an account that is not there yet. Raises: as ``call``."""
        return finish(self._awaited.join(action, **arguments))

    def sign(self, calls: Sequence[Call], *, is_joining: bool = False) -> Signed:
        """Return a signed transaction. Raises: ConfigError, Malformed, Rejected (too large)."""
        return finish(self._awaited.sign(calls, is_joining=is_joining))

    def send(self, signed: Signed, *, wait: bool = True) -> Done:
        """Have a signed transaction ordered; sending it again answers the same. Raises: as ``call``."""
        return finish(self._awaited.send(signed, wait=wait))

    def outcome(self, identifier: bytes) -> Done | None:
        """Return what was executed under an id, None when no block holds it. Raises: Refused, RowChanged."""
        return finish(self._awaited.outcome(identifier))

    def done(self, outcome: Ordered | NotOrdered) -> Done:
        """Return what was executed. Raises: Refused, RowChanged, Rejected, Unavailable."""
        return finish(self._awaited.done(outcome))

    def refused(self, outcome: Ordered) -> Refused:
        """Return the error of a refused transaction."""
        return finish(self._awaited.refused(outcome))


class Table:
    """A shared table; what arguments mean stands at ``AsyncTable``."""

    def __init__(self, ledger: Ledger, awaited: AsyncTable) -> None:
        self.ledger = ledger
        self.schema = awaited.schema
        self.name = awaited.name
        self._awaited = awaited

    def __getitem__(self, key: Key) -> Row:
        return finish(self._awaited[key])

    def __len__(self) -> int:
        return self.count()

    def count(self) -> int:
        """Return how many rows the table has."""
        return finish(self._awaited.count())

    def get(self, key: Key) -> Row | None:
        """Return the row with ``key``, or None. Raises: ProofInvalid."""
        return finish(self._awaited.get(key))

    find = get

    def row_of(self, found: LiveRow | None) -> Row | None:
        """Return a row by column name."""
        return self._awaited.row_of(found)

    def add(
        self, row: Mapping[str, ColumnValue] | None = None, /, *, wait: bool = True, **values: Any
    ) -> Done:
        """Add one row. Raises: as ``Ledger.call``."""
        return finish(self._awaited.add(row, wait=wait, **values))

    def add_many(
        self, rows: Rows, batch: int = IMPORT_BATCH_ROWS, progress: Progress = lambda _: None
    ) -> list[Done]:
        """Add rows, one transaction for each ``batch`` of them; return what was done of each.

        Raises: as ``Ledger.call``; the batches before the refused one stay.
        """
        return finish(self._awaited.add_many(rows, batch, progress))

    def set(
        self,
        key: Key,
        row: Mapping[str, ColumnValue] | None = None,
        /,
        *,
        if_match: str | None = None,
        wait: bool = True,
        **values: Any,
    ) -> Done:
        """Change some columns of a row that is as it was read.

        Raises: KeyError, without such a row; RowChanged; else as ``Ledger.call``.
        """
        return finish(self._awaited.set(key, row, if_match=if_match, wait=wait, **values))

    def remove(self, key: Key, *, if_match: str | None = None, wait: bool = True) -> Done:
        """Remove a row that is as it was read. Raises: as ``set``."""
        return finish(self._awaited.remove(key, if_match=if_match, wait=wait))

    def history(self, key: Key) -> Any:
        """Return every kept change of a row, oldest first: who, when, old and new."""
        return finish(self._awaited.history(key))

    def diff(self, older: int, newer: int | None = None) -> Any:
        """Return the rows that two heights have differently, in key order. Raises: QueryError."""
        return finish(self._awaited.diff(older, newer))

    def prove(self, key: Key) -> Proof:
        """Return the checked proof of a row and who wrote it, or of its absence. Raises: ProofInvalid."""
        return finish(self._awaited.prove(key))

    def watch(self, since: int | None = None) -> Iterator[Change]:
        """Yield the changes of the table behind the block ``since``, or from now on, for ever. Raises: QueryError."""
        return self.ledger.transport.follow(self.schema, since)
