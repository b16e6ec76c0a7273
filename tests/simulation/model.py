"""What ``script_app`` means, in plain dicts: the machine must agree with it on every row, receipt and range.

Invariant: nothing of ``comity`` is used here, so a mistake would have to be made twice.
"""

from copy import deepcopy
from typing import Any

Values = list[Any]
Key = tuple[Any, ...]

TYPED = ("Item", "Brief", "Fleeting", "Secret")
KEY_BYTES_MAX = 256
_INT64 = 1 << 63

ROW_NOT_FOUND, ROW_EXISTS, BAD_ROW, NOT_UNIQUE, KEY_TOO_LONG = 1, 2, 3, 4, 5
BAD_TIMER = 20
TABLE_NOT_FOUND, TABLE_EXISTS, TABLE_NOT_EMPTY, BAD_SCHEMA = 30, 31, 32, 33


class No(Exception):
    """A refusal: app and number."""

    def __init__(self, code: int, app: str = "comity") -> None:
        super().__init__(app, code)
        self.refusal = (app, code)


class Fault(Exception):
    """A step that faults."""


class Table:
    """Rows by key: (log position of the last change, owner, values)."""

    def __init__(self, *, is_shared: bool, appended: int, height: int) -> None:
        self.is_shared = is_shared
        self.appended = appended
        self.version_height = height
        self.made_height = height
        self.rows: dict[Key, tuple[int, bytes, Values]] = {}
        self.past: list[tuple[Key, int, int, Values]] = []  # key, from, to, values

    @property
    def width(self) -> int:
        """Count of columns."""
        return 3 + self.appended if self.is_shared else 7

    def key(self, values: Values) -> Key:
        """Return the key of a row."""
        return (values[0],) if self.is_shared else (values[0], values[1])


class Model:
    """The state after each block.

    Args:
        apps: names of the apps that run ``script``.
    """

    def __init__(self, apps: tuple[str, ...]) -> None:
        self.tables = {
            _name(app, title): Table(is_shared=False, appended=0, height=0)
            for app in apps
            for title in TYPED
        }
        self.ever: set[str] = set()
        self.timers: dict[tuple[int, int], tuple[str, list[Any]]] = {}
        self.height = 0
        self.time_ns = 0
        self._position = 0
        self._timers_set = 0
        self._written: set[str] = set()
        self._owner = b""

    def start_block(self, height: int, time_ns: int, position: int) -> list[tuple[int, int]]:
        """Run the due timers; return those that fault."""
        self.height, self.time_ns, self._position = height, time_ns, position
        before = self._copy()
        self._owner, self._written = b"\0" * 20, set()
        faulted = []
        for at in sorted(at for at in self.timers if at[0] < time_ns)[:500]:
            if at not in self.timers:
                continue  # an earlier timer cancelled it
            app, steps = self.timers[at]
            kept, written = self._copy(), set(self._written)
            try:
                for step in steps:
                    self._step(app, step)
            except (No, Fault) as error:
                self._restore(kept)
                self._written = written
                if isinstance(error, Fault):
                    faulted.append(at)
            self.timers.pop(at, None)
        self._seal(before)
        return faulted

    def transaction(
        self, sender: bytes, calls: list[tuple[str, list[Any]]], position: int
    ) -> list[Any] | tuple[int, str, int]:
        """Execute and return the results, or (index of the call, app, code). Raises: Fault; then nothing changed."""
        before = self._copy()
        self._position, self._timers_set, self._written = position, 0, set()
        self._owner = sender
        results: list[Any] = []
        try:
            for app, steps in calls:
                results.append({"results": [self._step(app, step) for step in steps]})
        except No as no:
            self._restore(before)
            return (len(results), *no.refusal)
        except Fault:
            self._restore(before)
            raise
        self._seal(before)
        return results

    # --- inside ---

    def _copy(self) -> tuple[Any, ...]:
        return deepcopy((self.tables, self.ever, self.timers))

    def _restore(self, kept: tuple[Any, ...]) -> None:
        self.tables, self.ever, self.timers = kept

    def _seal(self, before: tuple[Any, ...]) -> None:
        """Rows written back as they were did not change; the versions that ended go to the past."""
        old_tables = before[0]
        for name, table in self.tables.items():
            old = old_tables.get(name)
            if old is None:
                continue
            for key, (start, owner, values) in old.rows.items():
                wide = values + [None] * (table.width - len(values))
                now = table.rows.get(key)
                if now is not None and (now[1], now[2]) == (owner, wide):
                    table.rows[key] = (start, owner, wide)
                else:
                    table.past.append((key, start, self._position, values))

    def _step(self, app: str, step: list[Any]) -> Any:
        operation, *arguments = step
        if operation == "stop":
            raise No(1, app)
        if operation == "fault":
            raise Fault
        if operation == "timer":
            if arguments[0] < self.time_ns + 10**9:
                raise No(BAD_TIMER)
            at = (arguments[0], (self._position << 20) | self._timers_set)
            self._timers_set += 1
            self.timers[at] = (app, arguments[1])
            return list(at)
        if operation == "cancel":
            found = self.timers.get((arguments[0], arguments[1]))
            if found is None or found[0] != app:
                return False
            del self.timers[arguments[0], arguments[1]]
            return True
        if operation in ("create", "alter", "drop"):
            return self._schema(operation, *arguments)
        name, *rest = arguments
        name = _name(app, name) if name in TYPED else name
        if name not in self.tables:
            raise No(TABLE_NOT_FOUND)
        return self._rows(self.tables[name], name, operation, rest)

    def _schema(self, operation: str, name: str, appended: int = 0) -> None:
        if operation == "create":
            if name in self.ever:
                raise No(TABLE_EXISTS)
            self.ever.add(name)
            self.tables[name] = Table(is_shared=True, appended=appended, height=self.height)
            return
        table = self.tables.get(name)
        if table is None:
            raise No(TABLE_NOT_FOUND)
        if operation == "alter":
            if (
                appended <= table.appended  # or nothing would change
                or name in self._written
                or table.version_height == self.height
            ):
                raise No(BAD_SCHEMA)
            table.appended, table.version_height = appended, self.height
            table.rows = {
                key: (start, owner, values + [None] * (table.width - len(values)))
                for key, (start, owner, values) in table.rows.items()
            }
            return
        if table.rows:
            raise No(TABLE_NOT_EMPTY)
        if table.version_height == self.height:
            raise No(BAD_SCHEMA)
        del self.tables[name]

    def _rows(self, table: Table, name: str, operation: str, arguments: list[Any]) -> Any:
        if operation in ("add", "put"):
            return self._write(table, name, operation, arguments[0])
        if operation == "grow":
            found = table.rows.get(_checked_key(table, arguments[0]))
            if found is None:
                raise No(ROW_NOT_FOUND)
            values = [*found[2][:4], found[2][4] + arguments[1], *found[2][5:]]
            return self._write(table, name, "put", values)
        if operation == "delete":
            key = _checked_key(table, arguments[0])
            if key not in table.rows:
                raise No(ROW_NOT_FOUND)
            del table.rows[key]
            self._written.add(name)
            return None
        if operation == "get":
            found = table.rows.get(_checked_key(table, arguments[0]))
            return None if found is None else found[2]
        return _range(table, *arguments)

    def _write(self, table: Table, name: str, operation: str, values: Values) -> Values:
        if not _is_permitted(table, values):
            raise No(BAD_ROW)
        key = _checked_key(table, list(table.key(values)))
        found = table.rows.get(key)
        if (found is None) != (operation == "add"):
            raise No(ROW_NOT_FOUND if operation == "put" else ROW_EXISTS)
        unique = 2  # the ordinal of code, and of tag
        for other, (_, _, taken) in table.rows.items():
            if other != key and values[unique] is not None and taken[unique] == values[unique]:
                raise No(NOT_UNIQUE)
        owner = b"" if not table.is_shared else self._owner if found is None else found[1]
        table.rows[key] = (self._position, owner, list(values))
        self._written.add(name)
        return list(values)


