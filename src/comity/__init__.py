"""Comity: a database that organisations and people share without having to trust one another."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comity.node.connecting import Ledger as Ledger

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Return ``Ledger``, imported when it is asked for: ``import comity`` alone costs nothing."""
    if name == "Ledger":
        return import_module("comity.node.connecting").Ledger
    raise AttributeError(f"module 'comity' has no attribute {name!r}")
