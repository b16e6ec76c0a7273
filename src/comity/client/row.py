"""A row as a client shows it: values by column name, and the hash that a change must name.

Invariant: ``etag`` is the start of the row's own hash, so it changes with every change of the row.
"""

from collections.abc import Mapping

import msgspec

from comity.model.column import ColumnValue


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was read.

    Args:
        fields: values by column, retired columns left out.
        etag: the start of the row hash, in hex; a change names it.
        height: it was the row after this block, where the transport tells.
        is_verified: whether it was proved, or read from a file of one's own.

    """

    fields: Mapping[str, ColumnValue]
    owner: bytes | None
    row_hash: bytes
    height: int | None = None
    is_verified: bool = True

    @property
    def etag(self) -> str:
        """Return the first 8 bytes of the row hash in hex."""
        return self.row_hash[:8].hex()

    def __getitem__(self, column: str) -> ColumnValue:
        return self.fields[column]
