"""What a check of ``comity doctor`` found: one thing looked at, a verdict, and what to do.

Invariant: whatever is not well says what to do about it, in its words or beside them.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

State = Literal["ok", "note", "warning", "wrong", "damaged"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Args:
        state: ``warning`` will need somebody some day, ``wrong`` now; ``damaged`` is about the ledger's file.
        fix: what to do, or empty where all is well.
        mend: does it, where that is safe; None elsewhere.
    """

    name: str
    state: State
    words: str
    fix: str = ""
    mend: Callable[[], None] | None = None

    @property
    def is_bad(self) -> bool:
        """Tell whether somebody has to act now."""
        return self.state in ("wrong", "damaged")


def well(name: str, words: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(name=name, state="ok", words=words)
