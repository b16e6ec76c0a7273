"""Members: founders in the genesis, invitations, roles, suspension, and the keys of an account.

Genesis parameters of the app: ``inviters`` (role whose members may invite; ``member`` for all,
``admin`` by default) and ``open_joins_per_block`` (accounts that may join a block uninvited, 0 by
default).

Invariant: at least one active member has the role ``admin``.
"""

from typing import Annotated, Literal

from comity.sdk import (
    AccountId,
    App,
    Bytes,
    Hash,
    Integer,
    Row,
    Text,
    TimeNs,
)  # fmt: skip

ADMIN = "admin"  # gives and takes roles, admits, suspends
EVERYONE = "member"  # stands for all members where a role is asked for; nobody is given it
USES_MAX = 1_000

MemberName = Annotated[str, Text(80, chars_min=1)]
Role = Annotated[str, Text(40, chars_min=1)]
Uses = Annotated[int, Integer(1, USES_MAX)]
Signature = Annotated[bytes, Bytes(64, bytes_min=64)]
Height = Annotated[int, Integer(0, (1 << 63) - 1)]
Scope = Literal["owner", "daily"]

app = App(
    "members", version=1, grants=("accounts",), parameters=("inviters", "open_joins_per_block")
)


@app.table(key="account", unique=("name",))
class Member(Row):
    """One row per account: added when it joins, never deleted."""

    account: AccountId
    name: MemberName
    status: Literal["active", "suspended"] = "active"
    joined_height: Height
    admitted_by: AccountId | None = (
        None  # who invited or admitted; none for founders and open joining
    )


@app.table(key=("role", "account"), indexes=("account",))
class RoleHolder(Row):
    """One row for each role of each member."""

    role: Role
    account: AccountId
    given_by: AccountId | None = None  # none for founders


@app.table(key="id")
class Admins(Row):
    """One row: how many active members have the role ``admin``."""

    id: Annotated[int, Integer(0, 0)] = 0
    active: Annotated[int, Integer(1, (1 << 63) - 1)]


@app.table(key="public_key", indexes=("inviter",))
class Invitation(Row):
    """A key pair whose holder may join; the ledger knows its public key alone."""

    public_key: Hash
    inviter: AccountId
    role: Role | None = None  # that the joiner gets
    uses_left: Annotated[int, Integer(0, USES_MAX)]
    expires_ns: TimeNs  # last moment of use


@app.table(key="id", history="none")
class OpenJoins(Row):
    """One row: how many joined uninvited in the block that last had any."""

    id: Annotated[int, Integer(0, 0)] = 0
    height: Height
    count: Height
