"""Members: who joins and how, who has which role, and who may sign."""

from collections.abc import Iterator
from typing import Any

import pytest

from comity.apps.members import app as members
from comity.apps.members import views
from comity.apps.members.actions import (
    add_key,
    admit,
    give_role,
    invite,
    join,
    remove_key,
    rename,
    restore,
    suspend,
    take_role,
    withdraw,
)
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
    AccountSuspended,
    BadArgument,
    BadKey,
    Expired,
    KeyExists,
    KeyNotFound,
    LastKey,
    OwnerKeyNeeded,
)
from comity.testing import Ledger, call

FOUNDERS = {"ana": ["admin", "buyer"], "bo": []}
SECOND_NS = 10**9


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A ledger of Ana, an admin, and Bo; executed again at the end, on a machine of its own."""
    with Ledger(members, founders=FOUNDERS) as made:
        yield made
        made.check_replay()


def later_ns(ledger: Ledger, seconds: int = 3600) -> int:
    """Return a moment to come."""
    return ledger.time_ns + seconds * SECOND_NS


def give(ledger: Ledger, by: str, key: str = "card", **arguments: Any) -> None:
    """Make an invitation of the key pair of ``key``, for an hour unless told otherwise."""
    arguments = {"expires_ns": later_ns(ledger)} | arguments
    ledger.run(invite, by, public_key=ledger.public_key(key), **arguments)


def shown(ledger: Ledger, joiner: str, key: str = "card") -> dict[str, Any]:
    """Return the arguments by which a joiner shows an invitation."""
    return {
        "name": joiner,
        "invitation": ledger.public_key(key),
        "proof": ledger.proof(key, joiner),
    }


def named(ledger: Ledger, name: str) -> Any:
    """Return the member of a name."""
    return ledger.view(views.named, name=name)


# --- founders ---


def test_founders_are_members_from_the_start(ledger: Ledger) -> None:
    """The genesis makes its founders members with names and roles."""
    founder = ledger.view(views.whoami, account=ledger.account("ana"))
    assert founder == {
        "account": ledger.account("ana"),
        "name": "ana",
        "status": "active",
        "joined_height": 0,
        "admitted_by": None,
        "roles": ["admin", "buyer"],
    }
    assert named(ledger, "bo")["roles"] == []
    assert ledger.view(views.named, name="carla") is None


@pytest.mark.parametrize(
    ("founders", "parameters", "problem"),
    [
        ({"ana": ["buyer"]}, {}, "role admin"),
        ({"ana": ["admin", "Buyer"]}, {}, "small letters"),
        ({"ana": ["admin", "member"]}, {}, "not member"),
        ({"ana": ["admin"]}, {"members.inviters": 7}, "name of a role"),
        ({"ana": ["admin"]}, {"members.open_joins_per_block": "7"}, "whole number"),
        ({"a" * 81: ["admin"]}, {}, "81 characters"),
    ],
)
def test_a_ledger_that_nobody_could_govern_does_not_start(
    founders: dict[str, list[str]], parameters: Any, problem: str
) -> None:
    """A genesis without an admin, or with what the rules could not read, is refused in words."""
    with pytest.raises(ConfigError, match=problem):
        Ledger(members, founders=founders, parameters=parameters)


# --- invitations ---


def test_who_holds_an_invitation_joins(ledger: Ledger) -> None:
    """The joiner's own key becomes an account, with the role that was offered."""
    give(ledger, "ana", role="buyer")
    ledger.run(join, "carla", **shown(ledger, "carla"))
    joined = ledger.view(views.whoami, account=ledger.account("carla"))
    assert (joined["name"], joined["roles"], joined["joined_height"]) == ("carla", ["buyer"], 2)
    assert joined["admitted_by"] == ledger.account("ana")
    ledger.run(rename, "carla", name="Carla C.")
    assert named(ledger, "Carla C.")["account"] == ledger.account("carla")


def test_an_invitation_is_used_as_often_as_it_says(ledger: Ledger) -> None:
    """Two uses admit two; the third, also in the same block, is refused."""
    give(ledger, "ana", uses=2)
    names = ("carla", "dov", "eve")
    outcomes = ledger.block([(name, call(join, **shown(ledger, name))) for name in names])
    assert [isinstance(one, InvitationUsed) for one in outcomes] == [False, False, True]
    ledger.refuses(InvitationUsed, join, "fay", **shown(ledger, "fay"))
    assert [one.uses_left for one in ledger.view(views.invitations)] == [0]


def test_an_invitation_seen_on_the_wire_is_of_no_use_to_another(ledger: Ledger) -> None:
    """The proof is for one account: a node that copies it cannot join with it."""
    give(ledger, "ana", uses=9)
    stolen = shown(ledger, "carla") | {"name": "mallory"}
    ledger.refuses(BadKey, join, "mallory", **stolen)
    ledger.refuses(BadKey, join, "mallory", **stolen | {"proof": None})
    ledger.refuses(BadKey, join, "mallory", **stolen | {"proof": bytes(64)})


