"""Two people share a table through one node: every step from an empty environment on, timed."""

from collections.abc import Iterator

from benchmarks import two_people
from benchmarks.bench import Bench
from benchmarks.result import Result

_SECONDS_MAX = 60.0


def joining(bench: Bench) -> Iterator[Result]:
    """Measure the steps of both people; downloads and the building of the wheel are not among them."""
    folder = bench.files.folder / "joining"
    folder.mkdir()
    steps = two_people.Steps()
    comity = two_people.install(bench.root, folder, steps)
    two_people.play(folder, comity, steps)
    yield Result(
        case="joining",
        what="two people from nothing installed to a row that the other verified, all steps",
        value=steps.total,
        unit="s",
        bar=_SECONDS_MAX,
        detail={name: round(seconds, 2) for name, seconds in steps.seconds.items()},
    )
