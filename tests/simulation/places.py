"""A short scripted life, lived once for each call that SQLite makes of its disk, with a fault at exactly that call.

Invariant: every life ends with the app hash of the life without a fault, or raises ``Wrong``.
"""

import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import apsw

from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.errors import ConfigError, Unavailable
from tests.simulation.disk import KINDS, Disk, Plan
from tests.simulation.inspection import Wrong, inspect, need
from tests.simulation.node import start
from tests.simulation.script_app import declare
from tests.simulation.world import HOUR_NS, SECOND_NS, START_NS, genesis_of, sign

CHANGING = ("write", "sync", "truncate", "delete")
CAN_FAIL = {"error": KINDS, "power": CHANGING, "full": ("write",)}
WAL_PAGES_MAX = 30  # some blocks are followed by a checkpoint, others not
_APP = declare("shop", ("Item", "Brief"))
_GENESIS = genesis_of([_APP])
_ITEM = ["a", 1, "x", "label", 1, True, b"\0"]
_BRIEF = ["b", 2, None, "label", 0, None, None]

Answers = list[Ordered | NotOrdered]
Plant = Callable[[SoloEngine], None]


@dataclass(frozen=True)
class Step:
    """What members send at one moment; nothing: due timers run. Some steps follow a clean restart."""

    now_ns: int
    transactions: tuple[bytes, ...] = ()
    follows_restart: bool = False


def _send(at: int, index: int, steps: list[list[object]]) -> bytes:
    """Return a signed transaction."""
    calls = [("shop.script", {"steps": {"steps": steps}})]
    salt = bytes([at, index]).ljust(16, b"\0")
    return sign(_GENESIS, "ana", calls, valid_until=START_NS + HOUR_NS, salt=salt)


def _steps() -> Iterator[Step]:
    """Tables are made, altered, dropped; rows come and go; a timer fires; history is pruned; a script is refused."""
    scripts: list[list[list[list[object]]]] = [
        [[["create", "pool", 0], ["create", "ring", 1]], [["add", "Item", _ITEM]]],
        [
            [["alter", "pool", 1], ["add", "pool", ["a", 1, b"\0", True]]],
            [["add", "Brief", _BRIEF]],
        ],
        [[["timer", START_NS + 9 * SECOND_NS, [["grow", "Brief", ["b", 2], 1]]]], [["stop"]]],
        [[["put", "Brief", [*_BRIEF[:4], 7, True, None]], ["grow", "Item", ["a", 1], 5]]],
        [],
        [[["drop", "ring"]], [["delete", "Item", ["a", 1]], ["grow", "Brief", ["b", 2], 1]]],
        [[["add", "pool", [f"k{at}", at, None, None]] for at in range(80)]],
        [[["grow", "Brief", ["b", 2], 1], ["delete", "pool", ["k3"]], ["add", "Item", _ITEM]]],
    ]
    for at, blocks in enumerate(scripts, 1):
        sent = tuple(_send(at, index, steps) for index, steps in enumerate(blocks))
        yield Step(START_NS + 2 * at * SECOND_NS, sent, follows_restart=at == 6)


STEPS = tuple(_steps())


def places(trace: Sequence[tuple[str, str]], fault: str, *, is_thinned: bool) -> list[int]:
    """Return the numbers of the calls that may meet a fault.

    Args:
        trace: what each call was. ``full`` can happen to writes alone, and a power cut at a call that changes nothing
            is one at the next that does.
        is_thinned: between two syncs, of equal calls on one file the first and last two, and each eighth.

    """
    found, syncs = defaultdict[tuple[int, str, str], list[int]](list), 0
    for place, (kind, file) in enumerate(trace):
        syncs += kind == "sync"
        if kind in CAN_FAIL[fault]:
            found[syncs, kind, file].append(place)
    return sorted(
        place
        for equal in found.values()
        for index, place in enumerate(equal)
        if not is_thinned or index < 2 or index >= len(equal) - 2 or index % 8 == 0
    )


