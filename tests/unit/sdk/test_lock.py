"""The numbers of refusals, locked."""

import pytest

from comity.errors import Malformed
from comity.sdk import Refusal
from comity.sdk.lock import extended, problems_of


class Full(Refusal, code=1, app="hall"):
    """The hall is full."""


class Closed(Refusal, code=2, app="hall"):
    """The hall is closed."""


class Shut(Refusal, code=2, app="hall"):
    """The hall is shut."""


LOCK = "# numbers\nhall 1 Full\nhall 2 Closed\nshop 1 Sold retired\n"


def test_a_lock_that_names_every_refusal_is_right() -> None:
    """Nothing is said of what agrees, and nothing is added to it."""
    assert problems_of(LOCK, [Full, Closed]) == []
    assert extended(LOCK, [Full, Closed]) == LOCK


@pytest.mark.parametrize(
    ("lock", "refusals", "words"),
    [
        ("hall 1 Full\n", [Full, Closed], "refusal 2 of hall, Closed, is not in the lock"),
        (LOCK, [Full], "refusal 2 of hall, Closed, is gone"),
        (LOCK, [Full, Shut], "refusal 2 of hall is Closed: give Shut a new number"),
        (LOCK.replace("Closed", "Closed retired"), [Full, Closed], "is retired"),
        (LOCK, [Full, Closed, Shut], "given twice"),
    ],
)
def test_reuse_removal_and_renumbering_are_told(
    lock: str, refusals: list[type[Refusal]], words: str
) -> None:
    """A number in an old receipt means for ever what it meant then."""
    assert any(words in problem for problem in problems_of(lock, refusals))


def test_new_refusals_are_appended() -> None:
    """Adding changes no line that is there; new lines stand in order of app and number."""
    lock = extended("# numbers\nhall 2 Closed\n", [Closed, Full])
    assert lock == "# numbers\nhall 2 Closed\nhall 1 Full\n"
    assert problems_of(lock, [Full, Closed]) == []


@pytest.mark.parametrize(
    "line", ["hall 1", "hall one Full", "hall 1 Full gone", "hall ١ Full", "hall 1 Full retired x"]
)
def test_a_line_that_is_none_is_told(line: str) -> None:
    """A slip of the pen is not read as something else."""
    with pytest.raises(Malformed, match=r"errors\.lock, line 2"):
        problems_of(f"# numbers\n{line}\n", [])
    with pytest.raises(Malformed, match="stands twice"):
        problems_of("hall 1 Full\nhall 1 Full\n", [])
