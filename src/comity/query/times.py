"""Block times as text: RFC 3339 in UTC with nine digits, so that no nanosecond is lost.

Invariant: two times have the same text only when they are the same.
"""

from datetime import UTC, datetime

from comity.limits import SECOND_NS


def text_of(time_ns: int) -> str:
    """Return ``2026-11-22T21:40:11.000000001Z``."""
    seconds, rest = divmod(time_ns, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
