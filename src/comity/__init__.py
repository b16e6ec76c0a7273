"""Comity: a database that organisations and people share without having to trust one another."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comity.client.refused import Refused as Refused
    from comity.client.refused import RowChanged as RowChanged
    from comity.errors import ProofInvalid as ProofInvalid
    from comity.errors import Rejected as Rejected
    from comity.errors import Unavailable as Unavailable
    from comity.node.connecting import AsyncLedger as AsyncLedger
    from comity.node.connecting import Ledger as Ledger

__version__ = "0.1.0"

_LAZY = {
    "AsyncLedger": "comity.node.connecting",
    "Ledger": "comity.node.connecting",
    "ProofInvalid": "comity.errors",
    "Refused": "comity.client.refused",
    "Rejected": "comity.errors",
    "RowChanged": "comity.client.refused",
    "Unavailable": "comity.errors",
}


def __getattr__(name: str) -> Any:
    """Return ``Ledger``, ``AsyncLedger`` and their errors, imported when asked for: ``import comity`` costs nothing."""
    module = _LAZY.get(name)
    if module is not None:
        return getattr(import_module(module), name)
    raise AttributeError(f"module 'comity' has no attribute {name!r}")
