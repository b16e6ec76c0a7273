"""Runs what was written once, with ``async``, for callers that block.

The client's logic is written with ``await``. Over a link that blocks, nothing in it ever waits for an event loop, so a
call runs to its end in one step, without threads and without a loop.

Invariant: what would have to wait for a loop is a bug, and says so.
"""

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TypeVar

from comity.errors import InvariantViolated

T = TypeVar("T")


def finish(awaitable: Awaitable[T]) -> T:
    """Return what ``awaitable`` gives; whatever it does must block instead of waiting."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    raise InvariantViolated("a call that blocks waited for an event loop; please report this")


def finish_each(items: AsyncIterator[T]) -> Iterator[T]:
    """Yield what ``items`` give, as ``finish`` does."""
    while True:
        try:
            item = finish(items.__anext__())
        except StopAsyncIteration:
            return
        yield item


async def settled(value: Awaitable[T] | T) -> T:
    """Return a value, waiting for it where it is still to come: transports answer either way."""
    return await value if isinstance(value, Awaitable) else value
