"""``comity backup``: a copy of the ledger in one file, while its node runs.

Invariant: the file is there whole or not at all; the node's key is in it only when that was asked for.
"""

from pathlib import Path
from typing import Any

import click
import msgspec

from comity.cli.group import Command
from comity.cli.names import shown_time
from comity.cli.output_file import check_output, output_options
from comity.cli.session import Session, current
from comity.client.files.texts import counted
from comity.node.archive import Manifest
from comity.node.backup import BackupOptions, back_up
from comity.node.folder import KEY_FILE, Folder


@click.command(
    cls=Command,
    writes=True,
    short_help="Write a copy of the ledger into one file.",
    examples="""
    comity backup -o monday.zip
    comity backup suppliers -o suppliers.zip --force
    comity backup -o whole.zip --with-node-key --with-keys
    """,
)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@output_options(required=True)
@click.option(
    "--with-node-key", is_flag=True, help=f"Put {KEY_FILE} in: whoever has it can sign blocks."
)
@click.option("--with-keys", is_flag=True, help="Put the members' key files of its folder in.")
@click.option("--no-check", is_flag=True, help="Do not recompute the app hash of the copy.")
def backup(
    directory: Path | None,
    output: Path,
    force: bool,
    with_node_key: bool,
    with_keys: bool,
    no_check: bool,
) -> None:
    """Copy the ledger in DIRECTORY (by default --node, else here) into one file.

    The node may run: the copy is of one block. It is a zip with genesis.cbor, node.sqlite and a manifest.
    What was copied is checked against the app hash that the ledger signed, then read back from the file.
    """
    session = current()
    if directory is not None:
        session.node_option = str(directory)
    check_output(output, force=force)
    if session.is_dry_run:
        genesis = Folder(session.node).read_genesis()
        session.out.words(f"would write a copy of {genesis.chain_id} to {output}")
        return
    options = BackupOptions(
        has_node_key=with_node_key,
        has_member_keys=with_keys,
        is_checked=not no_check,
        is_replacing=force,
    )
    manifest = back_up(session.node, output, options, session.out.progress)
    _tell(session, manifest, output)


def _tell(session: Session, manifest: Manifest, output: Path) -> None:
    size = output.stat().st_size
    checked = "app hash recomputed from all rows" if manifest.is_checked else "signature only"
    lines = [
        f"backup   {output}  {counted(size, 'byte')}",
        f"ledger   {manifest.ledger} at height {manifest.height:,}, {shown_time(manifest.block_time_ns)}",
        f"app hash {manifest.app_hash}",
        f"checked  {checked}; every file read back",
    ]
    document: dict[str, Any] = {"file": str(output), "bytes": size, **msgspec.to_builtins(manifest)}
    session.out.data("\n".join(lines), document)
    if manifest.has_node_key:
        session.out.words(
            f"warning  {KEY_FILE} is in it, not encrypted: whoever has this file can sign blocks of this ledger"
        )
    else:
        session.out.words(
            f"note     {KEY_FILE} is not in it: keep a copy apart, without it a restored ledger cannot go on"
        )
    if manifest.key_names:
        session.out.words(
            f"warning  keys in it, each under its passphrase: {', '.join(manifest.key_names)}"
        )