def live(
    place: int | None = None,
    fault: str = "",
    *,
    like: "ScriptedLife | None" = None,
    plant: Plant | None = None,
) -> "ScriptedLife":
    """Live the script with a fault at one call, or without. Raises: Wrong, naming the place."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(Random(place))
        if place is not None:
            disk.plan = Plan("all", place, fault)
        life = ScriptedLife(disk, Path(folder), like=like, plant=plant)
        try:
            life.run()
        except Wrong as wrong:
            raise Wrong(
                f"{wrong}\n{fault} at call {place} of the disk: {disk.trace[place or 0]}"
            ) from wrong
        finally:
            disk.abandon()
        return life


class ScriptedLife:
    """Lives the script over one disk.

    Args:
        like: the life without a fault, which this one must equal.
        plant: puts a mistake into each node that is started, to see it found.

    Attributes:
        app_hashes: by height, one block a step; answers: of each step.
        absorbed: kind of the failed call that nobody had to notice, if any.

    """

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        *,
        like: "ScriptedLife | None" = None,
        plant: Plant | None = None,
    ) -> None:
        self.disk = disk
        self.app_hashes: list[bytes] = []
        self.answers: list[Answers] = []
        self.absorbed = ""
        self._like = like
        self._plant = plant
        self._path = folder / "node.sqlite"
        self._now_ns = START_NS
        self._store: Any = None
        self._engine: Any = None

    def run(self) -> None:
        """Live to the end, coming back after the fault. Raises: Wrong."""
        self._survive(self._open)
        self.app_hashes.append(self._store.app_hash)
        for step in STEPS:
            self._now_ns = step.now_ns
            if step.follows_restart:
                self._survive(self._restart)
            self._survive(lambda step=step: self._play(step))
        self._survive(self._close)
        self.disk.revive()
        self._open()
        self._look()
        need(self._store.height == len(STEPS), "the life ended at height", self._store.height)
        self._close()

    # --- what happens ---

    def _play(self, step: Step) -> None:
        answers = self._engine.submit(step.transactions)
        if not step.transactions:
            self._engine.run_due()
        if self._like is not None:
            expected = self._like.answers[len(self.answers)]
            need(answers == expected, "members were told", answers, "instead of", expected)
        self.answers.append(answers)
        self.app_hashes.append(self._store.app_hash)

    def _open(self) -> None:
        self._store, self._engine = start(
            self._path,
            self.disk,
            apps=[_APP],
            genesis=_GENESIS,
            clock=lambda: self._now_ns,
            is_new=not self.app_hashes,
            wal_pages_max=WAL_PAGES_MAX,
        )
        if self._plant is not None:
            self._plant(self._engine)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _restart(self) -> None:
        self._close()
        self._open()

    # --- the fault ---

    def _survive(self, work: Callable[[], None]) -> None:
        """Do a part of the life; after a fault come back, look, and do it again."""
        try:
            work()
        except Wrong:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a node may raise is judged
            self._come_back(error)
            self._survive(work)
        else:
            self.absorbed, self.disk.failed = self.disk.failed or self.absorbed, ""
            self.disk.is_full = False

    def _come_back(self, error: Exception) -> None:
        disk = self.disk
        if disk.is_full and isinstance(error, Unavailable):  # the same process goes on
            disk.is_full = False
            return
        need(disk.failed or disk.is_full, "nothing was wrong, but the node raises", repr(error))
        told = apsw.FullError if disk.is_full else (apsw.Error, ConfigError)
        need(isinstance(error, told), "a disk that fails is told as", repr(error))
        if disk.failed in CHANGING[:3] and not disk.is_dead:
            self._need_stopped()
        with contextlib.suppress(Exception):
            self._close()
        disk.abandon()
        if disk.is_dead:
            disk.lose_power()
        disk.revive()
        try:
            self._open()
        except Exception as error:
            raise Wrong(f"the ledger cannot be opened: {error!r}") from error
        self._look()

    def _need_stopped(self) -> None:
        """Check that a node whose write failed takes nothing more. Raises: Wrong."""
        if self._engine is None:
            return
        try:
            answers = self._engine.submit([_send(99, 0, [["stop"]])])
        except Exception:  # noqa: BLE001 - however it refuses
            return
        raise Wrong(f"a node goes on after a disk error: {answers}")

    def _look(self) -> None:
        """Check that the file is at one block exactly, and none that was acknowledged is gone. Raises: Wrong."""
        store = self._store
        inspect(store, _GENESIS.hash)
        if self._like is None:
            return
        known = len(self.app_hashes) - 1
        need(known <= store.height <= known + 1, "height", store.height, "after", known)
        need(store.app_hash == self._like.app_hashes[store.height], "another app hash")
