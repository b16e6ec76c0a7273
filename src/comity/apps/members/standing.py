"""Who a member is to the rules: active, holder of a role, or able to invite.

Invariant: nothing here writes.
"""

from comity.apps.members.errors import InvitationVoid, MemberNotFound, RoleNeeded
from comity.apps.members.tables import ADMIN, EVERYONE, Member, RoleHolder
from comity.sdk import BadArgument, Reader, require

_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def member_of(db: Reader, account: bytes) -> Member:
    """Return the member. Raises: MemberNotFound."""
    member = db.find(Member, account)
    if member is None:
        raise MemberNotFound(account=account)
    return member


def has_role(db: Reader, account: bytes, role: str) -> bool:
    """Tell whether an active member has a role; all have ``member``."""
    member = db.find(Member, account)
    if member is None or member.status != "active":
        return False
    return role == EVERYONE or db.exists(RoleHolder, role, account)


def check_role(db: Reader, account: bytes, role: str) -> None:
    """Refuse unless the account is an active member with the role. Raises: RoleNeeded."""
    require(has_role(db, account, role), RoleNeeded(role=role))


def check_inviter(db: Reader, account: bytes, role: str | None) -> None:
    """Refuse an inviter whose role does not permit it; a role is an admin's to give. Raises: RoleNeeded."""
    check_role(db, account, db.parameter("inviters", ADMIN))
    if role is not None:
        check_role(db, account, ADMIN)


def check_still_inviter(db: Reader, account: bytes, role: str | None) -> None:
    """Refuse an invitation of somebody who could not give it today. Raises: InvitationVoid."""
    needed = (db.parameter("inviters", ADMIN), *(() if role is None else (ADMIN,)))
    if not all(has_role(db, account, one) for one in needed):
        raise InvitationVoid(inviter=account)


def check_parameters(db: Reader) -> None:
    """Refuse parameters of the genesis that the rules could not read. Raises: BadArgument."""
    if type(db.parameter("inviters", ADMIN)) is not str:
        raise BadArgument(argument="inviters", problem="the name of a role is needed")
    if type(db.parameter("open_joins_per_block", 0)) is not int:
        raise BadArgument(argument="open_joins_per_block", problem="a whole number is needed")


def check_role_name(role: str) -> None:
    """Refuse a role that rules could not name. Raises: BadArgument."""
    plain = all(character in _NAME_CHARACTERS for character in role)
    if not plain or role == EVERYONE:
        problem = "small letters, digits, _ and - are needed, and not member"
        raise BadArgument(argument="role", problem=problem)
