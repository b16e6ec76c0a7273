"""``comity checkpoint``: the signed head of the log, which a member keeps away from the operator.

Invariant: a checkpoint is signed for the last committed block only, and never for a log that does not
continue the one signed before.
"""

from pathlib import Path

import click

from comity.cli.group import Command
from comity.cli.session import current
from comity.client.checkpoints import origin_of
from comity.crypto.checkpoint import Checkpoint
from comity.crypto.notes import ED25519, NoteSignature, SignedNote, VerifierKey


@click.command(
    cls=Command,
    writes=True,
    short_help="Write the signed head of the log, for a member to hold.",
    examples="""
    comity checkpoint -o held-by-bo.checkpoint
    comity audit --checkpoint held-by-bo.checkpoint
    """,
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to.")
def checkpoint(output: Path | None) -> None:
    """Write the log's origin, size and root, signed by this node.

    Whoever holds it can show later that history was rewritten: comity audit --checkpoint FILE.
    """
    session = current()
    transport = session.transport()
    genesis, log = transport.genesis, transport.log()
    text = Checkpoint(origin_of(genesis), log.size, log.root(log.size)).to_text()
    key = transport.folder.read_key()
    verifier = VerifierKey(origin_of(genesis), ED25519, key.public_key)
    signature = NoteSignature(verifier.name, verifier.key_id, key.sign(text.encode()))
    note = SignedNote(text, (signature,)).to_bytes().decode()
    height = transport.tip().height
    words = (
        f"log of {log.size:,} entries at height {height}, signed by node key {verifier.to_text()}"
    )
    if session.is_dry_run:
        session.out.words(f"would write the head of a {words}")
        return
    if output is not None:
        output.write_text(note, encoding="utf-8")
        session.out.words(f"wrote {output}: {words}")
    if session.is_json:
        session.out.data("", {"checkpoint": note, "height": height, "size": log.size})
    elif output is None:
        click.echo(note, nl=False)
