"""``comity`` whose disk breaks at the block after the first: for the test of what a node does then."""

import sys

from comity.cli.main import run
from comity.store.store import Store

_write = Store.write_block


def _fail(store: Store, *arguments: object) -> None:
    if store.height >= 1:
        raise OSError(5, "Input/output error")
    _write(store, *arguments)  # type: ignore[arg-type]  # as they came


if __name__ == "__main__":
    Store.write_block = _fail  # type: ignore[method-assign]  # that is the fault
    sys.exit(run(sys.argv[1:]))
