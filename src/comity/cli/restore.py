"""``comity restore``: a ledger's folder from a backup.

Invariant: what stood in the folder before is never changed, and the folder is a ledger's only when all was found whole.
"""

from pathlib import Path

import click
import msgspec

from comity.cli.group import Command
from comity.cli.names import shown_time
from comity.cli.session import Session, current
from comity.client.checkpoints import read_held
from comity.node.archive import Archive
from comity.node.folder import KEY_FILE
from comity.node.restore import Restored
from comity.node.restore import restore as run_restore


@click.command(
    cls=Command,
    writes=True,
    short_help="Make a ledger's folder from a backup.",
    examples="""
    comity restore monday.zip suppliers
    comity restore monday.zip suppliers --checkpoint held-by-bo.checkpoint
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), metavar="FILE",
    help="The newest one that a member holds; an older backup is refused.",
)  # fmt: skip
@click.option("--no-check", is_flag=True, help="Do not recompute the app hash from the rows.")
def restore(file: Path, directory: Path, checkpoint: Path | None, no_check: bool) -> None:
    """Make the ledger of a backup in DIRECTORY, which must not hold one.

    Every file is compared with the manifest, and the rows with the app hash that the node signed.
    """
    session = current()
    held = None if checkpoint is None else read_held(checkpoint)
    if session.is_dry_run:
        with Archive(file) as archive:
            archive.verify(session.out.progress)
            manifest = archive.manifest
        session.out.words(
            f"would restore {manifest.ledger} at height {manifest.height:,} into {directory}; {file} is whole"
        )
        return
    restored = run_restore(
        file, directory, session.out.progress, is_checked=not no_check, checkpoint=held
    )
    _tell(session, restored, directory, has_checkpoint=held is not None)


def _tell(session: Session, restored: Restored, directory: Path, *, has_checkpoint: bool) -> None:
    manifest = restored.manifest
    lines = [
        f"restored {directory}",
        f"ledger   {manifest.ledger} at height {manifest.height:,}, {shown_time(manifest.block_time_ns)}",
        f"app hash {manifest.app_hash}",
    ]
    document = {
        "folder": str(directory),
        "can_sign": restored.can_sign,
        **msgspec.to_builtins(manifest),
    }
    session.out.data("\n".join(lines), document)
    if not restored.can_sign:
        session.out.words(
            f"warning  {KEY_FILE} was not in the backup: this copy can be read, audited and proved from, and makes"
            f" no block. To go on, put the node's key there: {directory / KEY_FILE} (mode 600)"
        )
    if not has_checkpoint:
        session.out.words(
            f"warning  if the ledger went on after block {manifest.height:,}, do not go on from this copy: that would"
            " be a second history, and members' checkpoints show it. Restore a newer backup, or ask them first:\n"
            f"next     comity audit --node {directory} --checkpoint FILE"
        )
