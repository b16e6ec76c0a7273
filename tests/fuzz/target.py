"""What is fuzzed: one decoder, what may come out of it, and what must hold of what it accepts.

Invariant: ``examine`` raises for each broken promise, and for nothing else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from comity.errors import ConfigError, Malformed, ProofInvalid
from tests.fuzz.mutate import mutated

CORPUS = Path(__file__).parent / "corpus"
REFUSALS: tuple[type[Exception], ...] = (Malformed, ConfigError, ProofInvalid)
_MESSAGE_CHARS_MAX = 20_000


class BrokenPromise(Exception):
    """A decoder accepted two byte strings for one value, or bytes that it would not write."""


@dataclass(frozen=True)
class Target:
    """One decoder.

    Args:
        name: also of its folder in the corpus.
        decode: gives the value that bytes stand for; what it needs besides is built in.
        valid: inputs that it accepts, from which damage starts; written to the corpus by ``--seeds``.
        covers: dotted names of what this tests.
        encode: what it must have accepted for that value; None where one value has many spellings (JSON, CSV).
        refusals: what may come out of ``decode``.
        mend: makes hashes and checksums of damaged bytes right, so that damage gets past them.
    """

    name: str
    decode: Callable[[bytes], Any]
    valid: Callable[[], Iterable[bytes]]
    covers: tuple[str, ...]
    encode: Callable[[Any], bytes] | None = None
    refusals: tuple[type[Exception], ...] = REFUSALS
    mend: Callable[[bytes], bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where its corpus lies."""
        return CORPUS / self.name

    @cached_property
    def seeds(self) -> list[bytes]:
        """What damage starts from: valid inputs, and the corpus."""
        files = sorted(self.folder.iterdir()) if self.folder.exists() else []
        return list(dict.fromkeys([*self.valid(), *(path.read_bytes() for path in files)]))

    @cached_property
    def known(self) -> dict[str, bytes]:
        """The seeds that are accepted, by the value that they stand for."""
        values = ((self.accept(data), data) for data in self.seeds)
        return {repr(value[0]): data for value, data in values if value is not None}

    def accept(self, data: bytes) -> tuple[Any] | None:
        """Return the value of ``data`` in a tuple, or None when it is refused as it should be."""
        try:
            return (self.decode(data),)
        except self.refusals as error:
            message = str(error)
            if not message or len(message) > _MESSAGE_CHARS_MAX or not _is_plain(message):
                raise BrokenPromise(
                    f"{self.name}: a message nobody can be shown: {message!a:.200}"
                ) from error
            return None

    def damaged(self, chance: Random, data: bytes | None = None) -> bytes:
        """Return ``data``, or a seed, with damage; mostly mended so far that the damage is looked at."""
        data = mutated(chance.choice(self.seeds) if data is None else data, self.seeds, chance)
        return self.mend(data) if self.mend and chance.random() < 0.9 else data


def examine(target: Target, data: bytes) -> bool:
    """Tell whether ``data`` is accepted.

    Raises: BrokenPromise; and whatever came out of the decoder that may not.
    """
    accepted = target.accept(data)
    if accepted is None:
        return False
    value = accepted[0]
    if target.encode is not None:
        if target.encode(value) != data:
            raise BrokenPromise(
                f"{target.name}: accepted bytes that are written otherwise: {data.hex():.400}"
            )
        twin = target.known.get(repr(value), data)
        if twin != data:
            raise BrokenPromise(
                f"{target.name}: two inputs for one value: {data.hex():.400} {twin.hex():.400}"
            )
    return True


def _is_plain(message: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in message)
