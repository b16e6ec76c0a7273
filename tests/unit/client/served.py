"""A ledger of Ana and Bo behind a node in a process of its own, and clients of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import comity
from comity.client import keystore
from comity.client.ledger import Ledger
from comity.client.secret import Secret
from comity.model.account import KEY_TYPE_ED25519
from comity.model.genesis import Founder
from comity.node.local import LocalLedger
from tests.integration.node_process import ROOT, NodeProcess

PASSPHRASE = "open sesame"
STOCK = {
    "name": "stock",
    "columns": [
        {"name": "name", "type": "text", "maximum": 40, "required": True},
        {"name": "count", "type": "integer"},
        {"name": "price", "type": "decimal", "scale": 2},
        {"name": "day", "type": "date"},
        {"name": "is_sold", "type": "boolean"},
    ],
    "key": ["name"],
}


class Served:
    """A ledger with the table ``stock``, whose rows belong to who adds them, and its running node."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.again: subprocess.Popen[bytes] | None = None
        founders = [
            Founder(
                name=name,
                key_type=KEY_TYPE_ED25519,
                public_key=keystore.create(
                    folder / "keys", name, Secret(PASSPHRASE.encode())
                ).public_key,
                roles=roles,
            )
            for name, roles in (("ana", ("admin",)), ("bo", ()))
        ]
        LocalLedger.create(folder, name="shared", founders=founders).close()
        with self.connect(where=folder) as ledger:
            self.genesis = ledger.transport.genesis
            ledger.call("tables.create", schema=STOCK, preset="own-rows")
        self.node = NodeProcess(folder, settings)
        self.url = self.node.url

    def connect(self, key: str | None = "ana", where: Any = None, **more: Any) -> Ledger:
        """Open the ledger through the node."""
        if where is None or isinstance(where, str):
            more = {"genesis": self.genesis.hash, **more}
        return comity.Ledger.connect(
            where or self.url,
            key=key,
            keys=self.folder / "keys",
            passphrase=PASSPHRASE,
            **more,
        )

    def start_again(self) -> None:
        """Start the node anew, at the address that it had."""
        command = [sys.executable, "-m", "comity", "start", str(self.folder), "--json"]
        self.again = subprocess.Popen(
            [*command, "--port", str(self.node.port)], cwd=ROOT, stdout=subprocess.DEVNULL
        )

    def stop_again(self) -> None:
        """End what ``start_again`` started."""
        if self.again is not None:
            self.again.terminate()
            self.again.wait()
