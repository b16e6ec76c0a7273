"""Prints the app hash after each of many random blocks: ``python -m tests.simulation.hashes FIRST COUNT``.

Run in processes that differ in all that must not matter, it must print the same. Needs no test tool, so that any Python
with Comity can run it.

Invariant: what is printed follows from the arguments and from Comity's code alone.
"""

import locale
import os
import sys
from random import Random

from comity.store.store import Store
from tests.simulation.chance import Chance
from tests.simulation.script_app import declare
from tests.simulation.world import MEMBERS, SECOND_NS, World

APPS = ("shop", "mill")
BLOCKS_PER_LEDGER = 50


def hashes(seed: int, blocks: int, store: Store) -> list[str]:
    """Return the app hash of each of so many random blocks of one ledger."""
    random = Random(seed)
    world = World([declare(name) for name in APPS], store=store)
    chance = Chance(random, apps=APPS)
    found = []
    while len(found) < blocks:
        transactions = []
        for _ in range(random.randrange(1, 5)):
            calls = [
                (f"{app}.script", {"steps": {"steps": steps}})
                for app, steps in chance.calls(world.now_ns)
            ]
            transactions.append(world.transaction(random.choice(MEMBERS), *calls))
        prepared = world.prepare(*transactions, forward_ns=random.choice((1, SECOND_NS)))
        if prepared.candidate is not None:
            world.commit(world.machine.finalize(prepared.candidate.entries))
            found.append(prepared.candidate.app_hash.hex())
    return found


def main() -> None:
    """Print the app hashes of COUNT blocks, ``BLOCKS_PER_LEDGER`` to a ledger, from seed FIRST on."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    locale.setlocale(locale.LC_ALL, "")
    for seed in range(first, first + count // BLOCKS_PER_LEDGER):
        store = Store.in_memory()
        pages = os.environ.get("CACHE_PAGES")
        if pages is not None:
            store.connection.execute(f"PRAGMA cache_size = {int(pages)}").fetchall()
        sys.stdout.write("\n".join([*hashes(seed, BLOCKS_PER_LEDGER, store), ""]))


if __name__ == "__main__":
    main()
