"""Blocks and transactions as answers.

Invariant: what is shown is what the log commits to, decoded; nothing is read from an application's table but a name.
"""

from collections.abc import Mapping
from typing import Any

import apsw

from comity.crypto import cbor
from comity.errors import Malformed, QueryError
from comity.limits import (
    ACCOUNT_ID_BYTES,
    CHANGES_MAX,
    JSON_INTEGER_MAX,
    READ_ROWS_MAX,
    TRANSACTION_BYTES_MAX,
)
from comity.model import account
from comity.model.block import Link
from comity.model.receipt import Receipt, unpack_stored
from comity.model.transaction import Transaction, decode_envelope
from comity.query.asof import Snapshot, snapshot_of
from comity.query.documents import (
    Block,
    BlockDetail,
    BlockEntry,
    Blocks,
    CallEntry,
    Refusal,
    TransactionDetail,
    to_json,
)
from comity.query.reads import BlockRead, BlocksRead, Found, TransactionRead
from comity.query.row import name_of
from comity.query.times import text_of

_BLOCK = "SELECT height, app_hash, log_size, evidence FROM main.comity_block WHERE height = ?"
_RISING = "SELECT height, app_hash, log_size FROM main.comity_block WHERE height > ? ORDER BY height LIMIT ?"
_FALLING = (
    "SELECT height, app_hash, log_size FROM main.comity_block WHERE height < ?"
    " ORDER BY height DESC LIMIT ?"
)
_COUNT = "SELECT count(*) FROM main.comity_transaction WHERE height = ? AND id IS NOT NULL"
_LINK = (
    "SELECT bytes FROM main.comity_transaction WHERE height = ? AND id IS NULL"
    " ORDER BY position LIMIT 1"
)
_ENTRIES = (
    "SELECT position, id, bytes, receipt FROM main.comity_transaction"
    " WHERE height = ? AND id IS NOT NULL ORDER BY position"
)
_TRANSACTION = (
    "SELECT id, height, position, bytes, receipt FROM main.comity_transaction"
    " WHERE id >= ? AND id <= ? LIMIT 2"
)
_ID_DIGITS = 64
_ID_DIGITS_MIN = 8
_HEX = "0123456789abcdef"


def ls(connection: apsw.Connection, read: BlocksRead) -> Found:
    """Return blocks: newest first, or rising from ``after`` for whoever follows them."""
    snapshot = snapshot_of(connection, None)
    most = CHANGES_MAX if read.is_rising else READ_ROWS_MAX
    if not 1 <= read.limit <= most:
        raise QueryError("over-limit", f"limit: 1 to {most:,}, not {read.limit}", "READ_ROWS_MAX")
    start = snapshot.height + 1 if read.after is None else read.after
    sql = _RISING if read.is_rising else _FALLING
    found: list[Any] = connection.execute(sql, (start, read.limit)).fetchall()
    blocks = [
        Block(
            height=height,
            app_hash=app_hash.hex(),
            time=_time(connection, height),
            log_size=log_size,
            transactions=_count(connection, height),
        )
        for height, app_hash, log_size in found
    ]
    is_more = len(blocks) == read.limit and (read.is_rising or blocks[-1].height > 0)
    return _found(snapshot, Blocks(blocks=blocks, next=blocks[-1].height if is_more else None))


def one(connection: apsw.Connection, read: BlockRead) -> Found:
    """Return a block and its transactions. Raises: QueryError. Cost: O(transactions of the block)."""
    snapshot = snapshot_of(connection, None)
    found = connection.execute(_BLOCK, (read.height,)).fetchone()
    if found is None:
        message = f"height {read.height} is not one of 0 to {snapshot.height}"
        raise QueryError("unknown-height", message)
    height, app_hash, log_size, evidence = found
    link = _link(connection, height)
    changed = connection.execute(
        "SELECT name FROM main.comity_root WHERE height = ? ORDER BY name", (height,)
    )
    document = BlockDetail(
        height=height,
        app_hash=app_hash.hex(),
        time=None if link is None else text_of(link.time_ns),
        log_size=log_size,
        proposer=None if link is None else link.proposer.hex(),
        evidence=None if evidence is None else evidence.hex(),
        tables=[name for (name,) in changed],
        transactions=[
            BlockEntry(
                position=position,
                id=identifier.hex(),
                account=account.to_text(_sender(data)),
                ok=Receipt.decode(unpack_stored(stored)[1]).is_ok,
            )
            for position, identifier, data, stored in connection.execute(_ENTRIES, (height,))
        ],
    )
    return _found(snapshot, document)


