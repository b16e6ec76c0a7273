"""Golden histories: genesis and blocks as bytes, with the app hash of every height, for ever.

``python -m tests.promises.golden --write`` writes them anew. Until 1.0 a format may change (consensus rule R5.3): then
``FORMAT_NUMBER`` goes up, and a decision record says why.

Invariant: a replay needs nothing but the file and the applications of the tests.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from comity.limits import FORMAT_NUMBER
from comity.model.genesis import Genesis
from comity.sdk.app import App
from comity.store.store import Store
from tests.simulation.script_app import declare
from tests.simulation.story import APPS, Story
from tests.simulation.world import World
from tests.unit.machine import trial_app
from tests.unit.machine.damage import write_ledger

FOLDER = Path(__file__).parents[1] / "vectors/golden"
SEED, BLOCKS = 20_261_122, 25


def apps_of(name: str) -> list[App]:
    """Return the applications that a history runs."""
    return [trial_app.app] if name == "trial" else [declare(app) for app in APPS]


def read(name: str) -> dict[str, Any]:
    """Return a stored history."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


def replay(name: str, history: dict[str, Any]) -> list[str]:
    """Return the app hash of every height, as this code makes it of a stored history."""
    genesis = Genesis.decode(bytes.fromhex(history["genesis"]))
    world = World(apps_of(name), genesis=genesis)
    hashes = [world.store.app_hash.hex()]
    for block in history["blocks"]:
        world.commit(world.machine.finalize([bytes.fromhex(entry) for entry in block]))
        hashes.append(world.store.app_hash.hex())
    return hashes


def _history(genesis: Genesis, store: Store) -> dict[str, Any]:
    run = store.connection.execute
    return {
        "format": FORMAT_NUMBER,
        "genesis": genesis.encode().hex(),
        "blocks": [
            [
                data.hex()
                for (data,) in run(
                    "SELECT bytes FROM comity_transaction WHERE height = ? ORDER BY position",
                    (height,),
                )
            ]
            for height in range(1, store.height + 1)
        ],
        "app_hashes": [
            app_hash.hex()
            for (app_hash,) in run("SELECT app_hash FROM comity_block ORDER BY height")
        ],
    }


def _write(name: str, history: dict[str, Any]) -> None:
    text = json.dumps(history, indent=1, sort_keys=True)
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


def main() -> None:
    """Write every golden history anew, when asked to in so many words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True)
    parser.parse_args()
    story = Story(SEED)
    for _ in story.blocks(BLOCKS):
        pass
    _write("script", _history(story.world.genesis, story.world.store))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.sqlite"
        world = write_ledger(path)
        _write("trial", _history(world.genesis, Store.open(str(path))))
    sys.stdout.write(f"golden histories of format {FORMAT_NUMBER} written to {FOLDER}\n")


if __name__ == "__main__":
    main()
