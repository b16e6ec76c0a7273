"""Decimals as whole numbers of their smallest unit, to and from plain notation.

Invariant: digits are moved as text; nothing is rounded, and no binary fraction is ever made.
"""

import re

from comity.client.files.texts import shown
from comity.errors import Malformed

_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,17})(?:\.([0-9]+))?")


def scaled_text(value: int, scale: int) -> str:
    """Return ``value`` / 10^scale in plain notation, ``scale`` digits after the point."""
    digits = str(abs(value)).rjust(scale + 1, "0")
    text = digits[:-scale] + "." + digits[-scale:] if scale else digits
    return "-" + text if value < 0 else text


def scaled_from_text(text: str, scale: int) -> int:
    """Return the integer that ``text`` is at ``scale`` digits after the point.

    Raises: Malformed where digits are lost.
    """
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise Malformed(
            f"a plain number such as {scaled_text(-125, scale)} is needed, not {shown(text)}"
        )
    sign, whole, fraction = found.groups()
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > scale:
        raise Malformed(
            f"{shown(text)} has {len(fraction)} digits after the point, {scale} are kept"
        )
    value = int(whole + fraction.ljust(scale, "0"))
    return -value if sign else value
