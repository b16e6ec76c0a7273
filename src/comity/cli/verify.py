"""``comity verify``: check a proof offline, against what the reader knew before.

Invariant: nothing but the file and the anchors is read; a proof that fits no anchor is told so and ends
with exit code 3.
"""

import json
import time
from pathlib import Path

import click

from comity.cli import problems
from comity.cli.group import Command
from comity.cli.session import Session, current
from comity.client.verify import verify as verify_bundle
from comity.crypto.hashing import HASH_BYTES, sha256
from comity.errors import ConfigError
from comity.limits import BUNDLE_BYTES_MAX
from comity.node.folder import GENESIS_FILE


@click.command(
    cls=Command,
    short_help="Check a proof offline.",
    examples="""
    comity verify mmm.proof
    comity verify mmm.proof --genesis ledger/genesis.cbor
    comity verify mmm.proof --genesis 03c9846ac2467925... --checkpoint held.checkpoint
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--genesis",
    metavar="HASH|FILE",
    help="Of the ledger that you mean; by default that of the ledger's folder.",
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), metavar="FILE", help="One that you hold."
)
@click.pass_context
def verify(ctx: click.Context, file: Path, genesis: str | None, checkpoint: Path | None) -> None:
    """Check the proof in FILE and say what it proves, since when and on whose word."""
    session = current()
    verdict = verify_bundle(
        _read(file),
        genesis_hash=_genesis_hash(session, genesis),
        checkpoint=None if checkpoint is None else _read(checkpoint),
    )
    session.out.data("\n".join(verdict.to_lines(time.time_ns())), json.loads(verdict.to_json()))
    if not verdict.is_anchored:
        ctx.exit(problems.PROOF_FAILED)


def _genesis_hash(session: Session, given: str | None) -> bytes | None:
    if given is None:
        own = session.node / GENESIS_FILE
        return sha256(own.read_bytes()) if own.exists() else None
    if Path(given).is_file():
        return sha256(_read(Path(given)))
    try:
        digest = bytes.fromhex(given)
    except ValueError:
        digest = b""
    if len(digest) != HASH_BYTES:
        raise ConfigError(f"--genesis {given!r}: neither a file nor 64 hex digits")
    return digest


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(BUNDLE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return data
