"""What a dishonest operator can do: leave a member's transaction out, execute the rest anew, and sign everything again.

Usage: python forge.py FOLDER TRANSACTION_ID. It needs the node's key, which the operator has.
"""

import sys
from pathlib import Path

from comity.engine.port import Ordered
from comity.engine.solo import SoloEngine
from comity.machine.machine import Machine
from comity.model.block import Link
from comity.node.folder import Folder
from comity.sdk.load import load_apps
from comity.store.store import Store


def forge(directory: Path, unwanted: bytes) -> None:
    """Rewrite the ledger in ``directory`` as if the transaction ``unwanted`` had never been."""
    folder = Folder(directory)
    genesis, key = folder.read_genesis(), folder.read_key()
    apps = {
        name: app.declaration for name, app in load_apps([app.name for app in genesis.apps]).items()
    }
    honest, path = Store.open(str(folder.database)), directory / "forged.sqlite"
    forged = Store.create(str(path))
    time_ns = genesis.time_ns
    engine = SoloEngine(
        Machine(forged, genesis, apps), clock=lambda: time_ns, kid=key.key_id, sign=key.sign
    )
    engine.start()
    for height in range(1, honest.height + 1):
        entries: list[tuple[bytes | None, bytes]] = honest.connection.execute(
            "SELECT id, bytes FROM comity_transaction WHERE height = ? ORDER BY position", (height,)
        ).fetchall()  # type: ignore[assignment]  # its columns are BLOBs
        time_ns = Link.decode(entries[0][1]).time_ns
        wanted = [data for identifier, data in entries[1:] if identifier != unwanted]
        answers = engine.submit(wanted) if wanted else []
        if not all(isinstance(answer, Ordered) for answer in answers):
            raise SystemExit("the forgery failed: a transaction would not execute")
    honest.close()
    forged.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    forged.close()
    for suffix in ("-wal", "-shm"):
        (directory / f"node.sqlite{suffix}").unlink(missing_ok=True)
    path.replace(folder.database)


if __name__ == "__main__":
    forge(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))
