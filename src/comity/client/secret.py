"""A holder for what must never be shown, so that logs and tracebacks cannot.

Python keeps strings in every frame that touched them, and error reporters print frames. So code
that handles secrets passes `Secret` objects about, reveals them only inside functions decorated
with `sealed`, and those let errors out without their inner frames.

Invariant: no repr, str, format, comparison or pickle of a `Secret` tells anything of its value.
What this cannot do: wipe memory, or hide a value from a debugger or a core dump.
"""

from collections.abc import Callable
from functools import wraps
from hmac import compare_digest
from typing import Never, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Secret:
    """Bytes that are shown only to who asks with `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    @classmethod
    def from_text(cls, text: str) -> "Secret":
        """Hold the UTF-8 of a text; what has none, such as undecodable input, is kept as it is."""
        return cls(text.encode("utf-8", "surrogatepass"))

    def reveal(self) -> bytes:
        """Return the value; call this only inside a `sealed` function, and store it nowhere."""
        return self._value

    def reveal_text(self) -> str:
        """Return the value as text, as `reveal`; what is no UTF-8 becomes U+FFFD."""
        return self._value.decode("utf-8", "replace")

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # an unhashable class, as Python spells it

    def __reduce__(self) -> Never:
        raise TypeError("a Secret is not to be stored or sent")


def sealed(function: Callable[P, T]) -> Callable[P, T]:
    """Let errors out of ``function`` without the frames and causes in which secrets stand.

    The function's own arguments stay visible to error reporters: those must be `Secret`.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again, without its frames
            error.__context__ = None
            raise error.with_traceback(None) from None

    return run
