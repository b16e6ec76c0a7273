"""Members: who joins and how, who has which role, and who may sign."""

from collections.abc import Iterator
from typing import Any

import pytest

from comity.apps.members import app as members
from comity.apps.members.errors import (
    InvitationExists,
    InvitationNeeded,
    InvitationNotFound,
    InvitationUsed,
    InvitationVoid,
    JoinsUsedUp,
    LastAdmin,
    MemberNotFound,
    NameTaken,
    RoleHeld,
    RoleNeeded,
    RoleNotHeld,
)
from comity.errors import ConfigError, Rejected
from comity.sdk import (
    AccountExists,
    BadArgument,
    BadKey,
    Expired,
    KeyExists,
    KeyNotFound,
    LastKey,
    OwnerKeyNeeded,
    Refusal,
)
from tests.unit.apps.small_ledger import (
    SECOND_NS,
    Refused,
    SmallLedger,
    account_of,
    is_refusal,
    key_of,
)

FOUNDERS = {"ana": ["admin", "buyer"], "bo": []}


@pytest.fixture
def ledger() -> Iterator[SmallLedger]:
    """A ledger of Ana, an admin, and Bo."""
    made = SmallLedger([members], FOUNDERS)
    yield made
    made.close()


def is_refused(
    ledger: SmallLedger, refusal: type[Refusal], by: str, action: str, **arguments: Any
) -> bool:
    """Tell whether a call is refused in this way and changes no row of the app or of accounts."""
    before = rows_of(ledger)
    is_joining = action == "join" and by not in FOUNDERS
    call = (f"members.{action}", arguments)
    receipt = ledger.block(ledger.transaction(by, [call], is_joining=is_joining))[0]
    assert rows_of(ledger) == before
    return not receipt.is_ok and is_refusal(Refused(receipt), refusal)


def rows_of(ledger: SmallLedger) -> dict[str, bytes]:
    """Return the catalog rows of what the app may change."""
    mine = ("comity_account", "comity_key")
    leaves = ledger.store.leaves.items()
    return {name: leaf for name, leaf in leaves if name in mine or name[:7] == "members"}


def invite(ledger: SmallLedger, by: str, key: str = "card", **arguments: Any) -> Any:
    """Make an invitation of the key pair of ``key``, for an hour unless told otherwise."""
    arguments = {"expires_ns": ledger.now_ns + 3600 * SECOND_NS} | arguments
    return ledger.call(by, "members.invite", public_key=key_of(key), **arguments)


def shown(ledger: SmallLedger, joiner: str, key: str = "card") -> dict[str, Any]:
    """Return the arguments by which a joiner shows an invitation."""
    return {"name": joiner, "invitation": key_of(key), "proof": ledger.proof(key, joiner)}


def status_of(ledger: SmallLedger, name: str) -> str:
    """Return what the machine says of an account."""
    found = ledger.store.connection.execute(
        "SELECT status FROM comity_account WHERE id = ?", (account_of(name),)
    ).fetchone()
    assert found is not None
    status: str = found[0]
    return status


# --- founders ---


def test_founders_are_members_from_the_start(ledger: SmallLedger) -> None:
    """The genesis makes its founders members with names and roles."""
    founder = ledger.view("members.whoami", account=account_of("ana"))
    assert founder == {
        "account": account_of("ana"),
        "name": "ana",
        "status": "active",
        "joined_height": 0,
        "admitted_by": None,
        "roles": ["admin", "buyer"],
    }
    assert ledger.view("members.named", name="bo")["roles"] == []
    assert ledger.view("members.named", name="carla") is None


@pytest.mark.parametrize(
    ("founders", "parameters", "problem"),
    [
        ({"ana": ["buyer"]}, (), "role admin"),
        ({"ana": ["admin", "Buyer"]}, (), "small letters"),
        ({"ana": ["admin", "member"]}, (), "not member"),
        ({"ana": ["admin"]}, (("members", "inviters", 7),), "name of a role"),
        ({"ana": ["admin"]}, (("members", "open_joins_per_block", "7"),), "whole number"),
        ({"a" * 81: ["admin"]}, (), "81 characters"),
    ],
)
def test_a_ledger_that_nobody_could_govern_does_not_start(
    founders: dict[str, list[str]], parameters: Any, problem: str
) -> None:
    """A genesis without an admin, or with what the rules could not read, is refused in words."""
    with pytest.raises(ConfigError, match=problem):
        SmallLedger([members], founders, parameters)


