"""Docstrings as data: the sentence, the arguments and the refusals that an author already wrote.

Invariant: only what people read is generated from docstrings, since ``python -OO`` removes them;
nothing that nodes must agree on is.
"""

from inspect import cleandoc
from itertools import pairwise

_TITLES = ("Args:", "Returns:", "Raises:", "Cost:", "Source:")
_BLANK = " \n"


def summary_of(doc: str | None) -> str:
    """Return the first sentence, on one line."""
    sentence, _, _ = _sections(doc)[""].partition("\n\n")[0].partition(". ")
    plain = _one_line(sentence).rstrip(".")
    return plain + "." if plain else ""


def description_of(doc: str | None) -> str:
    """Return what stands between the first sentence and the first section, as paragraphs."""
    first, _, rest = _sections(doc)[""].partition("\n\n")
    more = _one_line(first.partition(". ")[2])
    return "\n\n".join(part for part in (more, rest.strip(_BLANK)) if part)


def arguments_of(doc: str | None) -> dict[str, str]:
    """Return what ``Args`` says of each argument."""
    return _entries(_sections(doc).get("Args:", ""))


def raises_of(doc: str | None) -> tuple[str, ...]:
    """Return the names that ``Raises`` lists, in its order, in a line or one a line."""
    text = _sections(doc).get("Raises:", "")
    if text.startswith("\n"):
        return tuple(_entries(text))
    pieces = text.partition(". ")[0].partition("\n\n")[0].replace(";", ",").replace("\n", " ")
    words = [piece.strip(_BLANK).partition(" ")[0].strip(".:`") for piece in pieces.split(",")]
    return tuple(dict.fromkeys(word for word in words if "A" <= word[:1] <= "Z"))


def _entries(text: str) -> dict[str, str]:
    """Return what stands after the colon of each ``name, name: words``; deeper lines go on."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in cleandoc("\n" + text).split("\n"):
        head, colon, rest = line.partition(":")
        if colon and not line.startswith(" "):
            names = [name.strip(_BLANK + "`") for name in head.split(",")]
            found |= dict.fromkeys(names, _one_line(rest))
        else:
            found |= {name: _one_line(f"{found[name]} {line}") for name in names}
    return found


def _sections(doc: str | None) -> dict[str, str]:
    """Return the text under each title, and under "" what comes before the first."""
    text = cleandoc(doc or "")
    starts = [(at, title) for title in _TITLES if (at := _find(text, title)) >= 0]
    starts = [(0, ""), *sorted(starts), (len(text), "")]
    return {
        title: text[at + len(title) : end].rstrip(_BLANK)
        for (at, title), (end, _) in pairwise(starts)
    }


def _find(text: str, title: str) -> int:
    """Return where ``title`` stands as a word of its own, or -1."""
    return next((at for at in _all(text, title) if at == 0 or text[at - 1] in _BLANK), -1)


def _all(text: str, title: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(title, at)]


def _one_line(text: str) -> str:
    words = [word for word in text.replace("\n", " ").split(" ") if word]
    return " ".join(words).replace("``", "`")
