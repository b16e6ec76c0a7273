"""The read side whatever a read does: time, memory, hanging, dying, waiting, leaving; and the writer beside it."""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import apsw
import pytest

from comity import limits
from comity.errors import QueryError, Unavailable
from comity.node import reading
from comity.node.reading import Readers
from comity.query import child
from comity.query.frames import QueryLimits
from comity.query.reads import Found, PageRead, RowRead, SqlRead, TablesRead, ViewRead
from tests.shared_ledger import SharedLedger

ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x"
SLEEPY = SqlRead(sql=ENDLESS, limits=QueryLimits(time_ms=1_500))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedLedger]:
    """Make a ledger of twenty rows, which stays open for writing."""
    made = SharedLedger(tmp_path_factory.mktemp("read") / "ledger")
    made.commit(made.add("stock", *((f"n{number}", "a", number, 1, None) for number in range(20))))
    yield made
    made.close()


def _with(
    ledger: SharedLedger, act: Callable[[Readers], Awaitable[None]], quick: int = 1, slow: int = 1
) -> None:
    """Run ``act`` with readers of a ledger."""

    async def run() -> None:
        readers = Readers(ledger.database, ledger.genesis_file, quick=quick, slow=slow)
        async with readers:
            await act(readers)
        assert readers.process_ids == []

    asyncio.run(run())


def test_reads_are_answered_beside_one_another(ledger: SharedLedger) -> None:
    """A hundred at once, of each kind, come back whole; a view runs the application's code."""

    async def act(readers: Readers) -> None:
        asked = [RowRead(table="stock", key=f"n{number % 20}") for number in range(100)]
        found = await asyncio.gather(*(readers.ask(read) for read in asked))
        for read, answer in zip(asked, found, strict=True):
            assert f'"key":"{read.key}"'.encode() in answer.body
        view = await readers.ask(ViewRead(app="tables", view="ls"))
        assert b'"stock"' in view.body

    _with(ledger, act, quick=2)


def test_an_endless_query_ends_and_delays_no_row(ledger: SharedLedger) -> None:
    """Rows are answered while SQL runs; the limit that ended it has its name."""

    async def act(readers: Readers) -> None:
        endless = asyncio.create_task(readers.ask(SLEEPY))
        await readers.ask(RowRead(table="stock", key="n1"))
        assert not endless.done()
        with pytest.raises(QueryError, match="1,500 ms") as caught:
            await endless
        assert caught.value.limit == "QUERY_TIME_MS"

    _with(ledger, act)


def test_too_much_memory_is_told(ledger: SharedLedger) -> None:
    """A query beyond its heap ends alone; the next is answered by the same process."""
    numbers = "WITH x AS (SELECT 1 a UNION ALL SELECT a + 1 FROM x LIMIT 900)"
    sql = f"{numbers} SELECT group_concat(printf('%1000000c', a)) FROM x"

    async def act(readers: Readers) -> None:
        with pytest.raises(QueryError) as caught:
            await readers.ask(SqlRead(sql=sql))
        assert caught.value.limit in ("QUERY_HEAP_BYTES", "QUERY_VALUE_BYTES_MAX")
        assert (await readers.ask(SqlRead(sql="SELECT 1"))).height == ledger.height

    _with(ledger, act)


def test_a_process_that_dies_is_replaced(ledger: SharedLedger) -> None:
    """Whoever asked hears of it; the next read is answered by another process."""

    async def act(readers: Readers) -> None:
        await readers.ask(SqlRead(sql="SELECT 1"))
        slow = readers.process_ids[-1]
        asked = asyncio.create_task(readers.ask(SLEEPY))
        await asyncio.sleep(0.2)
        os.kill(slow, signal.SIGKILL)
        with pytest.raises(QueryError, match="signal 9"):
            await asked
        await readers.ask(SqlRead(sql="SELECT 1"))
        assert slow not in readers.process_ids

    _with(ledger, act)


