"""A file of rows, whatever its format: opened by its suffix, read as texts.

Invariant: a file is read whole or not at all; its bounds are told by name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from comity.client.files.csv_file import DELIMITERS, CsvFile
from comity.client.files.encoding import decode
from comity.client.files.json_lines import JsonLinesFile
from comity.client.files.rejects import COLUMNS as REJECT_COLUMNS
from comity.client.files.rejects import ENDING as REJECTS_ENDING
from comity.client.files.rejects import Rejects
from comity.client.plain_file import read_plain
from comity.errors import ConfigError
from comity.limits import IMPORT_FILE_BYTES_MAX

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")


class RowFile(Protocol):
    """Texts in columns.

    ``titles`` are as in the file, ``names`` what a table calls them; ``notes`` are sentences about
    what was cleaned;
    ``description`` names encoding and delimiter.
    """

    titles: tuple[str, ...]
    names: tuple[str, ...]
    notes: list[str]
    description: str

    def records(self, rejects: Rejects | None = None) -> Iterator[tuple[int, list[str]]]:
        """Yield (1-based line, a text for each title); what is no record goes to ``rejects``."""
        ...


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors begin with the file that they are about. Raises: ConfigError."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def title_of(path: Path) -> str:
    """Return the file's name without its endings; of a file of rejects, the first file's."""
    name = path.name
    while name.endswith(REJECTS_ENDING):
        name = name.removesuffix(REJECTS_ENDING)
    return Path(name).stem


def open_rows(path: Path, encoding: str | None = None, delimiter: str | None = None) -> RowFile:
    """Read the file at ``path``: JSON Lines by its suffix, else CSV.

    Args:
        encoding: any that Python knows; None for UTF-8, or a guess that ``notes`` tells.
        delimiter: one character, or its name (comma, semicolon, tab, pipe); None to find it out.

    Raises:
        ConfigError: absent, empty, too large, not text, or not of rows; names the file.
    """
    data = read_plain(path, IMPORT_FILE_BYTES_MAX)
    with naming(path):
        if len(data) > IMPORT_FILE_BYTES_MAX:
            raise ConfigError(
                f"more than {IMPORT_FILE_BYTES_MAX} bytes (IMPORT_FILE_BYTES_MAX); split it"
            )
        if not data:
            raise ConfigError("the file is empty (0 bytes)")
        is_rejects = path.name.endswith(REJECTS_ENDING)
        return rows_of(data, path.suffix, encoding, delimiter, is_rejects=is_rejects)


def rows_of(
    data: bytes,
    suffix: str = ".csv",
    encoding: str | None = None,
    delimiter: str | None = None,
    *,
    is_rejects: bool = False,
) -> RowFile:
    """Return the rows in the bytes of a file; of a file of rejects, without line and reason. Raises: ConfigError."""
    decoded = decode(data, encoding)
    shown_as = f"{decoded.encoding} (guessed)" if decoded.note else decoded.encoding
    file: RowFile
    if suffix.lower() in JSON_LINES_SUFFIXES:
        file = JsonLinesFile(decoded.text, shown_as)
    else:
        left_out = REJECT_COLUMNS if is_rejects else ()
        by_name = {name: character for character, name in DELIMITERS.items()}
        file = CsvFile(decoded.text, shown_as, by_name.get(delimiter or "", delimiter), left_out)
    if decoded.note:
        file.notes.insert(0, decoded.note)
    return file
