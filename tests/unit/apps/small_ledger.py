"""A ledger in memory for the tests of applications: real keys and signatures, the real machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from comity.crypto import cbor, ed25519
from comity.crypto.hashing import sha256
from comity.machine.candidate import Candidate
from comity.machine.database import Database
from comity.machine.machine import Machine
from comity.machine.state import State
from comity.model.account import account_id, possession_message
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.receipt import Receipt
from comity.model.transaction import Call, signed, unsigned
from comity.sdk.app import App
from comity.sdk.arguments import check_arguments
from comity.sdk.checks import value_of
from comity.sdk.refusals import Refusal
from comity.store.store import Store

START_NS = 1_700_000_000 * 10**9
SECOND_NS = 10**9

Calls = Sequence[tuple[str, Mapping[str, Any]]]


def seed_of(name: str) -> bytes:
    """Return the secret seed of a made-up person."""
    return sha256(name.encode())


def key_of(name: str) -> bytes:
    """Return the public key of a made-up person."""
    return ed25519.public_key(seed_of(name))


def account_of(name: str) -> bytes:
    """Return the account that a made-up person's first key founds."""
    return account_id(key_of(name))


class SmallLedger:
    """Two machines over stores in memory: one makes the blocks, the other checks and repeats them.

    Each person's key is made from the name.
    """

    def __init__(
        self,
        apps: Sequence[App],
        founders: Mapping[str, Sequence[str]],
        parameters: Sequence[tuple[str, str, cbor.Value]] = (),
    ) -> None:
        declared = [app.declaration for app in apps]
        self.genesis = Genesis(
            ledger="small",
            time_ns=START_NS,
            salt=b"s" * 16,
            apps=tuple(
                GenesisApp(
                    name=one.name,
                    version=one.version,
                    schema_hash=one.schema_hash,
                    grants=one.grants,
                )
                for one in declared
            ),
            founders=tuple(
                Founder(name=name, key_type=1, public_key=key_of(name), roles=tuple(roles))
                for name, roles in founders.items()
            ),
            nodes=(GenesisNode(key_type=1, public_key=key_of("node")),),
            parameters=tuple(parameters),
        )
        self.apps = {one.name: one for one in declared}
        self.store = Store.in_memory()
        self.machine = self._started(self.store)
        self.follower = self._started(Store.in_memory())
        self.now_ns = START_NS
        self._signed = 0

    @property
    def app_hash(self) -> bytes:
        """Return the app hash of the last block."""
        return self.store.app_hash

    def transaction(
        self, by: str, calls: Calls, *, key: str | None = None, is_joining: bool = False
    ) -> bytes:
        """Return the bytes of a transaction of ``by``, signed with the key of ``key``."""
        self._signed += 1
        public_key = key_of(key or by)
        transaction = unsigned(
            sender=account_of(by),
            kid=b"\1" + public_key if is_joining else account_id(public_key),
            valid_until=self.now_ns + 3600 * SECOND_NS,
            salt=self._signed.to_bytes(16, "big"),
            calls=[Call(action, dict(arguments)) for action, arguments in calls],
        )
        message = transaction.envelope.to_be_signed(self.genesis.hash)
        return signed(transaction, ed25519.sign(seed_of(key or by), message)).encode()

    def block(self, *transactions: bytes) -> list[Receipt]:
        """Execute one block on both machines and return its receipts in order."""
        candidate = self.propose(*transactions)
        for machine in (self.machine, self.follower):
            machine.process(candidate.entries, self.now_ns)
            machine.finalize(candidate.entries)
            machine.commit()
        if self.follower.store.app_hash != self.app_hash:
            raise ValueError("two machines made two states of one block")
        return [outcome.receipt for outcome in candidate.outcomes]

    def propose(self, *transactions: bytes) -> Candidate:
        """Execute one block and return it without committing it."""
        self.now_ns += SECOND_NS
        checked = [self.machine.check(data, self.now_ns) for data in transactions]
        prepared = self.machine.prepare(checked, self.now_ns, account_of("node"))
        left_out = [(one.code, one.message) for one in prepared.left_out]
        if prepared.candidate is None or left_out:
            raise ValueError(f"left out: {left_out}")
        return prepared.candidate

    def run(
        self, by: str, *calls: tuple[str, Mapping[str, Any]], key: str | None = None
    ) -> Receipt:
        """Execute one transaction in a block of its own and return its receipt."""
        return self.block(self.transaction(by, calls, key=key))[0]

    def call(self, by: str, action: str, /, **arguments: Any) -> Any:
        """Execute one call and return its result; a refusal is raised as ``Refused``."""
        receipt = self.run(by, (action, arguments))
        return result_of(receipt)

    def join(self, by: str, /, **arguments: Any) -> Any:
        """Execute ``members.join`` by somebody who is no member."""
        calls = [("members.join", arguments)]
        return result_of(self.block(self.transaction(by, calls, is_joining=True))[0])

    def proof(self, key: str, account: str) -> bytes:
        """Return the signature of the key of ``key`` that it is for ``account``."""
        message = possession_message(self.genesis.hash, account_of(account))
        return ed25519.sign(seed_of(key), message)

    def view(self, name: str, /, **arguments: Any) -> Any:
        """Return what a view says of the last block. Raises: Refusal."""
        app, _, title = name.partition(".")
        view = self.apps[app].views[title]
        reader = Database(State(self.store), self.apps[app], b"")
        return value_of(view.function(reader, **check_arguments(view, arguments)))

    def holds(self, app: str) -> bool:
        """Tell whether every invariant of the app holds."""
        reader = Database(State(self.store), self.apps[app], b"")
        return all(one.function(reader) for one in self.apps[app].invariants)

    def close(self) -> None:
        """Close the stores."""
        self.store.close()
        self.follower.store.close()

    def _started(self, store: Store) -> Machine:
        machine = Machine(store, self.genesis, self.apps)
        machine.start()
        machine.commit()
        return machine


class Refused(Exception):
    """A call was refused; ``name`` as in ``app.code``."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(f"{receipt.app} {receipt.code} {receipt.fields}")
        self.refusal = (receipt.app, receipt.code)
        self.fields = receipt.fields


def result_of(receipt: Receipt) -> Any:
    """Return the result of a receipt's one call. Raises: Refused."""
    if not receipt.is_ok:
        raise Refused(receipt)
    return receipt.results[0]


def is_refusal(refused: Refused, refusal: type[Refusal]) -> bool:
    """Tell whether a call was refused in this way."""
    return refused.refusal == (refusal.app, refusal.code)
