"""Shows commands as a user types them, runs them, and stops the demo when one does not do what it should."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_WIDTH = 100


class Stage:
    """Runs the demo's commands in one folder.

    Args:
        folder: where the commands run.
        programs: paths of the programs that the shown names stand for.
    """

    def __init__(self, folder: Path, programs: Mapping[str, str]) -> None:
        self.folder = folder
        self.times: list[tuple[str, float]] = []
        self._programs = programs
        self._is_color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._environment = dict(os.environ)

    def step(self, title: str, *notes: str) -> None:
        """Open a step and start its clock."""
        self.times.append((title, time.monotonic()))
        print(f"\n{self._bold(f'{len(self.times)}. {title}')}")
        for note in notes:
            print(f"   {note}")

    def export(self, name: str, value: str) -> None:
        """Show and set an environment variable for the commands that follow."""
        self._show(f"export {name}={shlex.quote(value)}")
        self._environment[name] = value

    def run(self, line: str, *, expect: int = 0, must_say: Sequence[str] = ()) -> str:
        """Show and run one command; return what it wrote.

        Args:
            expect: exit code that the step is about.
            must_say: texts that the output must hold, or the demo has failed.
        """
        self._show(line)
        words = self._words(line)
        if self._is_live(line):
            done = subprocess.run(words, cwd=self.folder, env=self._environment, check=False)
            said = ""
        else:
            done = subprocess.run(
                words,
                cwd=self.folder,
                env=self._environment,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            said = done.stdout.decode()
            print(said, end="")
        if expect:
            print(f"   exit code {done.returncode}")
        missing = [text for text in must_say if text not in said]
        if done.returncode != expect or missing:
            raise SystemExit(
                f"the demo failed: {line!r} ended with {done.returncode}, expected {expect}"
                + "".join(f"; it did not say {text!r}" for text in missing)
            )
        return said

    def run_and_kill(self, line: str, is_halfway: Callable[[], bool]) -> None:
        """Show a command, start it, and kill it with SIGKILL as soon as ``is_halfway``."""
        self._show(line)
        process = subprocess.Popen(
            self._words(line), cwd=self.folder, env=self._environment, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            if is_halfway():
                process.kill()
                break
            time.sleep(0.005)
        process.wait()
        print("   ^ killed with SIGKILL halfway")
        if process.returncode == 0:
            raise SystemExit("the demo failed: the import ended before it could be killed")

    def say(self, *lines: str) -> None:
        """Print lines of explanation."""
        for line in lines:
            print(f"   {line}")

    def finish(self) -> None:
        """Print how long each step took."""
        ends = [start for _, start in self.times[1:]] + [time.monotonic()]
        print(f"\n{self._bold('How long each step took')}")
        for (title, start), end in zip(self.times, ends, strict=True):
            print(f"   {end - start:5.1f} s  {title}")
        print(f"   {time.monotonic() - self.times[0][1]:5.1f} s  in all")

    def _words(self, line: str) -> list[str]:
        words = shlex.split(line)
        return [self._programs.get(words[0], words[0]), *words[1:]]

    def _is_live(self, line: str) -> bool:
        """Let an import draw its progress bar on a terminal."""
        return sys.stdout.isatty() and " import " in f" {line} "

    def _show(self, line: str) -> None:
        print(self._bold(f"$ {line}"), flush=True)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._is_color else text