def _name(app: str, title: str) -> str:
    return f"{app}__{title[0].lower()}{title[1:]}"


def _is(value: Any, kind: type[Any], low: int, high: int, *, optional: bool = False) -> bool:
    if value is None:
        return optional
    if type(value) is not kind:
        return False
    size: int = value if kind in (bool, int) else len(value)
    return low <= size <= high


def _is_permitted(table: Table, values: Values) -> bool:
    if len(values) != table.width:
        return False
    if table.is_shared:
        return (
            _is(values[0], str, 0, 100)
            and _is(values[1], int, -_INT64, _INT64 - 1)
            and _is(values[2], bytes, 0, 20, optional=True)
            and all(_is(value, bool, 0, 1, optional=True) for value in values[3:])
        )
    shelf, number, code, label, amount, is_new, note = values
    return (
        _is(shelf, str, 0, 120)
        and _is(number, int, -_INT64, _INT64 - 1)
        and _is(code, str, 0, 8, optional=True)
        and _is(label, str, 1, 120)
        and _is(amount, int, -1000, 1000)
        and _is(is_new, bool, 0, 1, optional=True)
        and _is(note, bytes, 0, 16, optional=True)
    )


def _checked_key(table: Table, values: Values) -> Key:
    kinds = (str,) if table.is_shared else (str, int)
    if tuple(type(value) for value in values) != kinds:
        raise No(BAD_ROW)
    if sum(map(_size, values)) > KEY_BYTES_MAX:
        raise No(KEY_TOO_LONG)
    return tuple(values)


def _size(value: Any) -> int:
    return 8 if type(value) is int else len(value.encode()) + 2


def _range(table: Table, low: Values, high: Values, index: str | None, limit: int) -> list[Values]:
    columns, kinds = _columns_of(table, index)
    for bound in (low, high):
        if len(bound) > len(columns):
            raise No(BAD_ROW)
        for value, (kind, is_optional) in zip(bound, kinds, strict=False):
            if type(value) is not kind and not (value is None and is_optional):
                raise No(BAD_ROW)
        if index is None and sum(_size(value) for value in bound) > KEY_BYTES_MAX:
            raise No(KEY_TOO_LONG)
    found = []
    for key, (_, _, values) in table.rows.items():
        at = [_ordered(values[column]) for column in columns]
        if [_ordered(value) for value in low] > at[: len(low)]:
            continue
        if high and [_ordered(value) for value in high] < at[: len(high)]:
            continue
        found.append((at, [_ordered(value) for value in key], values))
    return [values for _, _, values in sorted(found)[:limit]]


def _columns_of(table: Table, index: str | None) -> tuple[list[int], list[tuple[type, bool]]]:
    if index is None:
        return ([0], [(str, False)]) if table.is_shared else ([0, 1], [(str, False), (int, False)])
    known: dict[str, tuple[list[int], list[tuple[type, bool]]]] = (
        {"value": ([1], [(int, False)]), "tag": ([2], [(bytes, True)])}
        if table.is_shared
        else {"code": ([2], [(str, True)]), "label_is_new": ([3, 5], [(str, False), (bool, True)])}
    )
    if index not in known:
        raise No(BAD_ROW)
    return known[index]


def _ordered(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    return (1, value.encode() if isinstance(value, str) else value)
