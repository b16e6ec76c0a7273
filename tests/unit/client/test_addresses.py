"""Ledgers that a person uses through nodes, by names of their own."""

from pathlib import Path

import pytest

from comity.client.addresses import FILE, Address, address_of, addresses, free_name, home, remember
from comity.errors import ConfigError

ONE = Address(url="http://localhost:7080", genesis="7f" * 32, keys='/home/bo "x"/ä😀', key="bo")
TWO = Address(url="https://node.example", genesis="3a" * 32)


def test_what_is_remembered_is_found(tmp_path: Path) -> None:
    """Each ledger is found under its name, a later address replaces an earlier one, and nobody else reads it."""
    folder = tmp_path / "made" / "comity"
    assert addresses(folder) == {}
    remember("suppliers", TWO, folder)
    remember("suppliers", ONE, folder)
    remember("fruit", TWO, folder)
    assert addresses(folder) == {"fruit": TWO, "suppliers": ONE}
    assert address_of("other", folder) is None
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_two_ledgers_of_one_name_get_two(tmp_path: Path) -> None:
    """A ledger keeps its name when it is joined again; another one of that name gets a number."""
    remember("fruit", ONE, tmp_path)
    assert free_name("fruit", ONE.genesis, tmp_path) == "fruit"
    assert free_name("fruit", TWO.genesis, tmp_path) == "fruit-2"
    remember("fruit-2", TWO, tmp_path)
    assert free_name("fruit", TWO.genesis, tmp_path) == "fruit-2"
    remember("a" * 33, ONE, tmp_path)
    remember(free_name("a" * 33, TWO.genesis, tmp_path), TWO, tmp_path)


@pytest.mark.parametrize("text", ["[x", "[x]\nurl = 1", "[x]\nother = 'y'", "x = 'y'", "\udc80"])
def test_a_damaged_file_says_so(tmp_path: Path, text: str) -> None:
    """What is no such file is named, and not written over."""
    path = tmp_path / FILE
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=FILE):
        addresses(tmp_path)
    with pytest.raises(ConfigError, match=FILE):
        remember("fruit", ONE, tmp_path)
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_bad_name_is_refused(tmp_path: Path) -> None:
    """A name that is none writes nothing."""
    with pytest.raises(ConfigError, match="small letters"):
        remember("Fruit]", ONE, tmp_path)
    assert not (tmp_path / FILE).exists()


def test_the_folder_is_the_one_of_the_desktop(tmp_path: Path) -> None:
    """XDG_CONFIG_HOME counts when it is absolute."""
    assert home({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "comity"
    assert home({"XDG_CONFIG_HOME": "here"}) == Path.home() / ".config" / "comity"
