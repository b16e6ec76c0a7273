"""Parameters that a genesis sets must exist: a genesis is for ever, and a typing error would be too."""

import pytest

from comity.errors import ConfigError
from comity.sdk import App
from comity.testing import Ledger


@pytest.mark.parametrize("name", ["lamp.britness", "lmap.brightness", "comity.quota"])
def test_an_unknown_parameter_stops_the_genesis(name: str) -> None:
    """A parameter that no app of the ledger declares is refused, by name."""
    app = App("lamp", version=1, parameters=("brightness",))
    with pytest.raises(ConfigError, match=f"parameter {name} does not exist"):
        Ledger(app, parameters={name: 1})


def test_a_declared_parameter_is_taken() -> None:
    """A parameter that the app declares, and the machine's own, start a ledger."""
    app = App("lamp", version=1, parameters=("brightness",))
    ledger = Ledger(app, parameters={"lamp.brightness": 5, "comity.quotas": [["", 10, 60]]})
    assert ledger.store.height == 0
