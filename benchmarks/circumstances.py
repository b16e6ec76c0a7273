"""Where and when a run was made: without this a figure says nothing."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import apsw

from comity.limits import FORMAT_NUMBER


def circumstances(root: Path, arguments: list[str]) -> dict[str, str]:
    """Return machine, software, commit, command and day of this run."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "software": f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, {platform.system()}",
        "commit": _commit(root),
        "format": str(FORMAT_NUMBER),
        "command": " ".join([Path(sys.executable).name, "-m", "benchmarks", *arguments]),
        "day": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit(root: Path) -> str:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
