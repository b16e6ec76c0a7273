"""One simulated life of a ledger, from one seed: members, crashes, disk errors, a clock that jumps.

Invariant: everything that happens follows from the seed; the ``Judge`` alone says whether it was right.
"""

import contextlib
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from comity.engine.port import NotOrdered, Ordered
from comity.engine.solo import SoloEngine
from comity.errors import Unavailable
from comity.model.genesis import Genesis
from comity.sdk.app import App
from comity.store.store import Store
from tests.simulation.chance import Chance
from tests.simulation.disk import Disk, Plan
from tests.simulation.inspection import Wrong, need
from tests.simulation.judge import Judge
from tests.simulation.node import start
from tests.simulation.story import APPS, make_apps
from tests.simulation.world import (
    HOUR_NS,
    MEMBERS,
    SECOND_NS,
    START_NS,
    genesis_of,
    sign,
)

STEPS = 16
_KINDS = ("any", "any", "write", "sync", "sync", "read", "open", "truncate", "size", "delete")
_FAULTS = ("power", "power", "power", "kill", "error", "error", "full")
_JUMPS_NS = (0, 1, SECOND_NS, SECOND_NS, 3 * SECOND_NS, HOUR_NS, 30 * HOUR_NS, -HOUR_NS)

Plant = Callable[[SoloEngine], None]


@cache
def _ledger() -> tuple[list[App], Genesis]:
    apps = make_apps()
    return apps, genesis_of(apps)