# --- invitations ---


def test_who_holds_an_invitation_joins(ledger: SmallLedger) -> None:
    """The joiner's own key becomes an account, with the role that was offered."""
    invite(ledger, "ana", role="buyer")
    ledger.join("carla", **shown(ledger, "carla"))
    joined = ledger.view("members.whoami", account=account_of("carla"))
    assert (joined["name"], joined["roles"], joined["joined_height"]) == ("carla", ["buyer"], 2)
    assert joined["admitted_by"] == account_of("ana")
    ledger.call("carla", "members.rename", name="Carla C.")
    assert ledger.view("members.named", name="Carla C.")["account"] == account_of("carla")


def test_an_invitation_is_used_as_often_as_it_says(ledger: SmallLedger) -> None:
    """Two uses admit two; the third, also in the same block, is refused."""
    invite(ledger, "ana", uses=2)
    receipts = ledger.block(
        *[
            ledger.transaction(name, [("members.join", shown(ledger, name))], is_joining=True)
            for name in ("carla", "dov", "eve")
        ]
    )
    assert [receipt.is_ok for receipt in receipts] == [True, True, False]
    assert is_refusal(Refused(receipts[2]), InvitationUsed)
    assert is_refused(ledger, InvitationUsed, "fay", "join", **shown(ledger, "fay"))
    assert [one["uses_left"] for one in ledger.view("members.invitations")] == [0]


def test_an_invitation_seen_on_the_wire_is_of_no_use_to_another(ledger: SmallLedger) -> None:
    """The proof is for one account: a node that copies it cannot join with it."""
    invite(ledger, "ana", uses=9)
    stolen = shown(ledger, "carla") | {"name": "mallory"}
    assert is_refused(ledger, BadKey, "mallory", "join", **stolen)
    assert is_refused(ledger, BadKey, "mallory", "join", **stolen | {"proof": None})
    assert is_refused(ledger, BadKey, "mallory", "join", **stolen | {"proof": bytes(64)})


def test_an_invitation_of_another_ledger_is_none(ledger: SmallLedger) -> None:
    """P01: the proof is bound to the genesis, and an unknown key is no invitation."""
    assert is_refused(ledger, InvitationNotFound, "carla", "join", **shown(ledger, "carla"))
    invite(ledger, "ana")
    other = SmallLedger([members], {"ana": ["admin"]})
    foreign = shown(ledger, "carla") | {"proof": other.proof("card", "carla")}
    other.close()
    assert is_refused(ledger, BadKey, "carla", "join", **foreign)


def test_an_invitation_holds_up_to_its_last_moment(ledger: SmallLedger) -> None:
    """Deadlines are inclusive: at ``expires_ns`` it holds, a second later it does not."""
    invite(ledger, "ana", uses=9, expires_ns=ledger.now_ns + 3 * SECOND_NS)
    ledger.now_ns += SECOND_NS
    ledger.join("carla", **shown(ledger, "carla"))
    assert is_refused(ledger, Expired, "dov", "join", **shown(ledger, "dov"))


def test_an_invitation_dies_with_the_right_to_give_it(ledger: SmallLedger) -> None:
    """Who is suspended, or no admin any more, has no guests."""
    ledger.call("ana", "members.give_role", account=account_of("bo"), role="admin")
    invite(ledger, "bo", "one", role="admin")
    invite(ledger, "bo", "two")
    ledger.call("ana", "members.suspend", account=account_of("bo"))
    assert is_refused(ledger, InvitationVoid, "eve", "join", **shown(ledger, "eve", "two"))
    ledger.call("ana", "members.restore", account=account_of("bo"))
    ledger.call("ana", "members.take_role", account=account_of("bo"), role="admin")
    assert is_refused(ledger, InvitationVoid, "eve", "join", **shown(ledger, "eve", "one"))


