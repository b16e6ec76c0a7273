"""Whether a node does its work, and if not, why: for ``/health``, ``comity doctor`` and whoever restarts nodes.

Invariant: a node that is not well says what is wrong and what to do; no clock and no disk is read here.
"""

import msgspec

from comity.limits import (
    CLOCK_BEHIND_NS_MAX,
    COMMIT_WAIT_MS_MAX,
    DISK_FREE_BYTES_MIN,
)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a node.

    Args:
        stopped: why no more blocks are made, or empty.
        is_stopping: it was told to end.
        oldest_wait_ms: since when the oldest transaction in flight waits; 0 without one.
        has_queries: queries can be answered.
        block_time_ns, now_ns: of the last block; this machine's clock.
    """

    stopped: str = ""
    is_stopping: bool = False
    oldest_wait_ms: int = 0
    has_queries: bool = True
    disk_free_bytes: int = DISK_FREE_BYTES_MIN
    block_time_ns: int = 0
    now_ns: int = 0


class Health(msgspec.Struct, frozen=True):
    """A verdict, and a sentence for each thing that is wrong."""

    is_ok: bool
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Return all of it as one text; ``all is well`` where nothing is wrong."""
        return "; ".join(self.reasons) or "all is well"


def health_of(seen: Condition) -> Health:
    """Return whether a node in this condition can do its work."""
    reasons = []
    if seen.stopped:
        reasons.append(f"no block is made any more: {seen.stopped}")
    if seen.is_stopping:
        reasons.append("the node is stopping; try again when it is back")
    if seen.oldest_wait_ms > COMMIT_WAIT_MS_MAX:
        reasons.append(
            f"a transaction has waited for {seen.oldest_wait_ms // 1000} s for its block; is the disk slow?"
        )
    if not seen.has_queries:
        reasons.append("queries are not answered: their process is being started anew")
    if seen.disk_free_bytes < DISK_FREE_BYTES_MIN:
        reasons.append(
            f"the disk has {seen.disk_free_bytes >> 20:,} MiB left: make room,"
            f" {DISK_FREE_BYTES_MIN >> 20:,} MiB are needed"
        )
    if seen.block_time_ns - seen.now_ns > CLOCK_BEHIND_NS_MAX:
        reasons.append(clock_words(seen.block_time_ns - seen.now_ns))
    return Health(not reasons, tuple(reasons))


def clock_words(behind_ns: int) -> str:
    """Return what to do about a clock that is behind the last block."""
    return (
        f"this machine's clock is {behind_ns // 10**9:,} s behind the last block: set it right; if it is right,"
        " it was wrong before, and transactions are refused as expired until it has caught up"
    )
