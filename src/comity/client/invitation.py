"""Invitations: a key pair whose private half is handed to the guest as a word, or as a link that holds the word.

A link is the address of a node, and the word behind ``#``. A browser keeps that part to itself: neither the node that
shows the page of the link nor whoever reads its log learns the word.

Invariant: the word says which ledger it belongs to, with so much of the genesis hash that nobody can make another
ledger that fits; a mistyped character is noticed; the ledger itself knows the public half alone.
"""

from urllib.parse import urlsplit

import msgspec

from comity.crypto import bech32m, ed25519
from comity.crypto.hashing import sha256
from comity.errors import Malformed
from comity.limits import INVITATION_LEDGER_BYTES, INVITATION_SECRET_BYTES
from comity.model.account import possession_message
from comity.model.genesis import Genesis

PREFIX = "cmi"
PATH = "/j/"  # of the page at a node that tells a guest what the link is
TICKET_DIGITS = 12  # of the public key, that name an invitation in a link
LEDGER_DIGITS = 4  # of the genesis hash, that a person may compare
_SEED = b"comity invitation 1:"


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation's secret, and the start of its ledger's genesis hash, 16 bytes each."""

    secret: bytes
    ledger: bytes

    @classmethod
    def of(cls, secret: bytes, genesis_hash: bytes) -> "Invitation":
        """Return the invitation of ``INVITATION_SECRET_BYTES`` random bytes."""
        return cls(secret=secret, ledger=genesis_hash[:INVITATION_LEDGER_BYTES])

    @classmethod
    def from_text(cls, text: str) -> "Invitation":
        """Return the invitation that a word writes. Raises: Malformed."""
        prefix, data = bech32m.decode(text)
        if prefix != PREFIX or len(data) != INVITATION_SECRET_BYTES + INVITATION_LEDGER_BYTES:
            raise Malformed(f"this is no invitation: one starts with {PREFIX}1")
        return cls(secret=data[:INVITATION_SECRET_BYTES], ledger=data[INVITATION_SECRET_BYTES:])

    def to_text(self) -> str:
        """Return the word that the guest gets."""
        return bech32m.encode(PREFIX, self.secret + self.ledger)

    def to_link(self, url: str, genesis: Genesis) -> str:
        """Return the link at the node that others reach at ``url``."""
        return f"{url.rstrip('/')}{PATH}{ticket(genesis, self.public_key)}#{self.to_text()}"

    @property
    def public_key(self) -> bytes:
        """Return the half that the ledger knows."""
        return ed25519.public_key(self._seed)

    @property
    def _seed(self) -> bytes:
        return sha256(_SEED + self.secret)

    def is_for(self, genesis_hash: bytes) -> bool:
        """Tell whether the invitation is to this ledger."""
        return genesis_hash.startswith(self.ledger)

    def proof(self, genesis_hash: bytes, account: bytes) -> bytes:
        """Return the signature that lets ``account`` use the invitation."""
        return ed25519.sign(self._seed, possession_message(genesis_hash, account))

    def __repr__(self) -> str:
        return f"Invitation({self.public_key.hex()})"


def ticket(genesis: Genesis, public_key: bytes) -> str:
    """Return what names an invitation in a link: ledger, start of its genesis hash, start of the public key."""
    digits = genesis.hash.hex()[:LEDGER_DIGITS]
    return f"{genesis.ledger}-{digits}-{public_key.hex()[:TICKET_DIGITS]}"


def ticket_of(link: str) -> str:
    """Return the part of a link that names the invitation, which a node may see."""
    return link.partition(PATH)[2].partition("#")[0]


def is_link(text: str) -> bool:
    """Tell whether a text is meant as a link."""
    return "://" in text


def from_link(text: str) -> tuple[str, Invitation]:
    """Return the node's address and the invitation that a link holds. Raises: Malformed."""
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_whole = False
    path, found, _ = parts.path.partition(PATH) if is_whole else ("", "", "")
    if not found:
        raise Malformed(
            f"this is no link to join: one reads http://HOST:PORT{PATH}...#{PREFIX}1..."
        )
    if not parts.fragment:
        raise Malformed(f"the link lacks its end: # and the word that starts with {PREFIX}1")
    return f"{parts.scheme}://{parts.netloc}{path}", Invitation.from_text(parts.fragment)
