"""``errors.lock``: a number in a receipt means for ever what it meant when it was given."""

from pathlib import Path

import pytest

from comity.sdk import Refusal
from comity.sdk.load import load_apps
from comity.sdk.lock import extended, problems_of
from comity.sdk.standard import STANDARD

LOCK = Path(__file__).parents[2].joinpath("errors.lock").read_text()
HOW = "run .venv/bin/python scripts/errors_lock.py, and commit errors.lock"


@pytest.fixture(scope="module")
def refusals() -> list[type[Refusal]]:
    """Give every refusal that Comity ships: the machine's, and those of each of its applications."""
    apps = load_apps(distribution="comity").values()
    return [*STANDARD, *(one for app in apps for one in app.declaration.refusals.values())]


def test_no_number_is_reused_removed_or_given_twice(refusals: list[type[Refusal]]) -> None:
    """Every refusal has its line, and every line its refusal or the word ``retired``."""
    assert problems_of(LOCK, refusals) == [], HOW


def test_a_number_given_anew_is_caught(refusals: list[type[Refusal]]) -> None:
    """Canary: the same lock with two names exchanged, or one line taken out, is not accepted."""
    exchanged = LOCK.replace("comity 1 RowNotFound", "comity 1 RowExists")
    assert exchanged != LOCK
    assert problems_of(exchanged, refusals) != []
    shorter = LOCK.replace("comity 2 RowExists\n", "")
    assert problems_of(shorter, refusals) == ["refusal 2 of comity, RowExists, is not in the lock"]
    assert problems_of(extended(shorter, refusals), refusals) == []
    assert len(problems_of(LOCK, refusals[1:])) == 1


def test_every_refusal_that_comity_ships_tells_the_way_out(refusals: list[type[Refusal]]) -> None:
    """A "no" says in a sentence what is true, and in another who can do what about it."""
    silent = [
        one.__name__ for one in refusals if one.sentence() == f"{one.__name__}." or not one.fix
    ]
    assert silent == []
