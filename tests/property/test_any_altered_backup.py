"""Whatever is altered in a backup is found, or changes nothing of what would be restored."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from comity.errors import ComityError
from comity.node.archive import Archive, Manifest
from comity.node.backup import BackupOptions, back_up
from tests.shared_ledger import SharedLedger
from tests.silent import Silent


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, Manifest]:
    """Give a place to write, the bytes of a backup, and its manifest."""
    folder = tmp_path_factory.mktemp("backup")
    SharedLedger(folder / "ledger").local.close()
    manifest = back_up(folder / "ledger", folder / "a.zip", BackupOptions(), Silent())
    return folder / "altered.zip", (folder / "a.zip").read_bytes(), manifest


def _place(size: int) -> st.SearchStrategy[int]:
    """Return places of a file: most are where its directory stands, at the end, or its first header."""
    last = st.integers(1, min(size, 600)).map(lambda back: size - back)
    return st.one_of(last, last, st.integers(0, 60), st.integers(0, size - 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_altered_backup_is_found(saved: tuple[Path, bytes, Manifest], data: Any) -> None:
    """Bytes changed anywhere, or an end cut off: an error of Comity's own, or the same ledger."""
    path, whole, manifest = saved
    altered = bytearray(whole)
    for place in data.draw(st.lists(_place(len(whole)), min_size=1, max_size=4)):
        altered[place] = data.draw(st.integers(0, 255))
    if data.draw(st.integers(0, 9)) == 0:
        del altered[data.draw(_place(len(whole))) :]
    path.write_bytes(altered)
    assert read(path) in (None, _told(manifest))


@example(b"")
@example(b"PK\x05\x06" + bytes(18))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_no_backup(saved: tuple[Path, bytes, Manifest], data: bytes) -> None:
    """Bytes of anything else are told to be none."""
    path = saved[0]
    path.write_bytes(data)
    assert read(path) is None


def test_an_unaltered_backup_is_read(saved: tuple[Path, bytes, Manifest]) -> None:
    """Canary: what was not altered is read as what was written."""
    path, whole, manifest = saved
    path.write_bytes(whole)
    assert read(path) == _told(manifest)


def read(path: Path) -> object:
    """Return what a backup says of the ledger that it holds, once all of it was read; None where it is refused."""
    try:
        with Archive(path) as archive:
            archive.verify(Silent())
            return _told(archive.manifest)
    except ComityError:
        return None


def _told(manifest: Manifest) -> object:
    return manifest.genesis, manifest.height, manifest.app_hash, manifest.files
