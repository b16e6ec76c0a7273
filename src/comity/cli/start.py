"""``comity start``: run the node of a ledger, made when its folder is absent.

Invariant: what is printed was true when it was printed: the node listens, and takes transactions.
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import click

from comity.cli.group import Command
from comity.cli.init import make
from comity.cli.problems import FAULT
from comity.cli.session import Session, current
from comity.client.keystore import KeyInfo, list_keys
from comity.errors import ConfigError
from comity.model.account import account_id, to_text
from comity.node.collection import collect_rarely
from comity.node.config import Config, read_config, stray_variables
from comity.node.folder import GENESIS_FILE
from comity.node.listening import announce, withdraw
from comity.node.logs import Log, capture_libraries
from comity.node.running import Node
from comity.web.server import Server, listen

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - shown as this machine's name, not bound by default


@click.command(
    cls=Command,
    short_help="Run the node of a ledger.",
    examples="""
    comity start suppliers
    comity start --port 0
    comity start suppliers --host 0.0.0.0 --port 7080
    """,
)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--name", metavar="NAME", help="Name of a ledger that is made now; the folder's by default."
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on; 127.0.0.1 by default.")
@click.option(
    "--port",
    type=int,
    metavar="PORT",
    help="Port to listen on; 7080 by default, 0 takes a free one.",
)
def start(directory: Path | None, name: str | None, host: str | None, port: int | None) -> int:
    """Run the node of the ledger in DIRECTORY (by default --node, else here) until Ctrl-C.

    Makes the ledger first, and a key under a passphrase, when the folder has none.
    """  # fmt: skip
    session = current()
    if directory is not None:
        session.node_option = str(directory)
    flags = {"host": host, "port": port}
    config = read_config(session.node, environment=os.environ, flags=flags).config
    for sentence in stray_variables(os.environ):
        session.out.words(f"note  {sentence}")
    listener = listen(config.host, config.port)
    try:
        if not (session.node / GENESIS_FILE).exists():
            make(session, name)
        elif name is not None:
            raise ConfigError(
                f"--name is for a new ledger, and {session.node} holds one: leave it out, or choose another folder"
            )
        log = Log.from_settings(config.log_level, config.log_format)
        capture_libraries(log)
        return asyncio.run(_run(session, config, listener, log))
    finally:
        listener.close()


async def _run(session: Session, config: Config, listener: socket.socket, log: Log) -> int:
    node = Node.open(session.node, config)
    async with node:
        server = Server(node, log)
        collect_rarely()  # the process is the node's alone
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
        with suppress(OSError):  # a full disk: commands need --node URL, the node runs all the same
            announce(node.folder, _url(listener))
        _tell(session, node, listener)
        log.info("started", ledger=node.genesis.chain_id, height=node.tip.height, engine="solo")
        try:
            await server.run_on(listener)
        finally:
            withdraw(node.folder)
    log.info("stopped", height=node.tip.height)
    return FAULT if node.fault.is_set() else 0


def _tell(session: Session, node: Node, listener: socket.socket) -> None:
    genesis = node.genesis
    url = node.config.url or _url(listener)
    me = _me(session)
    who = (
        ""
        if me is None
        else f"   you are {me.name}, key ...{me.public_key.hex()[-4:]} in {session.keys}"
    )
    lines = [
        f"ledger   {genesis.chain_id}   engine solo (add members any time){who}",
        f"web      {url}   api /v1   docs /v1/docs   sql {node.folder.database} (read-only)",
    ]
    document = {
        "ledger": genesis.chain_id,
        "genesis": genesis.hash.hex(),
        "engine": "solo",
        "url": url,
        "folder": str(session.node),
        "database": str(node.folder.database),
        "height": node.tip.height,
        "process": os.getpid(),
        "key": None if me is None else me.name,
        "account": None if me is None else to_text(account_id(me.public_key)),
    }
    session.out.data("\n".join(lines), document)
    session.out.words("stop with Ctrl-C; use it from a second terminal")


def _me(session: Session) -> KeyInfo | None:
    """Return the one key that would act here, or None."""
    found = [each for each in list_keys(session.keys) if session.as_option in (None, each.name)]
    return found[0] if len(found) == 1 else None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = "localhost" if host in (*_EVERYWHERE, "127.0.0.1", "::1") else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
