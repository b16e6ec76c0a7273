"""The ledgers that this user knows: a name of his own, an address, and the genesis hash that he trusts.

A genesis hash that came with an invitation, a file or ``--genesis`` is trusted because of that. An address that was
never seen before is believed once, and its genesis hash is kept: from then on another ledger at it is refused.

Invariant: what is kept is only replaced by hand: no node can change which ledger an address means.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from comity.client.plain_file import read_plain
from comity.errors import ConfigError
from comity.limits import KNOWN_LEDGERS_BYTES_MAX

VARIABLE = "COMITY_HOME"
FILE = "ledgers.json"
_HASH_DIGITS = 64


class KnownLedger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ledger by its own name: where a node of it answers, and its genesis hash in hex."""

    url: str
    genesis: str

    @property
    def genesis_hash(self) -> bytes:
        """Return the trust anchor."""
        return bytes.fromhex(self.genesis)


class KnownLedgers:
    """The file that remembers, ``ledgers.json`` in the user's folder of Comity's settings.

    Args:
        directory: holds the file; by default ``COMITY_HOME``, else ``~/.config/comity``.
    """

    def __init__(
        self, directory: Path | None = None, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.path = (directory or _folder(environment)) / FILE

    def of_url(self, url: str) -> KnownLedger | None:
        """Return the ledger that an address means, or None. Raises: ConfigError."""
        plain = url.rstrip("/")
        return next((each for each in self.read().values() if each.url == plain), None)

    def named(self, name: str) -> KnownLedger | None:
        """Return the ledger of a name, or None. Raises: ConfigError."""
        return self.read().get(name)

    def keep(self, name: str, url: str, genesis_hash: bytes) -> str:
        """Remember a ledger under ``name``, or one with a number behind it; return that. Raises: ConfigError."""
        known = self.read()
        taken = name
        number = 2
        while taken in known:
            taken, number = f"{name}-{number}", number + 1
        known[taken] = KnownLedger(url=url.rstrip("/"), genesis=genesis_hash.hex())
        self._write(known)
        return taken

    def read(self) -> dict[str, KnownLedger]:
        """Return what is known, by name. Raises: ConfigError."""
        if not self.path.exists():
            return {}
        data = read_plain(self.path, KNOWN_LEDGERS_BYTES_MAX)
        try:
            known = msgspec.json.decode(data, type=dict[str, KnownLedger])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: {error}; mend it or move it away") from error
        for name, each in known.items():
            if len(each.genesis) != _HASH_DIGITS or each.genesis.strip("0123456789abcdef"):
                raise ConfigError(f"{self.path}: the genesis of {name} is not 64 hex digits")
        return known

    def _write(self, known: Mapping[str, KnownLedger]) -> None:
        data = msgspec.json.format(msgspec.json.encode(known), indent=1)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.path.parent, delete=False) as draft:
                draft.write(data + b"\n")
            Path(draft.name).replace(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from error


def _folder(environment: Mapping[str, str]) -> Path:
    given = environment.get(VARIABLE)
    if given:
        return Path(given)
    settings = environment.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else Path.home() / ".config") / "comity"
