"""``comity init``: founders, keys, names."""

import stat

import pytest

from tests.unit.cli.command import Comity


def test_init_makes_a_ledger_and_its_first_key(empty: Comity) -> None:
    """One command gives a ledger that can be written: key made, founder admin, next step told."""
    said = empty("init", "suppliers", "--as", "ana", "--json")
    assert said.json["ledger"].startswith("suppliers-")
    (founder,) = said.json["founders"]
    assert (founder["name"], founder["roles"]) == ("ana", ["admin"])
    assert founder["account"].startswith("cm1")
    key = empty.folder / "suppliers" / "keys" / "ana.key.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "comity import" in said.err
    assert empty("sql", "SELECT 1", "--node", "suppliers", "--json").json["height"] == 0


def test_init_without_names_uses_the_folder_and_the_login(empty: Comity) -> None:
    """Nobody has to invent names: the folder names the ledger, the login the key."""
    (empty.folder / "My Register 2").mkdir()
    said = empty("init", "My Register 2", "--json")
    assert said.json["ledger"].startswith("my_register_2-")
    assert len(said.json["founders"]) == 1


def test_founders_come_by_key_file_hex_and_roles(empty: Comity) -> None:
    """A founder is a public key: from the folder of keys, a key file or hex; roles are said."""
    bo, cy = empty.keys("bo"), empty.keys("cy")
    (listed,) = empty("key", "ls", "--keys", cy, "--json").json
    said = empty(
        "init", "shared", "--keys", bo, "--json",
        "--founder", "bo:buyer", "--founder", f"cy={listed['public_key']}:admin,buyer",
        "--founder", f"dov={empty.keys('dov') / 'dov.key.json'}",
    )  # fmt: skip
    roles = {founder["name"]: founder["roles"] for founder in said.json["founders"]}
    assert roles == {"bo": ["buyer"], "cy": ["admin", "buyer"], "dov": []}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--founder", "bo"], "there is no key bo"),
        (["--founder", "bo=cm1fc0tv0ufx9yquug9rgws38nseve2y9x9gm3hpp"], "an account is a hash"),
        (["--founder", "bo=12"], "64 hex digits"),
        (["--name", "Airports"], "small letters"),
        (["--name", "comity"], "reserved"),
        (["--app", "nosuch"], "nosuch"),
        (["--parameter", "x"], "APP.NAME=VALUE"),
    ],
)
def test_what_cannot_be_a_ledger_leaves_none(
    empty: Comity, arguments: list[str], words: str
) -> None:
    """A mistake is named, the folder stays as it was, and a correct init follows in it."""
    empty("key", "new", "ana", "--keys", "ledger/keys")
    assert words in empty("init", "ledger", *arguments, code=2).err
    assert [path.name for path in empty.node.iterdir()] == ["keys"]
    empty("init", "ledger", "--founder", "ana")
    assert (empty.node / "genesis.cbor").exists()


def test_a_folder_holds_one_ledger(comity: Comity) -> None:
    """A second init changes nothing."""
    before = (comity.node / "genesis.cbor").read_bytes()
    assert "holds a ledger already" in comity("init", comity.node, code=2).err
    assert (comity.node / "genesis.cbor").read_bytes() == before


def test_a_rehearsed_init_makes_nothing(empty: Comity) -> None:
    """--dry-run says what it would do."""
    assert "would make ledger" in empty("init", "ledger", "--dry-run").err
    assert not empty.node.exists()


def test_parameters_reach_the_apps(empty: Comity) -> None:
    """A parameter of the genesis is what the app's rules read."""
    empty("init", "ledger", "--as", "ana", "--parameter", "members.inviters=member")
    said = empty("sql", "SELECT app, name FROM comity_parameter", "--node", "ledger", "--json")
    assert said.json["rows"] == [["members", "inviters"]]
