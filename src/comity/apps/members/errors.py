"""How the rules about members say no.

Invariant: each refusal names what was asked for and who can help.
"""

from comity.sdk import AccountId, Refusal


class RoleNeeded(Refusal, code=1, fix="Ask a member who has the role."):
    """Only members with a role may do this."""

    role: str


class LastAdmin(Refusal, code=2, fix="Give another active member the role admin first."):
    """Nobody would be left who can give roles, admit or suspend."""

    account: AccountId


class NoAdmin(Refusal, code=3, fix='Give one founder of the genesis the role "admin".'):
    """No founder has the role admin."""


class InvitationNotFound(Refusal, code=4, fix="Ask for a new invitation to this ledger."):
    """The ledger knows no such invitation: another ledger's, or withdrawn."""

    public_key: bytes


class InvitationUsed(Refusal, code=5, fix="Ask for a new invitation."):
    """The invitation was used as often as it may be."""

    public_key: bytes


class InvitationVoid(Refusal, code=6, fix="Ask for an invitation by somebody who may invite."):
    """Who gave the invitation may no longer invite in this way."""

    inviter: AccountId


class InvitationExists(Refusal, code=7, fix="Make a new key pair for each invitation."):
    """An invitation with this key was there before."""

    public_key: bytes


class InvitationNeeded(Refusal, code=8, fix="Ask a member for an invitation."):
    """The ledger admits nobody without an invitation."""


class JoinsUsedUp(Refusal, code=9, transient=True, fix="Sign again for a later block."):
    """The block has admitted as many uninvited accounts as it may."""

    joins_max: int


class NameTaken(Refusal, code=10, fix="Choose another name."):
    """Another member has this name."""

    name: str


class RoleHeld(Refusal, code=11, fix="Nothing is left to do."):
    """The member has the role already."""

    role: str
    account: AccountId


class RoleNotHeld(Refusal, code=12, fix="Check the role and the member."):
    """The member does not have the role."""

    role: str
    account: AccountId


class MemberNotFound(Refusal, code=13, fix="Check the account."):
    """The account is no member."""

    account: AccountId
