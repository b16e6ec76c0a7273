"""The verdict on a node, and its words."""

import msgspec
import pytest

from comity.limits import CLOCK_BEHIND_NS_MAX, COMMIT_WAIT_MS_MAX, DISK_FREE_BYTES_MIN
from comity.node.health import Condition, health_of


def test_a_node_in_order_is_well() -> None:
    """With nothing wrong the node is well, at each limit still."""
    seen = Condition(
        oldest_wait_ms=COMMIT_WAIT_MS_MAX,
        disk_free_bytes=DISK_FREE_BYTES_MIN,
        block_time_ns=CLOCK_BEHIND_NS_MAX,
    )
    health = health_of(seen)
    assert health.is_ok
    assert health.reason == "all is well"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stopped": "an earlier write failed"}, "no block is made any more: an earlier write"),
        ({"is_stopping": True}, "the node is stopping"),
        ({"oldest_wait_ms": COMMIT_WAIT_MS_MAX + 1}, "has waited for 10 s"),
        ({"has_queries": False}, "queries are not answered"),
        ({"disk_free_bytes": DISK_FREE_BYTES_MIN - 1}, "the disk has 255 MiB left: make room"),
        ({"block_time_ns": 3600 * 10**9}, "this machine's clock is 3,600 s behind the last block"),
    ],
)
def test_each_fault_is_told(change: dict[str, object], words: str) -> None:
    """Each thing that is wrong makes the node unwell, and is told with what to do."""
    health = health_of(msgspec.structs.replace(Condition(), **change))
    assert not health.is_ok
    assert len(health.reasons) == 1
    assert words in health.reason


def test_all_faults_are_told_at_once() -> None:
    """Two things wrong are two reasons."""
    health = health_of(Condition(is_stopping=True, disk_free_bytes=0))
    assert len(health.reasons) == 2
    assert health.reason.count("; ") >= 1
