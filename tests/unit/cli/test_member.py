"""``comity member``: invitations, roles, suspension."""

from tests.unit.cli.command import Comity


def test_a_guest_joins_by_invitation(comity: Comity) -> None:
    """Whoever has the word joins once, gets the role it offers, and can write from then on."""
    word = comity("member", "invite", "--role", "buyer").out.strip()
    cy = comity.keys("cy")
    comity("member", "join", word, "--name", "cy", "--keys", cy)
    members = {one["name"]: one["roles"] for one in comity("member", "ls", "--json").json}
    assert members == {"ana": ["admin"], "bo": [], "cy": ["buyer"]}
    comity.import_people("--keys", str(cy))
    dov = comity.keys("dov")
    said = comity("member", "join", word, "--name", "dov", "--keys", dov, code=1)
    assert "invitation-used" in said.err
    said = comity("member", "join", word, "--name", "cy2", "--keys", cy, code=2)
    assert "belongs to member cy already" in said.err


def test_wrong_invitations_are_told_apart(comity: Comity) -> None:
    """A mistyped word, another ledger's, a withdrawn one and none at all each say so."""
    keys = comity.keys("cy")
    word = comity("member", "invite", "--json").json["invitation"]
    join = ("member", "join", "--name", "cy", "--keys", keys)
    wrong = word[:-1] + ("q" if word[-1] != "q" else "p")
    assert "invitation" in comity(*join, wrong, code=2).err
    comity("init", comity.folder / "other", "--as", "eve", "--keys", comity.folder / "eve-keys")
    other = comity(
        "member", "invite", "--node", comity.folder / "other", "--keys", comity.folder / "eve-keys"
    ).out.strip()
    assert "another ledger" in comity(*join, other, code=2).err
    height = comity("member", "withdraw", word, "--json").json["height"]
    for words in ([*join, word], ["member", "withdraw", word]):
        said = comity(*words, code=1).err
        assert f"ana withdrew the invitation in block {height}. Ask for a new invitation." in said
        assert "used as often" not in said
    assert "invitation-needed" in comity(*join, code=1).err
    (listed,) = comity("member", "invitations", "--json").json
    assert (listed["uses_left"], listed["state"]) == (0, "withdrawn")


def test_invitations_tell_their_state(comity: Comity) -> None:
    """Open, used up and withdrawn are told apart, and by whom they were given."""
    words = [comity("member", "invite", "--json").json["invitation"] for _ in range(3)]
    comity("member", "join", words[0], "--name", "cy", "--keys", comity.keys("cy"))
    comity("member", "withdraw", words[1])
    listed = comity("member", "invitations", "--json").json
    assert sorted(one["state"] for one in listed) == ["open", "used up", "withdrawn"]
    assert {one["inviter"] for one in listed} == {"ana"}
    said = comity("member", "invitations").out
    assert "used up" in said
    dov = comity.keys("dov")
    said = comity("member", "join", words[0], "--name", "dov", "--keys", dov, code=1).err
    assert "used as often as it may be" in said


def test_only_admins_invite_give_roles_and_suspend(comity: Comity) -> None:
    """What needs a role is refused to others, with the role's name."""
    keys = comity.folder / "bo-keys"
    for words in (["invite"], ["role", "give", "bo", "buyer"], ["suspend", "ana"]):
        assert "role-needed" in comity("member", *words, "--keys", keys, code=1).err


def test_roles_and_standing(comity: Comity) -> None:
    """A role is given and taken; a suspended member signs nothing until restored."""
    comity("member", "role", "give", "bo", "buyer")
    assert comity("member", "show", "bo", "--json").json["roles"] == ["buyer"]
    assert "role-held" in comity("member", "role", "give", "bo", "buyer", code=1).err
    comity("member", "role", "take", "bo", "buyer")
    comity("member", "suspend", "bo")
    said = comity("member", "rename", "Roberta", "--keys", comity.folder / "bo-keys", code=1)
    assert "suspended" in said.err
    comity("member", "restore", "bo")
    comity("member", "rename", "Roberta", "--keys", comity.folder / "bo-keys")
    assert "name-taken" in comity("member", "rename", "Roberta", code=1).err
    assert "no member named zoe" in comity("member", "suspend", "zoe", code=2).err


def test_an_admin_admits_a_key(comity: Comity) -> None:
    """A public key becomes a member without an invitation."""
    keys = comity.keys("cy")
    (listed,) = comity("key", "ls", "--keys", keys, "--json").json
    comity("member", "admit", "cy", listed["public_key"], "--role", "buyer")
    comity.import_people("--keys", str(keys))
    assert comity("row", "show", "people", "bo", "--json").json["owner"] == "cy"


def test_a_removed_member_has_no_rights(comity: Comity) -> None:
    """Roles are taken and nothing can be signed, in one transaction; restored, the member has no role; admins stay."""
    comity("member", "role", "give", "bo", "buyer")
    said = comity("member", "remove", "bo", "-y").out
    assert "- bo removed, roles taken: buyer" in said
    shown = comity("member", "show", "bo", "--json").json
    assert (shown["roles"], shown["status"]) == ([], "suspended")
    keys = comity.folder / "bo-keys"
    assert "suspended" in comity("member", "rename", "Roberta", "--keys", keys, code=1).err
    comity("member", "restore", "bo")
    comity("member", "rename", "Roberta", "--keys", keys)
    assert "last-admin" in comity("member", "remove", "ana", "-y", code=1).err
    assert comity("member", "show", "ana", "--json").json["roles"] == ["admin"]


def test_a_first_key_is_made_for_who_joins(comity: Comity) -> None:
    """Without a key, joining makes one of the member's name; no word of it is written where no terminal is."""
    word = comity("invite", "--qr", "--json").json["invitation"]
    said = comity("join", word, "--name", "Dov B", "--keys", comity.folder / "dov", "--json")
    assert (said.json["name"], said.json["key"]) == ("Dov B", "dov_b")
    assert (comity.folder / "dov" / "dov_b.key.json").exists()
    assert "comity key export dov_b" in said.err
    assert "words" in said.err
    assert "24 words, shown" not in said.err