def test_an_invitation_of_another_ledger_is_none(ledger: Ledger) -> None:
    """P01: the proof is bound to the genesis, and an unknown key is no invitation."""
    ledger.refuses(InvitationNotFound, join, "carla", **shown(ledger, "carla"))
    give(ledger, "ana")
    with Ledger(members, founders=["ana"]) as other:
        foreign = shown(ledger, "carla") | {"proof": other.proof("card", "carla")}
    ledger.refuses(BadKey, join, "carla", **foreign)


def test_an_invitation_holds_up_to_its_last_moment(ledger: Ledger) -> None:
    """Deadlines are inclusive: at ``expires_ns`` it holds, after it it does not."""
    ledger.advance(1)
    give(ledger, "ana", uses=9, expires_ns=later_ns(ledger, 9))
    ledger.advance(9)
    ledger.run(join, "carla", **shown(ledger, "carla"))
    ledger.advance(1)
    ledger.refuses(Expired, join, "dov", **shown(ledger, "dov"))


def test_an_invitation_dies_with_the_right_to_give_it(ledger: Ledger) -> None:
    """Who is suspended, or no admin any more, has no guests."""
    ledger.run(give_role, "ana", account=ledger.account("bo"), role="admin")
    give(ledger, "bo", "one", role="admin")
    give(ledger, "bo", "two")
    ledger.run(suspend, "ana", account=ledger.account("bo"))
    ledger.refuses(InvitationVoid, join, "eve", **shown(ledger, "eve", "two"))
    ledger.run(restore, "ana", account=ledger.account("bo"))
    ledger.run(take_role, "ana", account=ledger.account("bo"), role="admin")
    ledger.refuses(InvitationVoid, join, "eve", **shown(ledger, "eve", "one"))


def test_an_invitation_can_be_withdrawn(ledger: Ledger) -> None:
    """Its inviter or an admin takes it back; nobody else, and not twice."""
    give(ledger, "ana")
    ledger.refuses(RoleNeeded, withdraw, "bo", public_key=ledger.public_key("card"))
    ledger.run(withdraw, "ana", public_key=ledger.public_key("card"))
    ledger.refuses(InvitationUsed, withdraw, "ana", public_key=ledger.public_key("card"))
    ledger.refuses(InvitationNotFound, withdraw, "ana", public_key=ledger.public_key("x"))
    ledger.refuses(InvitationUsed, join, "carla", **shown(ledger, "carla"))
    again: dict[str, Any] = {
        "public_key": ledger.public_key("card"),
        "expires_ns": later_ns(ledger),
    }
    ledger.refuses(InvitationExists, invite, "ana", **again)


def test_only_inviters_invite_and_only_admins_offer_roles() -> None:
    """The genesis says who may invite; a role is an admin's to give."""
    ledger = Ledger(members, founders=FOUNDERS, parameters={"members.inviters": "member"})
    give(ledger, "bo", "plain")
    arguments: dict[str, Any] = {
        "public_key": ledger.public_key("role"),
        "expires_ns": later_ns(ledger),
    }
    ledger.refuses(RoleNeeded, invite, "bo", role="buyer", **arguments)
    ledger.refuses(BadArgument, invite, "ana", role="member", **arguments)
    past = arguments | {"expires_ns": ledger.time_ns - 1}
    ledger.refuses(Expired, invite, "ana", **past)
    ledger.run(join, "carla", **shown(ledger, "carla", "plain"))
    ledger.close()


def test_plain_members_do_not_invite_unless_told(ledger: Ledger) -> None:
    """Without a parameter, only admins invite."""
    arguments: dict[str, Any] = {
        "public_key": ledger.public_key("card"),
        "expires_ns": later_ns(ledger),
    }
    ledger.refuses(RoleNeeded, invite, "bo", **arguments)


# --- joining and being admitted ---


def test_nobody_joins_uninvited_by_default(ledger: Ledger) -> None:
    """A ledger is closed unless its genesis opens it."""
    ledger.refuses(InvitationNeeded, join, "carla", name="carla")


def test_open_joining_has_a_cap_in_each_block() -> None:
    """With a cap of two, the third of a block waits for the next."""
    parameters = {"members.open_joins_per_block": 2}
    ledger = Ledger(members, founders=FOUNDERS, parameters=parameters)
    for names in (("c1", "c2", "c3"), ("d1", "d2", "c3")):
        outcomes = ledger.block([(name, call(join, name=name)) for name in names])
        assert [isinstance(one, JoinsUsedUp) for one in outcomes] == [False, False, True]
    ledger.run(join, "c3", name="c3")
    assert len(ledger.view(views.ls)) == 7
    ledger.close()


