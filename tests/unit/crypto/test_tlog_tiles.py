"""Tiles and bundles have the names and bytes of C2SP tlog-tiles."""

import pytest

from comity.crypto.rfc9162 import leaf_hash, root_of
from comity.crypto.tlog_tiles import (
    TILE_WIDTH,
    decode_bundle,
    edge_tiles,
    encode_bundle,
    entries_path,
    tile_path,
    tile_rows,
)
from comity.errors import Malformed
from comity.limits import LOG_ENTRY_BYTES_MAX, LOG_SIZE_MAX, TILE_LEVEL_MAX


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 1, "tile/0/999.p/1"),
        (1, 1000, 256, "tile/1/x001/000"),
        (3, 1234067, 255, "tile/3/x001/x234/067.p/255"),
        (63, LOG_SIZE_MAX, 256, "tile/63/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_tile_paths_are_those_of_the_specification(
    level: int, number: int, width: int, path: str
) -> None:
    """Three digits a group, all but the last with an x; partial widths at the end."""
    assert tile_path(level, number, width) == path


def test_entry_paths_follow_the_same_rule() -> None:
    """Bundles are named like tiles of level 0."""
    assert entries_path(1234067) == "tile/entries/x001/x234/067"
    assert entries_path(5, 17) == "tile/entries/005.p/17"


@pytest.mark.parametrize(
    ("level", "number", "width"),
    [(-1, 0, 1), (TILE_LEVEL_MAX + 1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)],
)
def test_tiles_that_cannot_exist_have_no_path(level: int, number: int, width: int) -> None:
    """A path is never made from a number out of range."""
    with pytest.raises(Malformed):
        tile_path(level, number, width)


def test_partial_tiles_are_those_of_the_specification() -> None:
    """The specification's own example: 70,000 entries, and a log of exactly one full tile."""
    assert list(edge_tiles(70_000)) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert list(edge_tiles(256)) == [(1, 0, 1)]
    assert list(edge_tiles(0)) == []
    assert len(list(edge_tiles(LOG_SIZE_MAX))) == 8


def test_tile_rows_end_in_the_root_of_a_full_tile() -> None:
    """The last row of a full tile is what the level above stores."""
    entries = [b"%d" % number for number in range(TILE_WIDTH)]
    rows = tile_rows(b"".join(leaf_hash(entry) for entry in entries))
    assert [len(row) // 32 for row in rows] == [256, 128, 64, 32, 16, 8, 4, 2, 1]
    assert rows[8] == root_of(entries)
    assert rows[3][32:64] == root_of(entries[8:16])


def test_a_bundle_holds_each_entry_after_its_length() -> None:
    """Lengths are two bytes, big-endian."""
    assert encode_bundle([b"abc", b"", b"d" * 258]) == b"\0\x03abc\0\0\x01\x02" + b"d" * 258
    assert decode_bundle(b"\0\x03abc\0\0\x01\x02" + b"d" * 258) == [b"abc", b"", b"d" * 258]


def test_the_largest_bundle_is_accepted_and_nothing_larger() -> None:
    """256 entries of 65,535 bytes are the most."""
    largest = [b"x" * LOG_ENTRY_BYTES_MAX] * TILE_WIDTH
    assert decode_bundle(encode_bundle(largest)) == largest
    with pytest.raises(Malformed, match="256"):
        encode_bundle([b""] * 257)
    with pytest.raises(Malformed, match="LOG_ENTRY_BYTES_MAX"):
        encode_bundle([b"x" * 65_536])


@pytest.mark.parametrize("data", [b"\0", b"\0\x01", b"\0\x00\0\x05abcd", b"\0\0" * 257])
def test_a_torn_or_overfull_bundle_is_refused(data: bytes) -> None:
    """No entry is ever made of fewer bytes than its length says."""
    with pytest.raises(Malformed):
        decode_bundle(data)
