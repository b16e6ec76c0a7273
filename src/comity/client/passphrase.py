"""Where a passphrase comes from: a file, an environment variable or a prompt, never an argument.

Arguments are visible to every user of the machine in the list of processes.

Invariant: a passphrase leaves this module only as a `Secret`.
"""

import getpass
import os
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from comity.client.plain_file import open_plain
from comity.client.secret import Secret, sealed
from comity.errors import ConfigError
from comity.limits import PASSPHRASE_BYTES_MAX, PASSPHRASE_BYTES_MIN

VARIABLE = "COMITY_PASSPHRASE"
FILE_VARIABLE = "COMITY_PASSPHRASE_FILE"
_HOW = f"give it with --passphrase-file, {FILE_VARIABLE} or {VARIABLE}, or run this in a terminal"


@dataclass(frozen=True)
class PassphraseSource:
    """What can answer for a passphrase; the first that is there does.

    Args:
        file: holds the passphrase in its first line.
        variable: value of the environment variable.
        ask: shows a prompt and returns what was typed, unseen; None without a terminal.
    """

    file: Path | None = None
    variable: Secret | None = None
    ask: Callable[[str], str] | None = None

    @classmethod
    @sealed
    def from_process(
        cls, file: Path | None = None, environment: Mapping[str, str] = os.environ
    ) -> "PassphraseSource":
        """Gather the sources of this process: ``file``, else environment, else terminal."""
        named, value = environment.get(FILE_VARIABLE), environment.get(VARIABLE)
        return cls(
            file=file or (Path(named) if named else None),
            variable=None if value is None else Secret.from_text(value),
            ask=getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None,
        )


@sealed
def read_passphrase(source: PassphraseSource, purpose: str, *, is_new: bool = False) -> Secret:
    """Return the passphrase, in Unicode's form NFC.

    Args:
        source: where to look.
        purpose: what it opens, for the prompt and for messages, such as ``key ana``.
        is_new: a prompt asks twice, and a short passphrase is refused.

    Raises:
        ConfigError: no source; an unreadable file; an empty, too long or (new) too short
            passphrase; two answers that differ.
    """
    if source.file is not None:
        passphrase = _from_file(source.file)
    elif source.variable is not None:
        passphrase = source.variable
    elif source.ask is not None:
        passphrase = _from_prompt(source.ask, purpose, is_new)
    else:
        raise ConfigError(f"the passphrase of {purpose} is needed and nobody can be asked: {_HOW}")
    return _checked(passphrase, purpose, is_new)


def _from_file(path: Path) -> Secret:
    """Read the first line of a file."""
    with open_plain(path, "passphrase file") as stream:
        line = stream.readline(PASSPHRASE_BYTES_MAX + 2)
    return Secret(line.rstrip(b"\r\n"))


def _from_prompt(ask: Callable[[str], str], purpose: str, is_new: bool) -> Secret:
    """Ask once, or twice for a new passphrase."""
    try:
        passphrase = Secret.from_text(ask(f"Passphrase of {purpose}: "))
        is_same = not is_new or Secret.from_text(ask("The same again: ")) == passphrase
    except EOFError:
        raise ConfigError(f"no passphrase was typed for {purpose}: {_HOW}") from None
    if not is_same:
        raise ConfigError(f"the two passphrases differ; nothing was done with {purpose}")
    return passphrase


def _checked(passphrase: Secret, purpose: str, is_new: bool) -> Secret:
    """Refuse lengths outside the bounds, and normalise."""
    try:
        text = passphrase.reveal().decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"the passphrase of {purpose} is not UTF-8 text") from None
    normal = Secret.from_text(unicodedata.normalize("NFC", text))
    size = len(normal.reveal())
    if size == 0:
        raise ConfigError(f"the passphrase of {purpose} is empty")
    if size > PASSPHRASE_BYTES_MAX:
        raise ConfigError(
            f"the passphrase of {purpose} is longer than {PASSPHRASE_BYTES_MAX} bytes"
        )
    if is_new and size < PASSPHRASE_BYTES_MIN:
        raise ConfigError(
            f"the passphrase of {purpose} has {size} bytes; a new one needs {PASSPHRASE_BYTES_MIN}"
        )
    return normal
