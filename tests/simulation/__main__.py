"""Replays one simulated life: ``python -m tests.simulation --seed N``, as ``make simulate SEED=N`` does."""

import argparse
import sys

from tests.simulation import places
from tests.simulation.inspection import Wrong
from tests.simulation.life import STEPS, live


def main() -> int:
    """Live the lives that are asked for; print the story of a single one, and of the first that goes wrong."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which life")
    parser.add_argument("--count", type=int, default=1, help="how many lives, from that seed on")
    parser.add_argument("--steps", type=int, default=STEPS, help="how long each is")
    parser.add_argument(
        "--places", action="store_true", help="a fault at every call of the disk instead"
    )
    asked = parser.parse_args()
    if asked.places:
        return _play_all_places()
    for seed in range(asked.seed, asked.seed + asked.count):
        try:
            story = live(seed, steps=asked.steps)
        except Wrong as wrong:
            sys.stdout.write(f"{wrong}\n")
            return 1
        if asked.count == 1:
            sys.stdout.write("\n".join([*story, ""]))
    sys.stdout.write(f"{asked.count} lives from seed {asked.seed}: nothing went wrong\n")
    return 0


def _play_all_places() -> int:
    like = places.live()
    for fault in places.CAN_FAIL:
        numbers = places.places(like.disk.trace, fault, is_thinned=False)
        for place in numbers:
            try:
                places.live(place, fault, like=like)
            except Wrong as wrong:
                sys.stdout.write(f"{wrong}\n")
                return 1
        sys.stdout.write(f"{fault} at each of {len(numbers)} calls: nothing went wrong\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
