"""``comity config explain``."""

import pytest

from comity.node.config import Config
from tests.unit.cli.command import Comity


def test_explain_shows_every_setting_and_its_source(
    comity: Comity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting has its meaning, its bounds, its value and where that came from."""
    path = comity.node / "comity.toml"
    path.write_text("port = 7_081\nmetrics = false\n", encoding="utf-8")
    monkeypatch.setenv("COMITY_LOG_LEVEL", "debug")
    found = {one["key"]: one for one in comity("config", "explain", "--json").json}
    assert list(found) == list(Config.__struct_fields__)
    assert (found["port"]["value"], found["port"]["from"]) == (7_081, str(path))
    assert (found["log_level"]["value"], found["log_level"]["from"]) == (
        "debug",
        "COMITY_LOG_LEVEL",
    )
    assert (found["host"]["value"], found["host"]["from"]) == ("127.0.0.1", "default")
    assert found["port"]["default"] == 7_080
    words = comity("config", "explain").out
    assert "metrics                 false" in words
    assert words.count("\n") == len(found) + 1


def test_explain_of_one_key_says_how_to_change_it(comity: Comity) -> None:
    """One key: meaning, what may be given, file and variable; a mistyped variable is told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMITY_PROT", "1")
        said = comity("config", "explain", "port")
    assert "a whole number from 0 to 65,535" in said.out
    assert "port = ... in comity.toml, or COMITY_PORT" in said.out
    assert "COMITY_PROT is set and nothing reads it. Did you mean COMITY_PORT?" in said.err


def test_what_is_wrong_is_told(comity: Comity) -> None:
    """A mistyped key, of the command or of the file, ends with exit code 2 and the nearest name."""
    assert "Did you mean port?" in comity("config", "explain", "prt", code=2).err
    (comity.node / "comity.toml").write_text("prot = 1\nmetrics = 1\n", encoding="utf-8")
    error = comity("config", "explain", code=2).err
    assert "there is no key prot. Did you mean port?" in error
    assert "metrics = 1: true or false is needed" in error
