"""The pages of a node: its settings, its metrics and the fields of its log, from their declarations.

Invariant: every setting, metric and field is on its page.
"""

from collections.abc import Iterator, Mapping

from comity.cli.config import shown_value
from comity.node.config import CONFIG_FILE, settings
from comity.node.logs import FIELDS
from comity.node.metrics import COUNTERS, GAUGES, HISTOGRAMS, INFO, PROCESS, Declared


def settings_page() -> Iterator[str]:
    """Yield the page of settings, line by line."""
    yield "# Settings of a node"
    yield ""
    yield f"Each is a key of `{CONFIG_FILE}` in the ledger's folder, and a variable `COMITY_` with the key in capitals."
    yield "`comity config explain` shows what they are now, and where each came from."
    yield ""
    yield "| key | default | what may be given | meaning |"
    yield "|---|---:|---|---|"
    for one in settings().values():
        yield f"| `{one.key}` | `{shown_value(one.default)}` | {one.allowed} | {one.meaning} |"


def metrics_page() -> Iterator[str]:
    """Yield the page of metrics and of the log's fields, line by line."""
    yield "# Metrics and log"
    yield ""
    yield "`/metrics` of a node gives these in Prometheus' text format."
    yield from _metrics("Counters", COUNTERS)
    yield from _metrics(
        "Gauges", GAUGES | {INFO: Declared("1; its labels tell which node this is.")}
    )
    yield from _metrics("Histograms, in seconds", HISTOGRAMS)
    yield from _metrics("The process", PROCESS)
    yield from (
        "",
        "## Fields of a log line",
        "",
        "A line has a time, a level, an event, and of these:",
    )
    yield from ("", "| field | what it holds |", "|---|---|")
    for name, meaning in FIELDS.items():
        yield f"| `{name}` | {meaning} |"


def _metrics(title: str, declared: Mapping[str, Declared]) -> Iterator[str]:
    yield from ("", f"## {title}", "", "| metric | labels | meaning |", "|---|---|---|")
    for name, one in declared.items():
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{name}` | {labels} | {one.meaning} |"
