"""A node over HTTP: how long one waits for a final answer, how much it takes in, how people edit side by side.

The node is ``comity start`` in a process of its own, as anybody runs it; the table is one that its members made.
"""

import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from benchmarks import postgres
from benchmarks.bench import Bench
from benchmarks.editing import edit
from benchmarks.http_load import Client, get, post, send_all
from benchmarks.ledger import ACCOUNTS, Run
from benchmarks.result import Result
from benchmarks.shared_table import SharedTable, running
from comity.limits import BATCH_WAIT_MS
from comity.query.frames import QueryLimits
from comity.query.process import QueryProcess

CLIENTS = 32
ROUNDS = 3  # node and PostgreSQL take turns, so that both see the same minutes
_APPENDED = b"x" * 4096
_EDITED_ROWS = 64
_PATIENT = QueryLimits(time_ms=60_000)  # on a machine that is busy with others
_SCAN = f"SELECT count(*), sum(balance), max(owner) FROM {ACCOUNTS}"


def latency(bench: Bench) -> Iterator[Result]:
    """Measure one client that sends one transaction after another, beside what it cannot do without."""
    count = bench.node.latency
    table = SharedTable(_fresh(bench, "latency"), count)
    routes, syncs, waits = list[float](), list[float](), list[float]()
    with (
        running(table.folder) as port,
        closing(Client(port)) as client,
        (table.folder / "appended").open("ab", buffering=0) as file,
    ):
        for transaction in table.changes(count):
            routes.append(_timed(lambda: client.exchange(get("/v1/health"))))
            syncs.append(_timed(lambda: _append(file.fileno())))
            request = post([transaction])
            start = time.perf_counter()
            status, body = client.exchange(request)
            waits.append((time.perf_counter() - start) * 1e3)
            if status != "201":
                raise RuntimeError(f"the transaction was not executed: {status} {body!r}")
    route, sync = statistics.median(routes), statistics.median(syncs)
    yield Result(
        case="latency",
        what="one client over HTTP, one transaction at a time, signed to final, p50",
        value=statistics.median(waits),
        unit="ms",
        beside=f"p50 of an empty route (/v1/health) + {BATCH_WAIT_MS} ms of batching + p50 of one fsync of 4 KiB",
        beside_value=route + BATCH_WAIT_MS + sync,
        bar=1.5,
        detail={
            "p95, ms": round(statistics.quantiles(waits, n=20)[-1], 2),
            "empty route, ms": round(route, 2),
            "fsync, ms": round(sync, 2),
        },
    )


def throughput(bench: Bench) -> Iterator[Result]:
    """Measure 32 clients, beside PostgreSQL: transactions alone and 32 a request, then rows in batches."""
    sizes = bench.node
    table = SharedTable(_fresh(bench, "throughput"), sizes.rows_count)
    programs = postgres.binaries()
    if programs is None:
        print(
            f"\nbenchmarks: {postgres.MISSING}", file=sys.stderr
        )  # the node is measured all the same
    with (
        nullcontext()
        if programs is None
        else postgres.cluster(programs, sizes.rows_count) as beside,
        running(table.folder) as port,
    ):
        versus = _Versus(table, port, beside)
        yield versus.compare(sizes.alone, 1, 1, None)
        yield versus.compare(sizes.together, 32, 1, 1 / 0.9)
        for rows, count in sizes.batches:
            yield versus.compare(count, 1, rows, 3.0)


