"""Any bytes are refused by a named error, or are the one spelling of what they are decoded to.

One test for each decoder of what comes from outside; ``tests/fuzz`` says what holds of each, and ``make fuzz`` goes on
where this ends.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import bombs
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target, examine

EXAMPLES = 2_000
ENDLESS_S = (
    30  # for one input of thousands that take a millisecond: not a time limit, a proof of life
)


class Endless(Exception):
    """A decoder went on and on."""


@contextmanager
def ending() -> Iterator[None]:
    """Stop what does not end."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(ENDLESS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_any_bytes_are_refused_by_name_or_have_one_spelling(target: Target) -> None:
    """Random bytes, and valid inputs with damage of bytes, of structure, or of both."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(
        rubbish=st.none() | st.binary(max_size=100),
        number=st.integers(0, 2**64 - 1),
    )
    def promise(rubbish: bytes | None, number: int) -> None:
        data = target.damaged(Random(number)) if rubbish is None else rubbish
        with ending():
            examine(target, data)

    promise()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_bomb_goes_off(target: Target) -> None:
    """Depths of 10,000 and lengths of 2^63, alone and after each valid input (P06)."""
    for bomb in bombs():
        with ending():
            examine(target, bomb)
    for data in target.valid():
        for bomb in bombs()[:8]:
            with ending():
                examine(target, data + bomb)
