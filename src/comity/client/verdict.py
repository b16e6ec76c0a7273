"""What a verified bundle says: typed, as JSON, and in words.

Invariant: everything here was followed to the node's signature; nothing is copied from a bundle that no hash covers.
``verifier/comity_verify.py`` says the same in JSON.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from comity.client.files.texts import counted
from comity.crypto.ordered import KeyValue
from comity.limits import ACCOUNT_ID_BYTES, DECIMAL_SCALE_MAX, SECOND_NS
from comity.model.account import to_text
from comity.model.column import ColumnValue
from comity.model.receipt import Receipt
from comity.model.transaction import Call

_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60


class Cell(msgspec.Struct, frozen=True):
    """One column of a proved row, with the stored value: a decimal's is an integer that ``scale`` divides."""

    name: str
    kind: str
    scale: int
    value: ColumnValue

    def to_text(self) -> str:
        """Return the value as people read it, in printable characters."""
        value = self.value
        if self.kind == "decimal" and type(value) is int and 1 <= self.scale <= DECIMAL_SCALE_MAX:
            digits = str(abs(value)).rjust(self.scale + 1, "0")
            return f"{'-' * (value < 0)}{digits[: -self.scale]}.{digits[-self.scale :]}"
        if self.kind == "account" and type(value) is bytes and len(value) == ACCOUNT_ID_BYTES:
            return to_text(value)
        return _shown(value)


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed a transaction. ``is_first_key``: the key founded the account, so the account's id commits to it."""

    transaction_id: bytes
    sender: bytes
    key_id: bytes
    is_first_key: bool

    def to_value(self) -> dict[str, Any]:
        """Return the signer for JSON."""
        return {
            "transaction": self.transaction_id,
            "sender": self.sender,
            "key": self.key_id,
            "is_first_key": self.is_first_key,
        }


class ProvedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row; ``position`` names the event in the log that last changed it."""

    key: tuple[KeyValue, ...]
    cells: tuple[Cell, ...]
    owner: bytes | None
    position: int

    def to_value(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "key": list(self.key),
            "columns": [[cell.name, cell.kind, cell.scale, cell.value] for cell in self.cells],
            "owner": self.owner,
            "position": self.position,
        }


class ProvedRows(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of a table from ``low`` to ``high``.

    Args:
        writer: of the one row: its signer, the height of a block whose timers wrote it, or None where it is not shown.
        is_one_key: ``low`` and ``high`` are the same whole key.
    """

    table: str
    low: tuple[KeyValue, ...]
    high: tuple[KeyValue, ...]
    rows: tuple[ProvedRow, ...]
    writer: Signer | int | None
    is_one_key: bool

    def to_value(self) -> dict[str, Any]:
        """Return the claim for JSON."""
        is_signed = isinstance(self.writer, Signer)
        return {
            "kind": "rows",
            "table": self.table,
            "low": list(self.low),
            "high": list(self.high),
            "writer": self.writer.to_value() if isinstance(self.writer, Signer) else None,
            "timers_of": None if is_signed else self.writer,
            "rows": [row.to_value() for row in self.rows],
        }

    def to_text(self) -> str:
        """Return the claim in words."""
        if self.is_one_key:
            name = f"{self.table}{_bracketed(self.low)}"
            return name if self.rows else f"{name} is absent"
        first = f" from {_bracketed(self.low)}" if self.low else ""
        last = f" to {_bracketed(self.high)}" if self.high else ""
        return f"{counted(len(self.rows), 'row')}, all of {self.table}{first}{last},"


class ProvedTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction in the log, and its receipt."""

    signer: Signer
    position: int
    calls: tuple[Call, ...]
    receipt: Receipt

    def to_value(self) -> dict[str, Any]:
        """Return the claim for JSON."""
        it = self.receipt
        receipt = [0, list(it.results)]
        if not it.is_ok:
            receipt = [1, it.call_index, it.app, it.code, dict(it.fields)]
        return {
            "kind": "transaction",
            **self.signer.to_value(),
            "position": self.position,
            "calls": [[call.action, dict(call.arguments)] for call in self.calls],
            "receipt": receipt,
        }

    def to_text(self) -> str:
        """Return the claim in words."""
        outcome = "executed"
        if not self.receipt.is_ok:
            outcome = f"refused by {printable(self.receipt.app)} with number {self.receipt.code}"
        identifier, sender = self.signer.transaction_id.hex(), to_text(self.signer.sender)
        return f"transaction {identifier} by {sender}, {outcome}, at log position {self.position}"


class ProvedConsistency(msgspec.Struct, frozen=True, kw_only=True):
    """The log at the bundle's height only appended to that of an older height."""

    older_height: int
    older_time_ns: int
    older_app_hash: bytes
    older_log_size: int
    log_size: int

    def to_value(self) -> dict[str, Any]:
        """Return the claim for JSON."""
        return {
            "kind": "consistency",
            "older_height": self.older_height,
            "older_time_ns": self.older_time_ns,
            "older_app_hash": self.older_app_hash,
            "older_log_size": self.older_log_size,
            "log_size": self.log_size,
        }

    def to_text(self) -> str:
        """Return the claim in words."""
        entries = counted(self.older_log_size, "entry", "entries")
        older = f"{entries} at block {self.older_height}"
        return f"the log only grew, from {older} to {self.log_size}"