def test_a_process_that_hangs_is_replaced(
    ledger: SharedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process answers nobody: its read ends in time, and another process takes over."""
    monkeypatch.setattr(reading, "_ANSWER_S", 0.5)

    async def act(readers: Readers) -> None:
        await readers.ask(TablesRead())
        (stopped, _) = readers.process_ids
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(QueryError) as caught:
            await readers.ask(TablesRead())
        assert caught.value.limit == "QUERY_TIME_MS"
        await readers.ask(TablesRead())
        assert stopped not in readers.process_ids

    _with(ledger, act)


def test_who_leaves_disturbs_nobody(ledger: SharedLedger) -> None:
    """A read that is given up, waiting or running, is not taken for the next one's answer."""

    async def act(readers: Readers) -> None:
        leaving = [asyncio.create_task(readers.ask(SLEEPY)) for _ in range(2)]
        await asyncio.sleep(0.2)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        answer = await readers.ask(SqlRead(sql="SELECT 'mine'"))
        assert b'"mine"' in answer.body

    _with(ledger, act)


def test_what_waits_is_bounded(ledger: SharedLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the queue, and beyond the time of waiting, the answer is "busy", at once."""
    monkeypatch.setattr(limits, "READ_WAITING_MAX", 2)

    async def act(readers: Readers) -> None:
        await readers.ask(SqlRead(sql="SELECT 1"))
        running = asyncio.create_task(readers.ask(SLEEPY))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(readers.ask(SqlRead(sql="SELECT 1"))) for _ in range(2)]
        await asyncio.sleep(0)
        assert readers.waiting_count == 2
        begun_s = time.monotonic()
        with pytest.raises(Unavailable, match="READ_WAITING_MAX") as caught:
            await readers.ask(SqlRead(sql="SELECT 1"))
        assert (caught.value.code, time.monotonic() - begun_s < 0.1) == ("busy", True)
        await asyncio.gather(running, *waiting, return_exceptions=True)
        assert all(task.exception() is None for task in waiting)

    _with(ledger, act)


def test_a_read_that_waited_too_long_is_told(
    ledger: SharedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is answered long after having asked."""

    async def act(readers: Readers) -> None:
        await readers.ask(SqlRead(sql="SELECT 1"))  # the process is there
        monkeypatch.setattr(reading, "_WAIT_S", 0.1)
        running = asyncio.create_task(readers.ask(SLEEPY))
        await asyncio.sleep(0.1)
        with pytest.raises(Unavailable, match="READ_WAIT_MS_MAX"):
            await readers.ask(SqlRead(sql="SELECT 1"))
        await asyncio.gather(running, return_exceptions=True)

    _with(ledger, act)


def test_closing_refuses_what_waits(ledger: SharedLedger) -> None:
    """Nobody waits for ever for readers that are gone, and their processes end."""

    async def run() -> None:
        readers = Readers(ledger.database, ledger.genesis_file, quick=1, slow=1)
        readers.start()
        await readers.ask(SqlRead(sql="SELECT 1"))
        pids = readers.process_ids
        asked = [asyncio.create_task(readers.ask(SLEEPY)) for _ in range(3)]
        await asyncio.sleep(0.1)
        await readers.close()
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, Unavailable)
        with pytest.raises(Unavailable):
            await readers.ask(TablesRead())
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(run())


def test_a_missing_ledger_is_told(tmp_path: Path) -> None:
    """Processes that cannot start do not hang those who ask."""

    async def run() -> None:
        async with Readers(tmp_path / "node.sqlite", tmp_path / "genesis.cbor") as readers:
            with pytest.raises(Unavailable, match="no such ledger"):
                await readers.ask(TablesRead())

    asyncio.run(run())


def test_want_of_the_system_is_told_and_passes(
    ledger: SharedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process can be started, or something else fails: whoever asked hears it, the next is answered."""
    start, errors = child.start, [OSError(24, "Too many open files"), RuntimeError("odd")]

    def fail(*paths: os.PathLike[str]) -> object:
        if errors:
            raise errors.pop()
        return start(*paths)

    async def act(readers: Readers) -> None:
        told = await asyncio.gather(
            *(readers.ask(TablesRead()) for _ in range(3)), return_exceptions=True
        )
        assert [type(answer) for answer in told].count(Found) >= 1
        assert all(isinstance(answer, Found | Unavailable | RuntimeError) for answer in told)
        assert isinstance(await readers.ask(TablesRead()), Found)

    monkeypatch.setattr(child, "start", fail)
    _with(ledger, act)


def test_no_snapshot_outlives_its_read(ledger: SharedLedger) -> None:
    """After a read, all of the file's log can be written back, so it never grows behind a reader."""

    async def act(readers: Readers) -> None:
        await readers.ask(PageRead(table="stock"))
        await readers.ask(SqlRead(sql="SELECT * FROM stock"))
        await readers.ask(ViewRead(app="tables", view="ls"))
        ledger.commit(ledger.change("stock", ("n0", "a", int(time.monotonic_ns()), 1, None)))
        pages, moved = ledger.local.store.connection.wal_checkpoint(
            mode=apsw.SQLITE_CHECKPOINT_PASSIVE
        )
        assert pages == moved

    _with(ledger, act)


def test_a_full_scan_does_not_block_the_writer(tmp_path: Path) -> None:
    """Blocks commit while scans run without a pause, and never wait for one of them."""
    made = SharedLedger(tmp_path / "ledger")
    for start in range(0, 10_000, 1_000):
        rows = ((f"n{start + at:06}", "a", at, 1, None) for at in range(1_000))
        made.commit(made.add("stock", *rows))
    scan = SqlRead(
        sql="SELECT count(*) FROM stock a, stock b WHERE a.count < b.count AND a.price > 2"
    )
    heights: list[int] = []

    async def act(readers: Readers) -> None:
        async def scan_on() -> None:
            while True:
                try:
                    found: Found = await readers.ask(scan)
                    heights.append(found.height)
                except QueryError as error:
                    assert error.limit == "QUERY_TIME_MS"  # noqa: PT017 - the other answer is no error

        scanning = asyncio.create_task(scan_on())
        await asyncio.sleep(0.5)
        took_s = []
        for number in range(30):
            call = made.change("stock", (f"n{number:06}", "b", number, 1, None))
            begun_s = time.monotonic()
            await asyncio.to_thread(made.commit, call)
            took_s.append(time.monotonic() - begun_s)
        scanning.cancel()
        assert statistics.median(took_s) < 0.5
        assert max(took_s) < limits.QUERY_TIME_MS / 1_000

    _with(made, act)
    made.close()


def test_processes_end_with_their_node(ledger: SharedLedger) -> None:
    """A node that is killed leaves no reader behind, also not one that is at work."""
    program = f"""
import asyncio, os
from pathlib import Path
from comity.node.reading import Readers
from comity.query import child
from comity.query.reads import SqlRead, TablesRead

async def run():
    readers = Readers(Path({str(ledger.database)!r}), Path({str(ledger.genesis_file)!r}), quick=1, slow=1)
    readers.start()
    await asyncio.gather(readers.ask(TablesRead()), readers.ask(SqlRead(sql="SELECT 1")))
    print(*readers.process_ids, flush=True)
    await readers.ask(SqlRead(sql={ENDLESS!r}))

asyncio.run(run())
"""
    node = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    pids = [int(word) for word in node.stdout.readline().split()]
    assert len(pids) == 2
    node.kill()
    node.communicate()
    deadline_s = time.monotonic() + limits.QUERY_TIME_MS / 1_000 + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
