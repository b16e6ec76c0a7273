"""What a client raises when a rule said no to a transaction that was ordered.

Invariant: the error holds the receipt's own data; its words come from the application's declarations.
"""

from collections.abc import Callable, Mapping
from typing import Any

from comity.client.row import Row
from comity.client.transport import Explanation
from comity.errors import ComityError
from comity.model import account

_HEX_DIGITS_SHOWN = 16
ROW_CHANGED = ("comity", 6)


class Refused(ComityError):
    """A rule refused the transaction; nothing of it was done.

    Args:
        explanation: the refusal in words.
        call_index: 0-based index of the call that was refused.
        identifier: id of the transaction, whose receipt holds the refusal; empty when nothing was ordered
            (a rehearsal).
        height: of the block that holds it.
        name_of: gives the name of an account, for the message.

    """

    def __init__(
        self,
        explanation: Explanation,
        *,
        call_index: int = 0,
        identifier: bytes = b"",
        height: int = 0,
        name_of: Callable[[bytes], str | None] = lambda _: None,
    ) -> None:
        self.app = explanation.app
        self.number = explanation.number
        self.code = kebab(explanation.name)
        self.rule = str(explanation.fields.get("rule", ""))
        self.fields: Mapping[str, Any] = explanation.fields
        self.fix = explanation.fix
        self.explanation = explanation
        self.call_index = call_index
        self.identifier = identifier
        self.height = height
        super().__init__(_words(explanation, name_of))


class RowChanged(Refused):
    """Somebody changed the row after it was read.

    Attributes:
        theirs: the row as it is now, or None when it is gone or was not asked for.
        mine: the values that were to be set.

    """

    theirs: Row | None = None
    mine: Mapping[str, Any] | None = None


def kebab(name: str) -> str:
    """Return ``not-row-owner`` of ``NotRowOwner``."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def _words(explanation: Explanation, name_of: Callable[[bytes], str | None]) -> str:
    fields = {name: value for name, value in explanation.fields.items() if value != ""}
    table, key = fields.pop("table", None), fields.pop("key", None)
    where = "" if table is None else f"{table}: " if key is None else f"{table}[{key}]: "
    said = []
    for name, value in fields.items():
        is_account = name in explanation.accounts and isinstance(value, bytes)
        said.append(f"{name}: {_account(value, name_of) if is_account else _shown(value)}")
    details = f" ({', '.join(said)})" if said else ""
    fix = f" {explanation.fix}" if explanation.fix else ""
    return f"{kebab(explanation.name)}: {where}{explanation.sentence[:-1]}{details}.{fix}"


def _account(value: bytes, name_of: Callable[[bytes], str | None]) -> str:
    return name_of(value) or account.to_text(value)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()[:_HEX_DIGITS_SHOWN]
    return "none" if value is None else str(value)
