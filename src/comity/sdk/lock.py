"""``errors.lock``: every number that a refusal was ever given, so that none is given twice.

Invariant: a line is never changed or removed, only marked ``retired``; receipts of all times stay
readable. A line is ``app number name``; ``#`` begins a comment.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from comity.errors import Malformed
from comity.model.column import digits_of
from comity.sdk.refusals import Refusal

Numbers: TypeAlias = Mapping[tuple[str, int], str]

RETIRED = "retired"
_WORDS_MIN, _WORDS_MAX = 3, 4


def problems_of(lock: str, refusals: Sequence[type[Refusal]]) -> list[str]:
    """Return in words each way in which the refusals of the code depart from the lock.

    Raises: Malformed for a line of the lock that is none.
    """
    names, retired = _read(lock)
    declared = _declared(refusals)
    problems = [
        f"{_title((one.app, one.code))} is given twice: {one.__name__} and {name}"
        for one in refusals
        if (name := declared[one.app, one.code]) != one.__name__
    ]
    for key, name in names.items():
        found = declared.get(key)
        if key in retired and found is not None:
            problems.append(f"{_title(key)} was {name} and is retired: give {found} a new number")
        elif key not in retired and found is None:
            problems.append(f"{_title(key)}, {name}, is gone: keep it, or add the word {RETIRED!r}")
        elif found not in (None, name):
            problems.append(f"{_title(key)} is {name}: give {found} a new number")
    missing = [key for key in declared if key not in names]
    return problems + [f"{_title(key)}, {declared[key]}, is not in the lock" for key in missing]


def extended(lock: str, refusals: Sequence[type[Refusal]]) -> str:
    """Return the lock with a line for each refusal that it lacks, at its end. Raises: Malformed."""
    names, _ = _read(lock)
    declared = _declared(refusals)
    new = sorted(key for key in declared if key not in names)
    return lock + "".join(f"{app} {code} {declared[app, code]}\n" for app, code in new)


def _read(lock: str) -> tuple[Numbers, Mapping[tuple[str, int], None]]:
    """Return the names by (app, number), and the numbers that are retired."""
    names: dict[tuple[str, int], str] = {}
    retired: dict[tuple[str, int], None] = {}
    for at, line in enumerate(lock.split("\n"), 1):
        words = [word for word in line.partition("#")[0].split(" ") if word]
        if not words:
            continue
        code = digits_of(words[1]) if _WORDS_MIN <= len(words) <= _WORDS_MAX else None
        if code is None or words[3:] not in ([], [RETIRED]):
            raise Malformed(f"errors.lock, line {at}: write APP NUMBER NAME, and {RETIRED} if so")
        key = words[0], code
        if key in names:
            raise Malformed(f"errors.lock, line {at}: {_title(key)} stands twice")
        names[key] = words[2]
        if words[3:]:
            retired[key] = None
    return names, retired


def _declared(refusals: Sequence[type[Refusal]]) -> Numbers:
    return {(refusal.app, refusal.code): refusal.__name__ for refusal in refusals}


def _title(key: tuple[str, int]) -> str:
    return f"refusal {key[1]} of {key[0]}"
