"""One running node for the tests of the client over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.client.known import VARIABLE
from tests.unit.client.served import Served


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger with the table ``stock``, whose rows belong to who adds them."""
    made = Served(tmp_path_factory.mktemp("served") / "ledger")
    with made.node:
        yield made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each test remember ledgers of its own."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"
