"""The way to a ledger through a node's HTTP interface, every call awaited; it believes what is proved.

The trust anchor is the genesis hash: receipts, and rows by key, are followed from there to the node's signature, unless
``is_verifying`` is off. SQL, views, history and lists are the node's word.

Invariant: a height never goes back: a proof of an older block than the newest one seen is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from comity.client import node_answers as answers
from comity.client.answers import SqlRows
from comity.client.asking import Asking
from comity.client.history import (
    BlockAnswer,
    DiffAnswer,
    Event,
    HistoryAnswer,
    RowDifference,
    RowHistory,
)
from comity.client.http_link import Ask
from comity.client.proofs import FoundRow, Proof, check_outcome, check_rows
from comity.client.submitting import Submitting
from comity.client.transport import Explanation, NotOrdered, Ordered, Parameters, Tip
from comity.client.watching import Following
from comity.crypto.ordered import encode_key
from comity.errors import Malformed, ProofInvalid, QueryError, Unavailable
from comity.limits import (
    CLIENT_LOOKED_UP_MAX,
    INVITATION_LEDGER_BYTES,
    READ_ROWS_MAX,
)
from comity.model import account
from comity.model.column import ColumnValue
from comity.model.genesis import Genesis
from comity.model.names import split_action
from comity.model.receipt import Receipt
from comity.model.schema import TableSchema

_EXACT = {"Accept": answers.MSGPACK, "Content-Type": answers.MSGPACK}
T = TypeVar("T")


class NodeTransport:
    """A way to one ledger.

    Args:
        genesis: of the ledger, checked against what its user trusts.
    """

    def __init__(self, asking: Asking, genesis: Genesis, *, is_verifying: bool = True) -> None:
        self.genesis = genesis
        self.is_verifying = is_verifying
        self._asking = asking
        self._submitting = Submitting(asking, genesis.hash)
        self._height_seen = 0
        self._apps: answers.AppsAnswer | None = None
        self._names: dict[bytes, str | None] = {}
        self._blocks: dict[int, BlockAnswer] = {}

    @property
    def url(self) -> str:
        """Return the node's address."""
        return self._asking.link.url

    @classmethod
    async def open(
        cls, asking: Asking, genesis_hash: bytes | None, *, is_verifying: bool = True
    ) -> Self:
        """Ask a node which ledger it serves.

        Args:
            genesis_hash: of the ledger that the caller means, or its beginning, as an invitation holds it; None
                believes the node.
        Raises: ProofInvalid, when it is another ledger; Unavailable.
        """
        found = answers.json_of(await asking.get("/v1/ledger"), answers.LedgerAnswer)
        try:
            genesis = Genesis.decode(answers.from_hex(found.genesis_document))
        except Malformed as error:
            raise ProofInvalid(f"the node's genesis is none: {error}") from error
        if genesis_hash is not None and not (
            genesis.hash.startswith(genesis_hash) and len(genesis_hash) >= INVITATION_LEDGER_BYTES
        ):
            raise ProofInvalid(
                f"this node serves another ledger: {genesis.chain_id}, whose genesis hash is"
                f" {genesis.hash.hex()}; {genesis_hash.hex()} is the one that you trust"
            )
        return cls(asking, genesis, is_verifying=is_verifying)

    async def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Have signed transactions ordered; return one answer each, in order, once they are final.

        Raises: Unavailable: nobody knows yet what becomes of those that were sent; ProofInvalid.
        """
        found = await self._submitting.submit(transactions)
        for each in found:
            await self._check(each)
        return found

    async def submit_soon(self, transaction: bytes) -> None:
        """Hand in a signed transaction without waiting for it. Raises: Rejected, Unavailable."""
        await self._submitting.submit_soon(transaction)

    async def rehearse(self, transaction: bytes) -> Ordered | NotOrdered:
        """Return what would become of a signed transaction now; nothing is written, and nothing proves it."""
        headers = {"Content-Type": answers.CBOR, "Accept": answers.CBOR}
        ask = Ask(method="POST", path="/v1/rehearsals", headers=headers, body=transaction)
        reply = await self._asking.send(ask)
        if reply.status != 200:
            raise answers.error_of(reply)
        return answers.outcomes_of(reply)[0]

    async def outcome(self, identifier: bytes) -> Ordered | None:
        """Return what became of a transaction id, or None when no block holds it."""
        found = await self._submitting.outcome(identifier)
        if not isinstance(found, Ordered):
            return None
        await self._check(found)
        return found

    async def tip(self) -> Tip:
        """Return the last committed block."""
        found = answers.json_of(await self._asking.get("/v1/ledger"), answers.LedgerAnswer)
        return _read(lambda: found.tip)

    async def schema(self, table: str) -> TableSchema:
        """Return the schema of a table. Raises: QueryError."""
        found = await self._table(table)
        schema = _read(lambda: found.schema)
        if schema is None:
            raise QueryError("unknown-table", f"the table {table} was dropped")
        return schema

    async def rows_count(self, table: str) -> int:
        """Return how many rows a table has."""
        return (await self._table(table)).rows

    async def rows(
        self, schema: TableSchema, keys: Sequence[Sequence[ColumnValue]]
    ) -> list[FoundRow | None]:
        """Return the row of each key, or None, in order. Cost: a request a key; of many keys, a proof of a range."""
        if len(keys) <= CLIENT_LOOKED_UP_MAX:
            return [await self._row(schema, key) for key in keys]
        found = await self._rows_between(schema, sorted(set(map(tuple, keys)), key=encode_key))
        return [found.get(tuple(key)) for key in keys]

    async def prove_row(self, schema: TableSchema, key: Sequence[ColumnValue]) -> Proof:
        """Return the checked proof of a row and who wrote it, or of its absence. Raises: ProofInvalid, QueryError."""
        data = answers.bytes_of(await self._asking.get(_row_path(schema, key) + "/proof"))
        verdict, _, _ = check_rows(data, self.genesis.hash, schema.name, key, key)
        self._see(verdict.height)
        return Proof(data=data, verdict=verdict)

    async def prove_transaction(self, identifier: bytes, height: int | None = None) -> bytes:
        """Return the proof of a transaction and its receipt, as of a height. Raises: QueryError."""
        query = {} if height is None else {"at": str(height)}
        return answers.bytes_of(
            await self._asking.get(f"/v1/proofs/transactions/{identifier.hex()}", query)
        )

    async def history(self, table: str, key: Sequence[ColumnValue]) -> RowHistory:
        """Return the life of a row. Raises: QueryError."""
        schema = await self.schema_ever(table)
        reply = await self._asking.get(_row_path(schema, key) + "/history")
        found = answers.json_of(reply, HistoryAnswer)
        return _read(lambda: found.read(schema, key))

    async def diff(self, table: str, older: int, newer: int | None = None) -> list[RowDifference]:
        """Return the rows that two heights have differently, in key order. Raises: QueryError."""
        schema = await self.schema_ever(table)
        query = {"from": str(older), "limit": str(READ_ROWS_MAX)}
        if newer is not None:
            query["to"] = str(newer)
        rows: list[RowDifference] = []
        while True:
            reply = await self._asking.get(f"/v1/tables/{quote(table)}/diff", query)
            page = answers.json_of(reply, DiffAnswer)
            rows += _read_page(page, schema)
            if page.next is None:
                return rows
            query["after"] = page.next

    async def schema_ever(self, table: str) -> TableSchema:
        """Return the newest schema of a table. Raises: QueryError."""
        return await self.schema(table)

    async def sql(self, query: str, parameters: Parameters, height: int | None) -> SqlRows:
        """Return the answer to a read-only query, which nothing proves. Raises: QueryError."""
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        asked = {"sql": query, "parameters": given} | ({} if height is None else {"at": height})
        ask = Ask(method="POST", path="/v1/sql", headers=_EXACT, body=_packed(asked))
        return answers.answer_of(await self._asking.send(ask))

    async def view(self, view: str, arguments: Mapping[str, Any]) -> Any:
        """Return what ``app.view`` says. Raises: QueryError."""
        app, name = split_action(view)
        ask = Ask(
            method="POST", path=f"/v1/apps/{quote(app)}/{quote(name)}", headers=_EXACT,
            body=_packed(dict(arguments)),
        )  # fmt: skip
        reply = await self._asking.send(ask)
        if reply.status == 404 and answers.problem_of(reply).code == "not-found":
            raise await self._no_view(app, name)
        return answers.view_of(reply)

    async def explain(self, receipt: Receipt) -> Explanation:
        """Return a refusal in the words of its application."""
        found = (await self._declared()).find(receipt.app, receipt.code or 0)
        if found is not None:
            return found.explain(receipt)
        name = f"refused by {receipt.app or 'comity'} with number {receipt.code}"
        return Explanation(
            app=receipt.app, number=receipt.code or 0, name=f"Number{receipt.code}",
            sentence=f"The node does not say what it means: {name}.", fix="", fields=receipt.fields,
        )  # fmt: skip

    async def name_of(self, account_id: bytes) -> str | None:
        """Return the name of a member, or None."""
        if account_id not in self._names:
            found = await self._members({"account": account.to_text(account_id)})
            self._names[account_id] = found[0][1] if found else None
        return self._names[account_id]

    async def account_named(self, name: str) -> bytes | None:
        """Return the account of the member of a name, or None."""
        found = await self._members({"name": name})
        return account.from_text(found[0][0]) if found else None

    async def account_of_key(self, public_key: bytes) -> bytes | None:
        """Return the account that has a key, or None."""
        reply = await self._asking.get("/v1/keys", {"key": public_key.hex()})
        found = answers.json_of(reply, answers.KeysAnswer).keys
        return _read(lambda: account.from_text(found[0].account)) if found else None

    def follow(self, schema: TableSchema, since: int | None) -> Following:
        """Return the changes of a table behind a height, or from now on; it goes on over lost connections."""

        async def start() -> str:
            height = (await self.tip()).height if since is None else since
            return str((await self._block(height)).log_size - 1)

        return Following(self._asking.link, schema, start, self._asking.delay_s)

    async def event(self, position: int) -> Event:
        """Return who made the log entry at a position, and when. Cost: a request for each halving of the heights."""
        low, high = 0, (await self.tip()).height
        while low < high:
            middle = (low + high) // 2
            found = await self._block(middle)
            low, high = (low, middle) if found.log_size > position else (middle + 1, high)
        block = await self._block(low)
        return _read(lambda: block.event(position))

    async def close(self) -> None:
        """Close the connections."""
        await self._asking.link.close()

    async def _table(self, table: str) -> answers.TableAnswer:
        return answers.json_of(
            await self._asking.get(f"/v1/tables/{quote(table, safe='')}"), answers.TableAnswer
        )

    async def _row(self, schema: TableSchema, key: Sequence[ColumnValue]) -> FoundRow | None:
        if not self.is_verifying:
            return await self._row_unproved(schema, key)
        data = answers.bytes_of(await self._asking.get(_row_path(schema, key) + "/proof"))
        verdict, proved, rows = check_rows(data, self.genesis.hash, schema.name, key, key)
        self._see(verdict.height)
        found = rows.get(tuple(key))
        if found is not None and proved.columns[: len(schema.columns)] != schema.columns:
            raise QueryError("unknown-table", f"the columns of {schema.name} changed: open it anew")
        return found

    async def _row_unproved(
        self, schema: TableSchema, key: Sequence[ColumnValue]
    ) -> FoundRow | None:
        reply = await self._asking.get(_row_path(schema, key))
        if reply.status in (404, 410) and answers.problem_of(reply).code in answers.GONE:
            return None
        found = answers.json_of(reply, _Row)
        return _read(lambda: found.read(schema))

    async def _rows_between(
        self, schema: TableSchema, keys: Sequence[tuple[Any, ...]]
    ) -> dict[tuple[ColumnValue, ...], FoundRow]:
        """Return the rows with some keys, which are in order, proved by ranges with as many rows as a bundle holds."""
        if len(keys) <= CLIENT_LOOKED_UP_MAX:
            rows = [(key, await self._row(schema, key)) for key in keys]
            return {key: row for key, row in rows if row is not None}
        low, high = keys[0], keys[-1]
        columns = schema.key_columns
        query = {"low": answers.key_text(low, columns), "high": answers.key_text(high, columns)}
        try:
            data = answers.bytes_of(
                await self._asking.get(f"/v1/proofs/tables/{quote(schema.name, safe='')}", query)
            )
        except QueryError as error:
            if error.code != "too-costly":
                raise
            middle = len(keys) // 2
            first = await self._rows_between(schema, keys[:middle])
            return first | await self._rows_between(schema, keys[middle:])
        verdict, _, found = check_rows(data, self.genesis.hash, schema.name, low, high)
        self._see(verdict.height)
        return found

    async def _block(self, height: int) -> BlockAnswer:
        if height not in self._blocks:
            reply = await self._asking.get(f"/v1/blocks/{height}")
            self._blocks[height] = answers.json_of(reply, BlockAnswer)
        return self._blocks[height]

    async def _members(self, query: Mapping[str, str]) -> list[tuple[str, str]]:
        reply = await self._asking.get("/v1/members", query)
        if reply.status == 404:  # a ledger without the app members
            return []
        return [
            (each.account, each.name)
            for each in answers.json_of(reply, answers.MembersAnswer).members
        ]

    async def _declared(self) -> answers.AppsAnswer:
        if self._apps is None:
            self._apps = answers.json_of(await self._asking.get("/v1/apps"), answers.AppsAnswer)
        return self._apps

    async def _no_view(self, app: str, name: str) -> QueryError:
        apps = [each.name for each in (await self._declared()).apps]
        if app in apps:
            return QueryError("unknown-view", f"{app} has no view {name}; see comity view")
        known = ", ".join(apps)
        return QueryError("unknown-app", f"this ledger has no app {app}; it has {known}")

    async def _check(self, outcome: Ordered | NotOrdered) -> None:
        """Have a receipt proved, as of its block. Raises: ProofInvalid."""
        if isinstance(outcome, Ordered) and self.is_verifying:
            try:
                data = await self.prove_transaction(outcome.identifier, outcome.height)
            except QueryError as error:
                raise ProofInvalid(f"the node cannot prove its receipt: {error}") from error
            check_outcome(data, self.genesis.hash, outcome)
            self._height_seen = max(self._height_seen, outcome.height)

    def _see(self, height: int) -> None:
        """Refuse to be taken back in time."""
        if height < self._height_seen:
            raise ProofInvalid(
                f"the node answered from block {height}, but block {self._height_seen} was final"
                " already: it is behind, or goes back on its word"
            )
        self._height_seen = height


class _Row(msgspec.Struct):
    row: dict[str, Any]
    height: int

    def read(self, schema: TableSchema) -> FoundRow:
        """Return the row, unproved. Raises: Malformed."""
        owner = self.row.get("_owner")
        fields = answers.fields_of(self.row, schema)
        return FoundRow(
            values=tuple(fields.get(column.name) for column in schema.columns),
            owner=None if owner is None else account.from_text(owner),
            row_hash=answers.from_hex(self.row.get("_hash")),
            height=self.height,
            is_verified=False,
        )


def _row_path(schema: TableSchema, key: Sequence[ColumnValue]) -> str:
    if len(key) != len(schema.key) or None in key:
        names = ", ".join(schema.key)
        raise QueryError("arguments", f"the key of {schema.name} has the columns {names}")
    text = answers.key_text(key, schema.key_columns)
    return f"/v1/tables/{quote(schema.name, safe='')}/rows/{quote(text, safe='')}"


def _packed(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (TypeError, OverflowError) as error:
        raise QueryError("arguments", f"a value that cannot be sent: {error}") from error


def _read_page(page: DiffAnswer, schema: TableSchema) -> list[RowDifference]:
    return _read(lambda: page.read(schema))


def _read(read: Callable[[], T]) -> T:
    """Return what ``read`` makes of an answer. Raises: Unavailable, when it is none."""
    try:
        return read()
    except Malformed as error:
        raise Unavailable(f"this is no answer of a Comity node: {error}") from error
