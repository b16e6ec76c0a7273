"""Appends to the transaction log, an RFC 9162 tree that only grows.

Invariant: ``append`` changes nothing. What it returns becomes the log by ``write`` inside the
block's transaction and ``adopt`` after it, so any number of candidate blocks may be tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from comity.crypto.rfc9162 import fold_peaks, leaf_hash, peak_of, row_above
from comity.crypto.tlog_tiles import TILE_BYTES, TILE_HEIGHT, TILE_LEVELS
from comity.errors import InvariantViolated, Unavailable
from comity.limits import LOG_ENTRY_BYTES_MAX, LOG_SIZE_MAX
from comity.store import tiles


@dataclass(frozen=True, slots=True)
class LogUpdate:
    """What appending a block's entries makes of the log: data, until written and adopted."""

    base_size: int  # of the log that it was made from
    size: int
    root: bytes
    tiles: Mapping[tuple[int, int], bytes]  # (level, number) -> hashes, of each tile that changed
    peaks: tuple[bytes, ...]  # by tree level; empty where the size has a zero bit
    edge: tuple[bytes, ...]  # partial tiles by tile level; empty where the last one is full


def write(connection: apsw.Connection, update: LogUpdate) -> None:
    """Store the tiles of ``update``; call it inside the block's transaction."""
    tiles.write(connection, update.tiles.items())


class Log(tiles.Tiles):
    """The log at its newest size, ready to be appended to; older sizes are read as in ``Tiles``."""

    def __init__(self, connection: apsw.Connection, size: int) -> None:
        """Open the log of ``size`` entries; only its right-edge tiles are read.

        Raises: InvariantViolated, when one of them is missing or short.
        Cost: O(log size) tiles.
        """
        super().__init__(connection)
        try:
            edge = {level: tile for (level, _), tile in self.right_edge(size).items()}
            peaks = [self._peak(level, size) for level in range(LOG_SIZE_MAX.bit_length())]
        except Unavailable as error:
            raise InvariantViolated("log: a right-edge tile is lost; restore a snapshot") from error
        self._size = size
        self._edge = tuple(edge.get(level, b"") for level in range(TILE_LEVELS))
        self._peaks = tuple(peaks)

    @property
    def size(self) -> int:
        """Count of the log's entries."""
        return self._size

    def append(self, entries: Sequence[bytes]) -> LogUpdate:
        """Return what the log becomes when ``entries`` follow it; the log stays as it is.

        Args:
            entries: in order, each at most ``LOG_ENTRY_BYTES_MAX`` bytes.
        Raises: InvariantViolated, for a longer entry or a log beyond ``LOG_SIZE_MAX``.
        Cost: two hashes an entry.
        """
        size = self._size + len(entries)
        if size > LOG_SIZE_MAX or any(len(entry) > LOG_ENTRY_BYTES_MAX for entry in entries):
            raise InvariantViolated("log: LOG_SIZE_MAX or LOG_ENTRY_BYTES_MAX would be exceeded")
        peaks, edge = list(self._peaks), list(self._edge)
        changed: dict[tuple[int, int], bytes] = {}
        row = b"".join([leaf_hash(entry) for entry in entries])  # what is new at this tree level
        level = 0
        while row:
            tile_level, row_level = divmod(level, TILE_HEIGHT)
            if row_level == 0:
                hashes = edge[tile_level] + row
                first = self._size >> TILE_HEIGHT * (tile_level + 1)
                for number, start in enumerate(range(0, len(hashes), TILE_BYTES), first):
                    changed[tile_level, number] = hashes[start : start + TILE_BYTES]
                edge[tile_level] = hashes[len(hashes) // TILE_BYTES * TILE_BYTES :]
            row = peaks[level] + row
            peaks[level] = peak_of(row)
            row = row_above(row)
            level += 1
        root = fold_peaks(peaks)
        return LogUpdate(self._size, size, root, changed, tuple(peaks), tuple(edge))

    def adopt(self, update: LogUpdate) -> None:
        """Make an update, whose tiles are committed, the log.

        Raises: InvariantViolated, when it was made from another size of the log.
        """
        if update.base_size != self._size:
            raise InvariantViolated("log: an update made from another log size was adopted")
        self._size, self._edge, self._peaks = update.size, update.edge, update.peaks

    def _peak(self, level: int, size: int) -> bytes:
        return self._subtree(level, (size >> level) - 1, size) if size >> level & 1 else b""
