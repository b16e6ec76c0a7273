"""Metrics, as Prometheus reads them."""

import re
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from comity.limits import METRIC_SERIES_MAX
from comity.node.metrics import COUNTERS, GAUGES, HISTOGRAMS, PROCESS, Metrics

_SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (?P<value>[0-9.e+-]+)'
)


def _samples(text: str) -> dict[str, float]:
    """Return value by series; every line that is no comment must be a sample."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        found[line.rpartition(" ")[0]] = float(match["value"])
    return found


def test_counters_count_by_label() -> None:
    """Each set of labels is a series of its own."""
    metrics = Metrics({"version": "1", "ledger": 'a"b\\c\nd'})
    metrics.count("comity_transactions_total", "ok")
    metrics.count("comity_transactions_total", "ok", by=4)
    metrics.count("comity_transactions_total", "expired")
    found = _samples(metrics.render())
    assert found['comity_transactions_total{outcome="ok"}'] == 5
    assert found['comity_transactions_total{outcome="expired"}'] == 1
    assert found["comity_blocks_total"] == 0
    assert found['comity_info{version="1",ledger="a\\"b\\\\c\\nd"}'] == 1


def test_a_histogram_counts_what_lies_at_and_below_each_bound() -> None:
    """Buckets are cumulative, a value at a bound belongs to it, and the last holds everything."""
    metrics = Metrics()
    for seconds in (0.001, 0.0011, 0.3, 60):
        metrics.observe("comity_commit_seconds", seconds)
    found = _samples(metrics.render())
    bucket = 'comity_commit_seconds_bucket{le="%s"}'
    assert [found[bucket % bound] for bound in ("0.001", "0.002", "0.2", "0.5", "5.0", "+Inf")] == [
        1, 2, 2, 3, 3, 4,
    ]  # fmt: skip
    assert found["comity_commit_seconds_count"] == 4
    assert found["comity_commit_seconds_sum"] == pytest.approx(60.3021)


def test_gauges_are_read_when_shown() -> None:
    """A gauge tells what is, not what was; one whose disk does not answer is left out, and the rest stays."""
    height = 1
    metrics = Metrics()

    def fail() -> float:
        raise OSError("no disk")

    metrics.gauge("comity_height", lambda: height)
    metrics.gauge("comity_disk_free_bytes", fail)
    assert _samples(metrics.render())["comity_height"] == 1
    height = 2
    found = _samples(metrics.render())
    assert found["comity_height"] == 2
    assert "comity_disk_free_bytes" not in found


def test_what_is_not_declared_cannot_be_measured() -> None:
    """A name or a label that no page explains is an error."""
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count("comity_other_total")
    with pytest.raises(ValueError, match="has the labels"):
        metrics.count("comity_transactions_total")
    with pytest.raises(KeyError):
        metrics.observe("comity_other_seconds", 1)
    with pytest.raises(KeyError):
        metrics.gauge("comity_other", lambda: 1)


def test_series_are_bounded() -> None:
    """However many labels are made up, memory is bounded: the rest is counted together."""
    metrics = Metrics()
    for number in range(METRIC_SERIES_MAX + 50):
        metrics.count("comity_transactions_total", f"made-up-{number}")
    found = _samples(metrics.render())
    assert found['comity_transactions_total{outcome="other"}'] == 50
    series = [name for name in found if name.startswith("comity_transactions_total")]
    assert len(series) == METRIC_SERIES_MAX + 1


def test_threads_lose_no_count() -> None:
    """Counts from several threads add up."""
    metrics = Metrics()

    def work() -> None:
        for _ in range(2_000):
            metrics.count("comity_blocks_total")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _samples(metrics.render())["comity_blocks_total"] == 8_000


def test_every_metric_has_help_and_type_once() -> None:
    """Each metric is headed by its meaning and kind exactly once, all declared ones among them."""
    metrics = Metrics()
    for name in GAUGES:
        metrics.gauge(name, lambda: 0)
    lines = metrics.render().splitlines()
    helped = [line.split()[2] for line in lines if line.startswith("# HELP ")]
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert helped == typed
    assert len(set(helped)) == len(helped)
    assert {*COUNTERS, *GAUGES, *HISTOGRAMS, *PROCESS} < set(helped)


def test_the_parser_of_prometheus_reads_the_same() -> None:
    """Prometheus' own parser finds each metric with its kind, meaning and values, hostile labels among them."""
    metrics = Metrics({"ledger": 'a"b\\c\nd,e}'})
    for name in GAUGES:
        metrics.gauge(name, lambda: 1.5)
    metrics.count("comity_http_requests_total", "GET", "/v1/tables/{table}", "200", by=3)
    metrics.observe("comity_commit_seconds", 0.004)
    families = {each.name: each for each in text_string_to_metric_families(metrics.render())}
    declared = COUNTERS | GAUGES | HISTOGRAMS | PROCESS
    for name, one in declared.items():
        family = families[name.removesuffix("_total")]
        assert family.documentation == one.meaning
        kind = (
            "histogram" if name in HISTOGRAMS else "counter" if name.endswith("_total") else "gauge"
        )
        assert family.type == kind
    assert len(families) == len(declared) + 1
    (info,) = families["comity_info"].samples
    assert info.labels == {"ledger": 'a"b\\c\nd,e}'}
    (asked,) = families["comity_http_requests"].samples
    assert asked.labels == {"method": "GET", "route": "/v1/tables/{table}", "status": "200"}
    assert asked.value == 3