class Life:
    """Runs a node and its members.

    Args:
        plant: puts a mistake into each node that is started, to see it found.
    """

    def __init__(self, seed: int, directory: Path, plant: Plant | None = None) -> None:
        self.random = Random(seed)
        self.disk = Disk(Random(seed + 1))
        self.apps, self.genesis = _ledger()
        self.judge = Judge(self.genesis, directory / "node.sqlite")
        self.story: list[str] = []
        self._chance = Chance(self.random, apps=APPS, faults=0.05)
        self._path = directory / "node.sqlite"
        self._plant = plant
        self._now_ns = START_NS
        self._signed = 0
        self._sent: list[bytes] = []
        self.store, self.engine = self._make()

    def run(self, steps: int = STEPS) -> None:
        """Live ``steps`` steps, then look at everything once more. Raises: Wrong."""
        for _ in range(steps):
            self._step()
        self._restart("the end")
        self.judge.look_back()
        self.store.close()

    # --- what happens ---

    def _step(self) -> None:
        self._now_ns += self.random.choice(_JUMPS_NS)
        if self.random.random() < 0.2:  # the very moment of a deadline
            self._now_ns = self.engine.machine.next_timer_ns() or self._now_ns
        kind = self.random.random()
        if kind < 0.08:
            self._restart("a clean restart")
            return
        batch = [] if kind < 0.16 else [self._draw() for _ in range(self.random.randrange(1, 5))]
        if self.random.random() < 0.5:
            fault = self.random.choice(_FAULTS)
            on = "write" if fault == "full" else self.random.choice(_KINDS)
            self.disk.plan = Plan(on, int(self.random.expovariate(1 / 12)), fault)
        self._note(f"height {self.store.height}: {len(batch)} transactions, {self.disk.plan}")
        self._submit(batch)
        self.disk.plan = None

    def _submit(self, batch: list[bytes]) -> None:
        try:
            answers = self.engine.submit(batch)
            if not batch:
                self.engine.run_due()
        except Exception as error:  # noqa: BLE001 - whatever a node may raise is judged
            self._failed(error, batch)
            return
        need(not self.disk.failed, "the node went on after a disk error:", self.story[-1])
        self._believe(batch, answers)
        self.disk.plan, self.disk.is_full = None, False
        if self.random.random() < 0.2:
            self.judge.visit(self.store)

    def _failed(self, error: Exception, batch: list[bytes]) -> None:
        self._note(f"  {type(error).__name__}: {error}")
        if self.disk.is_dead:
            self._crash()
        elif self.disk.failed:
            self._restart("a stop")
        elif self.disk.is_full:
            need(isinstance(error, Unavailable), "a full disk raises", type(error), error)
            self.disk.is_full = False
            self.judge.visit(self.store)
            self._note("  there is room again")
            self._submit(batch)
        else:
            raise Wrong(f"nothing was wrong, but the node raises {type(error).__name__}: {error}")

    def _believe(self, batch: list[bytes], answers: list[Ordered | NotOrdered]) -> None:
        for data, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Ordered):
                self.judge.acknowledge(data, answer)

    def _draw(self) -> bytes:
        """Return a transaction: mostly a new one; else an old one again, or one that nobody may execute."""
        kind = self.random.random()
        if kind < 0.15 and self._sent:
            return self.random.choice(self._sent)
        time_ns = max(self._now_ns, self.store.time_ns)
        calls = [
            (f"{app}.script", {"steps": {"steps": steps}})
            for app, steps in self._chance.calls(time_ns)
        ]
        self._signed += 1
        by, salt = self.random.choice(MEMBERS), self._signed.to_bytes(16, "big")
        if kind < 0.25:
            late = self.random.choice((time_ns, time_ns - 1, time_ns + 25 * HOUR_NS))
            data = sign(self.genesis, by, calls, valid_until=late, salt=salt)
            self.judge.forbid(data)
            return data
        data = sign(self.genesis, by, calls, valid_until=time_ns + HOUR_NS, salt=salt)
        if kind < 0.3:
            at = self.random.randrange(len(data))
            return data[:at] + bytes((data[at] ^ 1 << self.random.randrange(8),)) + data[at + 1 :]
        self._sent.append(data)
        return data

    # --- processes ---

    def _make(self) -> tuple[Store, SoloEngine]:
        """Make the ledger; sometimes the power goes away meanwhile, and it is made again."""
        if self.random.random() < 0.2:
            self.disk.plan = Plan("any", self.random.randrange(80), "power")
        try:
            return self._start()
        except Exception:
            if not self.disk.is_dead:
                raise
            self.disk.abandon()
        self._note("the power went away while the ledger was made")
        self.disk.lose_power()
        self.disk.revive()
        return self._start()

    def _start(self) -> tuple[Store, SoloEngine]:
        store, engine = start(
            self._path,
            self.disk,
            apps=self.apps,
            genesis=self.genesis,
            clock=lambda: self._now_ns,
            is_new=self.judge.height < 0,
            wal_pages_max=self.random.choice((0, 8, 40)),
        )
        if self._plant is not None:
            self._plant(engine)
        return store, engine

    def _restart(self, why: str) -> None:
        self._note(f"  {why}")
        self.disk.plan = None
        with contextlib.suppress(Exception):
            self.store.close()
        self.disk.stop()
        self._open()

    def _crash(self) -> None:
        """Come back after the process or the power went away in the middle of something."""
        is_power_cut = self.random.random() < 0.8
        with contextlib.suppress(Exception):
            self.store.close()
        if is_power_cut:
            self.story += [f"    {line}" for line in self.disk.lose_power()]
        self._note("  power again" if is_power_cut else "  killed, started again")
        self._open()

    def _open(self) -> None:
        self.disk.revive()
        try:
            self.store, self.engine = self._start()
        except Exception as error:
            raise Wrong(f"the ledger cannot be opened: {type(error).__name__}: {error}") from error
        self.judge.visit(self.store)

    def _note(self, line: str) -> None:
        self.story.append(line)


def live(seed: int, *, steps: int = STEPS, plant: Plant | None = None) -> list[str]:
    """Live one life and return its story. Raises: Wrong, with the seed that replays it."""
    with tempfile.TemporaryDirectory() as folder:
        life = Life(seed, Path(folder), plant)
        try:
            life.run(steps)
        except Wrong as wrong:
            tail = "\n".join(life.story[-30:])
            message = f"{wrong}\n{tail}\nreplay it with: make simulate SEED={seed}"
            raise Wrong(message) from wrong
        return life.story
