"""The inputs that are checked in: one file each, few, and each for a reason.

A file is a valid input, or it reached a line of Comity that no other did, or it once broke a promise (then its name
tells what).
"""

import hashlib
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.lookup import target_of
from tests.fuzz.target import CORPUS, Target

_FILE_BYTES_MAX = 4_096
_FILES_MAX = 150  # beyond, a corpus is no longer read by anybody
_OURS = (f"{Path('src') / 'comity'}", "comity_verify")

Lines = set[tuple[str, int]]


def folder_of(name: str) -> Path:
    """Return where the corpus of a target lies."""
    return CORPUS / name


def write_seeds(target: Target) -> int:
    """Write the target's valid inputs into its corpus; return how many were new."""
    folder_of(target.name).mkdir(parents=True, exist_ok=True)
    return sum(_write(target, data) for data in target.valid())


def merge(name: str, found: Path) -> int:
    """Copy those inputs from ``found`` into the corpus that reach lines which it does not; return how many."""
    target = target_of(name)
    if not folder_of(name).exists():
        return 0  # the planted one
    files = sorted(folder_of(name).iterdir())
    known: Lines = set()
    for path in files:
        known |= lines_of(target, path.read_bytes())
    room = _FILES_MAX - len(files)
    added = 0
    for data in _smallest_first(found):
        reached = lines_of(target, data)
        if room > added and not reached <= known:
            known |= reached
            added += _write(target, data)
    return added


def lines_of(target: Target, data: bytes) -> Lines:
    """Return the lines of Comity that deciding on ``data`` runs."""
    lines: Lines = set()

    def on_call(frame: FrameType, _event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not any(ours in file for ours in _OURS):
            return None
        lines.add((file, frame.f_lineno))
        return on_line

    def on_line(frame: FrameType, _event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return on_line

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        with suppress(Exception):  # what breaks a promise is reported by the run that found it
            target.decode(data)
    finally:
        sys.settrace(before)
    return lines


def _smallest_first(found: Path) -> Iterable[bytes]:
    inputs = (
        path.read_bytes() for path in found.iterdir() if path.stat().st_size <= _FILE_BYTES_MAX
    )
    return sorted(inputs, key=lambda data: (len(data), data))


def _write(target: Target, data: bytes) -> int:
    contents = {path.read_bytes() for path in folder_of(target.name).iterdir()}
    if data in contents:
        return 0
    (folder_of(target.name) / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return 1
