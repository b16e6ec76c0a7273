"""Fuzzes targets one after another, each in a process of its own, with what earlier runs found.

New inputs lie in ``.cache/fuzz/<target>``; those that reach lines which nothing in the corpus reached go into the
corpus, which is checked in and stays small. What breaks a promise lies in ``.cache/fuzz/crashes``.
"""

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from tests.fuzz import inputs

ROOT = Path(__file__).parents[2]
_INPUT_BYTES_MAX = 4_096
_LEFT_OUT_S = 1  # of the processor's time: less is not worth another start
_INPUT_S_MAX = 10  # one input that takes longer is reported as a hang
_MEMORY_MB_MAX = 1_024
_EXECUTED = re.compile(rb"stat::number_of_executed_units: (\d+)")


@dataclass(frozen=True)
class Outcome:
    """What one target's run came to."""

    name: str
    inputs: int
    processor_s: int
    added: int  # to the corpus
    problem: str  # how to see it, or empty


def say(*lines: str) -> None:
    """Print lines at once, also where the output is a file."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def run_all(names: Sequence[str], seconds: int, work: Path, *, is_merging: bool) -> int:
    """Fuzz targets in turn and tell how it went; return the exit code."""
    problems = []
    for place, name in enumerate(names, start=1):
        left = (len(names) - place + 1) * seconds
        say(f"[{place}/{len(names)}] {name}: {seconds} s of about {left} s left")
        outcome = run_one(name, seconds, work, is_merging=is_merging)
        say(
            f"    {outcome.inputs:,} inputs in {outcome.processor_s} s of the processor,"
            f" {outcome.added} new in the corpus"
        )
        if outcome.problem:
            problems.append(outcome.problem)
            say(outcome.problem)
    say(f"{len(names)} targets, {len(problems)} with problems", *problems)
    return 1 if problems else 0


def run_one(name: str, seconds: int, work: Path, *, is_merging: bool) -> Outcome:
    """Fuzz one target under atheris until its processes have had ``seconds`` of processor time.

    libFuzzer counts seconds of the clock, of which a busy machine gives few to it: what is missing is run again.
    """
    found, crashes, log = work / name, work / "crashes", work / f"{name}.log"
    for folder in (found, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    started, before, problem = time.time(), _processor_s(), ""
    log.write_bytes(b"")
    while not problem and (left := seconds - (_processor_s() - before)) > _LEFT_OUT_S:
        if _fuzz(name, ceil(left), work):
            new = [
                path for path in crashes.glob(f"{name}-*") if path.stat().st_mtime >= started - 1
            ]
            replay = f"{sys.executable} -m tests.fuzz --replay {name} "
            problem = f"    BROKEN: {name}, see {log}\n" + "\n".join(
                f"    replay: {replay}{path}" for path in new
            )
    processor_s = round(_processor_s() - before)
    counts = _EXECUTED.findall(log.read_bytes())
    added = inputs.merge(name, found) if is_merging else 0
    return Outcome(name, sum(map(int, counts)), processor_s, added, problem)


def _processor_s() -> float:
    """Return the processor time of all processes that have ended here, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fuzz(name: str, seconds: int, work: Path) -> int:
    """Run one target for ``seconds`` of the clock; return the process's exit code."""
    folders = [folder for folder in (work / name, inputs.folder_of(name)) if folder.exists()]
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_INPUT_BYTES_MAX}",
        f"-timeout={_INPUT_S_MAX}",
        f"-rss_limit_mb={_MEMORY_MB_MAX}",
        f"-artifact_prefix={work / 'crashes'}/{name}-",
        "-print_final_stats=1",
    ]
    command = [sys.executable, "-m", "tests.fuzz.engine", name, *options]
    with (work / f"{name}.log").open("ab") as output:
        ended = subprocess.run(
            [*command, *map(str, folders)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    return ended.returncode
