"""Streams of events: blocks, and the changes of a table, for whoever follows them.

A stream reads from the ledger's file, never from memory: a follower that comes back with the id of
its last event goes on without a gap, after a minute or a month. Nothing is kept for a follower but
one batch, so a slow one delays nobody; one that takes nothing for RESPONSE_STALL_S is let go, and
comes back with its id.

Invariant: events come in order, each once, and none between two of them is left out.
Source: HTML Living Standard, "Server-sent events".
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from comity.errors import ComityError, Unavailable
from comity.limits import (
    CHANGES_MAX,
    EVENT_BATCH_BYTES,
    EVENT_COMMENT_S,
    INT64_MAX,
    READ_RETRY_AFTER_S,
    RESPONSE_STALL_S,
)
from comity.node.running import Node
from comity.query import documents, reads
from comity.query.reads import Found
from comity.web.problems import Problem, body_of
from comity.web.reading import Height
from comity.web.routes import Media, Operation, header, node_of, query, values_of
from comity.web.tables import TABLE

EVENT_STREAM = "text/event-stream"
_BATCHES_KEPT = 32
_RETRY_MS = 1_000
_ALL = 1 << 40  # an index behind every event of a position
_blocks = msgspec.json.Decoder(documents.Blocks).decode
_ID_HEAD = len('{"id":"')

Place = tuple[int, int]  # log position and index; of blocks: height and 0


class _Batches:
    """Batches that several followers ask for at the same place: read once, the newest few kept."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._kept: OrderedDict[tuple[Any, ...], asyncio.Task[Found]] = OrderedDict()
        self.streams_count = 0

    async def ask(self, read: reads.Read) -> Found:
        key = (read, self._node.tip.height)
        task = self._kept.get(key)
        if task is None:
            task = asyncio.create_task(self._node.readers.ask(read))
            self._kept[key] = task
            if len(self._kept) > _BATCHES_KEPT:
                self._kept.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except ComityError:
            self._kept.pop(key, None)
            raise


async def follow_blocks(request: Request) -> Response:
    """Follow blocks."""
    values, node = values_of(request), node_of(request)
    start = _start(values, (node.tip.height, 0))
    if start[0] > node.tip.height:  # of another ledger, or of what a restored one has lost: say so
        await node.readers.ask(reads.BlockRead(height=start[0]))
    return await _stream(request, _Blocks(_batches_of(request)), start)


async def follow_table(request: Request) -> Response:
    """Follow the changes of a table."""
    values, node = values_of(request), node_of(request)
    start = _start(values, (node.tip.log_size - 1, _ALL))
    return await _stream(request, _Changes(_batches_of(request), values["table"]), start)


class _Blocks:
    """The stream of blocks."""

    def __init__(self, batches: _Batches) -> None:
        self._batches = batches

    async def read(self, place: Place) -> tuple[list[tuple[int, bytes]], Place]:
        """Return (height, event) of what follows ``place``, and the place behind it."""
        read = reads.BlocksRead(after=place[0], is_rising=True, limit=CHANGES_MAX)
        found = _blocks((await self._batches.ask(read)).body)
        events = [
            (each.height, _event(str(each.height), "block", msgspec.json.encode(each)))
            for each in found.blocks
        ]
        return events, (events[-1][0], 0) if events else place


class _Changes:
    """The stream of a table's changes."""

    def __init__(self, batches: _Batches, table: str) -> None:
        self._batches = batches
        self._table = table

    async def read(self, place: Place) -> tuple[list[tuple[int, bytes]], Place]:
        """Return (height, event) of what follows ``place``, and the place behind it."""
        read = reads.ChangesRead(
            table=self._table, position=place[0], index=place[1], size=EVENT_BATCH_BYTES
        )
        found = await self._batches.ask(read)
        events = []
        for line in found.body.splitlines():
            identifier = line[_ID_HEAD : line.index(b'"', _ID_HEAD)].decode()
            height = msgspec.json.decode(line, type=_Heights).height
            events.append((height, _event(identifier, "change", line)))
        position, _, index = found.next.partition(".")
        return events, (int(position), int(index))


class _Heights(msgspec.Struct):
    height: int


