"""A small ledger to attack: made-up members with real keys, the real machine, a clock that the test turns.

Invariant: everything follows from names and numbers that the test gives, so each run makes the same bytes.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from comity.crypto import cbor, ed25519
from comity.machine.candidate import Candidate
from comity.machine.checks import Checked
from comity.machine.machine import Machine, Prepared
from comity.model.account import account_id, key_id
from comity.model.evidence import Evidence
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.receipt import Receipt
from comity.model.transaction import Call, signed, unsigned
from comity.sdk.app import App
from comity.sdk.declaration import Declaration
from comity.store.store import Store

START_NS = 1_700_000_000 * 10**9
SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
MEMBERS = ("ana", "bo", "cy")
NODE = "node"

Calls = Sequence[tuple[str, Mapping[str, Any]]]


@cache
def seed_of(name: str) -> bytes:
    """Return the secret seed of a made-up person."""
    return name.encode().ljust(32, b".")


@cache
def key_of(name: str) -> bytes:
    """Return the public key of a made-up person."""
    return ed25519.public_key(seed_of(name))


@cache
def account_of(name: str) -> bytes:
    """Return the account that a made-up person's first key founds."""
    return account_id(key_of(name))


def genesis_of(
    apps: Sequence[App],
    *,
    founders: Sequence[str] = MEMBERS,
    parameters: Sequence[tuple[str, str, cbor.Value]] = (),
    block_interval_s: int = 0,
    ledger: str = "small",
) -> Genesis:
    """Return the genesis of a ledger with these apps and founders."""
    declared = [app.declaration for app in apps]
    return Genesis(
        ledger=ledger,
        time_ns=START_NS,
        salt=b"s" * 16,
        apps=tuple(
            GenesisApp(
                name=one.name, version=one.version, schema_hash=one.schema_hash, grants=one.grants
            )
            for one in declared
        ),
        founders=tuple(
            Founder(name=name, key_type=1, public_key=key_of(name)) for name in founders
        ),
        nodes=(GenesisNode(key_type=1, public_key=key_of(NODE)),),
        parameters=tuple(parameters),
        block_interval_s=block_interval_s,
    )


def sign(
    genesis: Genesis,
    by: str,
    calls: Calls,
    *,
    valid_until: int,
    salt: bytes,
    key: str | None = None,
    is_joining: bool = False,
) -> bytes:
    """Return the bytes of a transaction of ``by``, signed with the key of ``key``."""
    public_key = key_of(key or by)
    transaction = unsigned(
        sender=account_of(by),
        kid=b"\1" + public_key if is_joining else key_id(public_key),
        valid_until=valid_until,
        salt=salt,
        calls=[Call(action, dict(arguments)) for action, arguments in calls],
    )
    message = transaction.envelope.to_be_signed(genesis.hash)
    return signed(transaction, ed25519.sign(seed_of(key or by), message)).encode()


def evidence_of(genesis: Genesis, height: int, app_hash: bytes) -> bytes:
    """Return the node's signed evidence of one block."""
    kid = key_id(key_of(NODE))
    plain = Evidence(height=height, app_hash=app_hash, kid=kid)
    signature = ed25519.sign(seed_of(NODE), plain.to_be_signed(genesis.hash))
    return Evidence(height=height, app_hash=app_hash, kid=kid, signature=signature).encode()


class World:
    """One machine over one store.

    Args:
        store: empty, or open at some block; by default one in memory.
    """

    def __init__(
        self, apps: Sequence[App], *, genesis: Genesis | None = None, store: Store | None = None
    ) -> None:
        self.genesis = genesis or genesis_of(apps)
        self.apps: dict[str, Declaration] = {app.name: app.declaration for app in apps}
        self.store = store or Store.in_memory()
        self.machine = Machine(self.store, self.genesis, self.apps)
        if self.store.height < 0:
            self.commit(self.machine.start())
        self.now_ns = max(START_NS, self.store.time_ns)
        self._signed = 0

    def commit(self, candidate: Candidate) -> None:
        """Commit a finalized block with the node's evidence."""
        self.machine.commit(evidence_of(self.genesis, candidate.height, candidate.app_hash))

    def transaction(
        self,
        by: str,
        *calls: tuple[str, Mapping[str, Any]],
        valid_until: int | None = None,
        key: str | None = None,
        is_joining: bool = False,
    ) -> bytes:
        """Return a signed transaction that no other equals, valid for an hour unless told."""
        self._signed += 1
        return sign(
            self.genesis,
            by,
            calls,
            valid_until=self.now_ns + HOUR_NS if valid_until is None else valid_until,
            salt=self._signed.to_bytes(16, "big"),
            key=key,
            is_joining=is_joining,
        )

    def script(self, by: str, app: str, *steps: list[Any], **options: Any) -> bytes:
        """Return a signed transaction of one call of ``script``."""
        return self.transaction(by, (f"{app}.script", {"steps": {"steps": list(steps)}}), **options)

    def check(self, data: bytes) -> Checked:
        """Return a transaction as admission does. Raises: Rejected."""
        return self.machine.check(data, self.now_ns)

    def prepare(self, *transactions: bytes, forward_ns: int = SECOND_NS) -> Prepared:
        """Turn the clock on and execute a block of what can enter it."""
        self.now_ns += forward_ns
        checked = [self.check(data) for data in transactions]
        return self.machine.prepare(checked, self.now_ns, key_id(key_of(NODE)))

    def block(self, *transactions: bytes, forward_ns: int = SECOND_NS) -> Candidate:
        """Commit one block with all of ``transactions`` and return it."""
        prepared = self.prepare(*transactions, forward_ns=forward_ns)
        left_out = [(one.code, one.message) for one in prepared.left_out]
        if prepared.candidate is None or left_out:
            raise ValueError(f"left out: {left_out}")
        candidate = self.machine.finalize(prepared.candidate.entries)
        self.commit(candidate)
        return candidate

    def run(self, by: str, app: str, *steps: list[Any]) -> Receipt:
        """Commit one block with one ``script`` and return its receipt."""
        return self.block(self.script(by, app, *steps)).outcomes[0].receipt
