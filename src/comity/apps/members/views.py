"""What anyone may read of members.

Invariant: every answer has a bound; where more may follow, go on behind the last one's key.
"""

from typing import Annotated

from comity.apps.members.standing import member_of
from comity.apps.members.tables import (
    ADMIN,
    Admins,
    Invitation,
    Member,
    MemberName,
    RoleHolder,
    app,
)
from comity.sdk import AccountId, Count, Document, Hash, Many, Reader

ROLES_MAX = 100  # of one member, that a view shows


@app.view
def ls(
    db: Reader, after: AccountId | None = None, limit: Count = 100
) -> Annotated[list[Document], Many(1_000)]:
    """Return the members with their roles, by account.

    Args:
        after: begin behind this account.
        limit: members, at most.

    """
    low = () if after is None else (after,)
    found = [one for one in db.range(Member, low, limit=limit + 1) if one.account != after]
    return [_document(db, member) for member in found[:limit]]


@app.view
def whoami(db: Reader, account: AccountId) -> Document:
    """Return a member with its roles. Raises: MemberNotFound."""
    return _document(db, member_of(db, account))


@app.view
def named(db: Reader, name: MemberName) -> Document | None:
    """Return the member of a name, with its roles, or nothing."""
    found = list(db.range(Member, (name,), (name,), index="name", limit=1))
    return _document(db, found[0]) if found else None


@app.view
def invitations(db: Reader, after: Hash | None = None, limit: Count = 100) -> list[Invitation]:
    """Return the invitations ever made and not removed, by public key.

    Args:
        after: begin behind this public key.
        limit: invitations, at most.

    """
    low = () if after is None else (after,)
    found = [one for one in db.range(Invitation, low, limit=limit + 1) if one.public_key != after]
    return found[:limit]


def _document(db: Reader, member: Member) -> dict[str, object]:
    held = db.range(
        RoleHolder, (member.account,), (member.account,), index="account", limit=ROLES_MAX
    )
    return {
        "account": member.account,
        "name": member.name,
        "status": member.status,
        "joined_height": member.joined_height,
        "admitted_by": member.admitted_by,
        "roles": [holder.role for holder in held],
    }


@app.invariant
def has_admin(db: Reader) -> bool:
    """Somebody can give roles, admit and suspend: active admins are counted right, and there is one."""
    holders = db.range(RoleHolder, (ADMIN,), (ADMIN,), limit=1_000_000)
    active = [one for one in holders if member_of(db, one.account).status == "active"]
    return 0 < len(active) == db.get(Admins, 0).active
