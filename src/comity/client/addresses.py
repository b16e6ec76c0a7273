"""Ledgers that a person uses through somebody's node, by names of their own: where they are, and which they are.

    [suppliers]                         # ~/.config/comity/ledgers.toml
    url = "http://localhost:7080"       # of the node
    genesis = "7f3a..."                 # hash of the genesis: what the node says is checked against it
    keys = "/home/bo/.config/comity/keys"
    key = "bo"                          # that acts, where no other is named

Invariant: the file holds no secret and is for its owner alone; it is replaced whole or not at all.
"""

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from comity.client.plain_file import read_plain
from comity.errors import ConfigError, Malformed
from comity.limits import ADDRESSES_BYTES_MAX, LEDGER_NAME_CHARS_MAX
from comity.model.names import check_ledger_name

FILE = "ledgers.toml"
KEYS = "keys"  # folder of the keys of somebody who has no node
_STEM_CHARS = LEDGER_NAME_CHARS_MAX - 4  # of a name that gets a number


class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a ledger is, and which it is.

    Args:
        url: address of a node that serves it.
        genesis: hash of its genesis in hex, which the node must have.
        keys: folder of keys; key: the one that acts; "" where nobody said.
    """

    url: str
    genesis: str
    keys: str = ""
    key: str = ""


def home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of a person's own settings. Source: XDG Base Directory Specification."""
    given = environment.get("XDG_CONFIG_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".config") / "comity"


def addresses(folder: Path | None = None) -> dict[str, Address]:
    """Return all ledgers that were remembered, by name. Raises: ConfigError."""
    path = (folder or home()) / FILE
    if not path.exists():
        return {}
    data = read_plain(path, ADDRESSES_BYTES_MAX)
    if len(data) > ADDRESSES_BYTES_MAX:
        raise ConfigError(f"{path} is longer than {ADDRESSES_BYTES_MAX:,} bytes")
    try:
        return msgspec.convert(tomllib.loads(data.decode("utf-8")), dict[str, Address])
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path} is not as it must be: {error}; correct or remove it") from error


def address_of(name: str, folder: Path | None = None) -> Address | None:
    """Return the ledger that was remembered under a name, or None. Raises: ConfigError."""
    return addresses(folder).get(name)


def remember(name: str, address: Address, folder: Path | None = None) -> None:
    """Keep a ledger under a name, in place of what had it. Raises: ConfigError."""
    try:
        check_ledger_name(name)
    except Malformed as error:
        raise ConfigError(str(error)) from error
    known = addresses(folder) | {name: address}
    _write((folder or home()) / FILE, "\n".join(_section(one, known[one]) for one in sorted(known)))


def free_name(wanted: str, genesis: str, folder: Path | None = None) -> str:
    """Return ``wanted``, or with a number behind it where another ledger has that name. Raises: ConfigError."""
    known, name, number = addresses(folder), wanted, 1
    while name in known and known[name].genesis != genesis:
        number += 1
        name = f"{wanted[:_STEM_CHARS].rstrip('-_')}-{number}"
    return name


def _section(name: str, address: Address) -> str:
    fields = msgspec.to_builtins(address)
    lines = [f"{key} = {_quoted(value)}" for key, value in fields.items() if value]
    return "\n".join([f"[{name}]", *lines, ""])


def _quoted(text: str) -> str:
    """Return a basic string of TOML, which is JSON's but for one character. Source: TOML 1.0, "String"."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, path)  # mode 0600, as tempfile makes it
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise ConfigError(f"{path}: a path that is no text cannot be kept: {error}") from error
