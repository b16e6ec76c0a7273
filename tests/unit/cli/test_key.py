"""``comity key``: keys on this machine, and on an account."""

from pathlib import Path

import pytest

from tests.unit.cli.command import Comity


def test_words_restore_a_key(empty: Comity) -> None:
    """24 words are the key: exported and imported elsewhere, the account is the same."""
    keys = empty.keys("ana")
    words = empty("key", "export", "ana", "--keys", keys)
    assert len(words.out.split()) == 24
    assert words.out.split()[0] not in words.err
    file = empty.write("words.txt", words.out)
    again = empty("key", "import", "ana", "--keys", "other", "--words-file", file, "--json").json
    (first,) = empty("key", "ls", "--keys", keys, "--json").json
    assert again["account"] == first["account"]


def test_a_mistyped_word_is_named(empty: Comity) -> None:
    """A wrong word is told with the nearest right one, and no key is stored."""
    file = empty.write("words.txt", "abandn " + "abandon " * 22 + "art")
    said = empty("key", "import", "ana", "--keys", "keys", "--words-file", file, code=2)
    assert "abandon" in said.err
    assert not Path("keys/ana.key.json").exists()


def test_wrong_and_missing_passphrases(empty: Comity) -> None:
    """A wrong passphrase changes nothing; without a terminal nobody is asked, and how is told."""
    keys = empty.keys("ana")
    wrong = empty.write("wrong.txt", "not this one\n")
    said = empty("key", "export", "ana", "--keys", keys, "--passphrase-file", wrong, code=2)
    assert "wrong passphrase" in said.err
    assert not said.out
    missing = empty.folder / "absent.txt"
    said = empty("key", "export", "ana", "--keys", keys, "--passphrase-file", missing, code=2)
    assert "absent.txt" in said.err


def test_nobody_is_asked_without_a_terminal(empty: Comity, monkeypatch: pytest.MonkeyPatch) -> None:
    """No passphrase anywhere and no terminal: an error that names the ways to give one."""
    monkeypatch.delenv("COMITY_PASSPHRASE")
    said = empty("key", "new", "ana", "--keys", "keys", code=2)
    assert "--passphrase-file" in said.err
    assert not Path("keys").exists()


def test_names_and_doubles_are_refused(empty: Comity) -> None:
    """A key is never replaced, and a bad name is told before a passphrase is asked for."""
    keys = empty.keys("ana")
    assert "ana" in empty("key", "new", "ana", "--keys", keys, code=2).err
    assert "Ana!" in empty("key", "new", "Ana!", "--keys", keys, code=2).err


def test_an_account_has_several_keys(comity: Comity) -> None:
    """A second key signs for the same account until it is removed; the last owner key stays."""
    comity("key", "new", "phone")
    comity("key", "add", "phone", "--as", "ana", "--dry-run")
    assert len(comity("member", "show", "ana", "--json").json["keys"]) == 1
    comity("key", "add", "phone", "--as", "ana")
    assert len(comity("member", "show", "ana", "--json").json["keys"]) == 2
    comity.import_people("--as", "phone")
    assert comity("row", "show", "people", "bo", "--json").json["owner"] == "ana"
    said = comity("key", "remove", "phone", "--as", "phone", code=1)
    assert "owner-key-needed" in said.err
    comity("key", "remove", "phone", "--as", "ana")
    said = comity("row", "set", "people", "bo", "age=1", "--as", "phone", code=1)
    assert "is no key of ana any more: it was removed in block" in said.err
    assert "comity key add KEY --as OWNERKEY" in said.err
    assert "member join" not in said.err
    comity("key", "new", "eve")
    said = comity("row", "set", "people", "bo", "age=1", "--as", "eve", code=1)
    assert "unknown-account" in said.err
    assert "belongs to no account of this ledger" in said.err
    assert "comity join" in said.err
    assert "last-key" in comity("key", "remove", "ana", "--as", "ana", code=1).err


def test_which_key_acts_must_be_clear(comity: Comity) -> None:
    """With several keys, --as is needed; an unknown one is named with those there are."""
    comity("key", "new", "second")
    said = comity("member", "rename", "x", code=2)
    assert "ana, second" in said.err
    assert "no key third" in comity("member", "rename", "x", "--as", "third", code=2).err
