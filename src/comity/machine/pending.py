"""One table as a candidate block sees it: the committed rows under the block's own writes.

Invariant: reads give exactly what a store would give that had the pending writes applied, in the same order; every
write can be taken back until its transaction is sealed.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence

from comity.crypto.ordered import after, encode_index, encode_key
from comity.model.column import ColumnValue
from comity.model.row import RowCodec, StoredRow
from comity.model.schema import TableSchema
from comity.store.table import StoredTable


class Missing:
    """Marks, in a journal, a key that the block had not written before."""


MISSING = Missing()


class PendingTable:
    """The pending rows of one table, by encoded key; None stands for a deleted row.

    Args:
        stored: the committed table, or None for one that this block made.
    """

    def __init__(self, schema: TableSchema, stored: StoredTable | None) -> None:
        self.stored = stored
        self.codec = RowCodec(schema) if stored is None or stored.schema != schema else stored.codec
        self.rows: dict[bytes, StoredRow | None] = {}
        self.base: dict[bytes, StoredRow | None] = {}
        self.superseded: list[StoredRow] = []
        self._uniques: dict[str, dict[bytes, bytes]] = {
            index.name: {} for index in self.codec.uniques
        }
        self._sorted: list[bytes] | None = None
        self._index_sorted: dict[str, list[tuple[bytes, bytes]]] = {}

    @property
    def schema(self) -> TableSchema:
        """Return the schema as the block has made it."""
        return self.codec.schema

    def get(self, key: bytes, key_values: Sequence[ColumnValue]) -> StoredRow | None:
        """Return the row with this key as of now, or None."""
        if key in self.rows:
            return self.rows[key]
        if key in self.base:
            return self.base[key]
        return self.before(key, key_values)

    def before(self, key: bytes, key_values: Sequence[ColumnValue]) -> StoredRow | None:
        """Return the committed row with this key, or None."""
        if key in self.base:
            return self.base[key]
        found = None
        if self.stored is not None:
            found = self.stored.get(key_values)  # type: ignore[arg-type]  # key columns are never null
            if found is not None:
                found = self._widen(found)
        self.base[key] = found
        return found

    def set(self, key: bytes, row: StoredRow | None) -> StoredRow | Missing | None:
        """Write a row, or None to delete it; return what the block held before, for ``restore``."""
        previous = self.rows.get(key, MISSING)
        self._reindex(key, None if isinstance(previous, Missing) else previous, row)
        if previous is MISSING and self._sorted is not None:
            insort(self._sorted, key)
        self.rows[key] = row
        return previous

    def restore(self, key: bytes, previous: StoredRow | Missing | None) -> None:
        """Take back a ``set``; calls come in the reverse order of the sets."""
        written = self.rows[key]
        if isinstance(previous, Missing):
            self._reindex(key, written, None)
            del self.rows[key]
            if self._sorted is not None:
                del self._sorted[bisect_left(self._sorted, key)]
            return
        self._reindex(key, written, previous)
        self.rows[key] = previous

    def clash(self, key: bytes, row: StoredRow) -> str | None:
        """Return the unique index in which another row already has what ``row`` has, or None."""
        for index in self.codec.uniques:
            name = index.name
            if self.codec.has_null(name, row):
                continue
            encoded = self.codec.index_key(name, row)
            holder = self._uniques[name].get(encoded)
            if holder is not None:
                if holder != key:
                    return name
                continue
            if self.stored is None:
                continue
            values = [row[at] for at in self.codec.index_at[name]]
            for found in self.stored.find_equal(name, values):
                other = self.codec.key(found)
                if other != key and other not in self.rows:
                    return name
        return None

    def range(
        self, low: Sequence[ColumnValue], high: Sequence[ColumnValue], index: str | None, limit: int
    ) -> list[StoredRow]:
        """Return at most ``limit`` rows whose key (or index) columns lie within [low, high], in encoded order."""
        pending = self._pending_range(low, high, index)
        stored = self._stored_range(low, high, index)
        found: list[StoredRow] = []
        for _, row in _merge(stored, pending):
            if len(found) == limit:
                break
            found.append(row)
        return found

    def under(self, schema: TableSchema) -> "PendingTable":
        """Return this table under a later version of its schema; rows get nulls in the columns that it appends."""
        later = PendingTable(schema, self.stored)
        later.superseded = [
            later._widen_superseded(row, self.codec.width) for row in self.superseded
        ]
        for rows, widened in ((self.rows, later.rows), (self.base, later.base)):
            for key, row in rows.items():
                widened[key] = None if row is None else later._widen(row)
        for key, row in later.rows.items():
            later._reindex(key, None, row)
        return later

    def changed_keys(self) -> list[bytes]:
        """Return the encoded keys that the block wrote, in order."""
        return sorted(self.rows)

    def _widen(self, row: StoredRow) -> StoredRow:
        missing = self.codec.width - len(row)
        return row + (None,) * missing if missing > 0 else row

    def _widen_superseded(self, row: StoredRow, width: int) -> StoredRow:
        """Widen a version of ``width`` values that carries its ``_to`` behind them."""
        return self._widen(row[:width]) + row[width:]

    def _reindex(self, key: bytes, old: StoredRow | None, new: StoredRow | None) -> None:
        if not self._uniques and not self._index_sorted:
            return
        for name, holders in self._uniques.items():
            if old is not None and not self.codec.has_null(name, old):
                encoded = self.codec.index_key(name, old)
                if holders.get(encoded) == key:
                    del holders[encoded]
            if new is not None and not self.codec.has_null(name, new):
                holders[self.codec.index_key(name, new)] = key
        for name, entries in self._index_sorted.items():
            if old is not None:
                del entries[bisect_left(entries, (self.codec.index_key(name, old), key))]
            if new is not None:
                insort(entries, (self.codec.index_key(name, new), key))

    def _pending_range(
        self, low: Sequence[ColumnValue], high: Sequence[ColumnValue], index: str | None
    ) -> Iterator[tuple[tuple[bytes, bytes], StoredRow]]:
        """Yield (sort key, row) of the pending live rows in the range."""
        if index is None:
            if self._sorted is None:
                self._sorted = sorted(self.rows)
            start, end = _encoded_bounds(low, high, is_index=False)
            keys = self._sorted[bisect_left(self._sorted, start) : bisect_left(self._sorted, end)]
            pairs: Iterable[tuple[bytes, bytes]] = [(b"", key) for key in keys]
        else:
            entries = self._index_sorted.get(index)
            if entries is None:
                live = [(key, row) for key, row in self.rows.items() if row is not None]
                entries = sorted((self.codec.index_key(index, row), key) for key, row in live)
                self._index_sorted[index] = entries
            start, end = _encoded_bounds(low, high, is_index=True)
            pairs = entries[bisect_left(entries, (start, b"")) : bisect_left(entries, (end, b""))]
        for encoded, key in pairs:
            row = self.rows[key]
            if row is not None:
                yield (encoded, key), row

    def _stored_range(
        self, low: Sequence[ColumnValue], high: Sequence[ColumnValue], index: str | None
    ) -> Iterator[tuple[tuple[bytes, bytes], StoredRow]]:
        """Yield (sort key, row) of the committed rows in the range that the block has not written."""
        if self.stored is None:
            return
        for row in self.stored.range(low, high, index):
            key = self.codec.key(row)
            if key not in self.rows:
                wide = self._widen(row)
                yield (b"" if index is None else self.codec.index_key(index, wide), key), wide


def _merge(
    first: Iterator[tuple[tuple[bytes, bytes], StoredRow]],
    second: Iterator[tuple[tuple[bytes, bytes], StoredRow]],
) -> Iterator[tuple[tuple[bytes, bytes], StoredRow]]:
    """Yield both sorted streams as one; no key is in both."""
    left, right = next(first, None), next(second, None)
    while left is not None and right is not None:
        if left[0] < right[0]:
            yield left
            left = next(first, None)
        else:
            yield right
            right = next(second, None)
    if left is not None:
        yield left
        yield from first
    if right is not None:
        yield right
        yield from second


def _encoded_bounds(
    low: Sequence[ColumnValue], high: Sequence[ColumnValue], *, is_index: bool
) -> tuple[bytes, bytes]:
    """Return the half-open byte range of encoded keys whose leading columns lie within [low, high]."""
    encode = encode_index if is_index else _encode_prefix
    start = encode(low) if low else b""
    return start, after(encode(high)) if high else after(b"")


def _encode_prefix(values: Sequence[ColumnValue]) -> bytes:
    return encode_key(values)  # type: ignore[arg-type]  # callers check values against the key's columns
