"""What every command knows of its surroundings: folder, keys, who acts, and how to speak.

Invariant: nothing is opened before a command asks for it, and everything opened is closed when it ends.
"""

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comity.cli.output import Output
from comity.errors import ConfigError

if TYPE_CHECKING:
    from comity.client.keystore import KeyInfo, SigningKey
    from comity.client.known import KnownLedger, KnownLedgers
    from comity.client.ledger import Done, Ledger
    from comity.node.transport import LocalTransport

NODE_VARIABLE = "COMITY_NODE"
KEYS_VARIABLE = "COMITY_KEYS"
AS_VARIABLE = "COMITY_AS"
KEYS_FOLDER = "keys"  # inside the ledger's folder, as in node.connecting


@dataclass
class Session:
    """The options that are everywhere, and what they lead to."""

    node_option: str | None = None
    keys_option: str | None = None
    as_option: str | None = None
    passphrase_file: str | None = None
    is_json: bool = False
    is_quiet: bool = False
    is_yes: bool = False
    is_dry_run: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)
    _transport: Any = None
    _served: Any = None

    @property
    def out(self) -> Output:
        """Return the voice of the command."""
        return Output(is_json=self.is_json, is_quiet=self.is_quiet)

    @property
    def where(self) -> str:
        """Return what names the ledger: its folder, the address of a node, or a name that was remembered."""
        return self.node_option or os.environ.get(NODE_VARIABLE) or "."

    @property
    def node(self) -> Path:
        """Return the ledger's folder."""
        return Path(self.where)

    @property
    def is_remote(self) -> bool:
        """Tell whether the ledger is reached through a node's address, given or remembered, and not by its folder."""
        return "://" in self.where or self.known_ledger() is not None

    def known_ledger(self) -> "KnownLedger | None":
        """Return what is remembered of a ledger that is named by its address or by a name. Raises: ConfigError."""
        if "://" in self.where:
            return _known().of_url(self.where)
        return None if self.node.exists() else _known().named(self.where)

    @property
    def keys(self) -> Path:
        """Return the folder of keys: the one given, else ``keys`` in the ledger's folder or the user's settings."""
        given = self.keys_option or os.environ.get(KEYS_VARIABLE)
        if given:
            return Path(given)
        home = _known().path.parent if self.is_remote else self.node
        return home / KEYS_FOLDER

    @property
    def is_terminal(self) -> bool:
        """Tell whether somebody can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def transport(self) -> Any:
        """Return the way to the ledger, opened for reading: its folder, or a node. Raises: ConfigError, Unavailable."""
        if self._transport is None:
            if self.is_remote:
                opened = import_module("comity.node.connecting").connect_http(self.where)
            else:
                opened = import_module("comity.node.transport").LocalTransport(self.node)
            self._transport = self._stack.enter_context(_closing(opened))
        return self._transport

    def folder_transport(self) -> "LocalTransport":
        """Return the way to the ledger in a folder. Raises: ConfigError, Unavailable."""
        if self.is_remote:
            raise ConfigError(
                f"this needs the ledger's folder, and {self.where} is a node: run it where the node"
                " runs, with --node DIR"
            )
        opened: LocalTransport = self.transport()
        return opened

    def writing_transport(self) -> Any:
        """Return the way for changes: through the node that runs the folder, if one does. Raises: as ``transport``."""
        if self.is_remote or self.is_dry_run:
            return self.transport()
        if self._served is None:
            folder = import_module("comity.node.folder").Folder(self.node)
            url = import_module("comity.node.listening").listening_url(folder)
            if url is None:
                return self.transport()
            opened = import_module("comity.client.http_transport").HttpTransport.open(
                url, folder.read_genesis().hash
            )
            self._served = self._stack.enter_context(_closing(opened))
        return self._served

    def reader(self) -> "Ledger":
        """Return the ledger for reading. Raises: ConfigError, Unavailable."""
        made: Ledger = import_module("comity.client.ledger").Ledger(self.transport())
        return made

    def ledger(self) -> "Ledger":
        """Return the ledger, with the key unlocked. Raises: ConfigError, Unavailable."""
        transport = self.writing_transport()
        made: Ledger = import_module("comity.client.ledger").Ledger(
            transport, self.unlock(), is_rehearsal=self.is_dry_run
        )
        return made

    def done(self, text: str, document: dict[str, Any]) -> None:
        """Tell what was done, or, with ``--dry-run``, what would have been."""
        if self.is_dry_run:
            self.out.words(f"would do: {text}")
            self.out.words("nothing was written (--dry-run); the rules permit it as things are now")
            text, document = "", {"dry_run": True} | document
        self.out.data(text, document)

    def settled(self, text: str, done: "Done", **more: Any) -> None:
        """Tell what a transaction did, or would do, and where it stands."""
        identifier = done.identifier.hex()
        self.done(
            f"{text}  block {done.height}  transaction {identifier[:12]}",
            {
                "transaction": identifier,
                "height": done.height,
                "position": done.position,
                **more,
            },
        )

    def key_info(self) -> "KeyInfo":
        """Return the public half of the key that acts. Raises: ConfigError."""
        found = import_module("comity.client.keystore").list_keys(self.keys)
        name = self.as_option or os.environ.get(AS_VARIABLE)
        names = ", ".join(info.name for info in found)
        if not found:
            raise ConfigError(
                f"there is no key in {self.keys}; make one with 'comity key new NAME', or point"
                f" at a folder of keys with --keys or {KEYS_VARIABLE}"
            )
        if name is None and len(found) > 1:
            raise ConfigError(f"{self.keys} holds several keys ({names}); say which with --as NAME")
        for info in found:
            if name in (None, info.name):
                chosen: KeyInfo = info
                return chosen
        raise ConfigError(f"there is no key {name} in {self.keys}; there is {names}")

    def unlock(self) -> "SigningKey":
        """Return the key that acts, ready to sign. Raises: ConfigError."""
        info = self.key_info()
        passphrase = self.passphrase(f"key {info.name}")
        key: SigningKey = import_module("comity.client.keystore").unlock(
            self.keys, info.name, passphrase
        )
        return key

    def passphrase(self, purpose: str, *, is_new: bool = False) -> Any:
        """Return a passphrase from file, environment or prompt. Raises: ConfigError."""
        module = import_module("comity.client.passphrase")
        file = None if self.passphrase_file is None else Path(self.passphrase_file)
        source = module.PassphraseSource.from_process(file)
        return module.read_passphrase(source, purpose, is_new=is_new)

    def confirm(self, question: str) -> None:
        """Ask before something that should be wanted. Raises: ConfigError without a terminal, Abort."""
        if self.is_yes:
            return
        if not self.is_terminal:
            raise ConfigError(f"{question} Nobody can be asked here: say yes with -y")
        if not click.confirm(question, err=True):
            raise click.Abort

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()
        self._transport = self._served = None


def _known() -> "KnownLedgers":
    made: KnownLedgers = import_module("comity.client.known").KnownLedgers()
    return made


def _closing(thing: Any) -> Any:
    return import_module("contextlib").closing(thing)


def options(*, writes: bool) -> list[click.Parameter]:
    """Return the options that every command takes."""
    made: list[click.Parameter] = [
        _option(
            ["--node"], "node_option", "Folder of the ledger, here by default; or a node's address; or the name of a"
            " ledger that was joined, or opened by address, before.", "DIR|URL|NAME", NODE_VARIABLE,
        ),
        _option(["--as"], "as_option", "Name of the key that acts; the only one by default.", "NAME", AS_VARIABLE),
        _option(
            ["--keys"], "keys_option", "Folder of keys; by default keys in the ledger's folder, or of your settings.",
            "DIR", KEYS_VARIABLE,
        ),
        _option(
            ["--passphrase-file"], "passphrase_file", "Its first line is the passphrase.", "FILE",
            "COMITY_PASSPHRASE_FILE",
        ),
        _flag(["--json"], "is_json", "Write data as JSON."),
        _flag(["-q", "--quiet"], "is_quiet", "Say nothing but data and errors."),
        _flag(["-y", "--yes"], "is_yes", "Do not ask."),
    ]  # fmt: skip
    if writes:
        made.append(_flag(["--dry-run"], "is_dry_run", "Show what would be done, and do nothing."))
    return made


def _option(
    names: list[str], attribute: str, words: str, metavar: str, variable: str
) -> click.Option:
    return click.Option(
        [*names, attribute],
        metavar=metavar,
        help=f"{words} [env: {variable}]",
        expose_value=False,
        callback=_keep(attribute),
    )


def _flag(names: list[str], attribute: str, words: str) -> click.Option:
    return click.Option(
        [*names, attribute],
        is_flag=True,
        help=words,
        expose_value=False,
        callback=_keep(attribute),
    )


def _keep(attribute: str) -> Any:
    def keep(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        setattr(session_of(ctx), attribute, value)

    return keep


def session_of(ctx: click.Context) -> Session:
    """Return the one session of this run."""
    root = ctx.find_root()
    if not isinstance(root.obj, Session):
        root.obj = Session()
        root.call_on_close(root.obj.close)
    session: Session = root.obj
    return session


def current() -> Session:
    """Return the session of the running command."""
    return session_of(click.get_current_context())
