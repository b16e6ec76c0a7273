"""``comity token``: made, listed, withdrawn; what it opens is what it says."""

import time
from pathlib import Path

import pytest

from comity.client.secret import Secret
from comity.model.account import to_text
from comity.node.folder import Folder
from comity.node.tokens import TokenRefused, Tokens
from tests.unit.cli.command import Comity


def _tokens(comity: Comity) -> Tokens:
    directory = comity.folder / "ledger"
    return Tokens(directory, Folder(directory).read_genesis().hash)


def test_a_token_is_made_listed_and_withdrawn(comity: Comity) -> None:
    """It is shown once, opens the key of who made it, and nothing after it was withdrawn."""
    made = comity("token", "new", "stock:add", "--title", "till", "--expires", "2h").out.strip()
    (listed,) = comity("token", "ls", "--json").json
    assert (listed["scope"], listed["title"], listed["is_over"]) == (["stock:add"], "till", False)
    assert listed["token"] == made.split("_")[1]
    assert made.split("_", 2)[2] not in comity("token", "ls").out
    key, account = _tokens(comity).open(Secret.from_text(made), "stock", "add", time.time_ns())
    (ana,) = comity("key", "ls", "--json").json
    assert key.public_key.hex() == ana["public_key"]
    assert to_text(account) == ana["account"]
    comity("token", "revoke", listed["token"])
    with pytest.raises(TokenRefused):
        _tokens(comity).open(Secret.from_text(made), "stock", "add", time.time_ns())
    assert comity("token", "ls", "--json").json == []


def test_a_token_of_another_key_acts_for_its_account(comity: Comity) -> None:
    """A second key of an account signs for that account."""
    comity("key", "new", "phone")
    comity("key", "add", "phone", "--as", "ana")
    made = comity("token", "new", "*:*", "--as", "phone").out.strip()
    key, account = _tokens(comity).open(Secret.from_text(made), "any", "remove", time.time_ns())
    keys = {each["name"]: each for each in comity("key", "ls", "--json").json}
    assert key.public_key.hex() == keys["phone"]["public_key"]
    assert to_text(account) == keys["ana"]["account"]


def test_wrong_tokens_are_refused(comity: Comity) -> None:
    """Scope, time and name are told before anything is made; a dry run makes nothing."""
    assert "TABLE:add" in comity("token", "new", "stock", code=2).err
    assert "duration" in comity("token", "new", "stock:add", "--expires", "soon", code=2).err
    assert "TOKEN_LIFE_S_MAX" in comity("token", "new", "s:add", "--expires", "999d", code=2).err
    assert "16 hex digits" in comity("token", "revoke", "mine", code=2).err
    comity("token", "new", "stock:add", "--dry-run")
    assert not Path("ledger/tokens").exists()
