"""Accounts and keys: the SDK's ``Accounts`` over the machine's own tables (consensus rule R2.4).

Invariant: an account's row is never deleted, and an account always keeps one key with the scope ``owner``.
"""

from comity.crypto import ed25519
from comity.crypto.ordered import encode_key
from comity.errors import Malformed
from comity.limits import KEYS_PER_ACCOUNT_MAX
from comity.machine.state import State
from comity.machine.system import (
    ACCOUNT,
    ACTIVE,
    KEY,
    SCOPE_DAILY,
    SCOPE_OWNER,
    SUSPENDED,
    AccountRow,
    KeyRow,
)
from comity.model.account import KEY_TYPE_ED25519, account_id, possession_message
from comity.sdk.standard import (
    AccountExists,
    AccountNotFound,
    BadArgument,
    BadKey,
    KeyExists,
    KeyNotFound,
    LastKey,
    TooManyKeys,
)


class MachineAccounts:
    """Reads and changes accounts within one transaction."""

    def __init__(self, state: State, genesis_hash: bytes) -> None:
        self._state = state
        self._genesis_hash = genesis_hash

    def exists(self, account: bytes) -> bool:
        """Tell whether the account exists."""
        return self._account(account) is not None

    def status(self, account: bytes) -> str | None:
        """Return ``active`` or ``suspended``, or None for no such account."""
        row = self._account(account)
        return None if row is None else row.status

    def admit(self, key_type: int, public_key: bytes) -> bytes:
        """Make the account of a first key and return its id. Raises: AccountExists, BadKey."""
        account = self._account_of(key_type, public_key)
        if self._account(account) is not None:
            raise AccountExists(account=account)
        self._state.attempt(lambda: self._found(account, key_type, public_key))
        return account

    def set_status(self, account: bytes, status: str) -> None:
        """Set ``active`` or ``suspended``. Raises: AccountNotFound, BadArgument."""
        if type(status) is not str or status not in (ACTIVE, SUSPENDED):
            raise BadArgument(argument="status", problem="active or suspended is needed")
        if self._account(account) is None:
            raise AccountNotFound(account=account)
        row = AccountRow(self._state.position, account, status)
        self._state.write(self._state.system(ACCOUNT), encode_key((account,)), row)

    def add_key(
        self, account: bytes, key_type: int, public_key: bytes, scope: str, proof: bytes
    ) -> None:
        """Add a key. Raises: AccountNotFound, BadArgument, BadKey, KeyExists, TooManyKeys."""
        if self._account(account) is None:
            raise AccountNotFound(account=account)
        if type(scope) is not str or scope not in (SCOPE_OWNER, SCOPE_DAILY):
            raise BadArgument(argument="scope", problem="owner or daily is needed")
        self._account_of(key_type, public_key)
        if not self.verify_proof(public_key, account, proof):
            raise BadKey(problem="the key did not sign for this account")
        rows = self._key_rows(account)
        if any(row.key == public_key for row in rows):
            raise KeyExists(public_key=public_key)
        if len(rows) >= KEYS_PER_ACCOUNT_MAX:
            raise TooManyKeys(keys_max=KEYS_PER_ACCOUNT_MAX)
        self._write_key(account, key_type, public_key, scope)

    def remove_key(self, account: bytes, public_key: bytes) -> None:
        """Remove a key. Raises: KeyNotFound, LastKey."""
        rows = self._key_rows(account)
        kept = [row for row in rows if row.key != public_key]
        if len(kept) == len(rows):
            raise KeyNotFound(account=account)
        if all(row.scope != SCOPE_OWNER for row in kept):
            raise LastKey(account=account)
        table, values = self._state.system(KEY), (account, public_key)
        key = encode_key(values)
        self._state.get(table, key, values)  # a write rests on the version that was read
        self._state.write(table, key, None)

    def keys(self, account: bytes) -> list[tuple[bytes, str]]:
        """Return (public key, scope) of each key, in key order."""
        return [(row.key, row.scope) for row in self._key_rows(account)]

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Verify an Ed25519 signature strictly."""
        return ed25519.verify(public_key, message, signature)

    def verify_proof(self, public_key: bytes, account: bytes, proof: bytes) -> bool:
        """Tell whether ``proof`` is the key's signature over CBOR [genesis hash, account]."""
        return self.verify(public_key, possession_message(self._genesis_hash, account), proof)

    def _account(self, account: bytes) -> AccountRow | None:
        if type(account) is not bytes:
            raise BadArgument(argument="account", problem="bytes are needed")
        row = self._state.get(self._state.system(ACCOUNT), encode_key((account,)), (account,))
        return None if row is None else AccountRow._make(row)

    def _found(self, account: bytes, key_type: int, public_key: bytes) -> None:
        row = AccountRow(self._state.position, account, ACTIVE)
        self._state.write(self._state.system(ACCOUNT), encode_key((account,)), row)
        self._write_key(account, key_type, public_key, SCOPE_OWNER)

    def _key_rows(self, account: bytes) -> list[KeyRow]:
        found = self._state.system(KEY).range(
            (account,), (account,), None, KEYS_PER_ACCOUNT_MAX + 1
        )
        self._state.touch(len(found))
        return [KeyRow._make(row) for row in found]

    def _write_key(self, account: bytes, key_type: int, public_key: bytes, scope: str) -> None:
        table, values = self._state.system(KEY), (account, public_key)
        key = encode_key(values)
        self._state.get(table, key, values)
        row = KeyRow(self._state.position, account, public_key, key_type, scope, None)
        self._state.write(table, key, row)

    def _account_of(self, key_type: int, public_key: bytes) -> bytes:
        if type(key_type) is not int or key_type != KEY_TYPE_ED25519:
            raise BadKey(problem="only Ed25519 keys (type 1) are known")
        if type(public_key) is not bytes:
            raise BadKey(problem="a key is bytes")
        try:
            return account_id(public_key)
        except Malformed:
            raise BadKey(problem="an Ed25519 key has 32 bytes") from None
