"""The Python client: sign, send, read, with the names that the HTTP client will have too.

Invariant: what a method returns is final, and was signed by the key that the ledger was opened with; a
refused call raises.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self

import msgspec

from comity.client.refused import ROW_CHANGED, Refused, RowChanged
from comity.client.row import Row
from comity.client.signing import Signer, sign_calls, valid_until
from comity.client.transport import (
    LiveRow,
    NotOrdered,
    Ordered,
    Parameters,
    SqlAnswer,
    Tip,
    Transport,
)
from comity.client.unknown_key import unknown_key
from comity.errors import ConfigError, Malformed, Rejected, Unavailable
from comity.limits import IMPORT_BATCH_ROWS, SALT_BYTES, TRANSACTION_BYTES_MAX
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema
from comity.model.transaction import Call

Clock = Callable[[], int]
_TABLES = "tables"  # the app of shared tables


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that was executed: its id, where it stands, and the result of each call."""

    identifier: bytes
    height: int
    position: int
    results: tuple[Any, ...]

    @property
    def result(self) -> Any:
        """Return the first call's result."""
        return self.results[0] if self.results else None


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction ready to be sent: its bytes, its id, and when it can no longer be ordered."""

    data: bytes
    identifier: bytes
    expires_ns: int


class Ledger:
    """A ledger as one member uses it.

    Args:
        transport: the way to the ledger; closed with this object.
        key: signs; None for reading only.
        account: who acts, when it is not the account that has ``key``.
        is_rehearsal: rules are asked what they would say; nothing is written.
        clock: nanoseconds UTC; salts: random bytes of a length. Tests fix them.

    """

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
        self._key = key
        self._account = account
        self._is_rehearsal = is_rehearsal
        self._clock = clock
        self._salts = salts

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
        self.transport.close()

    @property
    def chain_id(self) -> str:
        """Return the ledger's name for ever: its name and the start of its genesis hash."""
        return self.transport.genesis.chain_id

    @property
    def account(self) -> bytes:
        """Return the 20-byte account that acts.

        Raises: ConfigError, when there is no key; Rejected, when no account has it.
        """
        if self._account is None:
            public_key = self._signer().public_key
            self._account = self.transport.account_of_key(public_key)
            if self._account is None:
                raise unknown_key(self.transport, public_key)
        return self._account

    def tip(self) -> Tip:
        """Return the last committed block."""
        return self.transport.tip()

    def table(self, name: str) -> "Table":
        """Return a table. Raises: QueryError, when there is none of this name."""
        return Table(self, self.transport.schema(name))

    def sql(self, query: str, parameters: Parameters = (), at: int | None = None) -> SqlAnswer:
        """Return the answer to a read-only query, as of height ``at`` or now. Raises: QueryError."""
        return self.transport.sql(query, parameters, at)

    def view(self, view: str, /, **arguments: Any) -> Any:
        """Return what the view ``app.view`` says. Raises: QueryError."""
        return self.transport.view(view, arguments)

    def call(self, action: str, /, **arguments: Any) -> Done:
        """Sign and send one call of ``app.action``; return once it is final.

        Raises: Refused, RowChanged, Rejected, Unavailable.
        """
        return self.send(self.sign([Call(action, arguments)]))

    def join(self, action: str, /, **arguments: Any) -> Done:
        """Sign and send a call by an account that is not there yet. Raises: as ``call``."""
        return self.send(self.sign([Call(action, arguments)], is_joining=True))

    def sign(self, calls: Sequence[Call], *, is_joining: bool = False) -> Signed:
        """Return a signed transaction. Raises: ConfigError, Malformed, Rejected (too large)."""
        key, tip, genesis = self._signer(), self.tip(), self.transport.genesis
        expires = valid_until(self._clock(), tip.time_ns, genesis.block_interval_s)
        transaction = sign_calls(
            key,
            calls,
            genesis_hash=genesis.hash,
            expires_ns=expires,
            salt=self._salts(SALT_BYTES),
            account=None if is_joining else self.account,
            is_joining=is_joining,
        )
        data = transaction.encode()
        if len(data) > TRANSACTION_BYTES_MAX:
            raise Rejected(
                "too-large",
                f"the transaction has {len(data):,} bytes, {TRANSACTION_BYTES_MAX:,} are allowed"
                " (TRANSACTION_BYTES_MAX): split it",
            )
        identifier = transaction.envelope.transaction_id(genesis.hash)
        return Signed(data=data, identifier=identifier, expires_ns=expires)

    def send(self, signed: Signed) -> Done:
        """Have a signed transaction ordered; sending it again answers the same. Raises: as ``call``."""
        if self._is_rehearsal:
            return self.done(self.transport.rehearse(signed.data))
        return self.done(self.transport.submit([signed.data])[0])

    def done(self, outcome: Ordered | NotOrdered) -> Done:
        """Return what was executed. Raises: Refused, RowChanged, Rejected, Unavailable."""
        if isinstance(outcome, NotOrdered):
            if outcome.waits:
                raise Unavailable(outcome.message)
            raise Rejected(outcome.code, outcome.message)
        if not outcome.receipt.is_ok:
            raise self.refused(outcome)
        return Done(
            identifier=outcome.identifier,
            height=outcome.height,
            position=outcome.position,
            results=outcome.receipt.results,
        )

    def refused(self, outcome: Ordered) -> Refused:
        """Return the error of a refused transaction."""
        receipt = outcome.receipt
        kind = RowChanged if (receipt.app, receipt.code) == ROW_CHANGED else Refused
        return kind(
            self.transport.explain(receipt),
            call_index=receipt.call_index or 0,
            identifier=b"" if self._is_rehearsal else outcome.identifier,
            height=0 if self._is_rehearsal else outcome.height,
            name_of=self.transport.name_of,
        )

    def _signer(self) -> Signer:
        if self._key is None:
            raise ConfigError("this ledger was opened for reading: open it with a key to sign")
        return self._key


