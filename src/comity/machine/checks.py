"""What every node checks of a transaction before it may be in a block (consensus rules R2 and R3.3).

Invariant: each check is a pure function of the bytes, the committed state and the time that is passed in; a signature
is verified once a node and remembered by the hash of its envelope.
"""

from collections.abc import Mapping
from itertools import islice

import msgspec

from comity.crypto import ed25519
from comity.crypto.hashing import sha256
from comity.errors import Malformed, Rejected
from comity.limits import (
    BYTES_PER_SENDER_PER_BLOCK_MAX,
    CALLS_PER_SENDER_PER_BLOCK_MAX,
    JOINS_PER_BLOCK_MAX,
    KEYS_PER_ACCOUNT_MAX,
    SECOND_NS,
    VALID_UNTIL_AHEAD_NS_MAX,
    VERIFIED_REMEMBERED_MAX,
)
from comity.machine.system import ACCOUNT, ACTIVE, KEY, SCOPE_JOINING, SEEN, AccountRow, KeyRow
from comity.model.account import key_id
from comity.model.names import split_action
from comity.model.transaction import Envelope, Transaction
from comity.sdk.declaration import Declaration
from comity.store.store import Store


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that passed the checks, with what they found.

    Args:
        data: wire form; identifier: 32-byte id.
        key: (key type, public key) that signed; scope: that key's.
        height: of the committed block that it was checked against.
    """

    data: bytes
    transaction: Transaction
    identifier: bytes
    key: tuple[int, bytes]
    scope: str
    height: int
    key_valid_until: int | None = None

    @property
    def is_joining(self) -> bool:
        """Tell whether the sender has no account yet."""
        return self.transaction.envelope.is_joining


class _Key(msgspec.Struct, frozen=True):
    kind: int
    public_key: bytes
    scope: str
    valid_until: int | None


class Checker:
    """Checks transactions against the last committed state."""

    def __init__(self, store: Store, genesis_hash: bytes, apps: Mapping[str, Declaration]) -> None:
        self._store = store
        self._genesis_hash = genesis_hash
        self._apps = apps
        self._verified: dict[bytes, bytes] = {}
        self._accounts: dict[bytes, tuple[str, dict[bytes, _Key]] | None] = {}

    def forget_accounts(self) -> None:
        """Read accounts and keys anew: a block changed them."""
        self._accounts.clear()

    def check(self, data: bytes, time_ns: int) -> Checked:
        """Return the transaction when a block of time ``time_ns`` may hold it.

        Raises: Rejected, with the first of: malformed, expired, too-far-ahead, duplicate, unknown-account, suspended,
            unknown-key, key-expired, not-open, bad-signature.
        """
        checked = self.check_unsigned(data, time_ns)
        self.verify(checked)
        return checked

    def check_unsigned(self, data: bytes, time_ns: int) -> Checked:
        """Return what only ``verify`` may still reject; the two together are ``check``. Raises: Rejected."""
        try:
            transaction = Transaction.decode(data)
        except Malformed as error:
            raise Rejected("malformed", str(error)) from error
        return self._check_content(data, transaction, time_ns)

    def verify(self, checked: Checked) -> None:
        """Check the signature of what ``check_unsigned`` returned, unless it is remembered; any thread may.

        Raises: Rejected (bad-signature).
        """
        envelope = checked.transaction.envelope
        digest = sha256(envelope.encode())
        public_key = checked.key[1]
        if self._verified.get(digest) == public_key:
            return
        message = envelope.to_be_signed(self._genesis_hash)
        if not ed25519.verify(public_key, message, envelope.signature):
            raise Rejected("bad-signature", "not signed by this key for this ledger; sign it again")
        if len(self._verified) >= VERIFIED_REMEMBERED_MAX:
            self._verified.clear()
        self._verified[digest] = public_key

    def check_decoded(self, data: bytes, transaction: Transaction, time_ns: int) -> Checked:
        """Return ``transaction`` when a block of time ``time_ns`` may hold it. Raises: Rejected."""
        checked = self._check_content(data, transaction, time_ns)
        self.verify(checked)
        return checked

    def _check_content(self, data: bytes, transaction: Transaction, time_ns: int) -> Checked:
        envelope = transaction.envelope
        check_valid_until(envelope.valid_until, time_ns)
        identifier = envelope.transaction_id(self._genesis_hash)
        if self.is_seen(envelope.valid_until, identifier):
            raise Rejected(
                "duplicate", "this transaction was ordered before; ask for its receipt by id"
            )
        key = (
            self._joining_key(transaction) if envelope.is_joining else self._key(envelope, time_ns)
        )
        return Checked(
            data=data,
            transaction=transaction,
            identifier=identifier,
            key=(key.kind, key.public_key),
            scope=key.scope,
            height=self._store.height,
            key_valid_until=key.valid_until,
        )

    def check_again(self, checked: Checked, time_ns: int) -> Checked:
        """Return what a block of time ``time_ns`` may hold; what cannot have changed since is not checked anew.

        Raises: Rejected.
        """
        if checked.height != self._store.height:
            return self.check_decoded(checked.data, checked.transaction, time_ns)
        check_valid_until(checked.transaction.envelope.valid_until, time_ns)
        _check_key_time(checked.key_valid_until, time_ns)
        return checked

    def is_seen(self, valid_until: int, identifier: bytes) -> bool:
        """Tell whether a committed block executed or refused this id already (rule R2.2)."""
        return self._store.tables[SEEN.name].get((valid_until, identifier)) is not None

    def _key(self, envelope: Envelope, time_ns: int) -> _Key:
        account = self._account(envelope.sender)
        if account is None:
            raise Rejected(
                "unknown-account", "the sender is no member of this ledger; join it first"
            )
        status, keys = account
        if status != ACTIVE:
            raise Rejected("suspended", "the sender is suspended; ask those who may lift it")
        key = keys.get(envelope.kid)
        if key is None:
            raise Rejected("unknown-key", "the account has no such key; sign with one that it has")
        _check_key_time(key.valid_until, time_ns)
        return key

    def _joining_key(self, transaction: Transaction) -> _Key:
        envelope = transaction.envelope
        if self._account(envelope.sender) is not None:
            raise Rejected("unknown-key", "the account exists: name its key by id, do not carry it")
        for call in transaction.calls:
            if not self._is_open(call.action):
                raise Rejected("not-open", f"only a member may call {call.action[:80]}; join first")
        if not transaction.calls:
            raise Rejected("not-open", "a joining transaction needs a call that lets it join")
        return _Key(envelope.kid[0], envelope.kid[1:], SCOPE_JOINING, None)

    def _is_open(self, action: str) -> bool:
        try:
            app, name = split_action(action)
        except Malformed:
            return False
        declaration = self._apps.get(app)
        found = None if declaration is None else declaration.actions.get(name)
        return found is not None and found.is_open and not found.is_timer

    def _account(self, account: bytes) -> tuple[str, dict[bytes, _Key]] | None:
        if account in self._accounts:
            return self._accounts[account]
        if len(self._accounts) >= VERIFIED_REMEMBERED_MAX:
            self._accounts.clear()
        row = self._store.tables[ACCOUNT.name].get((account,))
        found = None
        if row is not None:
            keys = {}
            rows = self._store.tables[KEY.name].range((account,), (account,))
            for record in islice(rows, KEYS_PER_ACCOUNT_MAX):
                key = KeyRow._make(record)
                keys[key_id(key.key)] = _Key(key.kind, key.key, key.scope, key.valid_until)
            found = (AccountRow._make(row).status, keys)
        self._accounts[account] = found
        return found


class BlockChecks:
    """Checks that concern several transactions of one block (rules R2.5 and R3.3)."""

    def __init__(self) -> None:
        self._ids: dict[bytes, None] = {}
        self._calls: dict[bytes, int] = {}
        self._bytes: dict[bytes, int] = {}
        self._joins = 0

    def add(self, checked: Checked) -> None:
        """Count one more transaction. Raises: Rejected (duplicate, sender-bound, join-bound), counting nothing."""
        if checked.identifier in self._ids:
            raise Rejected("duplicate", "this transaction stands in the block already")
        sender = checked.transaction.envelope.sender
        calls = self._calls.get(sender, 0) + len(checked.transaction.calls)
        size = self._bytes.get(sender, 0) + len(checked.data)
        if calls > CALLS_PER_SENDER_PER_BLOCK_MAX or size > BYTES_PER_SENDER_PER_BLOCK_MAX:
            raise Rejected(
                "sender-bound", "one sender's share of a block is used up; it waits for the next"
            )
        if checked.is_joining and self._joins >= JOINS_PER_BLOCK_MAX:
            raise Rejected("join-bound", "the block admits no more accounts; it waits for the next")
        self._joins += checked.is_joining
        self._ids[checked.identifier] = None
        self._calls[sender], self._bytes[sender] = calls, size

    def remove(self, checked: Checked) -> None:
        """Take back the last ``add``: the transaction was left out."""
        sender = checked.transaction.envelope.sender
        del self._ids[checked.identifier]
        self._calls[sender] -= len(checked.transaction.calls)
        self._bytes[sender] -= len(checked.data)
        self._joins -= checked.is_joining


def check_valid_until(valid_until: int, time_ns: int) -> None:
    """Refuse a ``valid_until`` outside (time, time + 24 h]. Raises: Rejected with expired or too-far-ahead."""
    if valid_until <= time_ns:
        late = (time_ns - valid_until) // SECOND_NS
        raise Rejected("expired", f"valid until {late} s before the block's time; sign it again")
    if valid_until > time_ns + VALID_UNTIL_AHEAD_NS_MAX:
        hours = VALID_UNTIL_AHEAD_NS_MAX // (3600 * SECOND_NS)
        raise Rejected("too-far-ahead", f"valid for more than {hours} h; set valid_until earlier")


def _check_key_time(valid_until: int | None, time_ns: int) -> None:
    if valid_until is not None and valid_until < time_ns:
        raise Rejected("key-expired", "the key is no longer valid; sign with another")


def waits(error: Rejected) -> bool:
    """Tell whether a transaction left out for ``error`` may enter a later block."""
    return error.code in ("sender-bound", "join-bound")
