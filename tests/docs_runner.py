"""Runs the commands of a documentation page and compares what they print with what the page shows.

    python -m tests.docs_runner docs/start.md

A page runs from top to bottom in one empty folder, each command in a shell of its own that keeps
the folder and the exported variables of the one before. In the expected output ``...`` stands for
anything in a line, and alone for any lines; ``<hex>``, ``<number>`` and ``<time>`` stand for what
they say.

A page may start a node in the background. It says port 7080, as a reader sees it; here the node gets a free
one, and what the page left running is ended.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.docs_pages import Command, Page, parse

ROOT = Path(__file__).parents[1]
SECONDS_PER_COMMAND_MAX = 300
PORT = "7080"  # of a node, in a page

_PLACEHOLDERS = {
    "...": ".*",
    "<hex>": "[0-9a-f]+",
    "<number>": r"[0-9][0-9,._]*",
    "<time>": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
}
_PLACEHOLDER = re.compile("|".join(map(re.escape, _PLACEHOLDERS)))
_STATE = '; __status=$?{forget}; pwd >"$PAGE_STATE/folder"; export -p >"$PAGE_STATE/variables"; exit $__status'
_RESTORE = '. "$PAGE_STATE/variables" && cd "$(cat "$PAGE_STATE/folder")" && '


def _pattern(line: str) -> str:
    parts, end = "", 0
    for match in _PLACEHOLDER.finditer(line):
        parts += re.escape(line[end : match.start()]) + _PLACEHOLDERS[match.group()]
        end = match.end()
    return parts + re.escape(line[end:])


def matches(expected: tuple[str, ...], printed: str) -> bool:
    """Tell whether output is what a page shows, blanks at line ends apart."""
    shown = [line.rstrip() for line in expected]
    pattern = "".join(r"(?:.*\n)*" if line == "..." else _pattern(line) + r"\n" for line in shown)
    lines = [line.rstrip() for line in printed.rstrip("\n").split("\n")] if printed.strip() else []
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


class _Shell:
    """A folder, and the variables that one command leaves to the next."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._variables = {
            "CHECKOUT": str(ROOT),
            "COLUMNS": "100",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "PAGE_STATE": str(state),
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "TERM": "dumb",
        }
        (state / "folder").write_text(f"{folder}\n", encoding="utf-8")
        (state / "variables").touch()

    def run(self, text: str) -> tuple[int, str]:
        """Return the exit code and what was printed, errors among it."""
        text = text.replace(f"localhost:{PORT}", f"localhost:{self._port}")
        # The node, and who looks after it, take the port from this variable, which no other command may see.
        of_node = {"COMITY_PORT": self._port} if re.search(r"comity (start|doctor)", text) else {}
        forget = (
            f'; [ "${{COMITY_PORT:-}}" != {self._port} ] || unset COMITY_PORT' if of_node else ""
        )
        done = subprocess.run(
            ["bash", "-c", f"{_RESTORE}{{ {text}\n}}{_STATE.format(forget=forget)}"],
            cwd=self._folder,
            env=self._variables | of_node,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_PER_COMMAND_MAX,
            check=False,
        )
        return done.returncode, re.sub(rf"\b{self._port}\b", PORT, done.stdout)

    def end(self) -> None:
        """End what the page left running: processes that have this page's variable, and no others."""
        mark = f"PAGE_STATE={self._variables['PAGE_STATE']}".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in path.read_bytes().split(b"\0"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
            except OSError:  # another user's, or gone meanwhile
                continue


def _problem(command: Command, exit_code: int, code: int, printed: str) -> str | None:
    if code == exit_code and matches(command.output, printed):
        return None
    shown = "\n".join(command.output)
    return (
        f"line {command.line}: $ {command.text}\n--- the page shows (exit {exit_code}):\n{shown}\n"
        f"--- it printed (exit {code}):\n{printed.rstrip()}\n"
    )


def problems(text: str) -> Iterator[str]:
    """Run a page and yield what differs from it; after the first difference the rest is not run.

    Raises: PageError, when the page cannot be understood.
    """
    page = parse(text)
    if page.not_run:
        return
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as state:
        shell = _Shell(Path(folder), Path(state))
        try:
            yield from _differences(page, Path(folder), shell)
        finally:
            shell.end()


def _differences(page: Page, folder: Path, shell: _Shell) -> Iterator[str]:
    for block in page.blocks:
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in block.lines), encoding="utf-8")
        if not block.is_console or block.run_by or block.not_run:
            continue
        for command in block.commands():
            problem = _problem(command, block.exit_code, *shell.run(command.text))
            if problem:
                yield problem
                return


def main() -> int:
    """Run the pages named as arguments and print what differs."""
    found = [
        f"{name}: {problem}"
        for name in sys.argv[1:]
        for problem in problems(Path(name).read_text("utf-8"))
    ]
    sys.stderr.write("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
