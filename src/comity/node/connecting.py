"""``from comity import Ledger, AsyncLedger``: the client on a ledger in a folder, or through a node.

Invariant: a ledger is opened under a genesis hash that its user trusts: the folder's own, one that was given, one that
is remembered, or, said aloud, the one that an address showed when it was first asked. Opening a folder takes no lock;
the first change does, and holds it until the ledger is closed.
"""

import logging
import os
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import msgspec

from comity.client import async_ledger, ledger
from comity.client.asking import Asking
from comity.client.finish import finish
from comity.client.http_link import AwaitedLink, BlockingLink, is_address
from comity.client.http_transport import HttpTransport
from comity.client.invitation import PATH, from_link
from comity.client.keystore import SigningKey, unlock
from comity.client.known import KnownLedgers
from comity.client.node_transport import NodeTransport
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.client.secret import Secret
from comity.errors import ConfigError, Malformed
from comity.limits import CLIENT_TIMEOUT_S
from comity.model.genesis import Genesis
from comity.node.folder import GENESIS_FILE, KEYS_FOLDER, Folder
from comity.node.listening import listening_url
from comity.node.transport import LocalTransport

_HASH_DIGITS = 64
_LOG = logging.getLogger("comity")
Where: TypeAlias = str | os.PathLike[str]


class Ledger(ledger.Ledger):
    """A ledger as one member uses it; ``connect`` opens one."""

    @classmethod
    def connect(
        cls,
        where: Where,
        *,
        key: str | None = None,
        keys: Where | None = None,
        passphrase: str | None = None,
        genesis: Where | bytes | None = None,
        verify: bool = True,
        timeout_s: float = CLIENT_TIMEOUT_S,
    ) -> Self:
        """Open a ledger.

        Args:
            where: its folder, the address of a node, a link to join, or the name of a ledger that is remembered.
                While a node runs a folder, its ledger is reached through the node.
            key: name of the key that signs; None for reading only.
            keys: folder of keys; by default ``keys`` in the ledger's folder, or of the user's settings.
            passphrase: of the key; by default from COMITY_PASSPHRASE_FILE, COMITY_PASSPHRASE or a
                prompt.
            genesis: hash of the ledger's genesis, as bytes or in hex, or its genesis file: what is trusted.
            verify: False takes the node's word for receipts and rows.
            timeout_s: that a call goes on: until finality, over lost connections and a busy node.
        Raises: ConfigError, ProofInvalid, Unavailable.

        """
        found = Address.of(where, genesis)
        signer = _key(key, keys or found.keys, passphrase)
        if found.url is None:
            return cls(found.open_folder(), signer)
        asking = Asking(BlockingLink(found.url), timeout_s)
        node = finish(found.open(asking, is_verifying=verify))
        return cls(HttpTransport(node), signer)


class AsyncLedger(async_ledger.AsyncLedger):
    """A ledger as one member uses it, every call awaited; ``connect`` opens one."""

    @classmethod
    def connect(
        cls,
        where: Where,
        *,
        key: str | None = None,
        keys: Where | None = None,
        passphrase: str | None = None,
        genesis: Where | bytes | None = None,
        verify: bool = True,
        timeout_s: float = CLIENT_TIMEOUT_S,
    ) -> "Connecting":
        """Open a ledger through a node: ``async with AsyncLedger.connect(...) as ledger``; arguments as of ``Ledger``.

        Raises: ConfigError, also for a folder, whose file would block the loop; when entered, as ``Ledger.connect``.
        """
        found = Address.of(where, genesis)
        if found.url is None:
            raise ConfigError(
                f"no node runs {where}: AsyncLedger needs one; run comity start there, or use Ledger"
            )
        return Connecting(cls, found, _key(key, keys or found.keys, passphrase), verify, timeout_s)


