"""A small ledger, and a query process on it, for the tests of the read side."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.query.process import QueryProcess
from tests.unit.query.ledger_file import ACCOUNTS, PRICES, LedgerFile


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerFile:
    """Heights 0 to 3: two rows added, one changed and one removed, one added again."""
    file = LedgerFile(Path(tmp_path_factory.mktemp("ledger")) / "node.sqlite")
    file.begin_block()
    file.transaction()
    file.make(PRICES)
    file.put("prices", ("apple", 1250, True, 3))
    file.put("prices", ("pear", -5, False, None))
    file.end_block()
    file.begin_block()
    file.transaction(ACCOUNTS[1])
    file.put("prices", ("apple", 1300, True, 4))
    file.transaction()
    file.delete("prices", ("pear",))
    file.end_block()
    file.begin_block()
    file.transaction(ACCOUNTS[2])
    file.put("prices", ("pear", 1 << 54, None, 1 << 60), owner=ACCOUNTS[2])
    file.end_block()
    return file


@pytest.fixture(scope="module")
def process(ledger: LedgerFile) -> Iterator[QueryProcess]:
    """One query process for a module's tests."""
    with QueryProcess(ledger.path) as running:
        yield running
