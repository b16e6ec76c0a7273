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

from comity.client import async_ledger, ledger
from comity.client.asking import Asking
from comity.client.finish import finish
from comity.client.http_link import AwaitedLink, BlockingLink, Link, is_address
from comity.client.http_transport import HttpTransport
from comity.client.keystore import SigningKey, unlock
from comity.client.known import KnownLedgers
from comity.client.node_transport import NodeTransport
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.client.secret import Secret
from comity.errors import ConfigError, Malformed
from comity.limits import CLIENT_TIMEOUT_S
from comity.model.genesis import Genesis
from comity.node.folder import GENESIS_FILE
from comity.node.transport import LocalTransport

KEYS_FOLDER = "keys"  # inside the ledger's folder, or of Comity's settings
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
            where: its folder, the address of a node, or the name of a ledger that was opened by address before.
            key: name of the key that signs; None for reading only.
            keys: folder of keys; by default ``keys`` in the ledger's folder, or of the user's settings.
            passphrase: of the key; by default from COMITY_PASSPHRASE_FILE, COMITY_PASSPHRASE or a
                prompt.
            genesis: hash of the ledger's genesis, as bytes or in hex, or its genesis file: what is trusted.
            verify: False takes the node's word for receipts and rows.
            timeout_s: that a call goes on: until finality, over lost connections and a busy node.
        Raises: ConfigError, ProofInvalid, Unavailable.

        """
        url, anchor = _address_of(where, genesis)
        if url is None:
            folder = LocalTransport(Path(where))
            _check_folder(folder.genesis, anchor)
            return cls(folder, _key(key, keys or Path(where) / KEYS_FOLDER, passphrase))
        asking = Asking(BlockingLink(url), timeout_s)
        node = finish(_open(asking, url, anchor, verify))
        return cls(HttpTransport(node), _key(key, keys or _keys_folder(), passphrase))


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
        url, anchor = _address_of(where, genesis)
        if url is None:
            raise ConfigError(
                f"{where} is a folder: AsyncLedger needs a node's address; run comity start there,"
                " or use Ledger"
            )
        signer = _key(key, keys or _keys_folder(), passphrase)
        return Connecting(cls, url, anchor, signer, is_verifying=verify, timeout_s=timeout_s)


class Connecting:
    """A ledger that is being opened: await it, or enter it."""

    def __init__(
        self,
        kind: type[AsyncLedger],
        url: str,
        anchor: bytes | None,
        key: SigningKey | None,
        *,
        is_verifying: bool,
        timeout_s: float,
    ) -> None:
        self._kind = kind
        self._url = url
        self._anchor = anchor
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
        link: Link = AwaitedLink(self._url)
        asking = Asking(link, self._timeout_s)
        return self._kind(
            await _open(asking, self._url, self._anchor, self._is_verifying), self._key
        )


def connect_http(
    where: str, *, genesis: Where | bytes | None = None, timeout_s: float = CLIENT_TIMEOUT_S
) -> HttpTransport | None:
    """Return the way through a node, or None where ``where`` is a folder. Raises: as ``Ledger.connect``."""
    url, anchor = _address_of(where, genesis)
    if url is None:
        return None
    return HttpTransport(finish(_open(Asking(BlockingLink(url), timeout_s), url, anchor, True)))


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


async def _open(
    asking: Asking, url: str, anchor: bytes | None, is_verifying: bool
) -> NodeTransport:
    """Connect, and remember an address that was not known. Raises: ProofInvalid, Unavailable, ConfigError."""
    try:
        node = await NodeTransport.open(asking, anchor, is_verifying=is_verifying)
        known = KnownLedgers()
        if known.of_url(url) is None:
            name = known.keep(node.genesis.ledger, url, node.genesis.hash)
            if anchor is None:
                _LOG.warning(
                    "%s was not known: it serves %s, whose genesis hash %s is trusted from now on, as %s in %s;"
                    " compare it with one that you got otherwise",
                    url, node.genesis.chain_id, node.genesis.hash.hex(), name, known.path,
                )  # fmt: skip
    except BaseException:
        await asking.link.close()
        raise
    return node


def _address_of(where: Where, genesis: Where | bytes | None) -> tuple[str | None, bytes | None]:
    """Return a node's address, None for a folder, and the genesis hash to trust. Raises: ConfigError."""
    anchor = None if genesis is None else genesis_hash_of(genesis)
    text = str(where)
    if is_address(text):
        known = KnownLedgers().of_url(text)
        return text, anchor or (None if known is None else known.genesis_hash)
    if not Path(where).exists():
        known = KnownLedgers().named(text)
        if known is not None:
            return known.url, anchor or known.genesis_hash
    return None, anchor


def _check_folder(genesis: Genesis, anchor: bytes | None) -> None:
    if anchor is not None and genesis.hash != anchor:
        raise ConfigError(f"this folder holds another ledger: {genesis.chain_id}")


def _keys_folder() -> Path:
    return KnownLedgers().path.parent / KEYS_FOLDER


def _key(name: str | None, folder: Where, passphrase: str | None) -> SigningKey | None:
    if name is None:
        return None
    secret = (
        read_passphrase(PassphraseSource.from_process(), f"key {name}")
        if passphrase is None
        else Secret.from_text(passphrase)
    )
    return unlock(Path(folder), name, secret)
