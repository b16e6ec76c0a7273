"""The voice of a command: data on standard output, words on standard error.

Invariant: with ``--json`` standard output holds JSON and nothing else.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import Any, Protocol

import click
import msgspec

_PLAIN_EVERY_S = 2.0  # lines of progress where no bar can be drawn


class Bar(Protocol):
    """Shows how far something is."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show that ``done`` of ``total`` are settled."""


class Output:
    """Writes what a command has to say."""

    def __init__(self, *, is_json: bool, is_quiet: bool) -> None:
        self.is_json = is_json
        self.is_quiet = is_quiet

    def data(self, text: str, document: Any) -> None:
        """Write the result: ``text`` for people, ``document`` with ``--json``."""
        if self.is_json:
            click.echo(msgspec.json.encode(document).decode())
        elif text:
            click.echo(text.rstrip("\n"))

    def words(self, text: str) -> None:
        """Say something to a person, unless quiet."""
        if not self.is_quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Tell what a person must know, even if quiet."""
        click.echo(text, err=True)

    @contextmanager
    def progress(self, title: str, total: int | None = None) -> Iterator[Bar]:
        """Show progress while the block runs: a bar on a terminal, else a line now and then.

        Args:
            total: how many there will be; None where nobody knows.

        """
        if self.is_quiet or total == 0:
            yield _silent
        elif sys.stderr.isatty():
            yield from _bar(title, total)
        else:
            yield _Lines(title, total)


def _silent(done: int, total: int | None = None) -> None:
    """Show nothing."""


class _Lines:
    """Plain lines of progress, the first after a while."""

    def __init__(self, title: str, total: int | None) -> None:
        self._title = title
        self._total = total
        self._next = monotonic() + _PLAIN_EVERY_S

    def __call__(self, done: int, total: int | None = None) -> None:
        if monotonic() >= self._next:
            self._next = monotonic() + _PLAIN_EVERY_S
            self._total = total or self._total
            of = "" if self._total is None else f" of {self._total:,}"
            click.echo(f"{self._title}  {done:,}{of}", err=True)


def _bar(title: str, total: int | None) -> Iterator[Bar]:
    progress = import_module("rich.progress")
    console = import_module("rich.console").Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(title, total=total)
        yield lambda done, total=None: shown.update(task, completed=done, **_only(total=total))


def _only(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return plain columns under headings; the last column is not padded."""
    cells = [list(headings), *[[_plain(cell) for cell in row] for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(headings))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Return lines of a word and what it is."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _plain(text: str) -> str:
    """Return text in which nothing moves or colours a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
