"""Why a key may not act: it was never an account's here, or it is no account's any more.

Invariant: what is said comes from the history of the ledger's keys; where that is not kept, nothing is guessed.
"""

from typing import Any

from comity.client.answers import answer_from
from comity.client.finish import settled
from comity.client.node_transport import NodeTransport
from comity.client.transport import Transport
from comity.errors import QueryError, Rejected
from comity.model.account import to_text

_LAST = "SELECT hex(account) FROM comity_key__h WHERE key = ? ORDER BY _to DESC LIMIT 1"
_DIGITS_SHOWN = 12


async def unknown_key(transport: NodeTransport | Transport, public_key: bytes) -> Rejected:
    """Return the error of a key that no account has: who can help, and how."""
    name = f"key {public_key.hex()[:_DIGITS_SHOWN]}..."
    try:
        found = answer_from(await settled(transport.sql(_LAST, (public_key,), None))).rows()
    except QueryError:
        found = ()
    if not found:
        return Rejected(
            "unknown-account",
            f"{name} belongs to no account of this ledger: join with it, or sign with another key",
        )
    account = bytes.fromhex(str(found[0][0]))
    owner = await settled(transport.name_of(account)) or to_text(account)
    history: Any = await settled(transport.history("comity_key", (account, public_key)))
    last = history.changes[-1].event
    return Rejected(
        "unknown-key",
        f"{name} is no key of {owner} any more: it was removed in block {last.height}; {owner} can"
        " add it again with an owner key",
    )
