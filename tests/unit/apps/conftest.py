"""Ledgers with members and tables; each is executed again at the end, on a machine of its own."""

from collections.abc import Iterator

import pytest

from comity.apps.members import app as members
from comity.apps.tables import app as tables
from comity.apps.tables.actions import add, create
from comity.testing import Ledger
from tests.unit.apps.fruit import FRUIT, LIST


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A ledger of Ana, an admin, Bo and Carla."""
    with Ledger(members, tables, founders=("ana", "bo", "carla")) as made:
        yield made
        made.check_replay()


@pytest.fixture
def fruit(ledger: Ledger) -> Ledger:
    """The ledger with a table of fruit that Bo made, open to everyone."""
    ledger.run(create, "bo", schema=FRUIT, preset="open")
    ledger.run(add, "bo", table="fruit", rows=[["apple", "red", 120, "A"], ["pear"]])
    return ledger


@pytest.fixture
def numbered(ledger: Ledger) -> Ledger:
    """The ledger with a numbered list that Bo made, open to everyone."""
    ledger.run(create, "bo", schema=LIST, preset="open", is_numbered=True)
    return ledger
