"""What a test of an application fails with, besides its own assertions and the refusals.

Invariant: each says which app, which call, and what was expected.
"""


class TestFailure(AssertionError):
    """Base of what this package finds wrong with an application."""

    __test__ = False  # not a class of tests, whatever its name begins with


class InvariantBroken(TestFailure):
    """An invariant of the application does not hold after a transaction."""


class NotRefused(TestFailure):
    """A call that should have been refused was executed, or was refused otherwise."""


class StateChanged(TestFailure):
    """A refused call left a trace in the tables."""


class ResultNotDeclared(TestFailure):
    """An action or view returned something else than its annotation says."""


class ReplayDiffers(TestFailure):
    """The same blocks gave another app hash when they were executed again."""
