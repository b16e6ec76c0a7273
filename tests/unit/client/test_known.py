"""The ledgers that a user knows: kept under names, never changed by a node."""

from pathlib import Path

import pytest

from comity.client.known import FILE, KnownLedgers
from comity.errors import ConfigError


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    """A ledger is found by its name and by its address, with or without a slash at its end."""
    known = KnownLedgers(tmp_path / "home")
    assert (known.read(), known.named("stock"), known.of_url("http://a:1")) == ({}, None, None)
    assert known.keep("stock", "http://a:1/", bytes(32)) == "stock"
    again = KnownLedgers(tmp_path / "home")
    for found in (again.named("stock"), again.of_url("http://a:1"), again.of_url("http://a:1/")):
        assert found is not None
        assert (found.url, found.genesis_hash) == ("http://a:1", bytes(32))


def test_a_name_stays_with_its_ledger(tmp_path: Path) -> None:
    """Another ledger of the same name gets a number; what was there is not replaced."""
    known = KnownLedgers(tmp_path)
    names = [known.keep("stock", f"http://a:{n}", bytes([n]) * 32) for n in range(3)]
    assert names == ["stock", "stock-2", "stock-3"]
    first = known.named("stock")
    assert first is not None
    assert first.genesis_hash == bytes(32)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a":1}', '{"a":{"url":"u"}}', '{"a":{"url":"u","genesis":"00"}}',
     '{"a":{"url":"u","genesis":"' + "0" * 63 + 'g"}}', '{"a":{"url":"u","genesis":"","x":1}}', "\xff"],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    """A file that is not as it must be is an error that names it; nothing is trusted anew."""
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    for ask in (lambda it: it.named("a"), lambda it: it.keep("a", "http://a:1", bytes(32))):
        with pytest.raises(ConfigError, match=FILE):
            ask(KnownLedgers(tmp_path))
    assert (tmp_path / FILE).read_text(encoding="latin-1") == text


def test_the_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """COMITY_HOME goes before XDG_CONFIG_HOME, and that before the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert KnownLedgers(environment={}).path == tmp_path / ".config/comity" / FILE
    assert KnownLedgers(environment={"XDG_CONFIG_HOME": "/c"}).path == Path("/c/comity") / FILE
    both = {"XDG_CONFIG_HOME": "/c", "COMITY_HOME": "/h"}
    assert KnownLedgers(environment=both).path == Path("/h") / FILE
