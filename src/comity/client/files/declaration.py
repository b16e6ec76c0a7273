"""A table as a person declares it: its schema and the preset that says who may do what.

Invariant: a declaration's schema is owned, has a bare name, and names its unique indexes after
their columns.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from comity.limits import NAME_CHARS_MAX
from comity.model.column import ColumnType, Kind
from comity.model.schema import Index, TableSchema

Preset: TypeAlias = Literal["open", "own-rows", "append-only", "read-only"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
KINDS: tuple[Kind, ...] = ("text", "integer", "decimal", "boolean", "date", "datetime", "enum")
GENERATED_KEYS = ("id", "row_id", "row_number")  # names of a key that numbers the rows of a file
SECOND_FRACTIONS = {"s": 0, "ms": 3, "us": 6}  # datetime(ms) keeps 3 digits of a second


class TableDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A table's schema, and its preset of rules."""

    schema: TableSchema
    preset: Preset


def type_words(type_: ColumnType) -> str:
    """Return how a table file writes a type: ``text``, ``decimal(2)``, ``datetime(ms)``."""
    if type_.kind == "decimal":
        return f"decimal({type_.scale})"
    if type_.kind == "datetime" and type_.scale:
        return "datetime(ms)" if type_.scale == 3 else "datetime(us)"
    return type_.kind


def unique_indexes(columns: Sequence[Sequence[str]]) -> tuple[Index, ...]:
    """Return a unique index for each list of columns, named ``unique_<columns>``."""
    names: list[str] = []
    for listed in columns:
        name = _cut("unique_" + "_".join(listed), NAME_CHARS_MAX)
        names.append(
            name if name not in names else f"{_cut(name, NAME_CHARS_MAX - 3)}_{len(names) + 1}"
        )
    return tuple(
        Index(name=name, columns=tuple(c), unique=True)
        for name, c in zip(names, columns, strict=True)
    )


def _cut(name: str, chars_max: int) -> str:
    return name[:chars_max].rstrip("_")
