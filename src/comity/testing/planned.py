"""Calls that a test plans: an action and its arguments, checked by a type checker against the action.

Invariant: a planned call holds plain values, as a signed transaction would carry them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from comity.sdk.checks import value_of
from comity.sdk.context import Context

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlannedCall(Generic[T]):
    """An action that will be called, and its arguments by name."""

    action: Callable[..., T]
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.action.__name__}({shown})"


def call(
    action: Callable[Concatenate[Context, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> PlannedCall[T]:
    """Plan a call: ``call(pay, source="ana", target="bo", amount_cents=1)``.

    Raises: TypeError, when the action takes no such arguments, or CBOR could not hold one.
    """
    return PlannedCall(action, plain_arguments(action, *args, **kwargs))


def plain_arguments(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return by name what a function is given behind its context or reader, rows as maps."""
    bound = signature(function).bind(None, *args, **kwargs).arguments
    given = list(bound.items())[1:]
    return {name: value_of(value) for name, value in given}
