"""Results for people and programs: a table, lines of JSON, and the page in docs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.result import Result


def table(results: Sequence[Result]) -> str:
    """Return the results as lines of text, ratios first."""
    return "\n".join(
        f"{_ratio(result):>8} {_bar(result):>14}  {_value(result.value)} {result.unit:17} "
        f"{result.what}{_beside(result)}"
        for result in results
    )


def append_lines(path: Path, facts: Mapping[str, str], results: Iterable[Result]) -> None:
    """Add each result with the circumstances of the run to a file, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for result in results:
            file.write(json.dumps({**facts, **result.to_record()}) + "\n")


def write_page(path: Path, facts: Mapping[str, str], results: Sequence[Result]) -> None:
    """Write the figures of the cases that ran into the page; other cases, and the words around, stay as they are."""
    before, mark, rest = path.read_text("utf-8").partition(_BEGIN)
    figures, end, after = rest.partition(_END)
    if not mark or not end:
        raise RuntimeError(f"{path} lacks the marks {_BEGIN} and {_END}")
    sections = {part.partition("\n")[0]: part for part in figures.split(_HEADING)[1:]}
    for name in dict.fromkeys(result.case for result in results):
        own = [result for result in results if result.case == name]
        sections[name] = f"{name}\n{_section(facts, own)}\n\n"
    body = "".join(_HEADING + section for section in sections.values())
    path.write_text(f"{before}{_BEGIN}\n{body}{_END}{after}", "utf-8")


_BEGIN = "<!-- figures -->"
_END = "<!-- end of figures -->"
_HEADING = "## "


def _section(facts: Mapping[str, str], results: Sequence[Result]) -> str:
    origin = (
        f"{facts['day']}, commit `{facts['commit']}`, `{facts['command']}`, {facts['machine']},"
        f" {facts['software']}."
    )
    lines = ["| ratio | bar | Comity | beside | what |", "|---:|---:|---:|---:|---|"]
    lines += [
        f"| {_ratio(result)} | {_bar(result)} | {_value(result.value).strip()} {result.unit} |"
        f" {'' if result.beside_value is None else _value(result.beside_value).strip()} |"
        f" {result.what}{_beside(result)}{_detail(result)} |"
        for result in results
    ]
    return "\n".join([*lines, "", origin])


def _ratio(result: Result) -> str:
    return "" if result.ratio is None else f"{result.ratio:.2f} x"


def _bar(result: Result) -> str:
    if result.bar is None:
        return ""
    met = "met" if result.is_within else "MISSED"
    return f"<= {result.bar:g} {met}"


def _value(value: float) -> str:
    return f"{value:10,.1f}" if value >= 10 else f"{value:10.3f}"


def _beside(result: Result) -> str:
    if not result.beside:
        return ""
    return f"; beside: {result.beside}"


def _detail(result: Result) -> str:
    parts = [f"{name} {value}" for name, value in result.detail.items()]
    return f" ({'; '.join(parts)})" if parts else ""
