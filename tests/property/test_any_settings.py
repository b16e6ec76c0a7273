"""Whatever stands in comity.toml or in a variable: a whole, bounded configuration, or an error that names it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comity.errors import ConfigError
from comity.node.config import CONFIG_FILE, Config, read_config
from comity.node.config import settings as declared

KEYS = st.sampled_from([*declared(), "prot", "http", "x"])
VALUES = st.one_of(
    st.integers(),
    st.integers(0, 10_000),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "info", "json", "127.0.0.1", "²", "x" * 300]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


def _toml(value: Any) -> str:
    """Return a value as TOML writes it; JSON's text is TOML's too."""
    if isinstance(value, float):
        return f"{value!r}" if "." in repr(value) or "e" in repr(value) else f"{value!r}.0"
    text = msgspec.json.encode(value).decode()
    return text.replace("\x7f", "\\u007f")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_file_is_whole_or_told(tmp_path: Path, content: dict[str, Any]) -> None:
    """A file leads to a configuration that holds what it says, or to one line for each key that is wrong."""
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in content.items())
    (tmp_path / CONFIG_FILE).write_text(text, encoding="utf-8")
    wrong = {key for key, value in content.items() if not _is_right(key, value)}
    try:
        config = read_config(tmp_path).config
    except ConfigError as error:
        lines = str(error).split(f"{tmp_path / CONFIG_FILE}: ")[1:]
        assert len(lines) == len(wrong)
        assert all(any(key in line for line in lines) for key in wrong)
    else:
        assert not wrong
        assert all(getattr(config, key) == value for key, value in content.items())
        msgspec.convert(msgspec.to_builtins(config), Config)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS, st.one_of(VALUES.map(str), st.text(max_size=50)))
def test_any_variable_is_read_or_told(tmp_path: Path, key: str, text: str) -> None:
    """A variable leads to a configuration within its bounds, or to an error that begins with its name."""
    variable = f"COMITY_{key.upper()}"
    try:
        configured = read_config(tmp_path, environment={variable: text})
    except ConfigError as error:
        message = str(error)
    else:
        message = ""
        msgspec.convert(msgspec.to_builtins(configured.config), Config)
        assert configured.origins.get(key, variable) == variable
    assert not message or message.startswith(f"{variable} = ")
    assert not message or key in declared()


def _is_right(key: str, value: Any) -> bool:
    """Tell whether a key may have a value, from the declaration alone."""
    setting = declared().get(key)
    if setting is None or type(value) is not setting.type:
        return False
    field = next(
        each
        for each in msgspec.inspect.type_info(Config).fields
        if each.name == key  # type: ignore[attr-defined]  # a record
    ).type.type
    match field:
        case msgspec.inspect.IntType():
            return bool(field.ge <= value <= field.le)
        case msgspec.inspect.LiteralType():
            return value in field.values
        case msgspec.inspect.StrType():
            return (field.min_length or 0) <= len(value) <= field.max_length
    return True


@pytest.mark.parametrize(
    ("key", "value"), [("port", 65_536), ("port", True), ("host", ""), ("x", 1)]
)
def test_what_is_wrong_is_seen(key: str, value: Any) -> None:
    """Canary: the judge of the test above tells wrong values from right ones."""
    assert not _is_right(key, value)
    assert _is_right("port", 65_535)
    assert _is_right("log_level", "info")