async def _stream(request: Request, source: "_Blocks | _Changes", start: Place) -> Response:
    node, values = node_of(request), values_of(request)
    batches = _batches_of(request)
    if batches.streams_count >= node.config.streams_max:
        raise Problem(
            "busy",
            f"{node.config.streams_max} streams are open already",
            retry_after=READ_RETRY_AFTER_S,
        )
    tip = node.tip
    first = await source.read(start)  # a mistake is told now, with its status
    body = _events(node, source, tip.height, first, values.get("limit"), values.get("until"))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_counted(batches, body), headers=headers, media_type=EVENT_STREAM)


async def _counted(batches: _Batches, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    batches.streams_count += 1
    try:
        async for event in events:
            yield event
    finally:
        batches.streams_count -= 1


async def _events(
    node: Node,
    source: "_Blocks | _Changes",
    height_read: int,
    batch: tuple[list[tuple[int, bytes]], Place],
    limit: int | None,
    until: int | None,
) -> AsyncIterator[bytes]:
    yield f"retry: {_RETRY_MS}\n: {node.genesis.chain_id}\n\n".encode()
    count = 0
    while True:
        events, place = batch
        for height, event in events:
            if until is not None and height > until:
                return
            yield event
            count += 1
            if count == limit:
                return
        if not events:
            if until is not None and height_read >= until:
                return
            async for comment in _silence(node, height_read):
                yield comment
            if node.is_stopping:
                return
        height_read = node.tip.height
        try:
            batch = await source.read(place)
        except Unavailable as error:
            if node.is_stopping:
                return
            yield f": {body_of(error).code}\n\n".encode()
            await asyncio.sleep(READ_RETRY_AFTER_S)
            batch = [], place
        except ComityError as error:  # the table was dropped, or its history is no longer kept
            yield b"event: problem\ndata: " + msgspec.json.encode(body_of(error)) + b"\n\n"
            return


async def _silence(node: Node, height: int) -> AsyncIterator[bytes]:
    """Wait for a block past ``height``, with a comment each EVENT_COMMENT_S."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENT_COMMENT_S):
                with suppress(Unavailable):  # the node stops
                    await node.next_tip(height)
                return
        yield b":\n\n"


def _event(identifier: str, kind: str, data: bytes) -> bytes:
    return f"id: {identifier}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"


def _start(values: dict[str, Any], newest: Place) -> Place:
    """Return where a stream begins: behind the last event that the client saw, or behind the newest."""
    text = values.get("Last-Event-ID", values.get("after"))
    if text is None:
        return newest
    position, dot, index = text.partition(".")
    if int(position) > INT64_MAX:
        raise Problem("bad-parameter", f"after={text[:40]!r} is no id of an event")
    return int(position), int(index) if dot else newest[1]


def _batches_of(request: Request) -> _Batches:
    state = request.app.state
    if not hasattr(state, "batches"):
        state.batches = _Batches(node_of(request))
    found: _Batches = state.batches
    return found


_Id = Annotated[str, Meta(pattern="^[0-9]{1,19}([.][0-9]{1,18})?$")]
_AFTER = "Begin behind this event; 0 is from the beginning. By default only what is still to come."
_LAST = header(
    "Last-Event-ID", _Id, "Id of the last event that was seen; a browser sends it itself."
)
_LIMIT = query("limit", Annotated[int, Meta(ge=1, le=1_000_000)], "End after this many events.")
_UNTIL = query("until", Height, "End behind the events of this height.")
_STREAM = Media(
    EVENT_STREAM,
    f"Events with id, event and data; a comment every {EVENT_COMMENT_S} s of silence. Who takes nothing for"
    f" {RESPONSE_STALL_S} s is let go, and goes on with the id of the last event.",
)
OPERATIONS = (
    Operation(
        method="GET", path="/v1/events", name="followBlocks", tag="events",
        summary="Follow blocks as they become final.",
        description="Each event has the height as id and a block as data.",
        handler=follow_blocks,
        parameters=(query("after", _Id, _AFTER), _LAST, _LIMIT, _UNTIL),
        answers={200: _STREAM}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}/events", name="followTable", tag="events",
        summary="Follow the changes of a table's rows.",
        description=(
            "Each event has log position and index as id, and as data the key, who did it, and the row before and"
            " after with their hashes. A stream that has nothing more to tell from where it is ends with an event"
            " 'problem': read the table anew."
        ),
        handler=follow_table,
        parameters=(TABLE, query("after", _Id, _AFTER), _LAST, _LIMIT, _UNTIL),
        answers={200: _STREAM}, problems=(404, 408, 409),
    ),
)  # fmt: skip