def test_an_invitation_can_be_withdrawn(ledger: SmallLedger) -> None:
    """Its inviter or an admin takes it back; nobody else, and not twice."""
    invite(ledger, "ana")
    assert is_refused(ledger, RoleNeeded, "bo", "withdraw", public_key=key_of("card"))
    ledger.call("ana", "members.withdraw", public_key=key_of("card"))
    assert is_refused(ledger, InvitationUsed, "ana", "withdraw", public_key=key_of("card"))
    assert is_refused(ledger, InvitationNotFound, "ana", "withdraw", public_key=key_of("x"))
    assert is_refused(ledger, InvitationUsed, "carla", "join", **shown(ledger, "carla"))
    again = {"public_key": key_of("card"), "expires_ns": ledger.now_ns + 9 * SECOND_NS}
    assert is_refused(ledger, InvitationExists, "ana", "invite", **again)


def test_only_inviters_invite_and_only_admins_offer_roles() -> None:
    """The genesis says who may invite; a role is an admin's to give."""
    ledger = SmallLedger([members], FOUNDERS, (("members", "inviters", "member"),))
    invite(ledger, "bo", "plain")
    arguments = {"public_key": key_of("role"), "expires_ns": ledger.now_ns + 9 * SECOND_NS}
    assert is_refused(ledger, RoleNeeded, "bo", "invite", role="buyer", **arguments)
    assert is_refused(ledger, BadArgument, "ana", "invite", role="member", **arguments)
    past = arguments | {"expires_ns": ledger.now_ns}
    assert is_refused(ledger, Expired, "ana", "invite", **past)
    ledger.join("carla", **shown(ledger, "carla", "plain"))
    ledger.close()


def test_plain_members_do_not_invite_unless_told(ledger: SmallLedger) -> None:
    """Without a parameter, only admins invite."""
    arguments = {"public_key": key_of("card"), "expires_ns": ledger.now_ns + 9 * SECOND_NS}
    assert is_refused(ledger, RoleNeeded, "bo", "invite", **arguments)


# --- joining and being admitted ---


def test_nobody_joins_uninvited_by_default(ledger: SmallLedger) -> None:
    """A ledger is closed unless its genesis opens it."""
    assert is_refused(ledger, InvitationNeeded, "carla", "join", name="carla")


def test_open_joining_has_a_cap_in_each_block() -> None:
    """With a cap of two, the third of a block waits for the next."""
    ledger = SmallLedger([members], FOUNDERS, (("members", "open_joins_per_block", 2),))
    for names in (("c1", "c2", "c3"), ("d1", "d2", "c3")):
        receipts = ledger.block(
            *[
                ledger.transaction(name, [("members.join", {"name": name})], is_joining=True)
                for name in names
            ]
        )
        assert [receipt.is_ok for receipt in receipts] == [True, True, False]
        assert is_refusal(Refused(receipts[2]), JoinsUsedUp)
    ledger.join("c3", name="c3")
    assert len(ledger.view("members.ls")) == 7
    ledger.close()


def test_a_member_cannot_join_again(ledger: SmallLedger) -> None:
    """An account is made once; a further key of a member makes no second account."""
    invite(ledger, "ana", uses=9)
    assert is_refused(ledger, AccountExists, "bo", "join", **shown(ledger, "bo") | {"name": "b"})


def test_an_admin_admits_a_key(ledger: SmallLedger) -> None:
    """Whose key an admin admits can sign at once, with the role given."""
    admitted = {"public_key": key_of("carla"), "name": "carla", "role": "buyer"}
    assert is_refused(ledger, RoleNeeded, "bo", "admit", **admitted)
    ledger.call("ana", "members.admit", **admitted)
    assert ledger.view("members.named", name="carla")["roles"] == ["buyer"]
    ledger.call("carla", "members.rename", name="cc")
    assert is_refused(ledger, AccountExists, "ana", "admit", **admitted | {"name": "c2"})
    assert is_refused(ledger, NameTaken, "ana", "admit", public_key=key_of("dov"), name="cc")