class _Versus:
    """The node and PostgreSQL, in turns."""

    def __init__(self, table: SharedTable, port: int, beside: postgres.Postgres | None) -> None:
        self._table, self._port, self._beside = table, port, beside

    def compare(self, count: int, per_request: int, rows: int, bar: float | None) -> Result:
        """Return what ``count`` transactions cost, a row each; or what their rows cost."""
        own = self._table.changes(count, rows)
        theirs = [] if self._beside is None else self._beside.changes(count, rows)
        place = self._table.folder.with_suffix(".requests")
        own_s, their_s, p50s, p95s = 0.0, 0.0, list[float](), list[float]()
        for turn in range(ROUNDS):
            part = slice(turn * count // ROUNDS, (turn + 1) * count // ROUNDS)
            load = send_all(self._port, CLIENTS, _requests(own[part], per_request), place)
            own_s += load.seconds
            p50s.append(load.wait_ms(0.5))
            p95s.append(load.wait_ms(0.95))
            if self._beside is not None:
                their_s += self._beside.run(theirs[part])
        units = count * rows
        unit = "rows/s" if rows > 1 else "transactions/s"
        what = (
            f"changed row, {rows} rows a transaction"
            if rows > 1
            else "transaction that changes a row"
        )
        detail: dict[str, float | str] = {
            unit: round(units / own_s),
            "p50 of a request, ms": round(statistics.median(p50s), 1),
            "p95, ms": round(statistics.median(p95s), 1),
        }
        if self._beside is not None:
            detail["PostgreSQL, " + unit] = round(units / their_s)
        return Result(
            case="throughput",
            what=f"{what}, {per_request} a request, {CLIENTS} clients over HTTP",
            value=own_s / units * 1e6,
            unit="us",
            beside=f"PostgreSQL {self._beside.version}: {_statement(rows)}" if self._beside else "",
            beside_value=their_s / units * 1e6 if self._beside else None,
            bar=bar if self._beside else None,
            detail=detail,
        )


def reading_beside(bench: Bench) -> Iterator[Result]:
    """Measure blocks while a process of readers scans the whole table again and again, beside blocks alone."""
    ledger = bench.files.ledger(bench.rows_count)
    commits: dict[bool, list[float]] = {False: [], True: []}
    blocks: dict[bool, list[float]] = {False: [], True: []}
    scans_s: list[float] = []
    for _ in range(bench.blocks_count):
        for is_beside in (False, True):
            todo = [ledger.transfers(CLIENTS) for _ in range(10)]
            with _scanning(ledger.path, scans_s) if is_beside else nullcontext():
                for block in todo:
                    run = Run()
                    ledger.run(block, run, CLIENTS)
                    commits[is_beside].append(run.seconds["commit"] * 1e3)
                    blocks[is_beside].append(run.blocks[0] * 1e3)
    ledger.close()
    for what, times in (("commit of a block", commits), ("whole block", blocks)):
        yield Result(
            case="reading_beside",
            what=f"{what} of {CLIENTS} transactions beside full scans of {bench.rows_count:,} rows, p50",
            value=statistics.median(times[True]),
            unit="ms",
            beside="the same without a reader",
            beside_value=statistics.median(times[False]),
            bar=1.5,
            detail={
                "p95, ms": round(statistics.quantiles(times[True], n=20)[-1], 2),
                "scans": len(scans_s),
                "p50 of a scan, s": round(statistics.median(scans_s), 2),
            },
        )


def shared_editing(bench: Bench) -> Iterator[Result]:
    """Have 32 clients edit 64 rows of one table; fails on a lost update and on any answer but the intended."""
    table = SharedTable(_fresh(bench, "editing"), 10 * _EDITED_ROWS)
    seconds = bench.node.editing_s
    with running(table.folder) as port:
        alone = edit(port, table.genesis_hash, 1, _EDITED_ROWS, seconds / 5)
        edits = edit(port, table.genesis_hash, CLIENTS, _EDITED_ROWS, seconds)
    yield Result(
        case="shared_editing",
        what=f"{CLIENTS} clients that edit {_EDITED_ROWS} rows for {seconds:g} s, no update lost: a change, p95",
        value=_share(edits.waits_ms, 0.95),
        unit="ms",
        beside="one client alone, p95",
        beside_value=_share(alone.waits_ms, 0.95),
        detail={
            "p50, ms": round(_share(edits.waits_ms, 0.5), 1),
            "final": edits.final,
            "refused: row changed": edits.refused,
        },
    )


@contextmanager
def _scanning(database: Path, scans_s: list[float]) -> Iterator[None]:
    """Scan the table in a process of readers, again and again, until the end."""
    is_ending = threading.Event()
    errors: list[Exception] = []

    def scan() -> None:
        try:
            while not is_ending.is_set():
                start = time.perf_counter()
                reader.run(_SCAN, limits=_PATIENT)
                scans_s.append(time.perf_counter() - start)
        except Exception as error:  # noqa: BLE001 - raised by the main thread
            errors.append(error)

    with QueryProcess(database) as reader:
        reader.run("SELECT 1")
        thread = threading.Thread(target=scan)
        thread.start()
        try:
            yield
        finally:
            is_ending.set()
            thread.join()
    if errors:
        raise errors[0]


def _requests(transactions: Sequence[bytes], per_request: int) -> list[bytes]:
    return [
        post(transactions[at : at + per_request]) for at in range(0, len(transactions), per_request)
    ]


def _statement(rows: int) -> str:
    change = "UPDATE of a row" if rows == 1 else "one UPDATE ... FROM unnest(...)"
    return (
        f"{postgres.WORKERS} processes on its socket file, each checks the signature, then commits {change} and an"
        " audit row in one statement"
    )


def _fresh(bench: Bench, name: str) -> Path:
    """Return the path of a ledger's folder that is not there."""
    path = bench.files.folder / name
    shutil.rmtree(path, ignore_errors=True)
    return path


def _share(rising: Sequence[float], share: float) -> float:
    return rising[min(int(share * len(rising)), len(rising) - 1)]


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1e3


def _append(descriptor: int) -> None:
    os.write(descriptor, _APPENDED)
    os.fsync(descriptor)
