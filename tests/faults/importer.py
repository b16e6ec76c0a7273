"""A process that imports rows without end, to be killed: ``python -m tests.faults.importer FOLDER``.

Before it submits, it notes what it sends; once it was answered, which ids were acknowledged.

Invariant: an id is in ``acknowledged`` only after the ledger said that its transaction is on disk.
"""

import os
import sys
import time
from itertools import count
from pathlib import Path

from comity.crypto import ed25519
from comity.engine.port import Ordered
from comity.model.account import account_id, key_id
from comity.model.genesis import Founder
from comity.model.transaction import Call, signed, unsigned
from comity.node.local import LocalLedger

SEED = b"importer".ljust(32, b".")
KEY = ed25519.public_key(SEED)
TABLE = "readings"
ROWS = 40  # a transaction
BATCH = 6  # transactions that are submitted together
_SCHEMA = {
    "name": TABLE,
    "columns": [
        {"name": "id", "type": "integer", "required": True},
        {"name": "value", "type": "text", "maximum": 40},
    ],
    "key": ["id"],
}


def make(folder: Path) -> None:
    """Make the ledger and its table."""
    founder = Founder(name="importer", key_type=1, public_key=KEY, roles=("admin",))
    with LocalLedger.create(folder / "ledger", name="killed", founders=[founder]) as ledger:
        call = Call("tables.create", {"schema": _SCHEMA, "preset": "open", "is_numbered": True})
        answer = ledger.submit_one(_sign(ledger, call))
        if not answer.receipt.is_ok:
            raise ValueError(answer.receipt)


def run(folder: Path) -> None:
    """Send the last batch again, whose answer may have been lost; then send new ones for ever."""
    sent, acknowledged = folder / "sent", folder / "acknowledged"
    with LocalLedger.open(folder / "ledger") as ledger:
        last = [bytes.fromhex(word) for word in sent.read_text().split()] if sent.exists() else []
        _submit(ledger, last, acknowledged)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for number in count():
            rows = [[None, f"{number} {at}"] for at in range(ROWS)]
            calls = [Call("tables.add", {"table": TABLE, "rows": rows})] * BATCH
            batch = [_sign(ledger, call) for call in calls]
            new = folder / "sent.new"
            new.write_text(" ".join(data.hex() for data in batch))
            new.replace(sent)
            _submit(ledger, batch, acknowledged)


def _submit(ledger: LocalLedger, batch: list[bytes], acknowledged: Path) -> None:
    answers = ledger.submit(batch)
    with acknowledged.open("a") as file:
        for answer in answers:
            if isinstance(answer, Ordered):
                file.write(f"{answer.identifier.hex()} {answer.height} {answer.position}\n")


def _sign(ledger: LocalLedger, call: Call) -> bytes:
    transaction = unsigned(
        sender=account_id(KEY),
        kid=key_id(KEY),
        valid_until=time.time_ns() + 600 * 10**9,
        salt=os.urandom(16),
        calls=[call],
    )
    message = transaction.envelope.to_be_signed(ledger.genesis.hash)
    return signed(transaction, ed25519.sign(SEED, message)).encode()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
