"""The rows of a file as values of a table: each line a row, or a reject with its reason.

Invariant: every row that comes out passes the checks of its columns, and no two have the same key.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeAlias

from comity.client.files.declaration import GENERATED_KEYS
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import RowFile
from comity.client.files.texts import shown
from comity.client.files.values import parser_of
from comity.errors import ConfigError, Malformed
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema

Values: TypeAlias = tuple[ColumnValue, ...]


class TypedRows:
    """The rows of ``file`` in the column order of ``schema``, read as often as wanted.

    Args:
        date_formats: pattern of days by column, as ``Inference.date_formats`` has them.
        number_first: number of the first row, where the key is generated (``id``) and the file
            lacks it.

    Raises:
        ConfigError: the file's columns do not fit the table's; tells all that do not.
    """

    def __init__(
        self,
        file: RowFile,
        schema: TableSchema,
        date_formats: Mapping[str, str] | None = None,
        number_first: int = 1,
    ) -> None:
        self._file = file
        self._schema = schema
        self._number_first = number_first
        self.is_numbered = _is_numbered(file, schema)
        _check_columns(file, schema, self.is_numbered)
        formats = date_formats or {}
        self._ordinals = [schema.ordinal(name) for name in file.names]
        columns = [schema.columns[ordinal] for ordinal in self._ordinals]
        self._parsers = [parser_of(column.type, formats.get(column.name)) for column in columns]
        self._required = [index for index, column in enumerate(columns) if column.required]
        self._key = [schema.ordinal(name) for name in schema.key]

    def rows(self, rejects: Rejects | None = None) -> Iterator[tuple[int, Values]]:
        """Yield (1-based line, values in column order, null where the file lacks a column).

        Args:
            rejects: gets lines that are no record, that a column refuses, or whose key stood
                before.
        """
        rejects = Rejects() if rejects is None else rejects
        parsers, is_in_order = self._parsers, self._ordinals == [*range(len(self._schema.columns))]
        lines: dict[Values, int] = {}
        records = self._file.records(rejects)
        for number, (line, fields) in enumerate(records, start=self._number_first):
            try:
                parsed = [parse(text) for parse, text in zip(parsers, fields, strict=True)]
            except Malformed:
                rejects.add(line, self._problems(fields), fields)
                continue
            if None in parsed and any(parsed[index] is None for index in self._required):
                rejects.add(line, self._problems(fields), fields)
                continue
            values = tuple(parsed) if is_in_order else self._placed(parsed, number)
            key = tuple([values[ordinal] for ordinal in self._key])
            if lines.setdefault(key, line) != line:
                words = shown(" ".join(map(str, key)))
                rejects.add(line, f"key {words} stood in line {lines[key]}", fields)
                continue
            yield line, values

    def _placed(self, parsed: Sequence[ColumnValue], number: int) -> Values:
        placed: list[ColumnValue] = [None] * len(self._schema.columns)
        for ordinal, value in zip(self._ordinals, parsed, strict=True):
            placed[ordinal] = value
        if self.is_numbered:
            placed[self._key[0]] = number
        return tuple(placed)

    def _problems(self, fields: Sequence[str]) -> str:
        problems = []
        for index, (name, text) in enumerate(zip(self._file.names, fields, strict=True)):
            try:
                if self._parsers[index](text) is None and index in self._required:
                    problems.append(f"{name}: a value is required")
            except Malformed as error:
                problems.append(f"{name}: {error}")
        return "; ".join(problems)


def _is_numbered(file: RowFile, schema: TableSchema) -> bool:
    """Tell whether the key is a generated one that the file lacks, so that rows are numbered."""
    key = schema.key_columns[0]
    is_generated = key.name in GENERATED_KEYS and key.type.kind == "integer"
    return len(schema.key) == 1 and is_generated and key.name not in file.names


def _check_columns(file: RowFile, schema: TableSchema, is_numbered: bool) -> None:
    known = [column.name for column in schema.columns if not column.retired]
    problems = []
    for name, title in zip(file.names, file.titles, strict=True):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            problems.append(
                f"column {shown(title)} of the file is not in table {schema.name}; {hint}"
            )
    for column in schema.columns:
        is_given = (
            column.name in file.names
            or column.retired
            or (is_numbered and column.name == schema.key[0])
        )
        if column.required and not is_given:
            problems.append(
                f"column {column.name} of table {schema.name} is required, and the file lacks it"
            )
    if problems:
        raise ConfigError("\n".join(problems))
