"""How accounts join, get and lose roles, are suspended, and change their keys.

Invariant: an account and its member are made together, and their status changes together.
"""

from comity.apps.members.errors import (
    InvitationExists,
    InvitationNeeded,
    InvitationNotFound,
    InvitationUsed,
    JoinsUsedUp,
    LastAdmin,
    NameTaken,
    NoAdmin,
    RoleHeld,
    RoleNotHeld,
)
from comity.apps.members.standing import (
    check_inviter,
    check_parameters,
    check_role,
    check_role_name,
    check_still_inviter,
    has_role,
    member_of,
)
from comity.apps.members.tables import (
    ADMIN,
    Admins,
    Invitation,
    Member,
    MemberName,
    OpenJoins,
    Role,
    RoleHolder,
    Scope,
    Signature,
    Uses,
    app,
)
from comity.sdk import (
    AccountExists,
    AccountId,
    BadKey,
    Context,
    Expired,
    Founders,
    Hash,
    OwnerKeyNeeded,
    TimeNs,
    account_id,
    replace,
    require,
)

_ED25519 = 1  # the only type of key so far
_ONE_ROW = 0  # key of the row in tables of one


@app.genesis
def found(ctx: Context, founders: Founders) -> None:
    """Make the founders members with their roles. Raises: NoAdmin, BadArgument, NameTaken."""
    check_parameters(ctx.db)
    admins = sum(ADMIN in founder.roles for founder in founders)
    require(admins > 0, NoAdmin())
    ctx.db.add(Admins(active=admins))
    for founder in founders:
        account = account_id(founder.public_key, founder.key_type)
        _add_member(ctx, account, founder.name, admitted_by=None)
        for role in dict.fromkeys(founder.roles):
            check_role_name(role)
            ctx.db.add(RoleHolder(role=role, account=account))


# --- joining ---


@app.action
def invite(
    ctx: Context, public_key: Hash, expires_ns: TimeNs, uses: Uses = 1, role: Role | None = None
) -> Invitation:
    """Let whoever holds the invitation's private key join.

    Args:
        public_key: of a new Ed25519 key pair; its private key is handed to the guest.
        expires_ns: last moment of use.
        uses: accounts that may join with it.
        role: that each of them gets; only an admin may offer one.

    Raises: RoleNeeded, BadArgument, Expired, InvitationExists.
    """
    check_inviter(ctx.db, ctx.sender, role)
    if role is not None:
        check_role_name(role)
    require(expires_ns >= ctx.time_ns, Expired(deadline_ns=expires_ns))
    require(not ctx.db.exists(Invitation, public_key), InvitationExists(public_key=public_key))

    return ctx.db.add(
        Invitation(
            public_key=public_key,
            inviter=ctx.sender,
            role=role,
            uses_left=uses,
            expires_ns=expires_ns,
        )
    )


@app.action
def withdraw(ctx: Context, public_key: Hash) -> None:
    """Let an invitation be of no more use; for its inviter or an admin.

    Raises: InvitationNotFound, RoleNeeded, InvitationUsed.
    """
    invitation = _invitation(ctx, public_key)
    if invitation.inviter != ctx.sender:
        check_role(ctx.db, ctx.sender, ADMIN)
    require(invitation.uses_left > 0, InvitationUsed(public_key=public_key))

    ctx.db.put(replace(invitation, uses_left=0))


@app.action(open=True)
def join(
    ctx: Context, name: MemberName, invitation: Hash | None = None, proof: Signature | None = None
) -> Member:
    """Become a member, with the key that signs this.

    Args:
        invitation: public key of the invitation; none where the ledger admits the uninvited.
        proof: the invitation key's signature over CBOR [genesis hash, account].

    Raises: AccountExists, InvitationNotFound, BadKey, Expired, InvitationUsed, InvitationVoid,
        InvitationNeeded, JoinsUsedUp, NameTaken.
    """
    require(ctx.signing_scope == "joining", AccountExists(account=ctx.sender))
    role, inviter = None, None
    if invitation is None:
        _count_open_join(ctx)
    else:
        used = _use(ctx, invitation, proof or b"")
        role, inviter = used.role, used.inviter

    account = ctx.accounts.admit(*ctx.signing_key)
    member = _add_member(ctx, account, name, admitted_by=inviter)
    if role is not None:
        _give(ctx, member, role, given_by=inviter)
    return member


@app.action
def admit(ctx: Context, public_key: Hash, name: MemberName, role: Role | None = None) -> Member:
    """Make the holder of a key a member; for admins.

    Raises: RoleNeeded, BadArgument, AccountExists, BadKey, NameTaken.
    """
    check_role(ctx.db, ctx.sender, ADMIN)
    if role is not None:
        check_role_name(role)

    account = ctx.accounts.admit(_ED25519, public_key)
    member = _add_member(ctx, account, name, admitted_by=ctx.sender)
    if role is not None:
        _give(ctx, member, role, given_by=ctx.sender)
    return member


# --- roles and standing ---


@app.action
def give_role(ctx: Context, account: AccountId, role: Role) -> None:
    """Give a member a role; for admins.

    Raises: RoleNeeded, BadArgument, MemberNotFound, RoleHeld.
    """
    check_role(ctx.db, ctx.sender, ADMIN)
    check_role_name(role)
    member = member_of(ctx.db, account)
    is_held = ctx.db.exists(RoleHolder, role, account)
    require(not is_held, RoleHeld(role=role, account=account))

    _give(ctx, member, role, given_by=ctx.sender)


