"""Accounts, keys and times as people write and read them.

Invariant: whatever is shown here can be given back as an argument.
"""

from datetime import UTC, datetime

from comity.client.transport import Transport
from comity.errors import ConfigError
from comity.limits import SECOND_NS
from comity.model import account

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def account_from(text: str, transport: Transport) -> bytes:
    """Return the account of ``cm1...`` or of a member's name. Raises: Malformed, ConfigError."""
    if text.startswith(f"{account.PREFIX}1") and len(text) >= account.TEXT_CHARS - 2:
        return account.from_text(text)
    found = transport.account_named(text)
    if found is None:
        raise ConfigError(
            f"there is no member named {text}; see 'comity member ls', or give the account cm1..."
        )
    return found


def shown_account(value: bytes | None, transport: Transport) -> str:
    """Return a member's name, else the account's text."""
    if value is None:
        return ""
    return transport.name_of(value) or account.to_text(value)


def shown_time(time_ns: int | None) -> str:
    """Return a time in UTC to the second."""
    if time_ns is None:
        return ""
    moment = datetime.fromtimestamp(time_ns // SECOND_NS, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def duration_ns(text: str) -> int:
    """Return nanoseconds of ``90s``, ``15m``, ``12h`` or ``7d``. Raises: ConfigError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS_S or not number.isascii() or not number.isdigit():
        raise ConfigError(f"{text!r} is no duration; write such as 90s, 15m, 12h or 7d")
    return int(number) * _UNITS_S[unit] * SECOND_NS


def public_key_from(text: str) -> bytes:
    """Return a public key of 64 hex digits. Raises: ConfigError."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) == 32:
        return key
    why = "; an account is a hash of its key" if text.startswith("cm1") else ""
    raise ConfigError(
        f"{text!r} is no public key: 64 hex digits are needed{why}; 'comity key ls' shows them"
    )
