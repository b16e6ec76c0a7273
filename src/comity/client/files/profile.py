"""What all texts of one column have in common: gathered from every row, never from a sample.

Invariant: the profile does not depend on how the rows were cut into batches.
"""

import re
from collections import Counter
from collections.abc import Sequence

from comity.client.files.moments import PATTERNS, day_reader, fraction_digits, is_day, utc_moment
from comity.client.files.values import normalised
from comity.errors import Malformed
from comity.limits import INFERRED_ENUM_VALUES_MAX

# What a text looks like; the first that fits wins. "integer" leaves out what an integer would not give back: leading
# zeros, a plus, minus zero, more than INFERRED_INTEGER_DIGITS_MAX digits.
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
    r"|(?P<comma>-?[0-9]+(?:[.' ]?[0-9]{3})*,[0-9]+)"
)


class Profile:
    """Counts over the texts of one column.

    ``looks`` has the number of texts by what they look like ("words" where nothing fits), ``samples`` the first text of
    each; ``codes`` the distinct texts while they are few, else None; ``scales`` the numbers by digits after the point.
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
        for text, count in counts.items():
            found = _LOOKS.fullmatch(text)
            look = self._examine(text, count, found.lastgroup or "words") if found else "words"
            self.looks[look] += count
            if look not in self.samples:
                self.samples[look] = text
            if self._given is not None and self._given in self.date_formats and look != "day":
                self._keep_fitting(text, (self._given,))

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
        self.chars = max(self.chars, max(map(len, counts), default=0))
        if not "".join(counts).isascii():
            self.bytes = max(
                self.bytes, max(len(text.encode("utf-8", "replace")) for text in counts)
            )
        self.bytes = max(self.bytes, self.chars)

    def _examine(self, text: str, count: int, look: str) -> str:
        """Return what ``text`` is after all, and keep what matters about it."""
        if look in ("integer", "decimal"):
            whole, _, fraction = text.partition(".")
            self.scales[len(fraction)] += count
            self.whole_digits = max(self.whole_digits, len(whole.lstrip("-")))
        elif look == "boolean":
            self.reshaped_count += count * (text not in ("true", "false"))
        elif look == "date" and not is_day(text):
            return "words"
        elif look == "datetime":
            return self._examine_moment(text, count)
        elif look == "day":
            self._keep_fitting(text, tuple(self.date_formats))
        return look

    def _examine_moment(self, text: str, count: int) -> str:
        try:
            form = utc_moment(text, 6)
        except Malformed:
            return "words"
        self.second_digits = max(self.second_digits, fraction_digits(text))
        self.reshaped_count += count * (form[:19] != text[:19])
        return "datetime"

    def _keep_fitting(self, text: str, patterns: Sequence[str]) -> None:
        for pattern in patterns:
            if self.date_formats[pattern](text) is None:
                del self.date_formats[pattern]
