"""What became of an invitation that a link names: open, or why it lets nobody in any more.

Invariant: nothing here needs or learns the part of a link that lets somebody join; looking uses nothing up.
"""

from typing import Any, Literal, TypeAlias

import apsw
import msgspec

from comity.client.invitation import TICKET_DIGITS, ticket
from comity.crypto import cbor
from comity.limits import PUBLIC_KEY_BYTES
from comity.model.genesis import Genesis
from comity.query.history import event_at, row_history

State: TypeAlias = Literal[
    "open", "expired", "used-up", "withdrawn", "void", "unknown", "other-ledger"
]
_ADMIN, _EVERYONE = "admin", "member"  # roles of the app members
_INVITATION = (
    "SELECT public_key, inviter, role, uses_left, expires_ns, _from FROM members__invitation"
    " WHERE public_key BETWEEN ? AND ? LIMIT 1"
)
_MEMBER = "SELECT name, status FROM members__member WHERE account = ?"
_HOLDS = "SELECT 1 FROM members__role_holder WHERE account = ? AND role = ?"
_INVITERS = "SELECT value FROM comity_parameter WHERE app = 'members' AND name = 'inviters'"


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation as things are.

    Args:
        inviter: name of the member who gave it; role: that a guest gets, None for none.
        expires_ns: last moment of use, nanoseconds UTC.
    """

    state: State
    inviter: str | None = None
    role: str | None = None
    uses_left: int | None = None
    expires_ns: int | None = None


def invited(connection: apsw.Connection, genesis: Genesis, name: str, now_ns: int) -> Invited:
    """Return what became of the invitation with a ticket.

    Args:
        connection: one that may read the whole file, such as ``guard.connect`` opens.
    """
    ledger, _, digits = name.rpartition("-")
    if ledger != ticket(genesis, b"").rpartition("-")[0]:
        return Invited(state="other-ledger")
    row = _find(connection, digits)
    if row is None:
        return Invited(state="unknown")
    _, inviter, role, uses_left, expires_ns, _ = row
    member = _one(connection, _MEMBER, inviter)
    return Invited(
        state=_state(connection, row, now_ns),
        inviter=None if member is None else member[0],
        role=role,
        uses_left=uses_left,
        expires_ns=expires_ns,
    )


def _find(connection: apsw.Connection, digits: str) -> Any:
    try:
        start = bytes.fromhex(digits)
    except ValueError:
        return None
    if len(digits) != TICKET_DIGITS:
        return None
    rest = PUBLIC_KEY_BYTES - len(start)
    try:
        return _one(connection, _INVITATION, start + bytes(rest), start + b"\xff" * rest)
    except apsw.SQLError:  # a ledger without the app members
        return None


def _state(connection: apsw.Connection, row: Any, now_ns: int) -> State:
    _, inviter, role, uses_left, expires_ns, position = row
    if uses_left == 0:
        return "used-up" if _let_join(connection, position) else "withdrawn"
    if expires_ns < now_ns:
        return "expired"
    return "open" if _may_invite(connection, inviter, role) else "void"


def _let_join(connection: apsw.Connection, position: int) -> bool:
    """Tell whether the log entry that changed an invitation last made its sender a member."""
    sender = event_at(connection, position).sender
    if sender is None:
        return False
    changes = row_history(connection, "members__member", (sender,)).changes
    return bool(changes) and changes[0].event.position == position


def _may_invite(connection: apsw.Connection, inviter: bytes, role: str | None) -> bool:
    """Tell whether the inviter could give the invitation today; the rules say so when somebody joins."""
    member = _one(connection, _MEMBER, inviter)
    if member is None or member[1] != "active":
        return False
    (value,) = _one(connection, _INVITERS) or (None,)
    who = _ADMIN if value is None else cbor.decode(value, size_max=len(value))
    needed = [who] if role is None else [who, _ADMIN]
    return all(
        one == _EVERYONE or _one(connection, _HOLDS, inviter, one) is not None for one in needed
    )


def _one(connection: apsw.Connection, sql: str, *values: Any) -> Any:
    return connection.execute(sql, values).fetchone()