Proved: TypeAlias = ProvedRows | ProvedTransaction | ProvedConsistency


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint of the bundle's history: the one with ``is_newer`` has the state in its log."""

    size: int
    root: bytes
    is_newer: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle proves, on the word of the one node that its genesis names.

    Args:
        anchors: what the reader knew and the bundle fits: ``genesis``, ``checkpoint``. None: it proves nothing to him.
    """

    claim: Proved
    ledger: str
    genesis_hash: bytes
    height: int
    time_ns: int
    app_hash: bytes
    checkpoint: Connection | None
    anchors: tuple[str, ...]

    @property
    def is_anchored(self) -> bool:
        """Tell whether the bundle fits something that the reader knew before."""
        return bool(self.anchors)

    def to_value(self) -> dict[str, Any]:
        """Return the verdict for JSON, with bytes left as they are."""
        head = self.checkpoint
        checkpoint = None
        if head is not None:
            checkpoint = {"size": head.size, "root": head.root, "is_newer": head.is_newer}
        return {
            "claim": self.claim.to_value(),
            "ledger": self.ledger,
            "genesis": self.genesis_hash,
            "height": self.height,
            "time_ns": self.time_ns,
            "app_hash": self.app_hash,
            "checkpoint": checkpoint,
            "anchors": list(self.anchors),
        }

    def to_json(self) -> str:
        """Return the verdict as JSON; bytes are hex."""
        return json.dumps(self.to_value(), default=bytes.hex, indent=1)

    def to_lines(self, now_ns: int) -> list[str]:
        """Return the verdict in words. Args: now_ns: the reader's clock, for the age."""
        head = "valid " if self.anchors else "unanchored "
        when = f"{time_text(self.time_ns)} ({age_text(now_ns - self.time_ns)})"
        where = f"at block {self.height}, {when}, ledger {self.ledger}{self._written()}"
        lines = [f"{head} {self.claim.to_text()} {where}; app hash signed by 1 of 1 nodes"]
        if isinstance(self.claim, ProvedRows) and self.claim.is_one_key:
            cells = [cell for row in self.claim.rows for cell in row.cells]
            lines += [f"  {printable(cell.name)} = {cell.to_text()}" for cell in cells]
        if self.checkpoint is not None:
            which = "contains this block" if self.checkpoint.is_newer else "this log continues"
            size = self.checkpoint.size
            lines.append(f"note   of one history with the checkpoint at size {size}, which {which}")
        lines.append("note   1 node: this proves what that node says, not that others agreed")
        if not self.anchors:
            lines.append(
                "note   nothing that you know vouches for this ledger: compare its genesis hash"
                f" {self.genesis_hash.hex()} with one that you trust, and say --genesis"
            )
        return lines

    def _written(self) -> str:
        writer = self.claim.writer if isinstance(self.claim, ProvedRows) else None
        if isinstance(writer, Signer):
            sender, identifier = to_text(writer.sender), writer.transaction_id.hex()
            return f", changed by {sender} in transaction {identifier}"
        return "" if writer is None else f", changed by a timer in block {writer}"


def time_text(time_ns: int) -> str:
    """Return a time as UTC text with seconds."""
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age_text(age_ns: int) -> str:
    """Return a time span in its largest unit."""
    seconds = age_ns // SECOND_NS
    if seconds < 0:
        return "in your clock's future"
    for unit_s, name in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{seconds // unit_s} {name} ago"
    return f"{seconds} s ago"


def printable(text: str) -> str:
    """Return ``text`` with all that could steer a terminal or hide itself written as escapes."""
    return json.dumps(text)[1:-1]


def _shown(value: ColumnValue) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return printable(value) if isinstance(value, str) else json.dumps(value)


def _bracketed(key: Sequence[KeyValue]) -> str:
    return "[" + ", ".join(map(_shown, key)) + "]"
