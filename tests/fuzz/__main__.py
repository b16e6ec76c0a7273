"""``make fuzz``: each decoder of what comes from outside, in turn, under atheris.

python -m tests.fuzz [--seconds N] [NAME ...]   fuzz all targets, or those named
python -m tests.fuzz --replay NAME FILE ...     run inputs again; needs no atheris
python -m tests.fuzz --seeds                    write the valid inputs into the corpus, after a change of format
"""

import argparse
import sys
from pathlib import Path

from tests.fuzz import inputs
from tests.fuzz.lookup import target_of
from tests.fuzz.registry import TARGETS
from tests.fuzz.runner import ROOT, run_all, say
from tests.fuzz.target import examine


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "fuzz")
    parser.add_argument("--no-merge", action="store_true", help="leave the corpus as it is")
    parser.add_argument("--replay", nargs="+", metavar=("NAME", "FILE"))
    parser.add_argument("--seeds", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.replay:
        name, *files = chosen.replay
        for file in files:
            accepted = examine(target_of(name), Path(file).read_bytes())
            say(f"{file}: {'accepted' if accepted else 'refused'}, as it should be")
        return 0
    if chosen.seeds:
        for target in TARGETS.values():
            say(f"{target.name}: {inputs.write_seeds(target)} new")
        return 0
    names = [target_of(name).name for name in chosen.names] or list(TARGETS)
    return run_all(names, chosen.seconds, chosen.work, is_merging=not chosen.no_merge)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
