"""Following a table: its changes as events, resumed where they broke off.

Each event has an id, its place in the log; after a lost connection the node is asked for what follows the last one.

Invariant: changes come in order, each once, none is left out. Source: HTML Living Standard, "Server-sent events".
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self
from urllib.parse import quote

import msgspec

from comity.client.http_link import Ask, Lines, Link, Lost, Refusing
from comity.client.node_answers import error_of, fields_of, from_hex, time_from
from comity.errors import ComityError, Malformed, QueryError, Unavailable
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema

_STREAM = "text/event-stream"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a row.

    Args:
        id: its place in the log, by which a follower resumes.
        key: of the row: a value, or a tuple where the key has several columns.
        kind: added, changed or removed.
        who: name of the member who signed it; None for timers and genesis.
        old, new: the row before and after, by column; None where there was, or is, none.
    """

    id: str
    key: ColumnValue | tuple[ColumnValue, ...]
    kind: str
    height: int
    time_ns: int | None
    transaction_id: bytes | None
    who: str | None
    old: Mapping[str, ColumnValue] | None
    new: Mapping[str, ColumnValue] | None


class _Change(msgspec.Struct):
    id: str
    kind: str
    height: int
    time: str | None
    transaction: str | None
    who: str | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class _Problem(msgspec.Struct):
    code: str = "failed"
    detail: str = "the stream ended"


_change = msgspec.json.Decoder(_Change).decode
_problem = msgspec.json.Decoder(_Problem).decode


class Following:
    """The changes of a table, one after another, for ever.

    Args:
        start: gives the id of the event to begin behind, when the first change is asked for.
        delay_s: gives how long to wait before the n-th try to connect.
    """

    def __init__(
        self,
        link: Link,
        schema: TableSchema,
        start: Callable[[], Awaitable[str]],
        delay_s: Callable[[int], float],
    ) -> None:
        self._link = link
        self._schema = schema
        self._start = start
        self._delay_s = delay_s
        self._seen: str | None = None
        self._lines: Lines | None = None
        self._tries = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        """Return the next change, however long it takes. Raises: QueryError, when there can be none any more."""
        while True:
            event = await self._event()
            if event is None:
                await self.aclose()
                await self._link.sleep(self._delay_s(self._tries))
                self._tries += 1
                continue
            self._tries = 0
            if event.kind == "problem":
                raise _ended(event.data)
            self._seen = event.id or self._seen
            if event.kind == "change":
                return change_of(event.data, self._schema)

    async def aclose(self) -> None:
        """Close the connection; the next change would open another."""
        if self._lines is not None:
            await self._lines.close()
            self._lines = None

    async def _event(self) -> "Event | None":
        """Return the next event, None where the connection is lost. Raises: QueryError."""
        try:
            if self._seen is None:
                self._seen = await self._start()
            if self._lines is None:
                self._lines = await self._link.open(self._ask())
            return await event_of(self._lines)
        except Refusing as refusing:
            error = error_of(refusing.reply)
            if not isinstance(error, Unavailable):
                raise error from refusing
        except Lost:
            pass
        return None

    def _ask(self) -> Ask:
        headers = {"Accept": _STREAM}
        if self._seen:
            headers["Last-Event-ID"] = self._seen
        return Ask(path=f"/v1/tables/{quote(self._schema.name, safe='')}/events", headers=headers)


class Event(msgspec.Struct, frozen=True):
    """An event of a stream."""

    kind: str
    id: str
    data: str


async def event_of(lines: Lines) -> Event | None:
    """Return the next event of a stream, None where it ended; comments and half an event are passed over."""
    kind, event_id = "message", ""
    data: list[str] = []
    while (line := await lines.next()) is not None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            return Event(kind, event_id, "\n".join(data))
        if not line:
            kind, event_id = "message", ""
        elif name == "event":
            kind = value
        elif name == "id":
            event_id = value
        elif name == "data":
            data.append(value)
    return None


def change_of(data: str, schema: TableSchema) -> Change:
    """Return the change that an event tells. Raises: Unavailable."""
    try:
        it = _change(data)
        old = None if it.old is None else fields_of(it.old, schema)
        new = None if it.new is None else fields_of(it.new, schema)
        shown = new or old or {}
        key = tuple(shown[name] for name in schema.key)
        return Change(
            id=it.id,
            key=key[0] if len(key) == 1 else key,
            kind=it.kind,
            height=it.height,
            time_ns=None if it.time is None else time_from(it.time),
            transaction_id=None if it.transaction is None else from_hex(it.transaction),
            who=it.who,
            old=old,
            new=new,
        )
    except (msgspec.DecodeError, Malformed, KeyError) as error:
        raise Unavailable(f"this is no event of a Comity node: {error}") from error


def _ended(data: str) -> ComityError:
    try:
        it = _problem(data)
    except msgspec.DecodeError:
        it = _Problem()
    return QueryError(it.code, it.detail)
