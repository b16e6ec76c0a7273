"""Column types and a key for a file that declares none: from every row, with reasons.

Invariant: a value that is typed gives back the characters it had, or the preview says how it is
written instead;
when in doubt a column is text.
"""

from collections.abc import Sequence
from itertools import islice

import msgspec

from comity.client.files import keys
from comity.client.files.choice import choose
from comity.client.files.declaration import GENERATED_KEYS, Preset, TableDeclaration, type_words
from comity.client.files.profile import Profile
from comity.client.files.rejects import Reject, Rejects, words_of
from comity.client.files.row_file import RowFile
from comity.client.files.texts import counted, shown
from comity.errors import ConfigError
from comity.limits import COLUMNS_PER_TABLE_MAX, ENCODED_KEY_BYTES_MAX
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema

_BATCH_ROWS = 4_096


class InferredColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column as it would be declared.

    ``title`` is the file's, empty where the column is generated; ``why`` says what decided the
    type, ``changes`` how
    values are written otherwise than in the file; ``date_format`` is the pattern of days that are
    not YYYY-MM-DD.
    """

    name: str
    title: str
    type: ColumnType
    required: bool
    why: str
    changes: str = ""
    date_format: str | None = None


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """What a file would become: to be shown, changed and confirmed.

    ``key_candidates`` come best first; when there is none, ``key`` is a generated first column.
    """

    columns: tuple[InferredColumn, ...]
    key: tuple[str, ...]
    key_candidates: tuple[tuple[str, ...], ...]
    preset: Preset
    warnings: tuple[str, ...]
    rows_count: int
    rejects: tuple[Reject, ...]
    description: str

    @property
    def date_formats(self) -> dict[str, str]:
        """Return the pattern of days by column, for ``TypedRows``."""
        return {column.name: column.date_format for column in self.columns if column.date_format}

    @property
    def comments(self) -> dict[str, str]:
        """Return the reason for each column's type, for the comments of a table file."""
        return {column.name: _reason(column) for column in self.columns}

    def to_preview_lines(self) -> list[str]:
        """Return the lines that a person reads before saying yes."""
        columns = sum(1 for column in self.columns if column.title or column.name not in self.key)
        first = (
            f"read {counted(self.rows_count, 'row')}, {counted(columns, 'column')},"
            f" {self.description}"
            " (whole file, no sampling)"
        )
        lines = [first]
        names = max(len(column.name) for column in self.columns)
        types = max(len(type_words(column.type)) for column in self.columns)
        mark = "key?  " if len(self.key) == 1 else "key part?  "
        for column in self.columns:
            title = "" if column.title in ("", column.name) else f"  (titled {shown(column.title)})"
            words = f"{column.name.ljust(names)}  {type_words(column.type).ljust(types)}"
            is_key = column.name in self.key
            lines.append(f"  {words}  {mark if is_key else ''}{_reason(column)}{title}")
        if self.rejects:
            lines.append(words_of(self.rejects))
        return lines + [f"note  {warning}" for warning in self.warnings]

    def to_declaration(self, table: str, preset: Preset | None = None) -> TableDeclaration:
        """Return the declaration of a table of that name. Raises: Malformed."""
        columns = tuple(Column(name=c.name, type=c.type, required=c.required) for c in self.columns)
        schema = TableSchema(name=table, columns=columns, key=self.key, is_owned=True)
        return TableDeclaration(schema=schema, preset=preset or self.preset)


def infer(
    file: RowFile, key: Sequence[str] | None = None, date_format: str | None = None
) -> Inference:
    """Choose types and key from all rows of ``file``.

    Args:
        key: names or titles of the key's columns; None to look for one.
        date_format: pattern of days (see ``moments.day_reader``) for columns that it fits whole.

    Raises:
        ConfigError: no rows, or the key that was asked for is absent, incomplete or not unique.

    Cost: one reading of the file; one more for a key of several columns.
    """
    rejects = Rejects()
    profiles = _profiles(file, rejects, date_format)
    rows_count = profiles[0].rows
    if rows_count == 0 and rejects:
        raise ConfigError(f"{words_of(rejects)}. No row is left to learn types from: mend the file")
    if rows_count == 0:
        raise ConfigError(
            "the file has a header but no rows to learn types from: declare the table in TOML"
        )
    choices = [choose(profile, date_format) for profile in profiles]
    columns = [
        InferredColumn(
            name=name, title=title, type=choice.type, required=profile.empties == 0,
            why=choice.why, changes=choice.changes, date_format=choice.date_format,
        )
        for name, title, profile, choice in zip(
            file.names, file.titles, profiles, choices, strict=True
        )
    ]  # fmt: skip
    candidates = [_asked(file, key)] if key else keys.candidates(file, profiles, choices)
    if key:
        keys.check(file, candidates[0], choices)
    if candidates:
        columns = [_as_key(column, profiles[index]) if column.name in candidates[0] else column
                   for index, column in enumerate(columns)]  # fmt: skip
    else:
        columns.insert(0, _generated(file.names))
    warnings = [
        f"{name}: {choice.warning}"
        for name, choice in zip(file.names, choices, strict=True)
        if choice.warning
    ]
    return Inference(
        columns=tuple(columns),
        key=candidates[0] if candidates else (columns[0].name,),
        key_candidates=tuple(candidates),
        preset="own-rows",
        warnings=(*file.notes, *warnings),
        rows_count=rows_count,
        rejects=tuple(rejects),
        description=file.description,
    )


def _profiles(file: RowFile, rejects: Rejects, date_format: str | None) -> list[Profile]:
    profiles = [Profile(date_format) for _ in file.names]
    records = file.records(rejects)
    while batch := [fields for _, fields in islice(records, _BATCH_ROWS)]:
        for profile, texts in zip(profiles, zip(*batch, strict=True), strict=True):
            profile.add(texts)
    return profiles


def _asked(file: RowFile, key: Sequence[str]) -> tuple[str, ...]:
    for name in key:
        if name not in file.names and name not in file.titles:
            raise ConfigError(
                f"key {shown(name)} is no column; the columns are {', '.join(file.names)}"
            )
    return tuple(
        name if name in file.names else file.names[file.titles.index(name)] for name in key
    )


def _as_key(column: InferredColumn, profile: Profile) -> InferredColumn:
    type_ = column.type
    if type_.kind == "text":
        type_ = msgspec.structs.replace(
            type_, maximum=min(type_.maximum or 0, ENCODED_KEY_BYTES_MAX - 2)
        )
    why = f"{profile.rows:,} distinct, none empty" if profile.is_unique else "none empty"
    return msgspec.structs.replace(column, type=type_, required=True, why=why)


def _generated(names: Sequence[str]) -> InferredColumn:
    name = next((name for name in GENERATED_KEYS if name not in names), None)
    if name is None or len(names) >= COLUMNS_PER_TABLE_MAX:
        raise ConfigError(f"no key, and no room for a generated one beside {len(names)} columns")
    why = "no column and no two columns are complete and unique: rows are numbered"
    return InferredColumn(
        name=name, title="", type=ColumnType(kind="integer"), required=True, why=why
    )


def _reason(column: InferredColumn) -> str:
    return f"{column.why}; {column.changes}" if column.changes else column.why
