"""JSON Lines: one object a line, each value kept as the text it has, so no digit is lost.

Invariant: numbers are never turned into binary fractions; what cannot be one cell is a reject.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NoReturn, TypeAlias

from comity.client.files.headers import to_names
from comity.client.files.rejects import Rejects
from comity.client.files.texts import shown
from comity.errors import ConfigError, Malformed
from comity.limits import COLUMNS_PER_TABLE_MAX, IMPORT_LINE_CHARS_MAX

Cells: TypeAlias = Mapping[str, str | None]


class JsonLinesFile:
    """A text of JSON objects, one a line; columns are all keys, in the order first seen.

    Raises:
        ConfigError: no object at all, or too many different keys.
    """

    def __init__(self, text: str, encoding: str = "utf-8") -> None:
        self._lines = text.split("\n")
        titles: dict[str, None] = {}
        for _, cells in self.objects():
            titles.update(dict.fromkeys(cells))
            if len(titles) > COLUMNS_PER_TABLE_MAX:
                raise ConfigError(
                    f"more than {COLUMNS_PER_TABLE_MAX} different keys (COLUMNS_PER_TABLE_MAX)"
                )
        if not titles:
            raise ConfigError('no line is a JSON object with a key, such as {"code": "A1"}')
        self.titles = tuple(titles)
        self.names, self.notes = to_names(self.titles)
        self.description = f"{encoding}, JSON lines"

    def records(self, rejects: Rejects | None = None) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, texts) of each object; the empty text is null, or a key that it lacks."""
        for line, cells in self.objects(rejects):
            yield line, [cells.get(title) or "" for title in self.titles]

    def objects(self, rejects: Rejects | None = None) -> Iterator[tuple[int, Cells]]:
        """Yield (1-based line, texts by key) of each object, a key that it lacks left out.

        Args:
            rejects: gets the lines that are no flat object; None to pass over them.
        """
        for line, text in enumerate(self._lines, start=1):
            if not text.strip():
                continue
            try:
                yield line, to_cells(text)
            except Malformed as error:
                if rejects is not None:
                    rejects.add(line, str(error), [text.rstrip("\r")])


def to_cells(text: str) -> Cells:
    """Return the texts by key of one JSON object. Raises: Malformed."""
    if len(text) > IMPORT_LINE_CHARS_MAX:
        raise Malformed(f"longer than {IMPORT_LINE_CHARS_MAX} characters (IMPORT_LINE_CHARS_MAX)")
    try:
        value = json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_pairs,
        )
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON at character {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise Malformed("arrays or objects inside one another") from error
    if not isinstance(value, dict):
        raise Malformed('not a JSON object, such as {"code": "A1"}')
    if any("\ud800" <= character <= "\udfff" for character in _texts(value)):
        raise Malformed("half of a character (a lone surrogate) is not text")
    return {key: _cell(key, item) for key, item in value.items()}


def _texts(cells: dict[str, object]) -> str:
    return "".join([*cells, *(item for item in cells.values() if isinstance(item, str))])


def _cell(key: str, value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value
    raise Malformed(
        f"{shown(key)} has an array or object; a cell is one text, number, true, false or null"
    )


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    cells = dict(pairs)
    if len(cells) < len(pairs):
        twice = next(
            key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position])
        )
        raise Malformed(f"key {shown(twice)} stands twice")
    return cells


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")