def test_a_member_cannot_join_again(ledger: Ledger) -> None:
    """An account is made once; a further key of a member makes no second account."""
    give(ledger, "ana", uses=9)
    ledger.refuses(AccountExists, join, "bo", **shown(ledger, "bo") | {"name": "b"})


def test_an_admin_admits_a_key(ledger: Ledger) -> None:
    """Whose key an admin admits can sign at once, with the role given."""
    admitted: dict[str, Any] = {
        "public_key": ledger.public_key("carla"),
        "name": "carla",
        "role": "buyer",
    }
    ledger.refuses(RoleNeeded, admit, "bo", **admitted)
    ledger.run(admit, "ana", **admitted)
    assert named(ledger, "carla")["roles"] == ["buyer"]
    ledger.run(rename, "carla", name="cc")
    ledger.refuses(AccountExists, admit, "ana", **admitted | {"name": "c2"})
    ledger.refuses(NameTaken, admit, "ana", public_key=ledger.public_key("dov"), name="cc")


def test_names_are_unique(ledger: Ledger) -> None:
    """Two members never have one name, and one's own name can be taken again."""
    ledger.refuses(NameTaken, rename, "bo", name="ana")
    ledger.run(rename, "bo", name="bo")
    give(ledger, "ana")
    taken = shown(ledger, "carla") | {"name": "bo"}
    ledger.refuses(NameTaken, join, "carla", **taken)
    ledger.refuses(BadArgument, rename, "bo", name="")
    ledger.refuses(BadArgument, rename, "bo", name="b\to")


# --- roles ---


def test_admins_give_and_take_roles(ledger: Ledger) -> None:
    """A role is given once, taken once, by an admin or laid down by its holder."""
    bo: dict[str, Any] = {"account": ledger.account("bo"), "role": "risk"}
    ledger.refuses(RoleNeeded, give_role, "bo", **bo)
    ledger.run(give_role, "ana", **bo)
    assert named(ledger, "bo")["roles"] == ["risk"]
    ledger.refuses(RoleHeld, give_role, "ana", **bo)
    ledger.run(take_role, "bo", **bo)
    ledger.refuses(RoleNotHeld, take_role, "ana", **bo)
    ana: dict[str, Any] = {"account": ledger.account("ana"), "role": "buyer"}
    ledger.refuses(RoleNeeded, take_role, "bo", **ana)
    stranger: dict[str, Any] = {"account": ledger.account("carla"), "role": "risk"}
    ledger.refuses(MemberNotFound, give_role, "ana", **stranger)
    ledger.refuses(BadArgument, give_role, "ana", **bo | {"role": "Risk officer"})


def test_the_last_admin_stays(ledger: Ledger) -> None:
    """Nobody can leave the ledger without an active admin, and a suspended one does not count."""
    ana, bo = ledger.account("ana"), ledger.account("bo")
    ledger.refuses(LastAdmin, take_role, "ana", account=ana, role="admin")
    ledger.refuses(LastAdmin, suspend, "ana", account=ana)
    ledger.run(give_role, "ana", account=bo, role="admin")
    ledger.run(suspend, "ana", account=bo)
    ledger.refuses(LastAdmin, take_role, "ana", account=ana, role="admin")
    ledger.run(restore, "ana", account=bo)
    ledger.run(take_role, "ana", account=ana, role="admin")
    ledger.refuses(RoleNeeded, suspend, "ana", account=bo)
    ledger.refuses(LastAdmin, suspend, "bo", account=bo)


def test_admins_are_counted_however_many(ledger: Ledger) -> None:
    """With a thousand suspended admins before it, an active one is found all the same."""
    first, *people = sorted((f"p{at}" for at in range(1_001)), key=ledger.account)
    last = people[-1]
    with Ledger(members, founders={one: ["admin"] for one in people}) as many:
        many.run(admit, last, public_key=many.public_key(first), name=first, role="admin")
        for at in range(0, 999, 333):
            suspended = [call(suspend, account=many.account(one)) for one in people[at : at + 333]]
            assert many.block([(last, suspended)]) == [[None] * 333]
        many.run(suspend, last, account=many.account(first))
        many.refuses(LastAdmin, suspend, last, account=many.account(last))
        many.run(restore, last, account=many.account(people[0]))
        many.run(suspend, people[0], account=many.account(last))
        many.refuses(LastAdmin, take_role, people[0], account=many.account(people[0]), role="admin")
        many.run(restore, people[0], account=many.account(last))
        many.run(take_role, last, account=many.account(people[0]), role="admin")


# --- suspension ---


