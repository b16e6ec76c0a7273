"""Sending signed transactions to a node until they are final.

A signed transaction has one id, and a ledger executes it once: so the same bytes are sent again when a connection was
lost or the node was busy, and after "not final yet" its receipt is asked for by id.

Invariant: an answer is of the transaction that was sent, or it is refused.
"""

from collections.abc import Sequence

from comity.client import node_answers as answers
from comity.client.asking import Asking
from comity.client.http_link import Ask, Reply
from comity.crypto import cbor
from comity.errors import ComityError, Malformed, ProofInvalid, Rejected, Unavailable
from comity.limits import CLIENT_REQUEST_BYTES, REQUEST_TRANSACTIONS_MAX
from comity.model.outcome import NotOrdered, Ordered
from comity.model.transaction import Transaction

_CBOR_HEADERS = {"Accept": answers.CBOR}
_PATH = "/v1/transactions"


class Submitting:
    """Sends transactions of the ledger with a genesis hash."""

    def __init__(self, asking: Asking, genesis_hash: bytes) -> None:
        self._asking = asking
        self._genesis_hash = genesis_hash

    async def submit(self, transactions: Sequence[bytes]) -> list[Ordered | NotOrdered]:
        """Return what became of each, in order, once they are final. Raises: Unavailable, ProofInvalid."""
        found: list[Ordered | NotOrdered] = []
        for part in _parts(transactions):
            found += await self._submit(part, self._asking.deadline())
        return found

    async def submit_soon(self, transaction: bytes) -> None:
        """Hand in a transaction without waiting for it. Raises: Rejected, Unavailable."""
        headers = {"Content-Type": answers.CBOR, "Prefer": "respond-async"}
        ask = Ask(method="POST", path=_PATH, body=transaction, headers=headers)
        reply = await self._asking.send(ask)
        if reply.status != 202:
            raise _rejected(reply)

    async def outcome(
        self, identifier: bytes, deadline: float | None = None
    ) -> Ordered | NotOrdered | bool:
        """Return what became of a transaction: True while it is in flight, False when the node does not know it."""
        ask = Ask(path=f"{_PATH}/{identifier.hex()}", headers=_CBOR_HEADERS)
        reply = await self._asking.send(ask, deadline)
        if reply.status in (202, 404):
            return reply.status == 202
        if reply.media_type != answers.CBOR:
            raise answers.error_of(reply)
        found = answers.outcomes_of(reply)[0]
        if isinstance(found, Ordered) and found.identifier != identifier:
            raise ProofInvalid("the node answered for another transaction")
        return found

    async def _submit(
        self, transactions: Sequence[bytes], deadline: float
    ) -> list[Ordered | NotOrdered]:
        headers = {"Content-Type": answers.CBOR, **_CBOR_HEADERS}
        body = cbor.encode(list(transactions))
        ask = Ask(method="POST", path=_PATH, body=body, headers=headers)
        reply = await self._asking.send(ask, deadline)
        if reply.status == 504:
            return [await self._await(data, deadline) for data in transactions]
        if reply.status == 413 and len(transactions) > 1:  # this node takes less in a request
            middle = len(transactions) // 2
            first = await self._submit(transactions[:middle], deadline)
            return first + await self._submit(transactions[middle:], deadline)
        if reply.media_type != answers.CBOR:
            raise _rejected(reply)
        found = answers.outcomes_of(reply)
        if len(found) != len(transactions):
            raise Unavailable("the node answered for another number of transactions")
        for data, each in zip(transactions, found, strict=True):
            if isinstance(each, Ordered) and each.identifier != self._identify(data):
                raise ProofInvalid("the node answered for another transaction")
        return [
            await self._submit_again(data, each, deadline)
            for data, each in zip(transactions, found, strict=True)
        ]

    async def _submit_again(
        self, transaction: bytes, answer: Ordered | NotOrdered, deadline: float
    ) -> Ordered | NotOrdered:
        """Send again what may yet be ordered."""
        tries = 0
        while isinstance(answer, NotOrdered) and answer.waits:
            if not await self._asking.pause(tries, deadline):
                break
            (answer,) = await self._submit([transaction], self._asking.clock())
            tries += 1
        return answer

    async def _await(self, transaction: bytes, deadline: float) -> Ordered | NotOrdered:
        """Ask for the receipt until the time is over, and send again what the node does not know."""
        identifier = self._identify(transaction)
        tries = 0
        while True:
            found = await self.outcome(identifier, deadline)
            if not isinstance(found, bool):
                return found
            if not found:
                await self.submit_soon(transaction)
            if not await self._asking.pause(tries, deadline):
                raise Unavailable(
                    f"not final after {self._asking.timeout_s:g} s: it goes on; ask for transaction"
                    f" {identifier.hex()}, or send the same again",
                    "unknown-yet",
                )
            tries += 1

    def _identify(self, transaction: bytes) -> bytes:
        """Return the id of a signed transaction; empty for bytes that are none."""
        try:
            return Transaction.decode(transaction).envelope.transaction_id(self._genesis_hash)
        except Malformed:
            return b""


def _parts(transactions: Sequence[bytes]) -> list[list[bytes]]:
    """Return the transactions in requests that a node takes."""
    parts: list[list[bytes]] = []
    size = 0
    for each in transactions:
        is_full = bool(parts) and len(parts[-1]) == REQUEST_TRANSACTIONS_MAX
        if not parts or is_full or size + len(each) > CLIENT_REQUEST_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(each)
        size += len(each)
    return parts


def _rejected(reply: Reply) -> ComityError:
    it = answers.problem_of(reply)
    return Unavailable(it.detail, it.code) if reply.status >= 500 else Rejected(it.code, it.detail)