def transaction(connection: apsw.Connection, read: TransactionRead) -> Found:
    """Return a transaction and its receipt. Raises: QueryError."""
    snapshot = snapshot_of(connection, None)
    identifier, height, position, data, stored = stored_transaction(connection, read.identifier)
    sent = Transaction.decode(data)
    receipt_bytes = unpack_stored(stored)[1]
    receipt, sender = Receipt.decode(receipt_bytes), sent.envelope.sender
    document = TransactionDetail(
        id=identifier.hex(),
        height=height,
        position=position,
        time=_time(connection, height),
        account=account.to_text(sender),
        who=name_of(connection, sender),
        key=sent.envelope.kid.hex(),
        valid_until=text_of(sent.envelope.valid_until),
        calls=[
            CallEntry(action=call.action, arguments=loose(call.arguments)) for call in sent.calls
        ],
        ok=receipt.is_ok,
        results=[loose(value) for value in receipt.results],
        refusal=None
        if receipt.call_index is None
        else Refusal(
            call_index=receipt.call_index,
            app=receipt.app,
            number=receipt.code,
            fields=loose(receipt.fields),
        ),
        receipt=receipt_bytes.hex(),
    )
    return _found(snapshot, document)


def stored_transaction(connection: apsw.Connection, text: str) -> tuple[Any, ...]:
    """Return (id, height, position, bytes, stored receipt) of an id in hex, or of its first digits.

    Raises: QueryError.
    """
    if not _ID_DIGITS_MIN <= len(text) <= _ID_DIGITS or text.strip(_HEX):
        message = f"an id has {_ID_DIGITS_MIN} to {_ID_DIGITS} small hexadecimal digits"
        raise QueryError("arguments", message)
    bounds = (
        bytes.fromhex(text.ljust(_ID_DIGITS, "0")),
        bytes.fromhex(text.ljust(_ID_DIGITS, "f")),
    )
    found = connection.execute(_TRANSACTION, bounds).fetchall()
    if not found:
        raise QueryError("unknown-transaction", f"the log has no transaction {text}")
    if len(found) > 1:
        raise QueryError("arguments", f"several transactions begin with {text}: give more digits")
    return tuple(found[0])


def loose(value: Any) -> Any:
    """Return a value whose type nothing declares as JSON holds it; recursion is bounded by decoding."""
    if isinstance(value, bytes):
        return account.to_text(value) if len(value) == ACCOUNT_ID_BYTES else value.hex()
    if isinstance(value, Mapping):
        return {str(name): loose(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [loose(item) for item in value]
    is_large = type(value) is int and abs(value) > JSON_INTEGER_MAX
    return str(value) if is_large else value


def _sender(data: bytes) -> bytes:
    envelope, *_ = cbor.decode(data, size_max=TRANSACTION_BYTES_MAX)
    return decode_envelope(envelope).sender


def _count(connection: apsw.Connection, height: int) -> int:
    ((count,),) = connection.execute(_COUNT, (height,)).fetchall()
    return count  # type: ignore[return-value]  # what count(*) gives


def _time(connection: apsw.Connection, height: int) -> str | None:
    link = _link(connection, height)
    return None if link is None else text_of(link.time_ns)


def _link(connection: apsw.Connection, height: int) -> Link | None:
    """Return the link of a block; None for the genesis, or where it is not kept."""
    found = connection.execute(_LINK, (height,)).fetchone()
    try:
        return None if found is None else Link.decode(found[0])
    except Malformed:  # the genesis is no link
        return None


def _found(snapshot: Snapshot, document: Any) -> Found:
    return Found(height=snapshot.height, app_hash=snapshot.app_hash, body=to_json(document))