class Connecting:
    """A ledger that is being opened: await it, or enter it."""

    def __init__(
        self,
        kind: type[AsyncLedger],
        address: "Address",
        key: SigningKey | None,
        is_verifying: bool,
        timeout_s: float,
    ) -> None:
        self._kind = kind
        self._address = address
        self._key = key
        self._is_verifying = is_verifying
        self._timeout_s = timeout_s
        self._opened: AsyncLedger | None = None

    def __await__(self) -> Generator[Any, Any, AsyncLedger]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncLedger:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _open(self) -> AsyncLedger:
        asking = Asking(AwaitedLink(self._address.url or ""), self._timeout_s)
        node = await self._address.open(asking, is_verifying=self._is_verifying)
        return self._kind(node, self._key)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a ledger is, and what is trusted of it.

    Args:
        url: of a node; None where the folder is read by this process.
        anchor: hash of its genesis, or as much of it as an invitation holds; None believes the node.
        is_remembered: whether an address that is not known is to be kept.
    """

    url: str | None
    folder: Path
    anchor: bytes | None
    keys: Path
    is_remembered: bool = True

    @classmethod
    def of(cls, where: Where, genesis: Where | bytes | None) -> "Address":
        """Return what ``where`` means. Raises: ConfigError, Malformed."""
        text, folder, known = str(where), Path(where), KnownLedgers()
        anchor = None if genesis is None else genesis_hash_of(genesis)
        found, url = None, text
        if is_address(text) and PATH in text:
            url, invitation = from_link(text)
            anchor = anchor or invitation.ledger
        if is_address(text):
            found = known.of_url(url)
        elif not folder.exists():
            found = known.named(text)
        if found is not None or is_address(text):
            url = url if found is None else found.url
            trusted = anchor or (None if found is None else found.genesis_hash)
            keys = known.path.parent / KEYS_FOLDER
            return cls(url=url, folder=folder, anchor=trusted, keys=keys)
        return cls._of_folder(folder, anchor)

    @classmethod
    def _of_folder(cls, folder: Path, anchor: bytes | None) -> "Address":
        opened = Folder(folder)
        own = opened.read_genesis().hash
        if anchor is not None and own != anchor:
            raise ConfigError(f"{folder} holds another ledger than the one of the genesis given")
        url = listening_url(opened)
        keys = folder / KEYS_FOLDER
        return cls(url=url, folder=folder, anchor=own, keys=keys, is_remembered=False)

    def open_folder(self) -> LocalTransport:
        """Return the way to the folder. Raises: ConfigError, Unavailable."""
        return LocalTransport(self.folder)

    async def open(self, asking: Asking, *, is_verifying: bool = True) -> NodeTransport:
        """Connect, and remember an address that was not known. Raises: ProofInvalid, Unavailable, ConfigError."""
        try:
            node = await NodeTransport.open(asking, self.anchor, is_verifying=is_verifying)
            if self.is_remembered:
                self._remember(node)
        except BaseException:
            await asking.link.close()
            raise
        return node

    def _remember(self, node: NodeTransport) -> None:
        known, url = KnownLedgers(), self.url or ""
        if known.of_url(url) is not None:
            return
        name = known.keep(node.genesis.ledger, url, node.genesis.hash)
        if self.anchor is None:
            _LOG.warning(
                "%s was not known: it serves %s, whose genesis hash %s is trusted from now on, as %s in %s;"
                " compare it with one that you got otherwise",
                url, node.genesis.chain_id, node.genesis.hash.hex(), name, known.path,
            )  # fmt: skip


def connect_http(
    where: Where, *, genesis: Where | bytes | None = None, timeout_s: float = CLIENT_TIMEOUT_S
) -> HttpTransport | None:
    """Return the way through a node, or None where ``where`` is a folder. Raises: as ``Ledger.connect``."""
    found = Address.of(where, genesis)
    if found.url is None:
        return None
    return HttpTransport(finish(found.open(Asking(BlockingLink(found.url), timeout_s))))


def genesis_hash_of(given: Where | bytes) -> bytes:
    """Return the hash that bytes, hex digits or a genesis file stand for. Raises: ConfigError."""
    if isinstance(given, bytes):
        return given
    text = str(given)
    if len(text) == _HASH_DIGITS:
        with suppress(ValueError):
            return bytes.fromhex(text)
    path = Path(given) / GENESIS_FILE if Path(given).is_dir() else Path(given)
    try:
        return Genesis.decode(path.read_bytes()).hash
    except (OSError, Malformed) as error:
        raise ConfigError(f"genesis {text}: neither 64 hex digits nor a genesis file") from error


def _key(name: str | None, folder: Where, passphrase: str | None) -> SigningKey | None:
    if name is None:
        return None
    secret = (
        read_passphrase(PassphraseSource.from_process(), f"key {name}")
        if passphrase is None
        else Secret.from_text(passphrase)
    )
    return unlock(Path(folder), name, secret)
