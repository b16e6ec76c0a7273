"""``from comity import Ledger``: the client on a ledger in a folder of this machine.

Invariant: opening takes no lock; the first change does, and holds it until the ledger is closed.
"""

import os
from pathlib import Path
from typing import Self

from comity.client import ledger as client
from comity.client.keystore import unlock
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.client.secret import Secret
from comity.node.transport import LocalTransport

KEYS_FOLDER = "keys"  # inside the ledger's folder


class Ledger(client.Ledger):
    """A ledger as one member uses it; ``connect`` opens one."""

    @classmethod
    def connect(
        cls,
        folder: str | os.PathLike[str],
        *,
        key: str | None = None,
        keys: str | os.PathLike[str] | None = None,
        passphrase: str | None = None,
    ) -> Self:
        """Open the ledger in a folder.

        Args:
            key: name of the key that signs; None for reading only.
            keys: folder of keys; by default ``keys`` in the ledger's folder.
            passphrase: of the key; by default from COMITY_PASSPHRASE_FILE, COMITY_PASSPHRASE or a
                prompt.
        Raises: ConfigError, Unavailable.

        """
        directory = Path(folder)
        transport = LocalTransport(directory)
        if key is None:
            return cls(transport)
        secret = (
            read_passphrase(PassphraseSource.from_process(), f"key {key}")
            if passphrase is None
            else Secret.from_text(passphrase)
        )
        return cls(transport, unlock(Path(keys or directory / KEYS_FOLDER), key, secret))