def test_names_are_unique(ledger: SmallLedger) -> None:
    """Two members never have one name, and one's own name can be taken again."""
    assert is_refused(ledger, NameTaken, "bo", "rename", name="ana")
    ledger.call("bo", "members.rename", name="bo")
    invite(ledger, "ana")
    taken = shown(ledger, "carla") | {"name": "bo"}
    assert is_refused(ledger, NameTaken, "carla", "join", **taken)
    assert is_refused(ledger, BadArgument, "bo", "rename", name="")
    assert is_refused(ledger, BadArgument, "bo", "rename", name="b\to")


# --- roles ---


def test_admins_give_and_take_roles(ledger: SmallLedger) -> None:
    """A role is given once, taken once, by an admin or laid down by its holder."""
    bo = {"account": account_of("bo"), "role": "risk"}
    assert is_refused(ledger, RoleNeeded, "bo", "give_role", **bo)
    ledger.call("ana", "members.give_role", **bo)
    assert ledger.view("members.named", name="bo")["roles"] == ["risk"]
    assert is_refused(ledger, RoleHeld, "ana", "give_role", **bo)
    ledger.call("bo", "members.take_role", **bo)
    assert is_refused(ledger, RoleNotHeld, "ana", "take_role", **bo)
    ana = {"account": account_of("ana"), "role": "buyer"}
    assert is_refused(ledger, RoleNeeded, "bo", "take_role", **ana)
    stranger = {"account": account_of("carla"), "role": "risk"}
    assert is_refused(ledger, MemberNotFound, "ana", "give_role", **stranger)
    assert is_refused(ledger, BadArgument, "ana", "give_role", **bo | {"role": "Risk officer"})


def test_the_last_admin_stays(ledger: SmallLedger) -> None:
    """Nobody can leave the ledger without an active admin, and a suspended one does not count."""
    ana, bo = account_of("ana"), account_of("bo")
    assert is_refused(ledger, LastAdmin, "ana", "take_role", account=ana, role="admin")
    assert is_refused(ledger, LastAdmin, "ana", "suspend", account=ana)
    ledger.call("ana", "members.give_role", account=bo, role="admin")
    ledger.call("ana", "members.suspend", account=bo)
    assert is_refused(ledger, LastAdmin, "ana", "take_role", account=ana, role="admin")
    ledger.call("ana", "members.restore", account=bo)
    ledger.call("ana", "members.take_role", account=ana, role="admin")
    assert is_refused(ledger, RoleNeeded, "ana", "suspend", account=bo)
    assert is_refused(ledger, LastAdmin, "bo", "suspend", account=bo)
    assert ledger.holds("members")


# --- suspension ---


def test_a_suspended_member_signs_nothing(ledger: SmallLedger) -> None:
    """A suspension holds from the next call on, in the same block too, until it is lifted."""
    bo = account_of("bo")
    receipts = ledger.block(
        ledger.transaction("ana", [("members.suspend", {"account": bo})]),
        ledger.transaction("bo", [("members.rename", {"name": "b"})]),
    )
    assert [receipt.is_ok for receipt in receipts] == [True, False]
    assert status_of(ledger, "bo") == "suspended"
    assert ledger.view("members.whoami", account=bo)["status"] == "suspended"
    with pytest.raises(Rejected, match="suspended"):
        ledger.call("bo", "members.rename", name="b")
    ledger.call("ana", "members.restore", account=bo)
    assert status_of(ledger, "bo") == "active"
    ledger.call("bo", "members.rename", name="b")


def test_who_suspends_itself_goes_on_with_nothing(ledger: SmallLedger) -> None:
    """P28: within one transaction, an admin who is suspended is an admin no more."""
    ana, bo = account_of("ana"), account_of("bo")
    ledger.call("ana", "members.give_role", account=bo, role="admin")
    before = rows_of(ledger)
    receipt = ledger.run(
        "ana",
        ("members.suspend", {"account": ana}),
        ("members.give_role", {"account": bo, "role": "risk"}),
    )
    assert (receipt.call_index, receipt.code) == (1, RoleNeeded.code)
    assert rows_of(ledger) == before
    assert status_of(ledger, "ana") == "active"


