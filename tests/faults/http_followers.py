"""Followers of a table that changes 10,000 times a second: one who reads nothing, one who reads slowly."""

import http.client
import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

from tests.faults.http_scene import GROWTH_KIB_MAX, STALL_S, Memory, a_node, start_writers, told_by

ROWS = 500  # of a transaction
WRITERS = 4
EVERY_S = (
    0.2 - 0.02
)  # with which four writers make 10,000 rows a second, where the machine is fast enough
_EVENT = re.compile(rb'id: ([0-9]+)[.]([0-9]+)\nevent: change\ndata: [{][^\n]*?"key":"?([0-9]+)"?')
Place = tuple[int, int]


class Follower:
    """Follows the table, and comes back with the id of its last event whenever its connection ends.

    Attributes:
        places, keys: of all events, in the order in which they came.
        drops: how often the connection ended.
    """

    def __init__(self, port: int) -> None:
        self.places: list[Place] = []
        self.keys: list[int] = []
        self.drops = 0
        self.wanted: int | None = None  # events, once it is known how many there will be
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._answer = self._connect()

    def follow(self, pause_s: float = 0) -> None:
        """Read until everything is here; with a pause each 100 events while it is open how much will come."""
        rest = b""
        while self.wanted is None or len(self.keys) < self.wanted:
            if self.wanted is None and len(self.keys) % 100 == 0:
                time.sleep(pause_s)
            try:
                part = self._answer.read1(1 << 20)
            except (OSError, http.client.HTTPException):
                part = b""
            if not part:
                self._answer.close()
                self.drops, rest = self.drops + 1, b""
                self._answer = self._connect()
                continue
            *events, rest = (rest + part).split(b"\n\n")
            for event in events:
                self._note(event)

        self._answer.close()
        self._connection.close()

    def _note(self, event: bytes) -> None:
        found = _EVENT.match(event)
        if found is not None:
            position, index, key = map(int, found.groups())
            self.places.append((position, index))
            self.keys.append(key)

    def _connect(self) -> http.client.HTTPResponse:
        connection = self._connection
        connection.close()
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        after = ".".join(map(str, self.places[-1])) if self.places else "0"
        connection.request("GET", "/v1/tables/things/events", headers={"Last-Event-ID": after})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer


def followers(folder: Path, seconds: float) -> dict[str, Any]:
    """Write 10,000 rows a second under one who reads nothing and one who reads slowly.

    The first is let go, and the log says so; by its last id it then hears every change once and in order, as the other
    does. Neither costs the node memory.
    """
    with a_node(folder) as (node, _, log), Memory(node) as memory:
        silent, slow = Follower(node.port), Follower(node.port)
        reading = threading.Thread(target=slow.follow, args=(0.05,), daemon=True)
        reading.start()
        writers = start_writers(node, folder, WRITERS, 1, seconds, rows=ROWS, every_s=EVERY_S)
        written = told_by(writers)["final"] * ROWS
        time.sleep(2 * STALL_S)
        silent.wanted = slow.wanted = written
        silent.follow()
        reading.join(120)
    for each in (silent, slow):
        assert each.places == sorted(set(each.places))
        assert len(each.keys) == len(set(each.keys)) == written
    assert silent.drops > 0
    assert any("left an answer unread" in line for line in log)
    assert memory.growth_kib < GROWTH_KIB_MAX, memory.told()
    return {
        "events_per_s": round(written / seconds),
        "silent_let_go": silent.drops,
        "slow_let_go": slow.drops,
        **memory.told(),
    }
