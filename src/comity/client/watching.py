"""Following a table: its changes as events, resumed where they broke off.

Each event has an id, its place in the log; after a lost connection the node is asked for what follows the last one.

Invariant: changes come in order, each once, none is left out. Source: HTML Living Standard, "Server-sent events".
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from comity.client.http_link import Ask, Link, Lost, Refusing
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


class Place:
    """Where a follower is: the id of the last event that it saw, "" before the first."""

    def __init__(self, event_id: str = "") -> None:
        self.event_id = event_id


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


async def follow(
    link: Link, schema: TableSchema, place: Place, delay_s: Callable[[int], float]
) -> AsyncIterator[Change]:
    """Yield the changes of a table behind ``place``, for ever. Raises: QueryError, when that cannot be."""
    path = f"/v1/tables/{quote(schema.name, safe='')}/events"
    tries = 0
    while True:
        headers = {"Accept": _STREAM}
        if place.event_id:
            headers["Last-Event-ID"] = place.event_id
        try:
            async for kind, event_id, data in events(link.lines(Ask(path=path, headers=headers))):
                tries = 0
                if kind == "problem":
                    raise _ended(data)
                if event_id:
                    place.event_id = event_id
                if kind == "change":
                    yield change_of(data, schema)
        except Refusing as refusing:
            error = error_of(refusing.reply)
            if not isinstance(error, Unavailable):
                raise error from refusing
        except Lost:
            pass
        await link.sleep(delay_s(tries))
        tries += 1


async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str, str]]:
    """Yield (event, id, data) of a stream of events."""
    kind, event_id = "message", ""
    data: list[str] = []
    async for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield kind, event_id, "\n".join(data)
            kind, event_id, data = "message", "", []
        elif name == "event":
            kind = value
        elif name == "id":
            event_id = value
        elif name == "data":
            data.append(value)


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
