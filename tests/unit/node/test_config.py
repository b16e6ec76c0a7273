"""Settings of a node: order of sources, and what is said of a wrong one."""

import os
import re
from pathlib import Path

import msgspec
import pytest

import comity
from comity.errors import ConfigError
from comity.limits import CONFIG_BYTES_MAX
from comity.node.config import (
    CONFIG_FILE,
    Config,
    read_config,
    settings,
    stray_variables,
)


def _write(folder: Path, text: str) -> Path:
    path = folder / CONFIG_FILE
    path.write_text(text, encoding="utf-8")
    return path


def _message(folder: Path, **sources: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config(folder, **sources)
    return str(caught.value)


def test_without_a_file_everything_is_the_default(tmp_path: Path) -> None:
    """A folder without a file runs on the defaults, and says so of each key."""
    configured = read_config(tmp_path)
    assert configured.config == Config()
    assert set(configured.origins) == set(Config.__struct_fields__)
    assert set(configured.origins.values()) == {"default"}


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    """Default, file, environment, flag: the last that speaks wins, and its name is kept."""
    path = _write(tmp_path, "port = 1000\nlog_level = 'debug'\nstreams_max = 7\n")
    configured = read_config(
        tmp_path,
        environment={"COMITY_PORT": "2000", "COMITY_STREAMS_MAX": "8", "COMITY_METRICS": "false"},
        flags={"port": 3000, "host": None},
    )
    config, origins = configured.config, configured.origins
    assert (config.port, origins["port"]) == (3000, "--port")
    assert (config.streams_max, origins["streams_max"]) == (8, "COMITY_STREAMS_MAX")
    assert (config.metrics, origins["metrics"]) == (False, "COMITY_METRICS")
    assert (config.log_level, origins["log_level"]) == ("debug", str(path))
    assert (config.host, origins["host"]) == ("127.0.0.1", "default")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """One run tells every problem of file, environment and flags."""
    _write(tmp_path, "prot = 1\nmetrics = 'yes'\n")
    message = _message(
        tmp_path, environment={"COMITY_LOG_LEVEL": "loud"}, flags={"batch_wait_ms": -1}
    )
    path = tmp_path / CONFIG_FILE
    assert message.split("\n") == [
        f"{path}: there is no key prot. Did you mean port?",
        f"{path}: metrics = 'yes': true or false is needed",
        "COMITY_LOG_LEVEL = 'loud': one of debug, error, info, warning is needed",
        "--batch-wait-ms = -1: a whole number from 0 to 1,000 is needed",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("port = 70_000", "port = 70000: a whole number from 0 to 65,535 is needed"),
        ("port = '80'", "port = '80': a whole number from 0 to 65,535 is needed"),
        ("port = true", "port = True: a whole number from 0 to 65,535 is needed"),
        ("port = 80.5", "port = 80.5: a whole number from 0 to 65,535 is needed"),
        ("host = ''", "host = '': a text of 1 to 255 characters is needed"),
        ("zzz = 1", "there is no key zzz. See them all: comity config explain"),
        ("[http]\nport = 1", "there are no sections here: write the keys of [http] without it"),
        ("block_interval_s = 600", "block_interval_s is no setting of a node: it is a rule of"),
        ("port = ", "is not TOML: Invalid value (at end of document)"),
        ("port = 1" + "0" * 5_000, "is not TOML: "),
        ("a = " + "[" * 20_000, "is not TOML: "),
        ("# " + "x" * CONFIG_BYTES_MAX, f"is longer than {CONFIG_BYTES_MAX:,} bytes"),
    ],
)
def test_a_wrong_line_is_told_with_what_is_allowed(tmp_path: Path, line: str, words: str) -> None:
    """An error names the file, the key, what was given and what is allowed."""
    path = _write(tmp_path, line)
    message = _message(tmp_path)
    assert message.startswith(str(path))
    assert words in message


@pytest.mark.parametrize("text", ["tcp://10.0.0.1:7080", "", "1e3", "²", "9" * 10_000])
def test_a_wrong_variable_is_told(tmp_path: Path, text: str) -> None:
    """A variable whose text is no number is an error, as short as it can be."""
    message = _message(tmp_path, environment={"COMITY_PORT": text})
    assert message.startswith("COMITY_PORT = ")
    assert len(message) < 200


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder, a pipe or a dangling link in the file's place is an error: no default, no waiting."""
    path = tmp_path / CONFIG_FILE
    path.mkdir()
    assert "this is a directory" in _message(tmp_path)
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in _message(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    assert "No such file" in _message(tmp_path)


def test_a_variable_that_nothing_reads_is_named() -> None:
    """A mistyped variable is told with the nearest name; known ones are not."""
    variables = {"COMITY_PROT": "1", "COMITY_PORT": "1", "COMITY_NODE": ".", "PATH": "/bin"}
    assert stray_variables(variables) == [
        "COMITY_PROT is set and nothing reads it. Did you mean COMITY_PORT?"
    ]


def test_each_default_is_one_that_a_file_may_give() -> None:
    """Every default satisfies its own bounds, and every key says what it is for."""
    for setting in settings().values():
        msgspec.convert({setting.key: setting.default}, Config)
        assert setting.meaning.endswith((".", "genesis"))
        assert setting.allowed


def test_each_setting_is_obeyed() -> None:
    """A key that nothing reads would be a promise that nobody keeps."""
    source = "".join(path.read_text("utf-8") for path in Path(comity.__file__).parent.rglob("*.py"))
    read = set(re.findall(r"\bconfig\.([a-z_]+)\b", source))
    assert set(settings()) - read == set()
    assert "no_such_setting" not in read
