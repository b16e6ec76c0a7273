"""What a node counts and measures, in Prometheus' text format (decision 0015).

Invariant: every series is declared in ``COUNTERS``, ``GAUGES`` or ``HISTOGRAMS``; a label has bounded
values, and none holds a name, a key or an argument of anybody.

Source: Prometheus, "Exposition formats", text-based format 0.0.4.
"""

import os
import resource
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from comity.limits import METRIC_SERIES_MAX

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"  # in place of labels beyond ``METRIC_SERIES_MAX``
Labels = tuple[str, ...]


class Declared(msgspec.Struct, frozen=True):
    """A metric: what it says, its labels, and a histogram's bounds."""

    meaning: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()


COUNTERS = {
    "comity_transactions_total": Declared(
        "Transactions by outcome: ok, refused by a rule, or why they were never ordered.",
        ("outcome",),
    ),
    "comity_blocks_total": Declared("Blocks committed since the node started."),
    "comity_http_requests_total": Declared(
        "HTTP requests by method, route and status.", ("method", "route", "status")
    ),
}
HISTOGRAMS = {
    "comity_commit_seconds": Declared(
        "Time from a block's first check to its rows on disk.",
        bounds=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
    ),
    "comity_http_seconds": Declared(
        "Time from a request's arrival to its answer, event streams left out.",
        bounds=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
    ),
}
GAUGES = {
    "comity_height": Declared("Height of the last committed block."),
    "comity_block_time_seconds": Declared("Time of the last committed block, since 1970."),
    "comity_log_entries": Declared("Entries of the log."),
    "comity_in_flight_transactions": Declared("Transactions accepted and not yet final."),
    "comity_oldest_in_flight_seconds": Declared("How long the oldest of them has waited."),
    "comity_reads_waiting": Declared("Reads that wait for a reading process."),
    "comity_connections_open": Declared("Connections that are open."),
    "comity_wal_pages": Declared("Length of SQLite's write-ahead log, in pages of 4 KiB."),
    "comity_file_bytes": Declared("Size of the ledger's file."),
    "comity_disk_free_bytes": Declared("Room that is left on the ledger's disk."),
    "comity_healthy": Declared("1 while /health says that all is well, else 0."),
}
PROCESS = {
    "process_cpu_seconds_total": Declared("Processor time of this process."),
    "process_resident_memory_bytes": Declared("Memory of this process."),
    "process_open_fds": Declared("Files and sockets that this process has open."),
    "process_max_fds": Declared("Most that it may have open."),
}
INFO = "comity_info"


class _Histogram:
    __slots__ = ("counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0


class Metrics:
    """Everything that one node measures; safe to use from several threads.

    Args:
        info: labels of ``comity_info``, such as version and ledger.
    """

    def __init__(self, info: Mapping[str, str] | None = None) -> None:
        self._info = dict(info or {})
        self._lock = threading.Lock()
        self._counts: dict[str, dict[Labels, int]] = {name: {} for name in COUNTERS}
        self._histograms = {name: _Histogram(one.bounds) for name, one in HISTOGRAMS.items()}
        self._gauges: dict[str, Callable[[], float]] = {}
        for name, declared in COUNTERS.items():
            if not declared.labels:
                self._counts[name][()] = 0

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Add to a counter. Raises: KeyError, ValueError, for one that is not declared so."""
        if len(labels) != len(COUNTERS[name].labels):
            raise ValueError(f"{name} has the labels {COUNTERS[name].labels}")
        with self._lock:
            counts = self._counts[name]
            if labels not in counts and len(counts) >= METRIC_SERIES_MAX:
                labels = (OTHER,) * len(labels)
            counts[labels] = counts.get(labels, 0) + by

    def observe(self, name: str, seconds: float) -> None:
        """Add a duration to a histogram. Raises: KeyError."""
        place = bisect_left(HISTOGRAMS[name].bounds, seconds)
        with self._lock:
            histogram = self._histograms[name]
            histogram.counts[place] += 1
            histogram.total += seconds

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Have ``read`` asked whenever the metrics are shown. Raises: KeyError, for one that is not declared."""
        GAUGES[name]
        self._gauges[name] = read

    def render(self) -> str:
        """Return the text that Prometheus reads."""
        return "".join(line + "\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _head(INFO, Declared("1; the labels tell which node this is."), "gauge")
        yield _sample(INFO, tuple(self._info), tuple(self._info.values()), 1)
        with self._lock:
            counts = {name: dict(found) for name, found in self._counts.items()}
            histograms = {name: (list(h.counts), h.total) for name, h in self._histograms.items()}
        for name, declared in COUNTERS.items():
            yield from _head(name, declared, "counter")
            for labels, count in sorted(counts[name].items()):
                yield _sample(name, declared.labels, labels, count)
        for name, declared in HISTOGRAMS.items():
            yield from _histogram_lines(name, declared, *histograms[name])
        for name, read in sorted(self._gauges.items()):
            try:
                value = read()
            except OSError:  # a disk that does not answer must not hide the other metrics
                continue
            yield from _head(name, GAUGES[name], "gauge")
            yield _sample(name, (), (), value)
        for name, value in _process():
            kind = "counter" if name.endswith("_total") else "gauge"
            yield from _head(name, PROCESS[name], kind)
            yield _sample(name, (), (), value)


def _histogram_lines(
    name: str, declared: Declared, counts: Sequence[int], total: float
) -> Iterator[str]:
    yield from _head(name, declared, "histogram")
    below = 0
    for bound, count in zip((*map(str, declared.bounds), "+Inf"), counts, strict=True):
        below += count
        yield _sample(name + "_bucket", ("le",), (bound,), below)
    yield _sample(name + "_sum", (), (), total)
    yield _sample(name + "_count", (), (), below)


def _head(name: str, declared: Declared, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {declared.meaning}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, names: Labels, values: Labels, value: float) -> str:
    labels = ",".join(
        f'{label}="{_escaped(text)}"' for label, text in zip(names, values, strict=True)
    )
    return f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _process() -> Iterator[tuple[str, float]]:
    """Yield what the operating system knows of this process; less where it has no /proc."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield "process_cpu_seconds_total", used.ru_utime + used.ru_stime
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        yield "process_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE")
        yield "process_open_fds", len(os.listdir("/proc/self/fd"))
    except OSError:
        pass
    yield "process_max_fds", resource.getrlimit(resource.RLIMIT_NOFILE)[0]
