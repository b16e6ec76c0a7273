"""The settings of one node: ``comity.toml`` in the ledger's folder, ``COMITY_*`` variables, flags.

A setting is this node's own affair: it may slow the node or bound it, and decides nothing that other nodes decide too.

Invariant: a ``Config`` is whole and within its bounds; what is wrong in file, environment and flags is told at once.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from comity import limits
from comity.client.plain_file import read_plain
from comity.errors import ConfigError

CONFIG_FILE = "comity.toml"
ENVIRONMENT_PREFIX = "COMITY_"
DEFAULT = "default"
_SHOWN_CHARS = 60  # of a wrong value

# Settings that people look for here and that stand elsewhere.
_ELSEWHERE = {
    "block_interval_s": "it is a rule of the ledger, fixed in its genesis",
    "engine": "it is a rule of the ledger, fixed in its genesis",
    "apps": "they are fixed in the ledger's genesis",
}
# Variables of the command line, which are no settings of a node.
_OTHER_VARIABLES = ("NODE", "KEYS", "AS", "PASSPHRASE", "PASSPHRASE_FILE", "DEBUG")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What one node is told; each field is a key of ``comity.toml``."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=limits.CONFIG_TEXT_CHARS_MAX,
            description="Address to listen on. 127.0.0.1 serves this machine alone, 0.0.0.0 everyone who reaches it.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=limits.PORT_MAX, description="Port to listen on; 0 takes a free one.")
    ] = limits.NODE_PORT
    url: Annotated[
        str,
        Meta(
            max_length=limits.CONFIG_TEXT_CHARS_MAX,
            description="Address at which others reach this node, for links; empty: made of host and port.",
        ),
    ] = ""
    connections_max: Annotated[
        int, Meta(ge=1, le=limits.CONNECTIONS_MAX, description="Connections open at once.")
    ] = limits.CONNECTIONS
    streams_max: Annotated[
        int, Meta(ge=0, le=limits.CONNECTIONS_MAX, description="Event streams open at once.")
    ] = limits.EVENT_STREAMS_MAX
    request_bytes_max: Annotated[
        int,
        Meta(
            ge=limits.TRANSACTION_BYTES_MAX,
            le=limits.REQUEST_BYTES_MAX,
            description="Body of one request.",
        ),
    ] = limits.REQUEST_BYTES
    request_time_ms: Annotated[
        int,
        Meta(
            ge=100,
            le=limits.WAIT_MS_MAX,
            description="Time for a request to arrive whole; a slower one is ended.",
        ),
    ] = limits.REQUEST_TIME_MS
    submit_time_ms: Annotated[
        int,
        Meta(
            ge=100,
            le=limits.WAIT_MS_MAX,
            description="Time that an answer waits until its transaction is final.",
        ),
    ] = limits.SUBMIT_TIME_MS
    batch_wait_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=limits.BATCH_WAIT_MS_MAX,
            description="A block closes when nothing more arrived for so long.",
        ),
    ] = limits.BATCH_WAIT_MS
    block_transactions_max: Annotated[
        int,
        Meta(
            ge=1,
            le=limits.BLOCK_TRANSACTIONS_MAX,
            description="Transactions that this node puts into one block.",
        ),
    ] = limits.BLOCK_TRANSACTIONS
    in_flight_max: Annotated[
        int,
        Meta(
            ge=1,
            le=limits.IN_FLIGHT_TRANSACTIONS_MAX,
            description="Transactions accepted and not yet final; beyond, the node answers: busy, retry later.",
        ),
    ] = limits.IN_FLIGHT_TRANSACTIONS
    in_flight_bytes_max: Annotated[
        int,
        Meta(
            ge=limits.BLOCK_BYTES_MAX,
            le=limits.IN_FLIGHT_BYTES_MAX,
            description="Their bytes together.",
        ),
    ] = limits.IN_FLIGHT_BYTES
    read_processes_quick: Annotated[
        int,
        Meta(
            ge=1,
            le=limits.READ_PROCESSES_MAX,
            description="Processes that answer rows, pages, blocks and the log.",
        ),
    ] = limits.READ_PROCESSES_QUICK
    read_processes_slow: Annotated[
        int,
        Meta(
            ge=1,
            le=limits.READ_PROCESSES_MAX,
            description="Processes that answer SQL, views, differences and proofs.",
        ),
    ] = limits.READ_PROCESSES_SLOW
    query_time_ms: Annotated[
        int, Meta(ge=1, le=limits.QUERY_TIME_MS, description="Time of one SQL query.")
    ] = limits.QUERY_TIME_MS
    query_heap_bytes: Annotated[
        int,
        Meta(
            ge=1 << 20,
            le=limits.QUERY_HEAP_BYTES,
            description="SQLite's memory for one SQL query.",
        ),
    ] = limits.QUERY_HEAP_BYTES
    query_rows_max: Annotated[
        int,
        Meta(
            ge=1,
            le=limits.QUERY_ROWS_MAX,
            description="Rows of one SQL answer; a longer one is cut.",
        ),
    ] = limits.QUERY_ROWS_MAX
    query_answer_bytes_max: Annotated[
        int,
        Meta(
            ge=1 << 16,
            le=limits.QUERY_ANSWER_BYTES_MAX,
            description="Bytes of one SQL answer; a longer one is cut.",
        ),
    ] = limits.QUERY_ANSWER_BYTES_MAX
    wal_pages_max: Annotated[
        int,
        Meta(
            ge=1_000,
            le=limits.WAL_PAGES_SETTING_MAX,
            description="Length of SQLite's write-ahead log, in pages of 4 KiB, at which it is written back.",
        ),
    ] = limits.WAL_PAGES_MAX
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least event that is told.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description="One line an event; auto: text on a terminal, JSON elsewhere."),
    ] = "auto"
    metrics: Annotated[bool, Meta(description="Serve /metrics for Prometheus.")] = True


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One key: what it means and what it may be.

    Args:
        allowed: in words, such as ``a whole number from 0 to 65,535``.
    """

    key: str
    meaning: str
    default: int | str | bool
    allowed: str
    type: type[int | str | bool]

    @property
    def variable(self) -> str:
        """Return the environment variable that overrides the file."""
        return ENVIRONMENT_PREFIX + self.key.upper()


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, and by key where each came from: ``default``, a file's path, a variable, a flag."""

    config: Config
    origins: Mapping[str, str]


