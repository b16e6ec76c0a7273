"""A node under more than it can do: memory is bounded, answers are clear, the ledger keeps its pace. Short forms.

The long ones: ``python -m tests.faults.http_load --long``.
"""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from comity.limits import REQUEST_BODIES_BYTES_MAX, REQUEST_BYTES
from tests.faults.http_crowd import crowd
from tests.faults.http_followers import followers
from tests.faults.http_overload import overload
from tests.faults.http_scene import Memory, a_node
from tests.integration.node_process import send, sign

pytestmark = pytest.mark.slow


def test_three_times_what_it_takes_in(tmp_path: Path) -> None:
    """Beyond its bound the answer is "busy", and at least half as much as before becomes final."""
    figures = overload(tmp_path / "shared", 4)
    assert figures["busy"] > 0


def test_everybody_at_once(tmp_path: Path) -> None:
    """A thousand idle, a hundred half, slow, unread and too large: one writer beside them is hardly slower."""
    crowd(tmp_path / "shared", 4)


def test_a_follower_who_reads_nothing(tmp_path: Path) -> None:
    """It is let go; by its last id it hears every change once and in order; one who reads slowly keeps its place."""
    followers(tmp_path / "shared", 4)


def test_bodies_that_do_not_end(tmp_path: Path) -> None:
    """All bodies on their way have one bound together: beyond it the answer is busy, and small requests are served."""
    head = (
        b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n"
    )
    head += b"Content-Length: %d\r\n\r\n" % REQUEST_BYTES
    with a_node(tmp_path / "shared") as (node, genesis, _), ExitStack() as stack:
        with Memory(node) as memory:
            senders = []
            for _ in range(2 * REQUEST_BODIES_BYTES_MAX // REQUEST_BYTES):
                sender = socket.create_connection(("127.0.0.1", node.port))
                senders.append(stack.enter_context(sender))
                sender.sendall(head + bytes(REQUEST_BYTES - 1))
            with node.client() as client:
                assert send(client, sign(genesis)).status_code == 201
        told = []
        for sender in senders:
            sender.setblocking(False)
            try:
                told.append(sender.recv(12))
            except BlockingIOError:
                told.append(b"")
        assert set(told) == {b"", b"HTTP/1.1 503"}
        assert memory.growth_kib < (REQUEST_BODIES_BYTES_MAX >> 10) + (64 << 10), memory.told()
