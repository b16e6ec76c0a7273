"""Natural keys: the columns, or pairs of columns, that tell every row of a file from the others.

Invariant: a candidate is complete and unique over the whole file, and its largest value fits an
encoded key.
"""

from collections.abc import Sequence
from itertools import combinations

from comity.client.files.choice import Choice
from comity.client.files.profile import Profile
from comity.client.files.row_file import RowFile
from comity.client.files.texts import normalised, shown
from comity.errors import ConfigError
from comity.limits import ENCODED_KEY_BYTES_MAX, KEY_COLUMNS_MAX, KEY_PAIR_COLUMNS_MAX

_NAMES = (
    "id",
    "key",
    "code",
    "uuid",
    "guid",
    "isin",
    "lei",
    "bic",
    "iban",
    "iata",
    "icao",
    "sku",
    "ean",
    "gtin",
    "symbol",
    "number",
    "no",
    "nr",
)
_KINDS = ("text", "integer", "enum", "date", "datetime")
_INTEGER_BYTES = 8
_TEXT_EXTRA_BYTES = 2  # the end mark of a text in an encoded key


def candidates(
    file: RowFile, profiles: Sequence[Profile], choices: Sequence[Choice]
) -> list[tuple[str, ...]]:
    """Return keys of one column, best first; or, when there is none, of two.

    Cost: no reading for single columns; one reading of the file for pairs.
    """
    able = [
        index
        for index, (profile, choice) in enumerate(zip(profiles, choices, strict=True))
        if profile.empties == 0 and choice.type.kind in _KINDS and not choice.is_broken
    ]
    sizes = {index: _encoded_bytes(profiles[index], choices[index]) for index in able}
    able = [index for index in able if sizes[index] <= ENCODED_KEY_BYTES_MAX]
    singles = [index for index in able if profiles[index].is_unique]
    if singles:
        return [
            (file.names[index],)
            for index in sorted(singles, key=lambda index: _rank(file.names[index]))
        ]
    pairs = [
        pair
        for pair in combinations(able[:KEY_PAIR_COLUMNS_MAX], 2)
        if sum(sizes[i] for i in pair) <= ENCODED_KEY_BYTES_MAX
    ]
    unique = _unique_pairs(file, pairs)
    return [
        (file.names[a], file.names[b])
        for a, b in sorted(unique, key=lambda pair: sum(_rank(file.names[i]) for i in pair))
    ]


def check(file: RowFile, key: Sequence[str], choices: Sequence[Choice]) -> None:
    """Refuse ``key`` unless every row has it and no two rows share it.

    Raises: ConfigError, with both lines.
    """
    if not 1 <= len(key) <= KEY_COLUMNS_MAX or len(dict.fromkeys(key)) < len(key):
        raise ConfigError(
            f"key {', '.join(key)}: 1 to {KEY_COLUMNS_MAX} different columns are allowed"
        )
    picks = [file.names.index(name) for name in key]
    for index in picks:
        if choices[index].type.kind == "boolean":
            raise ConfigError(f"key {file.names[index]}: a boolean column cannot be part of a key")
    lines: dict[tuple[str, ...], int] = {}
    for line, fields in file.records():
        value = tuple(normalised(fields[index]) for index in picks)
        if "" in value:
            raise ConfigError(f"key {', '.join(key)}: line {line} has no {key[value.index('')]}")
        first = lines.setdefault(value, line)
        if first != line:
            raise ConfigError(
                f"key {', '.join(key)}: {shown(' '.join(value))} stands in lines {first}"
                f" and {line}; choose another key"
            )
        size = sum(len(text.encode("utf-8", "replace")) + _TEXT_EXTRA_BYTES for text in value)
        if size > ENCODED_KEY_BYTES_MAX:
            raise ConfigError(
                f"key {', '.join(key)}: line {line} has {size} bytes,"
                f" {ENCODED_KEY_BYTES_MAX} are allowed (ENCODED_KEY_BYTES_MAX)"
            )


def _unique_pairs(file: RowFile, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    seen: dict[tuple[int, int], set[tuple[str, str]]] = {pair: set() for pair in pairs}
    for _, fields in file.records():
        for pair in list(seen):
            value = (normalised(fields[pair[0]]), normalised(fields[pair[1]]))
            if value in seen[pair]:
                del seen[pair]
            else:
                seen[pair].add(value)
        if not seen:
            break
    return list(seen)


def _encoded_bytes(profile: Profile, choice: Choice) -> int:
    return _INTEGER_BYTES if choice.type.kind == "integer" else profile.bytes + _TEXT_EXTRA_BYTES


def _rank(name: str) -> int:
    """Return 0 for a name that keys often have, else 1."""
    return 0 if name in _NAMES or name.rpartition("_")[2] in _NAMES else 1