@app.action
def take_role(ctx: Context, account: AccountId, role: Role) -> None:
    """Take a role from a member; for admins, and for the member.

    Raises: RoleNeeded, RoleNotHeld, LastAdmin.
    """
    if account != ctx.sender:
        check_role(ctx.db, ctx.sender, ADMIN)
    holder = ctx.db.find(RoleHolder, role, account)
    if holder is None:
        raise RoleNotHeld(role=role, account=account)
    if role == ADMIN and has_role(ctx.db, account, ADMIN):
        _lose_admin(ctx, account)

    ctx.db.delete(holder)


@app.action
def suspend(ctx: Context, account: AccountId) -> None:
    """Let a member sign nothing until restored; for admins.

    Raises: RoleNeeded, MemberNotFound, LastAdmin.
    """
    check_role(ctx.db, ctx.sender, ADMIN)
    member = member_of(ctx.db, account)
    if has_role(ctx.db, account, ADMIN):
        _lose_admin(ctx, account)

    ctx.accounts.set_status(account, "suspended")
    ctx.db.put(replace(member, status="suspended"))


@app.action
def restore(ctx: Context, account: AccountId) -> None:
    """Let a suspended member sign again; for admins.

    Raises: RoleNeeded, MemberNotFound.
    """
    check_role(ctx.db, ctx.sender, ADMIN)
    member = member_of(ctx.db, account)

    if member.status != "active" and ctx.db.exists(RoleHolder, ADMIN, account):
        _count_admins(ctx, 1)
    ctx.accounts.set_status(account, "active")
    ctx.db.put(replace(member, status="active"))


@app.action
def rename(ctx: Context, name: MemberName) -> None:
    """Take another name.

    Raises: MemberNotFound, NameTaken.
    """
    member = member_of(ctx.db, ctx.sender)
    _check_name(ctx, ctx.sender, name)

    ctx.db.put(replace(member, name=name))


# --- keys ---


@app.action
def add_key(ctx: Context, public_key: Hash, scope: Scope, proof: Signature) -> None:
    """Add a key to the caller's account.

    Args:
        scope: ``owner`` may change keys, ``daily`` may not.
        proof: the new key's own signature over CBOR [genesis hash, account].

    Raises: OwnerKeyNeeded, BadKey, KeyExists, TooManyKeys.
    """
    require(ctx.signing_scope == "owner", OwnerKeyNeeded())

    ctx.accounts.add_key(ctx.sender, _ED25519, public_key, scope, proof)


@app.action
def remove_key(ctx: Context, public_key: Hash) -> None:
    """Remove a key from the caller's account.

    Raises: OwnerKeyNeeded, KeyNotFound, LastKey.
    """
    require(ctx.signing_scope == "owner", OwnerKeyNeeded())

    ctx.accounts.remove_key(ctx.sender, public_key)


def _add_member(ctx: Context, account: bytes, name: str, *, admitted_by: bytes | None) -> Member:
    _check_name(ctx, account, name)
    return ctx.db.add(
        Member(account=account, name=name, joined_height=ctx.height, admitted_by=admitted_by)
    )


def _check_name(ctx: Context, account: bytes, name: str) -> None:
    holders = ctx.db.range(Member, (name,), (name,), index="name", limit=1)
    require(all(holder.account == account for holder in holders), NameTaken(name=name))


def _give(ctx: Context, member: Member, role: str, *, given_by: bytes | None) -> None:
    ctx.db.add(RoleHolder(role=role, account=member.account, given_by=given_by))
    if role == ADMIN and member.status == "active":
        _count_admins(ctx, 1)


def _lose_admin(ctx: Context, account: bytes) -> None:
    """Count one active admin less. Raises: LastAdmin."""
    require(ctx.db.get(Admins, _ONE_ROW).active > 1, LastAdmin(account=account))
    _count_admins(ctx, -1)


def _count_admins(ctx: Context, change: int) -> None:
    admins = ctx.db.get(Admins, _ONE_ROW)
    ctx.db.put(replace(admins, active=admins.active + change))


def _invitation(ctx: Context, public_key: bytes) -> Invitation:
    found = ctx.db.find(Invitation, public_key)
    if found is None:
        raise InvitationNotFound(public_key=public_key)
    return found


def _use(ctx: Context, public_key: bytes, proof: bytes) -> Invitation:
    """Return an invitation that the sender showed, used once more."""
    invitation = _invitation(ctx, public_key)
    if not ctx.accounts.verify_proof(public_key, ctx.sender, proof):
        raise BadKey(problem="the invitation's key did not sign for this account")
    require(ctx.time_ns <= invitation.expires_ns, Expired(deadline_ns=invitation.expires_ns))
    require(invitation.uses_left > 0, InvitationUsed(public_key=public_key))
    check_still_inviter(ctx.db, invitation.inviter, invitation.role)
    return ctx.db.put(replace(invitation, uses_left=invitation.uses_left - 1))


def _count_open_join(ctx: Context) -> None:
    joins_max = ctx.db.parameter("open_joins_per_block", 0)
    require(joins_max > 0, InvitationNeeded())
    last = ctx.db.find(OpenJoins, _ONE_ROW)
    count = last.count if last is not None and last.height == ctx.height else 0
    require(count < joins_max, JoinsUsedUp(joins_max=joins_max))
    now = OpenJoins(height=ctx.height, count=count + 1)
    if last is None:
        ctx.db.add(now)
    else:
        ctx.db.put(now)
