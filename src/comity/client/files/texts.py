"""Texts made plain: to keep, in one form; to show, without what a terminal would obey.

Invariant: ``normalised`` and ``shown`` are idempotent on what they return, quotes apart.
"""

from unicodedata import is_normalized, normalize


def normalised(text: str) -> str:
    """Return ``text`` in Unicode's form NFC with line feeds as its only line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return ``1 row``, ``2,000 rows`` or, with a plural of its own, ``2 entries``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shown(text: str, chars_max: int = 40) -> str:
    """Quote ``text`` for a message: one line, cut, nothing in it that a terminal obeys."""
    cut = text if len(text) <= chars_max else text[: chars_max - 3] + "..."
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut) + '"'
