"""A ledger's checkpoints: which name its log has, and whose signatures count.

Invariant: origin and keys follow from the genesis alone, so a checkpoint of one ledger is never taken
for another's. Source: C2SP tlog-checkpoint.
"""

from collections.abc import Sequence
from pathlib import Path

from comity.client.plain_file import read_plain
from comity.crypto.checkpoint import Checkpoint, open_checkpoint
from comity.crypto.notes import ED25519, VerifierKey
from comity.errors import Malformed, ProofInvalid
from comity.limits import NOTE_BYTES_MAX
from comity.model import bundle
from comity.model.genesis import Genesis, GenesisNode


def origin_of(genesis: Genesis) -> str:
    """Return the name of the ledger's log."""
    return bundle.origin_of(genesis.ledger, genesis.chain_id)


def log_key(genesis: Genesis, node: GenesisNode) -> VerifierKey:
    """Return the key under which a node signs checkpoints; the log's name is the key's too."""
    return VerifierKey(origin_of(genesis), ED25519, node.public_key)


def open_held(data: bytes, genesis: Genesis, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return the checkpoint in a file that somebody held.

    Raises: ProofInvalid, when it is none of this ledger, or no known key signed it.
    """
    try:
        return open_checkpoint(data, origin_of(genesis), keys).checkpoint
    except Malformed as error:
        raise ProofInvalid(f"this is no checkpoint: {error}") from error


def read_held(path: Path) -> bytes:
    """Return a checkpoint file, at most one byte more of it than a checkpoint may have. Raises: ConfigError."""
    return read_plain(path, NOTE_BYTES_MAX)
