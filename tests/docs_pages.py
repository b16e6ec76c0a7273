"""What a documentation page promises: its console blocks, its files, its links.

A console block shows commands (``$ `` in front) and their output. A comment directly above a fenced
block tells how to treat it; ``docs/internals/docs-tests.md`` describes them. Invariant: no block is
left out in silence: a console block runs, or is run by a named file, or says why it is not run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>[\w-]*)")
_DIRECTIVE = re.compile(r"^ *<!-- test: (?P<text>.*?) *-->$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<title>.*?) *#*$")


class PageError(Exception):
    """A page says something about its tests that cannot be understood."""


@dataclass(frozen=True)
class Command:
    """One command of a console block and the output that the page shows for it."""

    line: int
    text: str
    output: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A fenced block and what the comment above it says."""

    line: int
    language: str
    lines: tuple[str, ...]
    exit_code: int = 0
    file: str = ""  # the block is the content of this file
    run_by: str = ""  # another file that runs these commands
    not_run: str = ""  # why nothing runs them

    @property
    def is_console(self) -> bool:
        """Tell whether the block shows commands."""
        return self.language == "console"

    def commands(self) -> Iterator[Command]:
        """Yield each command with its expected output; a line after a backslash goes on."""
        start, text, output = 0, "", list[str]()
        for number, line in enumerate(self.lines, self.line + 1):
            if text.endswith("\\") and not output:
                text += "\n" + line.removeprefix("> ")
            elif line.startswith("$ "):
                if text:
                    yield Command(start, text, tuple(output))
                start, text, output = number, line[2:], []
            elif text:
                output.append(line)
            else:
                raise PageError(f"line {number}: a console block starts with '$ ', not {line!r}")
        if text:
            yield Command(start, text, tuple(output))


@dataclass(frozen=True)
class Page:
    """One Markdown page, taken apart."""

    blocks: tuple[Block, ...]
    not_run: str
    links: tuple[tuple[int, str], ...]
    anchors: frozenset[str] = field(default_factory=frozenset)


def _block(line: int, language: str, lines: list[str], directive: str) -> Block:
    """Return a block with what its comment says."""
    given = Block(line, language, tuple(lines))
    if not directive:
        return given
    verb, _, rest = directive.partition(" ")
    if verb == "exit" and rest.isdecimal():
        return Block(line, language, given.lines, exit_code=int(rest))
    if verb == "file" and rest:
        return Block(line, language, given.lines, file=rest)
    if directive.startswith("run by ") and rest[3:]:
        return Block(line, language, given.lines, run_by=rest[3:])
    if directive.startswith("not run: ") and len(directive) > 20:
        return Block(line, language, given.lines, not_run=directive[9:])
    raise PageError(f"line {line}: no such test comment, or no reason in it: {directive!r}")


def _anchor(title: str) -> str:
    """Return the anchor that Git hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).lower()).replace(" ", "-")


def parse(text: str) -> Page:
    """Take a page apart. Raises: PageError, when a test comment is not understood."""
    blocks, links, anchors = list[Block](), list[tuple[int, str]](), set[str]()
    page_not_run, directive = "", ""
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        fence, said = _FENCE.match(line), _DIRECTIVE.match(line)
        if fence:
            inside = list[str]()
            for _, inner in lines:
                if inner.strip().startswith(fence["fence"]):
                    break
                inside.append(inner.removeprefix(fence["indent"]))
            blocks.append(_block(number, fence["language"], inside, directive))
            directive = ""
        elif directive:
            raise PageError(f"line {number}: a test comment stands directly above a fenced block")
        elif said and said["text"].startswith("page not run: "):
            page_not_run = said["text"].removeprefix("page not run: ")
        elif said:
            directive = said["text"]
        else:
            links += [(number, m["target"]) for m in _LINK.finditer(re.sub("`[^`]*`", "", line))]
            if heading := _HEADING.match(line):
                anchors.add(_anchor(heading["title"]))
    return Page(tuple(blocks), page_not_run, tuple(links), frozenset(anchors))


def pages_below(root: Path) -> list[Path]:
    """Return the pages of a repository: its README and everything below docs."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def broken_links(root: Path) -> Iterator[str]:
    """Yield each link of the pages to a file or a heading that is not there."""
    for path in pages_below(root):
        for line, target in parse(path.read_text("utf-8")).links:
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            there = (path.parent / name).resolve() if name else path
            where = f"{path.relative_to(root)}:{line}: "
            if not there.exists():
                yield f"{where}there is no {target}"
            elif anchor and anchor not in parse(there.read_text("utf-8")).anchors:
                yield f"{where}there is no heading {target}"


def unkept_commands(root: Path) -> Iterator[str]:
    """Yield each command that a page says another file runs, and which that file does not name."""
    for path in pages_below(root):
        for block in parse(path.read_text("utf-8")).blocks:
            if not block.run_by:
                continue
            keeper = root / block.run_by
            kept = keeper.read_text("utf-8") if keeper.exists() else ""
            for command in block.commands():
                if command.text not in kept:
                    where = f"{path.relative_to(root)}:{command.line}"
                    yield f"{where}: {block.run_by} does not run '{command.text}'"
