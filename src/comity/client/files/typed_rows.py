"""The rows of a file as values of a table: each line a row of the schema, or a reject with its reason.

Invariant: every row that comes out passes the checks of its columns, and no two have the same key.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TypeAlias

from comity.client.files.rejects import Rejects
from comity.client.files.row_file import RowFile
from comity.client.files.values import Parser, parser_of, shown
from comity.errors import ConfigError, Malformed
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema

Values: TypeAlias = tuple[ColumnValue, ...]


class TypedRows:
    """The rows of ``file`` in the column order of ``schema``, read as often as wanted.

    Args:
        date_formats: pattern of days by column, as ``Inference.date_formats`` has them.
        number_first: number of the first row, where the key is one integer column that the file lacks.

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
        # Per column of the file: its ordinal in the table, and what reads and checks its texts.
        self._parsers: list[tuple[int, Parser]] = []
        for name in file.names:
            column = schema.columns[schema.ordinal(name)]
            parser = parser_of(column.type, formats.get(name))
            self._parsers.append(
                (schema.ordinal(name), _required(parser) if column.required else parser)
            )
        self._key = [schema.ordinal(name) for name in schema.key]

    def rows(self, rejects: Rejects | None = None) -> Iterator[tuple[int, Values]]:
        """Yield (1-based line, values in column order, null where the file lacks a column).

        Args:
            rejects: gets lines that are no record, that a column refuses, or whose key stood before.
        """
        rejects = Rejects() if rejects is None else rejects
        lines: dict[Values, int] = {}
        width = len(self._schema.columns)
        ordinals = [ordinal for ordinal, _ in self._parsers]
        parsers = [parser for _, parser in self._parsers]
        is_in_order = ordinals == list(range(width))
        for number, (line, fields) in enumerate(
            self._file.records(rejects), start=self._number_first
        ):
            try:
                parsed = [parser(text) for parser, text in zip(parsers, fields, strict=True)]
            except Malformed:
                rejects.add(line, self._problems(fields), fields)
                continue
            if not is_in_order:
                parsed = self._placed(ordinals, parsed, number)
            key = tuple([parsed[ordinal] for ordinal in self._key])
            first = lines.setdefault(key, line)
            if first != line:
                rejects.add(
                    line, f"key {shown(' '.join(map(str, key)))} stood in line {first}", fields
                )
                continue
            yield line, tuple(parsed)

    def _placed(
        self, ordinals: list[int], parsed: list[ColumnValue], number: int
    ) -> list[ColumnValue]:
        placed: list[ColumnValue] = [None] * len(self._schema.columns)
        for ordinal, value in zip(ordinals, parsed, strict=True):
            placed[ordinal] = value
        if self.is_numbered:
            placed[self._key[0]] = number
        return placed

    def _problems(self, fields: list[str]) -> str:
        problems = []
        for name, text, (_, parser) in zip(self._file.names, fields, self._parsers, strict=True):
            try:
                parser(text)
            except Malformed as error:
                problems.append(f"{name}: {error}")
        return "; ".join(problems)


def _required(parser: Parser) -> Parser:
    def parse(text: str) -> ColumnValue:
        if not text:
            raise Malformed("a value is required")
        return parser(text)

    return parse


def _is_numbered(file: RowFile, schema: TableSchema) -> bool:
    """Tell whether the key is one integer column that the file lacks, so that rows are numbered."""
    return (
        len(schema.key) == 1
        and schema.key_columns[0].type.kind == "integer"
        and schema.key[0] not in file.names
    )


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
