"""The benchmark of people who edit one table finds a lost update, and an answer that nobody intended."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import editing, shared_table
from comity.model.transaction import Call

pytestmark = pytest.mark.slow
CLIENTS, ROWS, SECONDS = 4, 4, 0.5


def test_what_is_wrong_with_edits_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good edits pass; a change that writes what it did not read, and one that is refused otherwise, do not."""
    table = shared_table.SharedTable(tmp_path / "shared", ROWS)

    def stale(rows: list[list[Any]], seen: list[bytes]) -> Call:
        return shared_table.change([[name, 0] for name, _ in rows], seen)

    def elsewhere(rows: list[list[Any]], seen: list[bytes]) -> Call:
        return Call("tables.change", {"table": "nowhere", "rows": rows, "seen": seen})

    with shared_table.running(table.folder) as port:
        found = editing.edit_here(port, table.genesis_hash, CLIENTS, ROWS, SECONDS)
        assert found.final > 0
        assert len(found.waits_ms) == found.final + found.refused
        for planted, words in ((stale, "was lost"), (elsewhere, "another answer was expected")):
            monkeypatch.setattr(editing, "change", planted)
            with pytest.raises(RuntimeError, match=words):
                editing.edit_here(port, table.genesis_hash, CLIENTS, ROWS, SECONDS)
