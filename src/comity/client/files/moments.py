"""Days and moments as people write them, turned into the one form that a column keeps.

Invariant: what comes out is a real day or a real UTC moment of the years 1 to 9999; nothing is
guessed from a locale.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from comity.errors import ConfigError, Malformed

# Patterns that a whole column is tried against; years come first or last and have four digits.
PATTERNS = (
    "DD.MM.YYYY",
    "DD/MM/YYYY",
    "MM/DD/YYYY",
    "DD-MM-YYYY",
    "MM-DD-YYYY",
    "YYYY/MM/DD",
    "YYYY.MM.DD",
)

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r" ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
)
_TOKENS = {"YYYY": "(?P<year>[0-9]{4})", "MM": "(?P<month>[0-9]{%s2})", "DD": "(?P<day>[0-9]{%s2})"}


def is_day(text: str) -> bool:
    """Tell whether ``text`` is a real day written YYYY-MM-DD in ASCII."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def day_reader(pattern: str) -> Callable[[str], str | None]:
    """Return a function that turns a day of ``pattern`` into YYYY-MM-DD, or into None.

    Args:
        pattern: YYYY, MM and DD once each, with or without ``. / -`` or a space between; with a
            separator, days and
            months of one digit are read too.

    Raises:
        ConfigError: when it is no such pattern.
    """
    parts = re.split("(YYYY|MM|DD)", pattern)
    if sorted(parts[1::2]) != ["DD", "MM", "YYYY"] or any(
        mark not in ("", ".", "/", "-", " ") for mark in parts[::2]
    ):
        raise ConfigError(
            f"date format {pattern!r}: write YYYY, MM and DD once each, such as"
            f" {', '.join(PATTERNS[:3])}"
        )
    least = "1," if all(parts[2:-1:2]) else ""
    template = "".join(
        _TOKENS[part].replace("%s", least) if part in _TOKENS else re.escape(part) for part in parts
    )
    match = re.compile(template).fullmatch

    def read(text: str) -> str | None:
        found = match(text)
        if found is None:
            return None
        try:
            return date(int(found["year"]), int(found["month"]), int(found["day"])).isoformat()
        except ValueError:
            return None

    return read


def utc_moment(text: str, scale: int) -> str:
    """Return an ISO 8601 moment with offset as ``YYYY-MM-DDTHH:MM:SS[.fff[fff]]Z``.

    Args:
        scale: digits kept of a second: 0, 3 or 6.

    Raises:
        Malformed: when it has no offset, is no real moment, or would lose digits.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise Malformed(
            "a moment with its offset is needed, such as 2026-11-22T21:40:11Z or ...+01:00"
        )
    day, hour, minute, second, fraction, zone = found.groups()
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > scale:
        raise Malformed(f"{len(fraction)} digits of a second, {scale} are kept")
    try:
        moment = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second or '00'}") - _offset(zone)
    except (ValueError, OverflowError) as error:
        raise Malformed("no such moment in the years 1 to 9999") from error
    return moment.isoformat() + ("." + fraction.ljust(scale, "0") if scale else "") + "Z"


def fraction_digits(text: str) -> int:
    """Return how many digits of a second ``text`` has, zeros at the end left out."""
    return len(
        text.partition(".")[2].rstrip("Z ").partition("+")[0].partition("-")[0].strip().rstrip("0")
    )


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    minutes = int(zone[-2:]) if len(zone) > 3 else 0
    if minutes > 59:
        raise ValueError("an offset has at most 59 minutes")
    span = timedelta(hours=int(zone[1:3]), minutes=minutes)
    return -span if zone[0] == "-" else span
