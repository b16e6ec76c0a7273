"""``comity checkpoint``: the signed head of the log, which a member keeps away from the operator.

Invariant: what is signed is the log of the last committed block, and nothing that is not on disk.
"""

from pathlib import Path

import click

from comity.cli.group import Command
from comity.cli.output_file import check_output, output_options, write_output
from comity.cli.session import current
from comity.client.checkpoints import origin_of
from comity.crypto.checkpoint import Checkpoint
from comity.crypto.notes import ED25519, NoteSignature, SignedNote, VerifierKey
from comity.node.transport import LocalTransport


@click.command(
    cls=Command,
    writes=True,
    short_help="Write the signed head of the log, for a member to hold.",
    examples="""
    comity checkpoint -o held-by-bo.checkpoint
    comity audit --checkpoint held-by-bo.checkpoint
    """,
)
@output_options()
def checkpoint(output: Path | None, force: bool) -> None:
    """Write the log's origin, size and root, signed by this node.

    Whoever holds it can show later that history was rewritten: comity audit --checkpoint FILE.
    """
    session = current()
    if output is not None:
        check_output(output, force=force)
    transport = session.folder_transport()
    note = signed_head(transport)
    height, size = transport.tip().height, transport.log().size
    words = f"log of {size:,} entries at height {height}, signed as {_key_of(transport).to_text()}"
    if session.is_dry_run:
        session.out.words(f"would write the head of a {words}")
        return
    text = note.to_bytes().decode()
    if output is not None:
        write_output(output, note.to_bytes())
        session.out.words(f"wrote {output}: {words}")
    if session.is_json:
        session.out.data("", {"checkpoint": text, "height": height, "size": size})
    elif output is None:
        click.echo(text, nl=False)


def signed_head(transport: LocalTransport) -> SignedNote:
    """Return the head of the log, signed by this node. Raises: ConfigError, without the node's key."""
    log = transport.log()
    text = Checkpoint(origin_of(transport.genesis), log.size, log.root(log.size)).to_text()
    key, verifier = transport.folder.read_key(), _key_of(transport)
    signature = NoteSignature(verifier.name, verifier.key_id, key.sign(text.encode()))
    return SignedNote(text, (signature,))


def _key_of(transport: LocalTransport) -> VerifierKey:
    public_key = transport.folder.read_key().public_key
    return VerifierKey(origin_of(transport.genesis), ED25519, public_key)
