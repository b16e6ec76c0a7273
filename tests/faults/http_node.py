"""``comity`` with a clock that somebody sets, and little patience with who does not read.

``TEST_CLOCK_FILE`` names a file whose text is added to the clock, in seconds; ``TEST_STALL_S`` is how long an
answer may stay unread.
"""

import functools
import os
import sys
import time
from pathlib import Path

from comity.cli.main import run
from comity.limits import RESPONSE_STALL_S, SECOND_NS
from comity.node.running import Node
from comity.web import server

COMMAND = ("-m", "tests.faults.http_node")
CLOCK_VARIABLE, STALL_VARIABLE = "TEST_CLOCK_FILE", "TEST_STALL_S"


def now_ns() -> int:
    """Return the time that the file makes of it."""
    name = os.environ.get(CLOCK_VARIABLE)
    return time.time_ns() + (int(Path(name).read_text()) * SECOND_NS if name else 0)


if __name__ == "__main__":
    vars(server)["RESPONSE_STALL_S"] = float(os.environ.get(STALL_VARIABLE, RESPONSE_STALL_S))
    Node.open = functools.partial(Node.open, clock=now_ns)  # type: ignore[method-assign]  # that is the fault
    sys.exit(run(sys.argv[1:]))
