"""Random steps, transactions and blocks for ``script_app``, from one seeded source of chance.

Invariant: few names and values, so that keys collide, ranges overlap and refusals are common; the same chance makes the
same steps.
"""

from random import Random
from typing import Any

Step = list[Any]

_SHELVES = ("", "a", "a b", "ä", "b", "\U0001d11e", "i", "I", "\u0131", "\u0130", "\uffff")
_NUMBERS = (-(1 << 63), -1, 0, 1, 2, 255, 256, (1 << 63) - 1)
_CODES = (None, None, None, None, "x", "y", "z", "I", "\u0131", "")
_LABELS = ("a", "ab", "b", "\u0130", "\U0001d11e")
_NOTES = (None, b"", b"\0", b"\0\xff", b"\xff\xff")
_TAGS = (None, None, b"", b"\0", b"\0\xff", b"\xff", b"\xff\xff")
_TITLES = ("Item", "Item", "Item", "Brief", "Fleeting", "Secret")
_SHARED = ("pool", "ring", "road")
_LONG = "\U0001d11e" * 100


class Chance:
    """Draws steps.

    Args:
        faults: share of transactions that fault.
    """

    def __init__(self, random: Random, *, apps: tuple[str, ...], faults: float = 0.05) -> None:
        self.random = random
        self._apps = apps
        self._faults = faults
        self._has_begun = False
        self._appended = dict.fromkeys(_SHARED, 0)
        self._added: dict[str, list[list[Any]]] = {name: [["a", 0]] for name in _TITLES}

    def calls(self, time_ns: int) -> list[tuple[str, list[Step]]]:
        """Return the calls of one transaction: (app, steps)."""
        if not self._has_begun:
            self._has_begun = True
            return [(self._apps[0], [["create", name, 0] for name in _SHARED[:2]])]
        calls = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            steps = [self.step(time_ns) for _ in range(self.random.choice((1, 1, 2, 2, 4)))]
            calls.append((self.random.choice(self._apps), steps))
        if self.random.random() < self._faults:
            calls[-1][1].append(["fault"])
        return calls

    def step(self, time_ns: int) -> Step:
        """Return one step."""
        kind = self.random.random()
        if kind < 0.02:
            return ["stop"]
        if kind < 0.06:
            steps = [self._row_step() for _ in range(self.random.choice((1, 2, 3)))]
            if self.random.random() < 0.2:
                steps.append([self.random.choice(("stop", "fault"))])
            return ["timer", time_ns + self.random.choice((0, 2, 5, 9)) * 10**9, steps]
        if kind < 0.12:
            return self._schema_step()
        return self._row_step()

    def _schema_step(self) -> Step:
        name = self.random.choice(_SHARED)
        operation = self.random.choice(("create", "create", "create", "alter", "alter", "drop"))
        if operation == "drop":
            return ["drop", name]
        if operation == "alter":
            self._appended[name] = min(5, self._appended[name] + self.random.choice((0, 1)))
        return [operation, name, self._appended[name]]

    def _row_step(self) -> Step:
        if self.random.random() < 0.25:
            return self._shared_step()
        pick = self.random.choice
        title = pick(_TITLES)
        operation = pick(("add", "add", "add", "put", "grow", "delete", "get", "range", "range"))
        if operation == "add":
            self._added[title].append(self._key())
            return [operation, title, self._values(self._added[title][-1])]
        if operation == "range":
            return ["range", title, *self._range()]
        known = pick(self._added[title][-8:]) if self.random.random() < 0.95 else self._key()
        if operation == "put":
            return [operation, title, self._values(known)]
        if operation == "grow":
            return [operation, title, known, pick((0, 0, 1, 400, -400))]
        return [operation, title, known]

    def _key(self) -> list[Any]:
        if self.random.random() < 0.005:
            return [_LONG, 0]
        return [self.random.choice(_SHELVES), self.random.choice(_NUMBERS)]

    def _values(self, key: list[Any]) -> list[Any]:
        pick = self.random.choice
        amount = pick((0, 1, -1, 1000, 1001)) if self.random.random() < 0.2 else pick((0, 1))
        return [
            *key,
            pick(_CODES),
            pick(_LABELS),
            amount,
            pick((None, True, False)),
            pick(_NOTES),
        ]

    def _range(self) -> list[Any]:
        pick = self.random.choice
        index = pick((None, None, "label_is_new", "code"))
        limit = pick((1, 3, 30))
        if index is None:
            low, high = self._key(), self._key()
        elif index == "code":
            low, high = [pick(_CODES)], [pick(_CODES)]
        else:
            low, high = (
                [pick(_LABELS), pick((None, True, False))],
                [pick(_LABELS), pick((None, True, False))],
            )
        return [low[: pick((0, 1, 2))], high[: pick((0, 1, 2))], index, limit]

    def _shared_step(self) -> Step:
        pick = self.random.choice
        name = pick(_SHARED)
        operation = pick(("add", "add", "add", "put", "delete", "get", "range"))
        key = pick(("a", "b", "c", "I", "\u0131", "\U0001d11e"))
        if operation in ("add", "put"):
            more = [pick((None, True, False)) for _ in range(self._appended[name])]
            return [operation, name, [key, pick(_NUMBERS), pick(_TAGS), *more]]
        if operation == "range":
            index = pick((None, "value", "tag"))
            pool: tuple[Any, ...] = {None: ("a", "b"), "value": _NUMBERS, "tag": _TAGS}[index]
            low, high = [pick(pool)][: pick((0, 1))], [pick(pool)][: pick((0, 1))]
            return ["range", name, low, high, index, pick((1, 3, 30))]
        return [operation, name, [key]]
