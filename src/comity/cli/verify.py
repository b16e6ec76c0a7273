"""``comity verify``: check a proof offline, against what the reader knew before.

Invariant: nothing but the file and the anchors is read; a proof that fits no anchor is told so and ends
with exit code 3.
"""

import json
import sys
import time
from pathlib import Path

import click

from comity.cli import problems
from comity.cli.group import Command
from comity.cli.output import table
from comity.cli.session import Session, current
from comity.client.checkpoints import read_held
from comity.client.plain_file import read_plain
from comity.client.verdict import Proved, ProvedRows, printable
from comity.client.verify import verify as verify_bundle
from comity.crypto.hashing import HASH_BYTES, sha256
from comity.errors import ConfigError
from comity.limits import (
    BUNDLE_BYTES_MAX,
    VERIFY_CELL_CHARS_SHOWN_MAX,
    VERIFY_ROWS_SHOWN_MAX,
)
from comity.model.genesis import GENESIS_BYTES_MAX
from comity.node.folder import GENESIS_FILE


@click.command(
    cls=Command,
    short_help="Check a proof offline.",
    examples="""
    comity verify mmm.proof
    comity verify mmm.proof --genesis ledger/genesis.cbor
    comity verify a-to-b.proof --json
    comity verify mmm.proof --genesis 03c9846ac2467925... --checkpoint held.checkpoint
    """,
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--genesis",
    metavar="HASH|FILE",
    help="Of the ledger that you mean; by default that of the ledger's folder, or the one that is remembered.",
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), metavar="FILE", help="One that you hold."
)
@click.pass_context
def verify(ctx: click.Context, file: Path, genesis: str | None, checkpoint: Path | None) -> None:
    """Check the proof in FILE (- reads it from standard input): what it proves, since when, on whose word.

    Of many rows the first are shown; --json gives them all.
    """
    session = current()
    verdict = verify_bundle(
        _read(file),
        genesis_hash=_genesis_hash(session, genesis),
        checkpoint=None if checkpoint is None else read_held(checkpoint),
    )
    first, *rest = verdict.to_lines(time.time_ns())
    lines = [first, *_row_lines(verdict.claim), *rest]
    session.out.data("\n".join(lines), json.loads(verdict.to_json()))
    if not verdict.is_anchored:
        ctx.exit(problems.PROOF_FAILED)


def _read(path: Path) -> bytes:
    if path == Path("-"):
        return sys.stdin.buffer.read(BUNDLE_BYTES_MAX + 1)
    return read_plain(path, BUNDLE_BYTES_MAX)


def _row_lines(claim: Proved) -> list[str]:
    """Return the rows of a proved range as a table, at most ``VERIFY_ROWS_SHOWN_MAX`` of them."""
    if not isinstance(claim, ProvedRows) or claim.is_one_key or not claim.rows:
        return []
    shown = claim.rows[:VERIFY_ROWS_SHOWN_MAX]
    headings = [printable(cell.name) for cell in shown[0].cells]
    cells = [[_cut(cell.to_text()) for cell in row.cells] for row in shown]
    lines = [f"  {line}" for line in table(headings, cells).splitlines()]
    if len(shown) < len(claim.rows):
        lines.append(
            f"  the first {len(shown):,} of {len(claim.rows):,} rows (VERIFY_ROWS_SHOWN_MAX);"
            " all of them: --json"
        )
    return lines


def _cut(text: str) -> str:
    chars = VERIFY_CELL_CHARS_SHOWN_MAX
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _genesis_hash(session: Session, given: str | None) -> bytes | None:
    if given is None:
        own = session.node / GENESIS_FILE
        if own.exists():
            return sha256(read_plain(own, GENESIS_BYTES_MAX))
        known = session.known_ledger()
        return None if known is None else known.genesis_hash
    if Path(given).exists():
        return sha256(read_plain(Path(given), GENESIS_BYTES_MAX))
    try:
        digest = bytes.fromhex(given)
    except ValueError:
        digest = b""
    if len(digest) != HASH_BYTES:
        raise ConfigError(f"--genesis {given!r}: neither a file nor 64 hex digits")
    return digest
