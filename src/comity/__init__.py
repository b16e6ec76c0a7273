"""Comity: a database that organisations and people share without having to trust one another."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comity.client.refused import Refused as Refused
    from comity.client.refused import RowChanged as RowChanged
    from comity.node.connecting import Ledger as Ledger

__version__ = "0.1.0"

_LAZY = {
    "Ledger": "comity.node.connecting",
    "Refused": "comity.client.refused",
    "RowChanged": "comity.client.refused",
}


def __getattr__(name: str) -> Any:
    """Return ``Ledger`` and its errors, imported when asked for: ``import comity`` alone costs nothing."""
    module = _LAZY.get(name)
    if module is not None:
        return getattr(import_module(module), name)
    raise AttributeError(f"module 'comity' has no attribute {name!r}")
