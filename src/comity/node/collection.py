"""How often Python looks for cycles of garbage in a process that makes blocks.

Rows, entries and pages hold no cycles, and a block makes tens of thousands of them: by default Python walks over them
several times, for nothing. What was loaded at the start stays for ever, and is not walked over at all.

Invariant: only time depends on it.
"""

import gc

_OBJECTS = 100_000  # made and not freed since the last look; by default 700
_YOUNG, _OLD = 20, 50  # looks at the young until one at the older; by default 10 and 10


def collect_rarely() -> None:
    """Set the process's garbage collector for a node; call it once everything is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, _YOUNG, _OLD)
