"""Asking a node over HTTP, again where an answer is still to be hoped for: a lost connection, or a node that is busy.

Invariant: only what may be sent twice passes through here: reads, and signed transactions, which have one id.
"""

import time
from collections.abc import Callable, Mapping
from random import SystemRandom

from comity.client.http_link import Ask, Link, Lost, Reply
from comity.client.node_answers import error_of, problem_of
from comity.errors import ComityError
from comity.limits import CLIENT_RETRY_MS, CLIENT_RETRY_MS_MAX, CLIENT_TIMEOUT_S

_AGAIN = ("busy", "unavailable", "stopping", "block-full", "not-due", "disk-full", "fault")
_DOUBLINGS_MAX = 10
_chance = SystemRandom().random


class Asking:
    """Asks one node.

    Args:
        timeout_s: that a call goes on; 0 tries once.
        clock: seconds that only grow; chance: gives 0 to 1. Tests fix them.
    """

    def __init__(
        self,
        link: Link,
        timeout_s: float = CLIENT_TIMEOUT_S,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self.link = link
        self.timeout_s = timeout_s
        self.clock = clock
        self._chance = chance

    def deadline(self) -> float:
        """Return when a call that begins now gives up."""
        return self.clock() + self.timeout_s

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to GET. Raises: Unavailable."""
        return await self.send(Ask(path=path, query=query or {}))

    async def send(self, ask: Ask, deadline: float | None = None) -> Reply:
        """Return the answer to a request, which may be any but "try again". Raises: Unavailable, Lost."""
        deadline = self.deadline() if deadline is None else deadline
        tries = 0
        while True:
            error: ComityError
            wait_s = 0
            try:
                reply = await self.link.send(ask)
            except Lost as lost:
                error = lost
            else:
                if reply.status != 503:
                    return reply
                problem, error = problem_of(reply), error_of(reply)
                if problem.code not in _AGAIN:
                    raise error
                wait_s = problem.retry_after or 0
            if not await self.pause(tries, deadline, wait_s):
                raise error
            tries += 1

    async def pause(self, tries: int, deadline: float, least_s: float = 0) -> bool:
        """Wait before the next try; return False, at once, when the time does not suffice."""
        wait_s = max(self.delay_s(tries), least_s * (1 + self._chance() / 2))
        if self.clock() + wait_s >= deadline:
            return False
        await self.link.sleep(wait_s)
        return True

    def delay_s(self, tries: int) -> float:
        """Return how long to wait after so many tries: twice as long each time, and never all callers alike."""
        whole_ms = min(CLIENT_RETRY_MS << min(tries, _DOUBLINGS_MAX), CLIENT_RETRY_MS_MAX)
        return whole_ms / 1_000 * (1 + self._chance()) / 2