class Table:
    """A shared table."""

    def __init__(self, ledger: Ledger, schema: TableSchema) -> None:
        self.ledger = ledger
        self.schema = schema
        self.name = schema.name

    def __getitem__(self, key: ColumnValue | tuple[ColumnValue, ...]) -> Row:
        row = self.find(key)
        if row is None:
            raise KeyError(key)
        return row

    def __len__(self) -> int:
        return self.ledger.transport.rows_count(self.name)

    def find(self, key: ColumnValue | tuple[ColumnValue, ...]) -> Row | None:
        """Return the row with ``key``, or None."""
        return self.row_of(self.ledger.transport.rows(self.schema, [_key(key)])[0])

    def row_of(self, found: LiveRow | None) -> Row | None:
        """Return a row by column name."""
        if found is None:
            return None
        pairs = zip(self.schema.columns, found.values, strict=True)
        fields = {column.name: value for column, value in pairs if not column.retired}
        return Row(fields=fields, owner=found.owner, row_hash=found.row_hash)

    def add(self, **values: ColumnValue) -> Done:
        """Add one row. Raises: as ``Ledger.call``."""
        return self.ledger.call(
            f"{_TABLES}.add",
            table=self.name,
            rows=[list(values.values())],
            columns=list(values),
        )

    def add_many(
        self, rows: Iterable[Mapping[str, ColumnValue]], batch: int = IMPORT_BATCH_ROWS
    ) -> list[Done]:
        """Add rows, one transaction for each ``batch`` of them; return what was done of each.

        Raises: as ``Ledger.call``; the batches before the refused one stay.
        """
        done = []
        for items in _batches(rows, batch):
            columns = list(dict.fromkeys(name for item in items for name in item))
            values = [[item.get(name) for name in columns] for item in items]
            call = {"table": self.name, "rows": values, "columns": columns}
            done.append(self.ledger.call(f"{_TABLES}.add", **call))
        return done

    def set(
        self,
        key: ColumnValue | tuple[ColumnValue, ...],
        *,
        if_match: str | None = None,
        **values: ColumnValue,
    ) -> Done:
        """Change some columns of a row that is as it was read.

        Args:
            if_match: ``etag`` of the row when it was read; by default it is read now.
        Raises: KeyError, without such a row; RowChanged; else as ``Ledger.call``.

        """
        named = dict(zip(self.schema.key, _key(key), strict=True)) | values
        call = {
            "table": self.name,
            "rows": [list(named.values())],
            "seen": [self._seen(key, if_match)],
            "columns": list(named),
        }
        return self._change(f"{_TABLES}.change", key, values, call)

    def remove(
        self, key: ColumnValue | tuple[ColumnValue, ...], *, if_match: str | None = None
    ) -> Done:
        """Remove a row that is as it was read. Raises: as ``set``."""
        call = {"table": self.name, "keys": [list(_key(key))], "seen": [self._seen(key, if_match)]}
        return self._change(f"{_TABLES}.remove", key, {}, call)

    def history(self, key: ColumnValue | tuple[ColumnValue, ...]) -> Any:
        """Return every kept change of a row, oldest first: who, when, old and new."""
        return self.ledger.transport.history(self.name, _key(key))

    def _seen(self, key: ColumnValue | tuple[ColumnValue, ...], if_match: str | None) -> bytes:
        if if_match is None:
            return self[key].row_hash
        try:
            return bytes.fromhex(if_match)
        except ValueError:
            raise Malformed(f"{if_match!r} is no row hash: hex digits are needed") from None

    def _change(
        self,
        action: str,
        key: ColumnValue | tuple[ColumnValue, ...],
        mine: Mapping[str, ColumnValue],
        arguments: Mapping[str, Any],
    ) -> Done:
        try:
            return self.ledger.call(action, **arguments)
        except RowChanged as error:
            error.theirs = self.find(key)
            error.mine = mine
            raise


def _key(key: ColumnValue | tuple[ColumnValue, ...]) -> tuple[ColumnValue, ...]:
    return key if isinstance(key, tuple) else (key,)


def _batches(
    rows: Iterable[Mapping[str, ColumnValue]], size: int
) -> Iterator[list[Mapping[str, ColumnValue]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
