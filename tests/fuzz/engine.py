"""One target under atheris, in this process: ``python -m tests.fuzz.engine NAME [libFuzzer's options and folders]``."""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["comity", "comity_verify"]):
    from tests.fuzz.lookup import target_of

from tests.fuzz.target import Target, examine


def _mutator(target: Target) -> object:
    """Return a mutator that knows CBOR and the target's checksums, and leaves every other input to libFuzzer."""

    def mutate(data: bytes, size_max: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < 0.5:
            data = bytes(atheris.Mutate(data, size_max))
            damaged = target.mend(data) if target.mend else data
        else:
            damaged = target.damaged(chance, data)
        return damaged[:size_max]

    return mutate


def main() -> None:
    """Fuzz until the time is over or a promise is broken."""
    target = target_of(sys.argv[1])
    target.known  # noqa: B018 - worked out before the clock starts
    atheris.Setup(
        [sys.argv[0], *sys.argv[2:]],
        lambda data: examine(target, data),
        custom_mutator=_mutator(target),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
