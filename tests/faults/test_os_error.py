"""An ``OSError`` out of any statement of the store stops the node, and is no outcome (P08, P20)."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from shutil import copy
from typing import Any

import apsw
import pytest

from comity.engine.solo import SoloEngine
from comity.errors import InvariantViolated
from comity.model.account import key_id
from comity.model.receipt import Receipt
from comity.node.folder import NodeKey
from comity.store.store import Store
from tests.simulation.inspection import inspect
from tests.simulation.script_app import declare
from tests.simulation.world import NODE, SECOND_NS, START_NS, World, key_of, seed_of

APP = declare("shop", ("Item", "Brief"))
ITEM = ["a", 1, "x", "label", 1, True, b"\0"]
READING = {"SELECT", "BEGIN", "ROLLBACK"}
WRITING = {"BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT", "checkpoint"}


class FailingConnection:
    """A connection of which one statement fails, as a call of the operating system does.

    Args:
        after: how many statements go well before.

    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.after: int | None = None
        self.failed = ""
        self.has_committed = False

    def execute(self, statement: str, *arguments: Any) -> Any:
        """Run a statement."""
        self._count(statement)
        found = self._connection.execute(statement, *arguments)
        self.has_committed |= statement == "COMMIT"
        return found

    def executemany(self, statement: str, *arguments: Any) -> Any:
        """Run a statement for each row."""
        self._count(statement)
        return self._connection.executemany(statement, *arguments)

    def wal_checkpoint(self, *arguments: Any, **named: Any) -> Any:
        """Move the WAL into the file."""
        self._count("checkpoint")
        return self._connection.wal_checkpoint(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _count(self, statement: str) -> None:
        if self.after is None:
            return
        if self.after == 0:
            self.failed = statement if statement == "BEGIN IMMEDIATE" else statement.split()[0]
            self.after = None
            raise OSError(5, "Input/output error")
        self.after -= 1


class Node:
    """A node opened on a file in which a timer is due.

    Args:
        entries: a block that another node proposes, of the same transactions.

    Attributes:
        sent: transactions that read and write in every way there is.

    """

    def __init__(self, path: Path, entries: Sequence[bytes] = ()) -> None:
        self.path = path
        self.entries = entries
        self.connection = FailingConnection(apsw.Connection(str(path)))
        self.store = Store.over(self.connection)  # type: ignore[arg-type]  # behaves as one
        self.store.wal_pages_max = 0
        self.world = World([APP], store=self.store)
        self.world.now_ns = START_NS + 20 * SECOND_NS  # whatever the file says
        self.engine = SoloEngine(
            self.world.machine,
            clock=lambda: self.world.now_ns,
            kid=key_id(key_of(NODE)),
            sign=NodeKey(seed_of(NODE)).sign,
        )
        self.sent = [
            self.world.script("ana", "shop", *steps)
            for steps in (
                [["get", "Item", ["a", 1]], ["range", "Item", [], [], "code", 3]],
                [
                    ["grow", "Item", ["a", 1], 1],
                    ["put", "Brief", ITEM],
                    ["delete", "Item", ["a", 1]],
                ],
                [["add", "pool", ["a", 1, None]], ["range", "pool", [], [], "value", 3]],
                [["create", "ring", 0]],
                [["grow", "Brief", ["a", 1], 1], ["stop"]],
            )
        ]


def submit(node: Node) -> list[Receipt]:
    """Have transactions ordered by the node's own engine."""
    return [answer.receipt for answer in node.engine.submit(node.sent)]


def follow(node: Node) -> list[Receipt]:
    """Vote for the block that another node would propose, and commit it."""
    machine = node.world.machine
    machine.process(node.entries, node.world.now_ns)
    candidate = machine.finalize(node.entries)
    machine.commit(b"")
    return [outcome.receipt for outcome in candidate.outcomes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with a few blocks, tables, rows, history and a timer."""
    path = tmp_path / "node.sqlite"
    world = World([APP], store=Store.create(str(path)))
    for steps in (
        [["create", "pool", 0], ["add", "Item", ITEM], ["add", "Brief", ITEM]],
        [["timer", world.now_ns + 5 * SECOND_NS, [["grow", "Brief", ["a", 1], 1]]]],
        [["grow", "Brief", ["a", 1], 1]],
        [["grow", "Brief", ["a", 1], 1]],
    ):
        assert world.run("ana", "shop", *steps).is_ok
    world.store.close()
    return path


@pytest.mark.slow
@pytest.mark.parametrize("work", [submit, follow])
def test_an_os_error_stops_the_node(path: Path, work: Callable[[Node], list[Receipt]]) -> None:
    """Whichever statement fails: it comes out as it is, nothing is written after it, a restart makes good."""
    play(path, work)


def test_an_error_that_is_swallowed_is_seen(path: Path) -> None:
    """Canary: a node that tries again."""

    def try_again(node: Node) -> list[Receipt]:
        try:
            return submit(node)
        except OSError:
            return submit(node)

    with pytest.raises(AssertionError, match="swallowed"):
        play(path, try_again)


def play(path: Path, work: Callable[[Node], list[Receipt]]) -> None:
    """Do the work once for each statement that it runs, which fails."""
    whole = Node(copy(path, path.with_name("whole")))
    prepared = whole.world.prepare(*whole.sent, forward_ns=0)
    assert prepared.candidate is not None
    whole.entries = prepared.candidate.entries
    expected = work(whole)
    met = set()
    for after in count():
        node = Node(copy(path, path.with_name(str(after))), whole.entries)
        height = node.store.height
        node.connection.after = after
        try:
            assert work(node) == expected
        except OSError:
            met.add(node.connection.failed)
        else:
            assert not node.connection.failed, "swallowed"
            break
        if node.connection.failed in WRITING or node.connection.has_committed:
            with pytest.raises(InvariantViolated, match="an earlier write failed"):
                node.world.block(node.world.script("bo", "shop", ["stop"]))
        has_committed = node.connection.has_committed
        node.connection.close()
        node = Node(node.path)
        assert node.store.height == height + has_committed
        assert submit(node) == expected
        inspect(node.store, node.world.genesis.hash)
        assert node.store.app_hash == whole.store.app_hash
        node.connection.close()
    assert met == READING | WRITING
