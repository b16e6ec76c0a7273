"""Table files: small TOML that declares tables, read strictly.

Invariant: what is not understood is an error with its place, and all errors are told at once.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias, cast

from comity.client.files.decimals import scaled_from_text
from comity.client.files.declaration import (
    KINDS,
    PRESETS,
    SECOND_FRACTIONS,
    Preset,
    TableDeclaration,
    unique_indexes,
)
from comity.client.files.texts import normalised, shown
from comity.client.plain_file import read_plain
from comity.errors import ConfigError, Malformed
from comity.limits import (
    KEY_TEXT_CHARS_DEFAULT,
    TABLE_FILE_BYTES_MAX,
    TABLE_LINE_DOTS_MAX,
    TEXT_CHARS_DEFAULT,
)
from comity.model.column import Column, ColumnType, Kind, check_column
from comity.model.names import check_name
from comity.model.schema import History, TableSchema

Table: TypeAlias = Mapping[str, Any]  # what tomllib gives

_TABLE_KEYS = ("key", "preset", "rules", "history", "unique", "columns")
_COLUMN_KEYS = ("type", "required", "unique", "min", "max", "min_length", "max_length", "values")
_BOUNDS: Mapping[str, tuple[str, ...]] = {  # keys beside type, required and unique, by kind
    "integer": ("min", "max"),
    "decimal": ("min", "max"),
    "text": ("min_length", "max_length"),
    "enum": ("values",),
}
_TYPE = re.compile("([a-z]+)(?:[(]([a-z0-9]{1,2})[)])?")


def read_table_file(path: Path) -> tuple[TableDeclaration, ...]:
    """Return the tables that the file at ``path`` declares.

    Raises: ConfigError, naming the file and each problem.
    """
    data = read_plain(path, TABLE_FILE_BYTES_MAX)
    try:
        if len(data) > TABLE_FILE_BYTES_MAX:
            raise ConfigError(f"more than {TABLE_FILE_BYTES_MAX} bytes (TABLE_FILE_BYTES_MAX)")
        return parse_table_file(data.decode("utf-8-sig"))
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_table_file(text: str) -> tuple[TableDeclaration, ...]:
    """Return the tables that ``text`` declares, in its order.

    Raises: ConfigError, one problem a line.
    """
    if any(line.count(".") > TABLE_LINE_DOTS_MAX for line in text.split("\n")):
        raise ConfigError(f"a line with more than {TABLE_LINE_DOTS_MAX} dots (TABLE_LINE_DOTS_MAX)")
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # also of a number with thousands of digits
        raise ConfigError(f"not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError("not TOML that declares tables: nested too deep") from error
    reader = _Reader()
    tables = reader.mapping(document, "table", "the file")
    reader.refuse_unknown(document, ("table",), "")
    if not tables and not reader.problems:
        reader.problems.append("no table: write [table.NAME], then [table.NAME.columns]")
    found = [reader.table(name, spec) for name, spec in tables.items()]
    if reader.problems:
        raise ConfigError("\n".join(reader.problems))
    return tuple(declaration for declaration in found if declaration is not None)


class _Reader:
    """Reads one document; gathers problems instead of stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(self, name: str, spec: object) -> TableDeclaration | None:
        where = f"table.{name}"
        if not isinstance(spec, dict):
            self.problems.append(f"{where}: a table [{where}] is needed")
            return None
        before = len(self.problems)
        self._attempt(where, lambda: check_name(name, "table"))
        self.refuse_unknown(spec, _TABLE_KEYS, where)
        preset = self._preset(spec, where)
        specs = dict(self.mapping(spec, "columns", where))
        key = self._names(spec["key"], f"{where}.key") if "key" in spec else ("id",)
        if "key" not in spec and "id" not in specs:
            specs = {"id": {"type": "integer"}, **specs}
        columns = [
            self._column(column, specs[column], f"{where}.columns.{column}", is_key=column in key)
            for column in specs
        ]
        uniques = self._uniques(spec, specs, where)
        history = self._history(spec.get("history", "all"), f"{where}.history")
        if len(self.problems) > before:
            return None
        schema = TableSchema(
            name=name,
            columns=tuple(column for column in columns if column is not None),
            key=key,
            indexes=unique_indexes(uniques),
            history=history,
            is_owned=True,
        )
        self._attempt(where, schema.check)
        return TableDeclaration(schema=schema, preset=preset)

    def mapping(self, spec: Table, key: str, where: str) -> Table:
        value = spec.get(key, {})
        if isinstance(value, dict):
            return value
        self.problems.append(f"{where}: {key} must be a table of names")
        return {}

    def refuse_unknown(self, given: Iterable[str], known: tuple[str, ...], where: str) -> None:
        for key in given:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                self.problems.append(f"{where}{'.' if where else ''}{key}: unknown; {hint}")

    def _attempt(self, where: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Malformed as error:
            self.problems.append(f"{where}: {error}")

    def _preset(self, spec: Table, where: str) -> Preset:
        rules = self.mapping(spec, "rules", where)
        self.refuse_unknown(rules, ("preset",), f"{where}.rules")
        if "preset" in spec and "preset" in rules:
            self.problems.append(f"{where}: preset stands twice, also in rules")
        preset = spec.get("preset", rules.get("preset"))
        if preset not in PRESETS:
            what = "is missing" if preset is None else f"{shown(str(preset))} is unknown"
            self.problems.append(f"{where}.preset: {what}; one of {', '.join(PRESETS)}")
        return cast("Preset", preset)

    def _names(self, value: object, where: str) -> tuple[str, ...]:
        if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            return tuple(value)
        self.problems.append(f'{where}: a list of column names is needed, such as ["a", "b"]')
        return ()

    def _uniques(self, spec: Table, specs: Table, where: str) -> list[tuple[str, ...]]:
        single = [
            (name,)
            for name, column in specs.items()
            if isinstance(column, dict) and column.get("unique") is True
        ]
        lists = spec.get("unique", [])
        if not isinstance(lists, list):
            self.problems.append(
                f'{where}.unique: lists of column names are needed, such as [["a", "b"]]'
            )
            return []
        listed = [
            self._names(names, f"{where}.unique[{index}]") for index, names in enumerate(lists)
        ]
        uniques = [*single, *listed]
        if len(dict.fromkeys(uniques)) < len(uniques):
            self.problems.append(f"{where}.unique: the same columns stand twice")
        # One column first, in the order of the columns: so reading back what was written gives the
        # same.
        order = list(specs)
        return sorted(
            uniques,
            key=lambda names: (
                order.index(names[0]) if len(names) == 1 and names[0] in order else len(order)
            ),
        )

    def _history(self, value: object, where: str) -> History:
        if value in ("all", "none") or (type(value) is int and value >= 1):
            return value
        self.problems.append(f'{where}: "all", "none" or a number of heights from 1 on is needed')
        return "all"

    def _column(self, name: str, spec: object, where: str, *, is_key: bool) -> Column | None:
        if not isinstance(spec, dict):
            self.problems.append(f'{where}: write {{ type = "text" }}')
            return None
        self.refuse_unknown(spec, _COLUMN_KEYS, where)
        for flag in ("required", "unique"):
            if type(spec.get(flag, False)) is not bool:
                self.problems.append(f"{where}.{flag}: true or false is needed")
        if is_key and spec.get("required") is False:
            self.problems.append(f"{where}.required: a key column is always required")
        type_ = self._type(spec, where, KEY_TEXT_CHARS_DEFAULT if is_key else TEXT_CHARS_DEFAULT)
        if type_ is None:
            return None
        column = Column(name=name, type=type_, required=is_key or spec.get("required") is True)
        self._attempt(where, lambda: check_column(column))
        return column

    def _type(self, spec: Table, where: str, chars_max: int) -> ColumnType | None:
        kind, scale = self._kind(spec.get("type"), f"{where}.type")
        if kind is None:
            return None
        known = _BOUNDS.get(kind, ())
        for key in ("min", "max", "min_length", "max_length", "values"):
            if key in spec and key not in known:
                self.problems.append(f"{where}.{key}: {kind} has no {key}")
        bounds = self._bounds(spec, where, kind, scale, chars_max)
        values = self._values(spec.get("values"), f"{where}.values") if kind == "enum" else ()
        return ColumnType(
            kind=kind, minimum=bounds[0], maximum=bounds[1], scale=scale, values=values
        )

    def _kind(self, value: object, where: str) -> tuple[Kind | None, int]:
        if value is None:
            self.problems.append(f"{where}: is missing; one of {', '.join(KINDS)}")
            return None, 0
        found = _TYPE.fullmatch(value) if isinstance(value, str) else None
        kind, scale = found.groups() if found else (str(value), None)
        if kind not in KINDS:
            near = get_close_matches(kind, KINDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(KINDS)}"
            self.problems.append(f"{where}: {shown(str(value))} is unknown; {hint}")
            return None, 0
        if kind == "decimal" and scale is not None and scale.isdecimal():
            return "decimal", int(scale)
        if kind == "datetime" and (scale is None or scale in SECOND_FRACTIONS):
            return "datetime", SECOND_FRACTIONS[scale or "s"]
        if kind in ("decimal", "datetime") or scale is not None:
            form = {
                "decimal": "decimal(2), with its digits after the point",
                "datetime": "datetime, datetime(ms) or datetime(us)",
            }
            self.problems.append(f"{where}: write {form.get(kind, kind)}")
            return None, 0
        return cast("Kind", kind), 0

    def _bounds(
        self, spec: Table, where: str, kind: Kind, scale: int, chars_max: int
    ) -> tuple[int | None, int | None]:
        if kind == "text":
            low = self._whole(spec.get("min_length", 1), f"{where}.min_length")
            return low or None, self._whole(
                spec.get("max_length", chars_max), f"{where}.max_length"
            )
        if kind == "integer":
            return (
                self._whole(spec.get("min"), f"{where}.min"),
                self._whole(spec.get("max"), f"{where}.max"),
            )
        if kind == "decimal":
            return (
                self._scaled(spec.get("min"), scale, f"{where}.min"),
                self._scaled(spec.get("max"), scale, f"{where}.max"),
            )
        return None, None

    def _whole(self, value: object, where: str) -> int | None:
        if value is None or type(value) is int:
            return value
        self.problems.append(f"{where}: a whole number is needed")
        return None

    def _scaled(self, value: object, scale: int, where: str) -> int | None:
        if value is None:
            return None
        if isinstance(value, str) or type(value) is int:
            try:
                return scaled_from_text(str(value), scale)
            except Malformed as error:
                self.problems.append(f"{where}: {error}")
                return None
        self.problems.append(
            f'{where}: write the number in quotes, such as "0.50", so that it stays exact'
        )
        return None

    def _values(self, value: object, where: str) -> tuple[str, ...]:
        if isinstance(value, list) and value and all(isinstance(code, str) for code in value):
            return tuple(normalised(code) for code in value)
        self.problems.append(f'{where}: the values are needed, such as ["low", "high"]')
        return ()
