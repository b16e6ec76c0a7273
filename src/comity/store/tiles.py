"""Reads the transaction log from its tiles: roots, proofs and tiles of every size it ever had.

Invariant: reading needs not know how large the log is now; what a size needs is cut from tiles
that are at least as long.
"""

from collections.abc import Iterable
from functools import lru_cache

import apsw

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.rfc9162 import fold_peaks, trailing_zeros
from comity.crypto.tlog_tiles import TILE_HEIGHT, TILE_LEVELS, TILE_WIDTH, edge_tiles, tile_rows
from comity.errors import QueryError, Unavailable
from comity.limits import LOG_SIZE_MAX, TILE_CACHE_TILES

TABLE_SQL = """CREATE TABLE IF NOT EXISTS comity_tile(
  level INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY(level, number)
) STRICT, WITHOUT ROWID"""

_SELECT = "SELECT hashes FROM comity_tile WHERE level = ? AND number = ?"
_UPSERT = (
    "INSERT INTO comity_tile(level, number, hashes) VALUES(?, ?, ?) "
    "ON CONFLICT(level, number) DO UPDATE SET hashes = excluded.hashes"
)
_DELETE_FROM = "DELETE FROM comity_tile WHERE level = ? AND number >= ?"
_SHORTEN = "UPDATE comity_tile SET hashes = substr(hashes, 1, ?) WHERE level = ? AND number = ?"


class Tiles:
    """The log's tiles in one database."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rows = lru_cache(maxsize=TILE_CACHE_TILES)(self._read_rows)

    def tile(self, level: int, number: int, width: int = TILE_WIDTH) -> bytes:
        """Return a tile as it is served: ``width`` hashes of 32 bytes, from 1 to 256.

        Raises: QueryError, when no log has such a tile; Unavailable, when it is not stored here.
        """
        _check_range(
            0 <= level < TILE_LEVELS and 0 <= number <= LOG_SIZE_MAX and 1 <= width <= TILE_WIDTH
        )
        row = self._connection.execute(_SELECT, (level, number)).fetchone()
        if row is None or len(row[0]) < width * HASH_BYTES:
            raise Unavailable(
                f"log: tile level {level} number {number} with {width} hashes is not stored here; "
                "ask for a size that the log has reached, or fetch what is older than its snapshot"
            )
        hashes: bytes = row[0]
        return hashes[: width * HASH_BYTES]

    def right_edge(self, size: int) -> dict[tuple[int, int], bytes]:
        """Return the partial tiles at ``size`` by (level, number): all that appending needs.

        A snapshot carries these, at most 8 kB for each level.
        Raises: Unavailable, when one is not stored here.
        """
        _check_range(0 <= size <= LOG_SIZE_MAX)
        return {
            (level, number): self.tile(level, number, width)
            for level, number, width in edge_tiles(size)
        }

    def root(self, size: int) -> bytes:
        """Return the root over the first ``size`` entries.

        Raises: Unavailable, when a tile is not stored here.
        Cost: O(log size) tiles.
        """
        _check_range(0 <= size <= LOG_SIZE_MAX)
        return self._edge_root(size, size.bit_length())

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the path that proves the entry at ``index`` among the first ``size``.

        Returns: sibling hashes from the leaf up.
        Raises: QueryError, when ``index`` is not below ``size``; Unavailable, when a tile is not
            stored here.
        Cost: O(log size) tiles.
        Source: RFC 9162, section 2.1.3.1.
        """
        _check_range(0 <= index < size <= LOG_SIZE_MAX)
        return self._siblings(0, index, size)

    def consistency(self, size_1: int, size_2: int) -> list[bytes]:
        """Return the path that proves that the log only appended between two of its sizes.

        Returns: hashes in the order of the RFC; none when ``size_1`` is 0 or equal to ``size_2``.
        Raises: QueryError, when ``size_1`` exceeds ``size_2``; Unavailable, when a tile is not
            stored here.
        Cost: O(log size) tiles.
        Source: RFC 9162, section 2.1.4.1.
        """
        _check_range(0 <= size_1 <= size_2 <= LOG_SIZE_MAX)
        if size_1 in (0, size_2):
            return []
        level = trailing_zeros(size_1)
        index = (size_1 >> level) - 1  # the older tree's last complete subtree
        start = [self._subtree(level, index, size_2)] if index else []
        return start + self._siblings(level, index, size_2)

    def _siblings(self, level: int, index: int, size: int) -> list[bytes]:
        """Return what stands beside the way from node ``index`` of ``level`` up to the root."""
        path = []
        last = (size - 1) >> level
        while last:
            sibling = index ^ 1
            if sibling < size >> level:
                path.append(self._subtree(level, sibling, size))
            elif sibling == last:
                path.append(self._edge_root(size, level))
            level, index, last = level + 1, index >> 1, last >> 1
        return path

    def _edge_root(self, size: int, level: int) -> bytes:
        """Return the root over the leaves that no complete subtree of 2^level leaves covers."""
        bits = (bit for bit in range(level) if size >> bit & 1)
        return fold_peaks(self._subtree(bit, (size >> bit) - 1, size) for bit in bits)

    def _subtree(self, level: int, index: int, size: int) -> bytes:
        """Return the root of the complete subtree number ``index`` of 2^level leaves."""
        tile_level, row_level = divmod(level, TILE_HEIGHT)
        number, place = divmod(index, TILE_WIDTH >> row_level)
        width = min(TILE_WIDTH, (size >> TILE_HEIGHT * tile_level) - number * TILE_WIDTH)
        row = self._rows(tile_level, number, width)[row_level]
        return row[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def _read_rows(self, level: int, number: int, width: int) -> list[bytes]:
        return tile_rows(self.tile(level, number, width))


def _check_range(is_inside: bool) -> None:
    if not is_inside:
        raise QueryError("out-of-range", "log: no log has this; indexes start at 0, below the size")


def write(connection: apsw.Connection, tiles: Iterable[tuple[tuple[int, int], bytes]]) -> None:
    """Store tiles, given as ((level, number), hashes), over older states of the same tiles."""
    rows = ((level, number, hashes) for (level, number), hashes in tiles)
    connection.executemany(_UPSERT, rows)


def cut(connection: apsw.Connection, size: int) -> None:
    """Take the stored log back to its first ``size`` entries, as undoing a block needs.

    Every ``Tiles`` and ``Log`` that is open must be opened anew after this.
    """
    for level in range(TILE_LEVELS):
        number, width = divmod(size >> TILE_HEIGHT * level, TILE_WIDTH)
        connection.execute(_DELETE_FROM, (level, number + (width > 0)))
        connection.execute(_SHORTEN, (width * HASH_BYTES, level, number))