def _setting(field: msgspec.inspect.Field) -> Setting:
    declared = field.type
    if not isinstance(declared, msgspec.inspect.Metadata):
        raise TypeError(f"Config.{field.name} has no meaning")
    meaning, kind = (declared.extra_json_schema or {})["description"], declared.type
    found: type[int | str | bool] = str
    if isinstance(kind, msgspec.inspect.BoolType):
        allowed, found = "true or false", bool
    elif isinstance(kind, msgspec.inspect.IntType):
        allowed, found = f"a whole number from {kind.ge:,} to {kind.le:,}", int
    elif isinstance(kind, msgspec.inspect.LiteralType):
        allowed = "one of " + ", ".join(str(value) for value in kind.values)
    elif isinstance(kind, msgspec.inspect.StrType):
        allowed = f"a text of {kind.min_length or 0} to {kind.max_length} characters"
    else:
        raise TypeError(f"Config.{field.name} is of no kind that a file can hold")
    return Setting(
        key=field.name, meaning=meaning, default=field.default, allowed=allowed, type=found
    )


def settings() -> dict[str, Setting]:
    """Return every key, in the order in which people need them."""
    declared = msgspec.inspect.type_info(Config)
    if not isinstance(declared, msgspec.inspect.StructType):
        raise TypeError("Config is no record")
    return {field.name: _setting(field) for field in declared.fields}


def read_config(
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, int | str | bool | None] | None = None,
) -> Configured:
    """Return the settings of the node in ``directory``: default < file < environment < flag.

    Args:
        environment: variables; without it none count.
        flags: by key; None means that the flag was not given.
    Raises: ConfigError, which names every problem: key, what was given, what is allowed.
    """
    known, problems = settings(), list[str]()
    given: dict[str, tuple[object, str]] = {}
    path = directory / CONFIG_FILE
    for key, value in _read_file(path).items():
        if key in known:
            given[key] = value, str(path)
        else:
            problems.append(f"{path}: {_unknown(key, value, known)}")
    for key, setting in known.items():
        text = (environment or {}).get(setting.variable)
        if text is not None:
            given[key] = _from_text(text, setting), setting.variable
    for key, flag in (flags or {}).items():
        if flag is not None:
            given[key] = flag, "--" + key.replace("_", "-")
    problems += [
        problem
        for key, (value, origin) in given.items()
        if (problem := _problem(known[key], value, origin))
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    config = msgspec.convert({key: value for key, (value, _) in given.items()}, Config)
    origins = {key: given[key][1] if key in given else DEFAULT for key in known}
    return Configured(config=config, origins=origins)


def stray_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each ``COMITY_*`` variable that nothing reads."""
    names = [setting.variable for setting in settings().values()]
    names += [ENVIRONMENT_PREFIX + name for name in _OTHER_VARIABLES]
    return [
        f"{name} is set and nothing reads it.{nearest(name, names)}"
        for name in sorted(environment)
        if name.startswith(ENVIRONMENT_PREFIX) and name not in names
    ]


def _read_file(path: Path) -> dict[str, Any]:
    if not path.exists() and not path.is_symlink():
        return {}
    data = read_plain(path, limits.CONFIG_BYTES_MAX)
    if len(data) > limits.CONFIG_BYTES_MAX:
        raise ConfigError(f"{path} is longer than {limits.CONFIG_BYTES_MAX:,} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _unknown(key: str, value: object, known: Mapping[str, Setting]) -> str:
    if isinstance(value, dict):
        return f"there are no sections here: write the keys of [{key}] without it"
    if key in _ELSEWHERE:
        return f"{key} is no setting of a node: {_ELSEWHERE[key]}"
    hint = nearest(key, [*known]) or " See them all: comity config explain"
    return f"there is no key {key}.{hint}"


def nearest(name: str, names: Sequence[str]) -> str:
    """Return a question that names what was probably meant, or nothing."""
    found = difflib.get_close_matches(name, names, 1)
    return f" Did you mean {found[0]}?" if found else ""


def _from_text(text: str, setting: Setting) -> object:
    """Return what a variable's text says; itself, where it says nothing of the kind that is needed."""
    if setting.type is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if (
        setting.type is int
        and text.removeprefix("-").isascii()
        and text.removeprefix("-").isdigit()
    ):
        return int(text[: limits.CONFIG_TEXT_CHARS_MAX])
    return text


def _problem(setting: Setting, value: object, origin: str) -> str | None:
    """Return what is wrong with a value, or None."""
    try:
        msgspec.convert({setting.key: value}, Config)
    except msgspec.ValidationError:
        where = origin if setting.variable == origin or origin.startswith("--") else (
            f"{origin}: {setting.key}"
        )  # fmt: skip
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "..."
        return f"{where} = {shown}: {setting.allowed} is needed"
    return None
