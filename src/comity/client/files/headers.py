"""Titles of a file's columns into names that a ledger allows; the titles stay for people to see.

Invariant: names follow the grammar of ``model.names``, differ from one another, and depend on the
titles alone.
"""

import re
import unicodedata
from collections.abc import Sequence

from comity.client.files.texts import shown
from comity.errors import Malformed
from comity.limits import NAME_CHARS_MAX
from comity.model.names import check_name

_FOREIGN = {
    "ß": "ss",
    "æ": "ae",
    "ø": "o",
    "œ": "oe",
    "ł": "l",
    "đ": "d",
    "\u0131": "i",
    "þ": "th",
    "ð": "d",
}


def to_names(titles: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return a name for each title, and sentences about titles that are missing or stand twice."""
    names: list[str] = []
    notes: list[str] = []
    for position, title in enumerate(titles, start=1):
        name = to_name(title, position)
        if name in names:
            unique = _numbered(name, names)
            notes.append(
                f"column {position}, titled {shown(title)}, is named {unique}:"
                f" {name} stands before it"
            )
            name = unique
        elif not title.strip():
            notes.append(f"column {position} has no title: named {name}")
        names.append(name)
    return tuple(names), notes


def to_name(title: str, position: int = 1) -> str:
    """Return the name nearest to ``title``: no accents, and ``_`` for all but letters and digits.

    Args:
        position: 1-based, for titles without a single ASCII letter or digit: ``column_3``.
    """
    small = "".join(_FOREIGN.get(character, character) for character in title.lower())
    plain = unicodedata.normalize("NFKD", small)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    name = _cut("_".join(re.findall("[a-z0-9]+", plain)), NAME_CHARS_MAX)
    try:
        return check_name(name, "column")
    except Malformed:
        return _cut(f"column_{name or position}", NAME_CHARS_MAX)


def _numbered(name: str, taken: Sequence[str]) -> str:
    number = 2
    while (unique := f"{_cut(name, NAME_CHARS_MAX - 1 - len(str(number)))}_{number}") in taken:
        number += 1
    return unique


def _cut(name: str, chars_max: int) -> str:
    return name[:chars_max].rstrip("_")
