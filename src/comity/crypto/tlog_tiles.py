"""The shapes of C2SP tlog-tiles: what a tile holds, what it is called, how entries are bundled.

Invariant: a tile of an older size is a prefix of the same tile at a newer size, so both can be cut
from one byte string.
"""

from collections.abc import Iterator, Sequence

from comity.crypto.hashing import HASH_BYTES
from comity.crypto.rfc9162 import row_above
from comity.errors import Malformed
from comity.limits import LOG_ENTRY_BYTES_MAX, LOG_SIZE_MAX, TILE_LEVEL_MAX

TILE_HEIGHT = 8  # tree levels in a tile
TILE_WIDTH = 1 << TILE_HEIGHT  # hashes in a full tile
TILE_BYTES = TILE_WIDTH * HASH_BYTES
TILE_LEVELS = -(-LOG_SIZE_MAX.bit_length() // TILE_HEIGHT)  # that a log of any size can have
_LENGTH_BYTES = 2


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return the path at which a tile is served, such as ``tile/0/x001/x234/067.p/17``.

    Args:
        level: 0 for leaf hashes, at most ``TILE_LEVEL_MAX``.
        number: place of the tile in its level, from 0.
        width: hashes in it, 1 to 256; below 256 the tile is partial.
    Raises: Malformed, when there is no such tile.
    Source: C2SP tlog-tiles, "Merkle Tree".
    """
    if not 0 <= level <= TILE_LEVEL_MAX:
        raise Malformed("tile: level is outside 0..TILE_LEVEL_MAX")
    return f"tile/{level}/{_number_path(number, width)}"


def entries_path(number: int, width: int = TILE_WIDTH) -> str:
    """Return the path at which an entry bundle is served.

    Raises: Malformed, when there is no such bundle.
    Source: C2SP tlog-tiles, "Log entries".
    """
    return f"tile/entries/{_number_path(number, width)}"


def edge_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, number, width) of each partial tile of a log of ``size``, lowest level first.

    Source: C2SP tlog-tiles, "Partial Tiles".
    """
    for level in range(TILE_LEVELS):
        size, width = divmod(size, TILE_WIDTH)
        if width:
            yield level, size, width


def tile_rows(tile: bytes) -> list[bytes]:
    """Return the rows of a tile: row j holds the roots of its complete subtrees of 2^j hashes.

    Cost: one hash for each hash of the tile.
    """
    rows = [tile]
    while len(rows[-1]) > HASH_BYTES:
        rows.append(row_above(rows[-1]))
    return rows


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return an entry bundle: each entry after its length in two bytes, big-endian.

    Raises: Malformed, for more than 256 entries or one beyond ``LOG_ENTRY_BYTES_MAX``.
    """
    if len(entries) > TILE_WIDTH:
        raise Malformed("entry bundle: more than 256 entries")
    if any(len(entry) > LOG_ENTRY_BYTES_MAX for entry in entries):
        raise Malformed("entry bundle: an entry exceeds LOG_ENTRY_BYTES_MAX")
    return b"".join([len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries])


def decode_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle, at most 256.

    Raises: Malformed, when bytes are missing or entries too many.
    """
    entries: list[bytes] = []
    end = 0
    while end < len(data):
        start = end + _LENGTH_BYTES
        end = start + int.from_bytes(data[end:start], "big")
        if end > len(data) or len(entries) == TILE_WIDTH:
            raise Malformed("entry bundle: ends inside an entry, or has more than 256")
        entries.append(data[start:end])
    return entries


def _number_path(number: int, width: int) -> str:
    if not 0 <= number <= LOG_SIZE_MAX or not 1 <= width <= TILE_WIDTH:
        raise Malformed("tile: number or width is out of range")
    path = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        path = f"x{number % 1000:03d}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"