def test_a_suspended_member_signs_nothing(ledger: Ledger) -> None:
    """A suspension holds from the next call on, in the same block too, until it is lifted."""
    bo = ledger.account("bo")
    first, second = ledger.block(
        [("ana", call(suspend, account=bo)), ("bo", call(rename, name="b"))]
    )
    assert (first, type(second)) == (None, AccountSuspended)
    assert ledger.view(views.whoami, account=bo)["status"] == "suspended"
    with pytest.raises(Rejected, match="suspended"):
        ledger.run(rename, "bo", name="b")
    ledger.run(restore, "ana", account=bo)
    ledger.run(rename, "bo", name="b")


def test_who_suspends_itself_goes_on_with_nothing(ledger: Ledger) -> None:
    """P28: within one transaction, an admin who is suspended is an admin no more."""
    ana, bo = ledger.account("ana"), ledger.account("bo")
    ledger.run(give_role, "ana", account=bo, role="admin")
    before = ledger.root()
    calls = [call(suspend, account=ana), call(give_role, account=bo, role="risk")]
    (outcome,) = ledger.block([("ana", calls)])
    assert isinstance(outcome, RoleNeeded)
    assert ledger.root() == before
    ledger.run(rename, "ana", name="a")


def test_only_admins_suspend_and_restore(ledger: Ledger) -> None:
    """A plain member suspends and restores nobody; a stranger cannot be suspended."""
    for action in (suspend, restore):
        ledger.refuses(RoleNeeded, action, "bo", account=ledger.account("ana"))
        ledger.refuses(MemberNotFound, action, "ana", account=ledger.account("carla"))


# --- keys ---


def key_for_bo(ledger: Ledger, key: str, scope: str) -> dict[str, Any]:
    """Return the arguments by which Bo adds a key, with the key's own proof."""
    proof = ledger.proof(key, "bo")
    return {"public_key": ledger.public_key(key), "scope": scope, "proof": proof}


def test_a_member_signs_with_a_further_key(ledger: Ledger) -> None:
    """A key that shows that it wants the account signs for it, until it is removed."""
    phone = key_for_bo(ledger, "phone", "daily")
    ledger.run(add_key, "bo", **phone)
    ledger.block([ledger.transaction("bo", call(rename, name="b"), key="phone")])
    assert ledger.view(views.whoami, account=ledger.account("bo"))["name"] == "b"
    ledger.refuses(KeyExists, add_key, "bo", **phone)
    ledger.run(remove_key, "bo", public_key=ledger.public_key("phone"))
    ledger.refuses(KeyNotFound, remove_key, "bo", public_key=ledger.public_key("phone"))
    with pytest.raises(Rejected, match="no such key"):
        ledger.block([ledger.transaction("bo", call(rename, name="c"), key="phone")])


def test_a_daily_key_changes_no_keys(ledger: Ledger) -> None:
    """A lost phone cannot take the account over."""
    phone = key_for_bo(ledger, "phone", "daily")
    ledger.run(add_key, "bo", **phone)
    own = key_for_bo(ledger, "x", "owner")
    for planned in (call(add_key, **own), call(remove_key, public_key=ledger.public_key("bo"))):
        (outcome,) = ledger.block([ledger.transaction("bo", planned, key="phone")])
        assert isinstance(outcome, OwnerKeyNeeded)


def test_an_account_keeps_an_owner_key(ledger: Ledger) -> None:
    """The last owner key stays; after another was added, the first may go."""
    ledger.refuses(LastKey, remove_key, "bo", public_key=ledger.public_key("bo"))
    new = key_for_bo(ledger, "new", "owner")
    ledger.run(add_key, "bo", **new)
    ledger.run(remove_key, "bo", public_key=ledger.public_key("bo"))
    ledger.block([ledger.transaction("bo", call(rename, name="b"), key="new")])
    assert ledger.view(views.whoami, account=ledger.account("bo"))["name"] == "b"


def test_a_key_cannot_be_taken_without_its_consent(ledger: Ledger) -> None:
    """A key's proof for one account is none for another."""
    proof = ledger.proof("ana", "ana")
    taken: dict[str, Any] = {
        "public_key": ledger.public_key("ana"),
        "scope": "owner",
        "proof": proof,
    }
    ledger.refuses(BadKey, add_key, "bo", **taken)


# --- reading ---


def test_members_and_invitations_come_in_pages(ledger: Ledger) -> None:
    """Pages join up to the whole list."""
    names = sorted(["ana", "bo"], key=ledger.account)
    first = ledger.view(views.ls, limit=1)
    second = ledger.view(views.ls, after=first[0]["account"], limit=1)
    assert [one["name"] for one in first + second] == names
    for key in ("k1", "k2", "k3"):
        give(ledger, "ana", key)
    keys = sorted(ledger.public_key(key) for key in ("k1", "k2", "k3"))
    found = ledger.view(views.invitations, after=keys[0], limit=5)
    assert [one.public_key for one in found] == keys[1:]
    assert len(ledger.view(views.invitations, limit=2)) == 2
