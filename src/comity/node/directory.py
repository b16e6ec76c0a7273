"""Who is on a ledger: members with their roles, and keys with their accounts, read for lists of bounded length.

Invariant: what is listed is what the last block says; a list goes on behind the last account or key of the one before.
"""

from pathlib import Path
from typing import Any

import apsw
import msgspec

from comity.errors import QueryError
from comity.model.account import account_id, to_text
from comity.query.guard import connect

_MEMBERS = (
    "SELECT account, name, status, joined_height,"
    " (SELECT group_concat(role) FROM members__role_holder r WHERE r.account = m.account)"
    " FROM members__member m WHERE "
)
_ALL = _MEMBERS + "account > ? ORDER BY account LIMIT ?"
_NAMED = _MEMBERS + "name = ?"
_OF_ACCOUNT = _MEMBERS + "account = ?"
_COLUMNS = "SELECT key, account, kind, scope, valid_until FROM comity_key "
_KEYS = _COLUMNS + "WHERE account = ? ORDER BY key"
_KEY = _COLUMNS + "WHERE account = ? AND key = ?"
_ANY_KEY = _COLUMNS + "WHERE key = ? ORDER BY account"
KEY_TYPES = {1: "ed25519"}


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member: an account with a name."""

    account: str
    name: str
    status: str
    roles: list[str]
    joined_height: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key, in hex, and the account that it may sign for.

    Args:
        scope: owner may change keys, daily may not.
        valid_until: nanoseconds UTC of block time, or None.

    """

    key: str
    account: str
    type: str
    scope: str
    valid_until: int | None = None


def members(connection: apsw.Connection, after: bytes, limit: int) -> list[Member]:
    """Return members in the order of their accounts, behind ``after``. Raises: QueryError."""
    return _members(connection, _ALL, (after, limit))


def member_named(connection: apsw.Connection, name: str) -> list[Member]:
    """Return the member of a name, or nobody. Raises: QueryError."""
    return _members(connection, _NAMED, (name,))


def member_of(connection: apsw.Connection, account: bytes) -> list[Member]:
    """Return the member that an account is, or nobody. Raises: QueryError."""
    return _members(connection, _OF_ACCOUNT, (account,))


def keys_of(connection: apsw.Connection, account: bytes) -> list[Key]:
    """Return the keys of an account, at most ``KEYS_PER_ACCOUNT_MAX``."""
    return _keys(connection, _KEYS, (account,))


def founding_key(connection: apsw.Connection, public_key: bytes) -> list[Key]:
    """Return a key that still belongs to the account that it founded, or none."""
    return _keys(connection, _KEY, (account_id(public_key), public_key))


def search_key(database: Path, public_key: bytes) -> list[Key]:
    """Return a key with every account that has it. Cost: a scan of all keys; for a thread beside the event loop."""
    connection = connect(database)
    try:
        return _keys(connection, _ANY_KEY, (public_key,))
    finally:
        connection.close()


def _members(connection: apsw.Connection, sql: str, values: tuple[Any, ...]) -> list[Member]:
    execute: Any = (
        connection.execute
    )  # a column may hold anything; these hold what their table declares
    try:
        rows = execute(sql, values).fetchall()
    except apsw.SQLError as error:
        raise QueryError("unknown-app", "this ledger has no app members") from error
    return [
        Member(
            account=to_text(account), name=name, status=status,
            roles=sorted(roles.split(",")) if roles else [], joined_height=height,
        )
        for account, name, status, height, roles in rows
    ]  # fmt: skip


def _keys(connection: apsw.Connection, sql: str, values: tuple[Any, ...]) -> list[Key]:
    execute: Any = connection.execute
    return [
        Key(
            key=key.hex(), account=to_text(account), type=KEY_TYPES.get(kind, str(kind)),
            scope=scope, valid_until=valid_until,
        )
        for key, account, kind, scope, valid_until in execute(sql, values)
    ]  # fmt: skip
