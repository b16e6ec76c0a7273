"""CSV and TSV files: the delimiter found on the whole file, and quotes that cannot swallow rows.

Invariant: each line that holds anything is part of one record or one reject; a record has as many
fields as the header.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence

from comity.client.files.headers import to_names
from comity.client.files.rejects import Rejects
from comity.client.files.texts import counted, normalised, shown
from comity.errors import ConfigError
from comity.limits import (
    COLUMNS_PER_TABLE_MAX,
    IMPORT_FIELD_CHARS_MAX,
    IMPORT_LINE_CHARS_MAX,
    IMPORT_QUOTED_LINES_MAX,
)

_SEPARATOR = re.compile('"?sep=(?P<delimiter>[,;\t|])"?\\s*', re.IGNORECASE)  # Excel's first line
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


class CsvFile:
    """A delimited text, read as often as wanted.

    Args:
        text: the whole file, line ends as they are.
        encoding: where the text came from, for ``description``.
        delimiter: one of ``DELIMITERS``, or None to take the one with the most consistent count of
            fields.
        left_out: titles of first columns that are no part of the rows, if the file begins with them.

    Raises:
        ConfigError: no header, too many columns, or a stray quote.
    """

    def __init__(
        self,
        text: str,
        encoding: str = "utf-8",
        delimiter: str | None = None,
        left_out: Sequence[str] = (),
    ) -> None:
        self._lines = list(io.StringIO(text, newline=""))
        said = _SEPARATOR.fullmatch(self._lines[0]) if self._lines else None
        self._skipped = 0 if said is None else 1
        delimiter = delimiter or (said and said["delimiter"])
        self._has_long_line = max(map(len, self._lines), default=0) > IMPORT_LINE_CHARS_MAX
        self.delimiter = delimiter or self._find_delimiter()
        if self.delimiter not in DELIMITERS:
            raise ConfigError(
                f"delimiter {shown(self.delimiter)}: one of {', '.join(DELIMITERS.values())}"
            )
        titles = self._header(self.delimiter)
        self._left_out = len(left_out) if titles[: len(left_out)] == tuple(left_out) else 0
        self.titles = titles[self._left_out :]
        if len(self.titles) > COLUMNS_PER_TABLE_MAX:
            raise ConfigError(
                f"{len(self.titles)} columns, {COLUMNS_PER_TABLE_MAX} are allowed"
                " (COLUMNS_PER_TABLE_MAX)"
            )
        self.names, self.notes = to_names(self.titles)
        self.description = f"{encoding}, {DELIMITERS[self.delimiter]}"

    def records(self, rejects: Rejects | None = None) -> Iterator[tuple[int, list[str]]]:
        """Yield (1-based line where it starts, fields) of each record below the header.

        Args:
            rejects: gets the lines that are no records; None to pass over them.

        Raises:
            ConfigError: a quote opens a field of more than ``IMPORT_QUOTED_LINES_MAX`` lines.
        """
        found = self._split(self.delimiter, Rejects() if rejects is None else rejects)
        next(found)  # the header
        if not self._left_out:
            return found
        return ((line, fields[self._left_out :]) for line, fields in found)

    def _find_delimiter(self) -> str:
        first = next((line for line in self._lines[self._skipped :] if line.strip()), "")
        candidates = [delimiter for delimiter in DELIMITERS if delimiter in first]
        if len(candidates) < 2:
            return candidates[0] if candidates else ","
        return max(candidates, key=self._consistency)

    def _consistency(self, delimiter: str) -> tuple[bool, int, int]:
        """Return (has several columns, records in 1,000 that fit the header, columns)."""
        rejects = Rejects()
        try:
            columns = len(self._header(delimiter))
            records = sum(1 for _ in self._split(delimiter, rejects))
        except ConfigError:
            return False, -1, 0
        return columns > 1, records * 1_000 // (records + len(rejects)), columns

    def _header(self, delimiter: str) -> tuple[str, ...]:
        for _, fields in self._split(delimiter, Rejects()):
            return tuple(normalised(field).strip() for field in fields)
        raise ConfigError("the file has no header line")

    def _split(self, delimiter: str, rejects: Rejects) -> Iterator[tuple[int, list[str]]]:
        """Yield header and records; after a line that is none, go on with the very next line."""
        lines = _Lines(self._lines, self._skipped)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        columns = 0
        while True:
            start = lines.position
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fields, problem = [], self._quote_problem(start, lines.position, str(error))
            else:
                if (
                    len(fields) == columns
                    and lines.position == start + 1
                    and any(fields)
                    and not self._has_long_line
                ):
                    yield start + 1, fields
                    continue
                if not any(fields) or (columns != 1 and len(fields) == 1 and not fields[0].strip()):
                    continue  # a blank line; spreadsheets write the delimiters of empty rows
                problem = self._record_problem(
                    start, lines.position, fields, columns or len(fields)
                )
            if not columns and problem:
                raise ConfigError(f"line {start + 1}, the header: {problem}")
            if problem:
                is_one_line = lines.position == start + 1
                lines.position = start + 1
                rejects.add(
                    start + 1,
                    problem,
                    (is_one_line and fields) or [self._lines[start].rstrip("\r\n")],
                )
            else:
                columns = columns or len(fields)
                yield start + 1, fields

    def _quote_problem(self, start: int, end: int, message: str) -> str:
        """Say what the csv module found wrong; refuse the file if a quote took in many lines."""
        self._refuse_stray_quote(start, end)
        if "field limit" in message:
            return f"a field is over {IMPORT_FIELD_CHARS_MAX} characters (IMPORT_FIELD_CHARS_MAX)"
        if "unexpected end" in message:
            return (
                "a quote opens here and never closes;"
                " close it, or remove it (a quote inside a quoted field is written twice)"
            )
        return (
            "a quote opens here, and its field goes on after the closing quote;"
            " a quote inside a quoted field is written twice"
        )

    def _record_problem(self, start: int, end: int, fields: list[str], columns: int) -> str:
        line = start
        for field in fields:
            ends = max(field.count("\n"), field.count("\r"))
            self._refuse_stray_quote(line, line + ends + 1)
            line += ends
        if len(fields) != columns:
            return f"{counted(len(fields), 'field')}, the header has {columns}"
        if sum(map(len, self._lines[start:end])) > IMPORT_LINE_CHARS_MAX:
            return f"longer than {IMPORT_LINE_CHARS_MAX} characters (IMPORT_LINE_CHARS_MAX)"
        return ""

    def _refuse_stray_quote(self, start: int, end: int) -> None:
        if end - start > IMPORT_QUOTED_LINES_MAX + 1:
            raise ConfigError(
                f"line {start + 1}: a quote opens here and takes in more than"
                f" {IMPORT_QUOTED_LINES_MAX} lines (IMPORT_QUOTED_LINES_MAX); it is most likely"
                f" stray: {shown(self._lines[start].strip())}. Remove it, or write it twice in"
                " a quoted field"
            )


class _Lines:
    """Lines one after another, from a position that can be set back."""

    def __init__(self, lines: list[str], position: int) -> None:
        self._lines = lines
        self.position = position

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._lines[self.position]
        except IndexError:
            raise StopIteration from None
        self.position += 1
        return line
