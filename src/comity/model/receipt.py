"""Receipts and log entries: the outcome of one transaction in canonical bytes, and what the log commits to (R3.7).

Invariant: a receipt holds numbers and typed fields, never the text of an exception.
"""

from collections.abc import Mapping
from functools import cached_property

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import TAG_RECEIPT, sha256, tagged
from comity.errors import Malformed
from comity.limits import NESTING_MAX, SALT_BYTES

RECEIPT_BYTES_MAX = 4 << 20
_NESTING_MAX = NESTING_MAX + 1  # what ``cbor.encode`` writes
_OK = 0
_REFUSED = 1


class Receipt(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What became of a transaction.

    Args:
        results: one CBOR value a call, when it was executed.
        call_index: 0-based index of the call that was refused, or None.
        app, code, fields: the refusal, when there is one.

    """

    results: tuple[cbor.Value, ...] = ()
    call_index: int | None = None
    app: str = ""
    code: int = 0
    fields: Mapping[str, cbor.Value] = msgspec.field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Tell whether the transaction was executed."""
        return self.call_index is None

    def encode(self) -> bytes:
        """Return the receipt's deterministic CBOR. Cost: once a receipt."""
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        if self.call_index is None:
            return cbor.encode([_OK, list(self.results)])
        return cbor.encode([_REFUSED, self.call_index, self.app, self.code, dict(self.fields)])

    @classmethod
    def decode(cls, data: bytes) -> "Receipt":
        """Return the receipt that ``data`` encodes. Raises: Malformed."""
        value = cbor.decode(data, size_max=RECEIPT_BYTES_MAX, depth_max=_NESTING_MAX)
        # Kinds are compared, not only values: false is 0 to Python, and another byte in CBOR.
        kinds = [type(item) for item in value] if type(value) is list else []
        if kinds == [int, list] and value[0] == _OK:
            return cls(results=tuple(value[1]))
        if kinds == [int, int, str, int, dict] and value[0] == _REFUSED:
            _, call_index, app, code, fields = value
            if call_index >= 0 and all(type(name) is str for name in fields):
                return cls(call_index=call_index, app=app, code=code, fields=fields)
        raise Malformed("receipt: [0, results] or [1, call, app, code, fields] is needed")


def receipt_hash(salt: bytes, receipt: bytes) -> bytes:
    """Return H(23 | salt | receipt). Args: salt: the transaction's ``receipt_salt``."""
    return tagged(TAG_RECEIPT, salt, receipt)


def pack_stored(salt: bytes, receipt: bytes) -> bytes:
    """Return what ``comity_transaction.receipt`` holds: the receipt's salt, then the receipt."""
    return salt + receipt


def unpack_stored(stored: bytes) -> tuple[bytes, bytes]:
    """Return (salt, receipt bytes) of a stored receipt."""
    return stored[:SALT_BYTES], stored[SALT_BYTES:]


def genesis_entry(genesis_hash: bytes) -> bytes:
    """Return the log entry at position 0."""
    return cbor.encode_array([2, genesis_hash])


def link_entry(link: bytes) -> bytes:
    """Return the log entry of a link."""
    return cbor.encode_array([0, sha256(link)])


def transaction_entry(identifier: bytes, envelope: bytes, salt: bytes, receipt: bytes) -> bytes:
    """Return the log entry of a transaction: its id, the hash of its envelope, the salted hash of its receipt."""
    return cbor.encode_array([1, identifier, sha256(envelope), receipt_hash(salt, receipt)])
