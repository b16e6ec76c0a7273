"""What all texts of one column have in common: gathered from every row, never from a sample.

Invariant: the profile does not depend on how the rows were cut into batches.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from comity.client.files.moments import PATTERNS, day_reader, fraction_digits, is_day, utc_moment
from comity.client.files.texts import normalised
from comity.errors import Malformed
from comity.limits import INFERRED_ENUM_VALUES_MAX

# What a text looks like; the first that fits wins. "integer" leaves out what an integer would not
# give back: leading zeros, a plus, minus zero, more than INFERRED_INTEGER_DIGITS_MAX digits.
# No pattern goes over a text more than a few times, however long it is.
_LOOKS = re.compile(
    r"(?P<integer>0|-?[1-9][0-9]{0,17})"
    r"|(?P<decimal>-?(?:0|[1-9][0-9]*)\.[0-9]+)"
    r"|(?P<boolean>true|false|True|False|TRUE|FALSE)"
    r"|(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"|(?P<datetime>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}[0-9:.]* ?(?:Z|[+-][0-9:]{2,5}))"
    r"|(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}[0-9:.]*)"
    r"|(?P<day>[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4})"
    r"|(?P<zero>[-+]?0[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<plus>\+[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<long>-?[1-9][0-9]{18,})"
    r"|(?P<comma>-?[0-9][0-9.' ]*,[0-9]+)"
    r"|(?P<space> +[-+]?[0-9]+(?:\.[0-9]+)? *|[-+]?[0-9]+(?:\.[0-9]+)? +)"
)


_FIRST_CHARACTERS = "0123456789+-tfTF "  # of all that fits a pattern: most words are told by them
_BOOLEANS = ("true", "false")


class Profile:
    """Counts over the texts of one column.

    ``looks`` has the number of texts by what they look like ("words" where nothing fits),
    ``samples`` the first text of
    each; ``codes`` the distinct texts while they are few, else None; ``scales`` the numbers by
    digits after the point.
    """

    def __init__(self, date_format: str | None = None) -> None:
        self.rows = 0
        self.empties = 0
        self.looks: Counter[str] = Counter()
        self.samples: dict[str, str] = {}
        self.codes: dict[str, None] | None = {}
        self.scales: Counter[int] = Counter()
        self.whole_digits = 0
        self.second_digits = 0
        self.chars = 0
        self.bytes = 0
        self.normalised_count = 0
        self.minus_zeros = 0
        self.reshaped_count = (
            0  # booleans and moments that are written otherwise once they are typed
        )
        self.date_formats = {
            pattern: day_reader(pattern)
            for pattern in dict.fromkeys((*PATTERNS, date_format))
            if pattern
        }
        self._given = date_format
        self._seen: set[str] | None = set()

    @property
    def filled(self) -> int:
        """Return how many texts are not empty."""
        return self.rows - self.empties

    @property
    def is_unique(self) -> bool:
        """Tell whether no text stands twice and none is empty."""
        return self._seen is not None and self.rows > 0

    def add(self, texts: Sequence[str]) -> None:
        """Take in the next rows."""
        counts = Counter(texts)
        self.rows += len(texts)
        self.empties += counts.pop("", 0)
        joined = "".join(counts)
        if not joined.isascii() or "\r" in joined:
            counts = self._normalise(counts)
        self._add_distinct(counts, len(texts))
        for look, alike in _by_look(counts).items():
            self.samples.setdefault(look, alike[0])
            self.looks[look] += sum([counts[text] for text in alike])
            self._examine(look, alike, counts)
        if self._given is not None:
            self._keep_fitting(counts, (self._given,))

    def _normalise(self, counts: Counter[str]) -> Counter[str]:
        clean: Counter[str] = Counter()
        for text, count in counts.items():
            form = normalised(text)
            clean[form] += count
            if form != text:
                self.normalised_count += count
        return clean

    def _add_distinct(self, counts: Counter[str], rows: int) -> None:
        if self._seen is not None:
            if len(counts) < rows or not self._seen.isdisjoint(counts):
                self._seen = None
            else:
                self._seen.update(counts)
        if self.codes is not None:
            self.codes.update(dict.fromkeys(counts))
            if len(self.codes) > INFERRED_ENUM_VALUES_MAX:
                self.codes = None
        self.chars = max(self.chars, *map(len, counts), 0)
        self.bytes = max(self.bytes, self.chars)
        if not "".join(counts).isascii():
            self.bytes = max(self.bytes, *[len(text.encode("utf-8", "replace")) for text in counts])

    def _examine(self, look: str, texts: Sequence[str], counts: Mapping[str, int]) -> None:
        """Keep what matters about texts that look alike."""
        if look == "integer":
            self.scales[0] += sum([counts[text] for text in texts])
            self.whole_digits = max(self.whole_digits, *[len(text.lstrip("-")) for text in texts])
        elif look == "decimal":
            for text in texts:
                point = text.index(".")
                self.scales[len(text) - point - 1] += counts[text]
                self.whole_digits = max(self.whole_digits, point - (text[0] == "-"))
                self.minus_zeros += counts[text] * (text[0] == "-" and not text.strip("-0."))
        elif look == "boolean":
            self.reshaped_count += sum(counts[text] for text in texts if text not in _BOOLEANS)
        elif look == "datetime":
            for text in texts:
                self.second_digits = max(self.second_digits, fraction_digits(text))
                self.reshaped_count += counts[text] * (utc_moment(text, 9)[:19] != text[:19])
        elif look == "day":
            self._keep_fitting(texts, tuple(self.date_formats))

    def _keep_fitting(self, texts: Iterable[str], patterns: Sequence[str]) -> None:
        for pattern in patterns:
            read = self.date_formats.get(pattern)
            if read is not None and not all(map(read, texts)):
                del self.date_formats[pattern]


def _by_look(counts: Iterable[str]) -> dict[str, list[str]]:
    """Group texts by what they look like; what only looks like a day or a moment is words."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for text in counts:
        found = _LOOKS.fullmatch(text) if text[0] in _FIRST_CHARACTERS else None
        look = found.lastgroup or "" if found else "words"
        if (look == "date" and not is_day(text)) or (look == "datetime" and not _is_moment(text)):
            look = "words"
        groups[look].append(text)
    return groups


def _is_moment(text: str) -> bool:
    try:
        utc_moment(text, 9)
    except Malformed:
        return False
    return True
