"""The Python client, every call awaited; ``client.ledger`` is the same for callers that block, and runs this code.

Invariant: what a method returns is final, unless it was told not to wait, and was signed by the key that the ledger was
opened with; a refused call raises.
"""

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

import msgspec

from comity.client.answers import Answer, answer_from
from comity.client.finish import settled
from comity.client.node_transport import NodeTransport
from comity.client.proofs import Proof
from comity.client.refused import ROW_CHANGED, Refused, RowChanged
from comity.client.row import Row
from comity.client.row_source import Rows, batches
from comity.client.signing import Signer, sign_calls, valid_until
from comity.client.transport import LiveRow, NotOrdered, Ordered, Parameters, Tip, Transport
from comity.client.unknown_key import unknown_key
from comity.client.watching import Change
from comity.errors import ConfigError, Malformed, Rejected, Unavailable
from comity.limits import (
    CLIENT_TIP_AGE_S,
    IMPORT_BATCH_ROWS,
    SALT_BYTES,
    SECOND_NS,
    TRANSACTION_BYTES_MAX,
)
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema
from comity.model.transaction import Call

Clock = Callable[[], int]
Progress = Callable[[int], None]  # rows that are settled
Key: TypeAlias = ColumnValue | tuple[ColumnValue, ...]
_TABLES = "tables"  # the app of shared tables


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that was executed: its id, where it stands, and the result of each call.

    Args:
        is_final: False when nobody waited: nothing but the id is known yet.
    """

    identifier: bytes
    height: int = 0
    position: int = -1
    results: tuple[Any, ...] = ()
    is_final: bool = True

    @property
    def result(self) -> Any:
        """Return the first call's result."""
        return self.results[0] if self.results else None


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction ready to be sent: its bytes, its id, and when it can no longer be ordered."""

    data: bytes
    identifier: bytes
    expires_ns: int


class AsyncLedger:
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
        transport: NodeTransport | Transport,
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
        self._tip: tuple[Tip, int] | None = None  # and when it was asked for

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the ledger."""
        await settled(self.transport.close())

    @property
    def chain_id(self) -> str:
        """Return the ledger's name for ever: its name and the start of its genesis hash."""
        return self.transport.genesis.chain_id

    async def account(self) -> bytes:
        """Return the 20-byte account that acts.

        Raises: ConfigError, when there is no key; Rejected, when no account has it.
        """
        if self._account is None:
            public_key = self._signer().public_key
            found: bytes | None = await settled(self.transport.account_of_key(public_key))
            if found is None:
                raise await unknown_key(self.transport, public_key)
            self._account = found
        return self._account

    async def tip(self) -> Tip:
        """Return the last committed block."""
        tip: Tip = await settled(self.transport.tip())
        self._tip = tip, self._clock()
        return tip

    async def table(self, name: str) -> "AsyncTable":
        """Return a table. Raises: QueryError, when there is none of this name."""
        schema: TableSchema = await settled(self.transport.schema(name))
        return AsyncTable(self, schema)

    async def sql(self, query: str, parameters: Parameters = (), at: int | None = None) -> Answer:
        """Return the answer to a read-only query, as of height ``at`` or now; nothing proves it. Raises: QueryError."""
        return answer_from(await settled(self.transport.sql(query, parameters, at)))

    async def view(self, view: str, /, **arguments: Any) -> Any:
        """Return what the view ``app.view`` says. Raises: QueryError."""
        return await settled(self.transport.view(view, arguments))

    async def call(self, action: str, /, **arguments: Any) -> Done:
        """Sign and send one call of ``app.action``; return once it is final.

        Raises: Refused, RowChanged, Rejected, Unavailable, ProofInvalid.
        """
        return await self.send(await self.sign([Call(action, arguments)]))

    async def join(self, action: str, /, **arguments: Any) -> Done:
        """Sign and send a call by an account that is not there yet. Raises: as ``call``."""
        return await self.send(await self.sign([Call(action, arguments)], is_joining=True))

    async def sign(self, calls: Sequence[Call], *, is_joining: bool = False) -> Signed:
        """Return a signed transaction. Raises: ConfigError, Malformed, Rejected (too large)."""
        key, genesis = self._signer(), self.transport.genesis
        expires = valid_until(self._clock(), await self._last_block_ns(), genesis.block_interval_s)
        transaction = sign_calls(
            key,
            calls,
            genesis_hash=genesis.hash,
            expires_ns=expires,
            salt=self._salts(SALT_BYTES),
            account=None if is_joining else await self.account(),
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

    async def send(self, signed: Signed, *, wait: bool = True) -> Done:
        """Have a signed transaction ordered; sending it again answers the same.

        Args:
            wait: False returns as soon as the node has it; ``outcome`` tells later what became of it.
        Raises: as ``call``.
        """
        if self._is_rehearsal:
            return await self.done(await settled(self.transport.rehearse(signed.data)))
        if not wait:
            await settled(self.transport.submit_soon(signed.data))
            return Done(identifier=signed.identifier, is_final=False)
        found: list[Ordered | NotOrdered] = await settled(self.transport.submit([signed.data]))
        return await self.done(found[0])

    async def outcome(self, identifier: bytes) -> Done | None:
        """Return what was executed under an id, None when no block holds it. Raises: Refused, RowChanged."""
        found: Ordered | None = await settled(self.transport.outcome(identifier))
        return None if found is None else await self.done(found)

    async def done(self, outcome: Ordered | NotOrdered) -> Done:
        """Return what was executed. Raises: Refused, RowChanged, Rejected, Unavailable."""
        if isinstance(outcome, NotOrdered):
            if outcome.waits:
                raise Unavailable(outcome.message)
            raise Rejected(outcome.code, outcome.message)
        if not outcome.receipt.is_ok:
            raise await self.refused(outcome)
        return Done(
            identifier=outcome.identifier,
            height=outcome.height,
            position=outcome.position,
            results=outcome.receipt.results,
        )

    async def refused(self, outcome: Ordered) -> Refused:
        """Return the error of a refused transaction."""
        receipt = outcome.receipt
        kind = RowChanged if (receipt.app, receipt.code) == ROW_CHANGED else Refused
        explanation: Any = await settled(self.transport.explain(receipt))
        names: dict[bytes, str | None] = {}
        for name in explanation.accounts:
            value = explanation.fields.get(name)
            if isinstance(value, bytes):
                names[value] = await settled(self.transport.name_of(value))
        return kind(
            explanation,
            call_index=receipt.call_index or 0,
            identifier=b"" if self._is_rehearsal else outcome.identifier,
            height=0 if self._is_rehearsal else outcome.height,
            name_of=names.get,
        )

    async def _last_block_ns(self) -> int:
        """Return the last block's time, which matters only where this machine's clock is behind it."""
        if self._tip is None or self._clock() - self._tip[1] > CLIENT_TIP_AGE_S * SECOND_NS:
            return (await self.tip()).time_ns
        return self._tip[0].time_ns

    def _signer(self) -> Signer:
        if self._key is None:
            raise ConfigError("this ledger was opened for reading: open it with a key to sign")
        return self._key


class AsyncTable:
    """A shared table."""

    def __init__(self, ledger: AsyncLedger, schema: TableSchema) -> None:
        self.ledger = ledger
        self.schema = schema
        self.name = schema.name

    async def __getitem__(self, key: Key) -> Row:
        row = await self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    async def count(self) -> int:
        """Return how many rows the table has."""
        return await settled(self.ledger.transport.rows_count(self.name))

    async def get(self, key: Key) -> Row | None:
        """Return the row with ``key``, or None. Raises: ProofInvalid."""
        keys = [key_of(key)]
        found: Sequence[Any] = await settled(self.ledger.transport.rows(self.schema, keys))
        return self.row_of(found[0])

    def row_of(self, found: LiveRow | None) -> Row | None:
        """Return a row by column name."""
        if found is None:
            return None
        pairs = zip(self.schema.columns, found.values, strict=False)
        return Row(
            fields={column.name: value for column, value in pairs if not column.retired},
            owner=found.owner,
            row_hash=found.row_hash,
            height=getattr(found, "height", None),
            is_verified=getattr(
                found, "is_verified", True
            ),  # a folder's own file is no node's word
        )

    async def add(
        self, row: Mapping[str, ColumnValue] | None = None, /, *, wait: bool = True, **values: Any
    ) -> Done:
        """Add one row.

        Args:
            row: values by column, for columns that are called ``wait``; ``values`` beside it.
            wait: False returns as soon as the node has it.
        Raises: as ``AsyncLedger.call``.
        """
        given = {**(row or {}), **values}
        return await self._send("add", wait, rows=[list(given.values())], columns=list(given))

    async def add_many(
        self, rows: Rows, batch: int = IMPORT_BATCH_ROWS, progress: Progress = lambda _: None
    ) -> list[Done]:
        """Add rows, one transaction for each ``batch`` of them; return what was done of each.

        Args:
            rows: mappings by column name, a pandas or polars DataFrame, or whatever gives an Arrow stream.
            progress: is told after each batch how many rows are in.
        Raises: as ``AsyncLedger.call``; the batches before the refused one stay.
        """
        done: list[Done] = []
        count = 0
        for items in batches(rows, self.schema, batch):
            done += await self._add_batch(items)
            count += len(items)
            progress(count)
        return done

    async def set(
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

        Args:
            row: values by column, beside ``values``.
            if_match: ``etag`` of the row when it was read; by default it is read now.
        Raises: KeyError, without such a row; RowChanged; else as ``AsyncLedger.call``.

        """
        mine = {**(row or {}), **values}
        named = dict(zip(self.schema.key, key_of(key), strict=True)) | mine
        call = {
            "rows": [list(named.values())],
            "seen": [await self._seen(key, if_match)],
            "columns": list(named),
        }
        return await self._change("change", key, mine, call, wait=wait)

    async def remove(self, key: Key, *, if_match: str | None = None, wait: bool = True) -> Done:
        """Remove a row that is as it was read. Raises: as ``set``."""
        call = {"keys": [list(key_of(key))], "seen": [await self._seen(key, if_match)]}
        return await self._change("remove", key, {}, call, wait=wait)

    async def history(self, key: Key) -> Any:
        """Return every kept change of a row, oldest first: who, when, old and new."""
        return await settled(self.ledger.transport.history(self.name, key_of(key)))

    async def diff(self, older: int, newer: int | None = None) -> Any:
        """Return the rows that two heights have differently, in key order. Raises: QueryError."""
        return await settled(self.ledger.transport.diff(self.name, older, newer))

    async def prove(self, key: Key) -> Proof:
        """Return the checked proof of a row and who wrote it, or of its absence. Raises: ProofInvalid."""
        return await settled(self.ledger.transport.prove_row(self.schema, key_of(key)))

    def watch(self, since: int | None = None) -> AsyncIterator[Change]:
        """Return the changes of the table behind the block ``since``, or from now on, one after another, for ever.

        Raises, as they come: QueryError, when changes are not kept. A lost connection is made again, without gaps.
        """
        if not isinstance(self.ledger.transport, NodeTransport):
            raise ConfigError("only a node is followed awaited")
        return self.ledger.transport.follow(self.schema, since)

    async def _add_batch(self, items: Sequence[Mapping[str, ColumnValue]]) -> list[Done]:
        columns = list(dict.fromkeys(name for item in items for name in item))
        values = [[item.get(name) for name in columns] for item in items]
        try:
            return [await self._send("add", True, rows=values, columns=columns)]
        except Rejected as error:
            if error.code != "too-large" or len(items) == 1:
                raise
        middle = len(items) // 2
        return await self._add_batch(items[:middle]) + await self._add_batch(items[middle:])

    async def _send(self, verb: str, wait: bool, **arguments: Any) -> Done:
        call = Call(f"{_TABLES}.{verb}", {"table": self.name, **arguments})
        return await self.ledger.send(await self.ledger.sign([call]), wait=wait)

    async def _seen(self, key: Key, if_match: str | None) -> bytes:
        if if_match is None:
            return (await self[key]).row_hash
        try:
            return bytes.fromhex(if_match)
        except ValueError:
            raise Malformed(f"{if_match!r} is no row hash: hex digits are needed") from None

    async def _change(
        self,
        verb: str,
        key: Key,
        mine: Mapping[str, ColumnValue],
        arguments: Mapping[str, Any],
        *,
        wait: bool,
    ) -> Done:
        try:
            return await self._send(verb, wait, **arguments)
        except RowChanged as error:
            error.theirs = await self.get(key)
            error.mine = mine
            raise


def key_of(key: Key) -> tuple[ColumnValue, ...]:
    """Return a key as a tuple."""
    return key if isinstance(key, tuple) else (key,)