def test_only_admins_suspend_and_restore(ledger: SmallLedger) -> None:
    """A plain member suspends and restores nobody; a stranger cannot be suspended."""
    for action in ("suspend", "restore"):
        assert is_refused(ledger, RoleNeeded, "bo", action, account=account_of("ana"))
        assert is_refused(ledger, MemberNotFound, "ana", action, account=account_of("carla"))


# --- keys ---


def test_a_member_signs_with_a_further_key(ledger: SmallLedger) -> None:
    """A key that shows that it wants the account signs for it, until it is removed."""
    phone = {"public_key": key_of("phone"), "scope": "daily", "proof": ledger.proof("phone", "bo")}
    ledger.call("bo", "members.add_key", **phone)
    ledger.block(ledger.transaction("bo", [("members.rename", {"name": "b"})], key="phone"))
    assert ledger.view("members.whoami", account=account_of("bo"))["name"] == "b"
    assert is_refused(ledger, KeyExists, "bo", "add_key", **phone)
    ledger.call("bo", "members.remove_key", public_key=key_of("phone"))
    assert is_refused(ledger, KeyNotFound, "bo", "remove_key", public_key=key_of("phone"))
    with pytest.raises(Rejected, match="no such key"):
        ledger.block(ledger.transaction("bo", [("members.rename", {"name": "c"})], key="phone"))


def test_a_daily_key_changes_no_keys(ledger: SmallLedger) -> None:
    """A lost phone cannot take the account over."""
    phone = {"public_key": key_of("phone"), "scope": "daily", "proof": ledger.proof("phone", "bo")}
    ledger.call("bo", "members.add_key", **phone)
    own = {"public_key": key_of("x"), "scope": "owner", "proof": ledger.proof("x", "bo")}
    for call in (
        ("members.add_key", own),
        ("members.remove_key", {"public_key": key_of("bo")}),
    ):
        receipt = ledger.block(ledger.transaction("bo", [call], key="phone"))[0]
        assert is_refusal(Refused(receipt), OwnerKeyNeeded)


def test_an_account_keeps_an_owner_key(ledger: SmallLedger) -> None:
    """The last owner key stays; after another was added, the first may go."""
    assert is_refused(ledger, LastKey, "bo", "remove_key", public_key=key_of("bo"))
    new = {"public_key": key_of("new"), "scope": "owner", "proof": ledger.proof("new", "bo")}
    ledger.call("bo", "members.add_key", **new)
    ledger.call("bo", "members.remove_key", public_key=key_of("bo"))
    ledger.block(ledger.transaction("bo", [("members.rename", {"name": "b"})], key="new"))
    assert ledger.view("members.whoami", account=account_of("bo"))["name"] == "b"


def test_a_key_cannot_be_taken_without_its_consent(ledger: SmallLedger) -> None:
    """A key's proof for one account is none for another."""
    proof = ledger.proof("ana", "ana")
    taken = {"public_key": key_of("ana"), "scope": "owner", "proof": proof}
    assert is_refused(ledger, BadKey, "bo", "add_key", **taken)


# --- reading ---


def test_members_and_invitations_come_in_pages(ledger: SmallLedger) -> None:
    """Pages join up to the whole list."""
    names = sorted(["ana", "bo"], key=account_of)
    first = ledger.view("members.ls", limit=1)
    second = ledger.view("members.ls", after=first[0]["account"], limit=1)
    assert [one["name"] for one in first + second] == names
    for key in ("k1", "k2", "k3"):
        invite(ledger, "ana", key)
    keys = sorted(key_of(key) for key in ("k1", "k2", "k3"))
    found = ledger.view("members.invitations", after=keys[0], limit=5)
    assert [one["public_key"] for one in found] == keys[1:]
    assert len(ledger.view("members.invitations", limit=2)) == 2
