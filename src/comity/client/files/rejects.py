"""Lines of a file that cannot become rows: number, reason and fields, for the reader to mend.

Invariant: a line that was read is a row or a reject, never neither.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from comity.client.files.texts import counted
from comity.errors import ConfigError
from comity.limits import IMPORT_REJECTS_KEPT_MAX

ENDING = ".rejects.csv"
COLUMNS = ("line", "reason")  # stand before the file's own columns


class Reject(msgspec.Struct, frozen=True):
    """A line that is no row: its 1-based number, the reason, and its fields as read."""

    line: int
    reason: str
    fields: tuple[str, ...]


class Rejects(list[Reject]):
    """The rejects of one reading, in order; no more than somebody would mend by hand."""

    def add(self, line: int, reason: str, fields: Iterable[str]) -> None:
        """Keep one reject. Raises: ConfigError past ``IMPORT_REJECTS_KEPT_MAX``."""
        if len(self) >= IMPORT_REJECTS_KEPT_MAX:
            raise ConfigError(
                f"line {line}: more than {IMPORT_REJECTS_KEPT_MAX} lines cannot be rows"
                f" (IMPORT_REJECTS_KEPT_MAX; last reason: {reason}); is the delimiter, the"
                " encoding or the table's declaration right?"
            )
        self.append(Reject(line, reason, tuple(fields)))


def words_of(rejects: Sequence[Reject]) -> str:
    """Say which lines cannot be rows, and why the first cannot."""
    first = rejects[0]
    if len(rejects) == 1:
        return f"line {first.line} cannot be a row: {first.reason}"
    count = counted(len(rejects), "line")
    return f"{count} cannot be rows; the first is line {first.line}: {first.reason}"


def rejects_path(path: Path) -> Path:
    """Return where rejects go: of ``suppliers.csv`` to ``suppliers.csv.rejects.csv``."""
    return path.with_name(path.name + ENDING)


def write_rejects(path: Path, titles: Sequence[str], rejects: Sequence[Reject]) -> None:
    """Write rejects as CSV in UTF-8: line, reason, then the file's own columns. Raises: OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *titles])
        writer.writerows([reject.line, reject.reason, *reject.fields] for reject in rejects)
