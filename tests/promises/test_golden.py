"""Stored histories keep their app hashes for ever; a change of format is made on purpose or not at all."""

import pytest

from comity.errors import BlockRejected
from comity.limits import FORMAT_NUMBER
from comity.machine.state import State
from comity.model.block import Link
from tests.promises.golden import FOLDER, read, replay

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
ADVICE = (
    "what nodes decide has changed. Undo that; or, before 1.0, raise FORMAT_NUMBER, write a decision record and run"
    " python -m tests.promises.golden --write"
)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_history_keeps_its_app_hashes(name: str) -> None:
    """Every height of a stored history has the app hash that it had when it was stored."""
    history = read(name)
    assert history["format"] == FORMAT_NUMBER, ADVICE
    assert replay(name, history) == history["app_hashes"], ADVICE


def test_there_are_golden_histories() -> None:
    """Both are there: random steps of two apps, and one with timers, refusals and a quarantine."""
    assert NAMES == ["script", "trial"]
    assert len(read("script")["blocks"]) >= 25
    links = [Link.decode(bytes.fromhex(block[0])) for block in read("trial")["blocks"]]
    assert any(link.quarantined for link in links)


def test_a_change_of_what_nodes_decide_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: rows stamped with the next position give other app hashes."""
    right = State.begin
    monkeypatch.setattr(State, "begin", lambda self, position: right(self, position + 1))
    with pytest.raises(BlockRejected, match="link"):  # block 2 names the app hash that block 1 had
        replay("script", read("script"))
