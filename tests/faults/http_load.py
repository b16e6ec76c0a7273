"""Faults and load over HTTP in their long form: 20 kills, and 60 seconds of each scene.

``python -m tests.faults.http_load --long`` prints the figures; without ``--long`` each scene takes 5 seconds.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.faults.http_crowd import crowd
from tests.faults.http_followers import followers
from tests.faults.http_overload import overload
from tests.faults.test_node_kill import kill


def main() -> None:
    """Play every scene."""
    is_long = sys.argv[1:] == ["--long"]
    seconds = 60 if is_long else 5
    for scene in (overload, crowd, followers):
        with tempfile.TemporaryDirectory() as folder:
            figures = scene(Path(folder) / "shared", seconds)
        print(scene.__name__, json.dumps(figures), flush=True)  # noqa: T201 - that is its answer
    with tempfile.TemporaryDirectory() as folder:
        figures = kill(Path(folder), 20 if is_long else 5)
    print("kill", json.dumps(figures), flush=True)  # noqa: T201 - that is its answer


if __name__ == "__main__":
    main()
