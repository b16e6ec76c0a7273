"""A ledger in this process for the tests of an application: real keys, signatures, blocks and rules.

Invariant: nothing is simulated but time, which stands still until ``advance``; two ledgers that are
asked the same have the same app hash.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar

from comity.client.signing import sign_calls
from comity.crypto import cbor, trie
from comity.crypto.hashing import sha256
from comity.errors import Rejected
from comity.limits import SALT_BYTES, SECOND_NS
from comity.machine.candidate import Candidate
from comity.machine.machine import Machine
from comity.model.account import KEY_TYPE_ED25519, possession_message
from comity.model.column import ColumnValue
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.transaction import Call
from comity.query.views import ViewReader
from comity.sdk.app import App
from comity.sdk.arguments import check_arguments
from comity.sdk.context import Context, Reader, SharedTable
from comity.sdk.declaration import Declaration
from comity.sdk.load import load_apps
from comity.sdk.refusals import Refusal
from comity.sdk.row import Row, row_from_values
from comity.store.catalog import table_key
from comity.store.store import Store
from comity.testing import faults
from comity.testing.failures import InvariantBroken, NotRefused, ReplayDiffers, StateChanged
from comity.testing.outcomes import Outcomes
from comity.testing.people import NAMES, Person
from comity.testing.planned import PlannedCall, call, plain_arguments

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Row)
Refused = TypeVar("Refused", bound=Refusal)
Calls: TypeAlias = PlannedCall[Any] | Sequence[PlannedCall[Any]]
Entry: TypeAlias = tuple[str, Calls] | bytes

START_NS = 1_700_000_000 * 10**9  # 2023-11-14 22:13:20 UTC
VALID_FOR_S = 600

_NODE = Person("node")
_ADMIN = ("admin",)


class Ledger:
    """A ledger that runs applications for a test.

    Args:
        apps: an ``App``, or the name of an installed one, each.
        founders: names of the accounts that are there from the start, or their roles by name. Of
            mere names the first has the role ``admin``, which counts where the app ``members`` runs.
        parameters: genesis parameters, by ``app.name``.
        time_ns: of the genesis, UTC.
        checks_invariants: check the apps' invariants after each block.
    Raises: ConfigError, when an app refuses the genesis; BadDeclaration.

    """

    def __init__(
        self,
        *apps: App | str,
        founders: Sequence[str] | Mapping[str, Sequence[str]] = NAMES,
        parameters: Mapping[str, cbor.Value] | None = None,
        time_ns: int = START_NS,
        checks_invariants: bool = True,
    ) -> None:
        declared = [_declaration(app) for app in apps]
        self.apps: Mapping[str, Declaration] = {app.name: app for app in declared}
        self.genesis = _genesis(declared, founders, parameters or {}, time_ns)
        self.store = Store.in_memory()
        self.machine = Machine(self.store, self.genesis, self.apps)
        self.machine.start()
        self.machine.commit()
        self.checks_invariants = checks_invariants
        self._outcomes = Outcomes(self.apps)
        self._readers = {app.name: ViewReader(self.store.connection, app) for app in declared}
        self._people: dict[str, Person] = {}
        self._now_ns = time_ns
        self._signed_count = 0
        self._check_invariants("the genesis")

    # --- who and when ---

    def account(self, name: str) -> bytes:
        """Return the 20-byte account that the key of ``name`` founds."""
        return self._person(name).account_id

    def public_key(self, name: str) -> bytes:
        """Return the 32-byte public key of ``name``."""
        return self._person(name).public_key

    def proof(self, key: str, account: str) -> bytes:
        """Return the signature by which the key of one name asks to belong to another's account."""
        return self._person(key).sign(possession_message(self.genesis.hash, self.account(account)))

    @property
    def time_ns(self) -> int:
        """Return the ledger's time, in nanoseconds UTC; the next block has it, or one later."""
        return max(self._now_ns, self.store.time_ns)

    @property
    def height(self) -> int:
        """Return the height of the last block; 0 is the genesis."""
        return self.store.height

    def advance(self, seconds: int) -> int:
        """Let time pass, firing each timer as soon as it is due; return how many blocks that took.

        Raises: AppFault, when a timer's code fails.
        """
        if type(seconds) is not int or seconds < 0:
            raise ValueError("time passes in whole seconds, forward")
        target_ns = self.time_ns + seconds * SECOND_NS
        blocks = 0
        while (due_ns := self.machine.next_timer_ns()) is not None and due_ns < target_ns:
            self._now_ns = max(due_ns + 1, self._now_ns)
            self._commit((), "timers")
            blocks += 1
        self._now_ns = target_ns
        return blocks

    # --- transactions ---

    def run(
        self,
        action: Callable[Concatenate[Context, P], T],
        by: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call one action in a block of its own and return its result.

        Args:
            by: name of who signs.

        Raises: the refusal, when the action refuses; Rejected, when the transaction cannot be
            ordered; AppFault, caused by whatever else the action raised.
        """
        (outcome,) = self.block([(by, call(action, *args, **kwargs))])
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # of the type that the action declares

    def refuses(
        self,
        refusal: type[Refused],
        action: Callable[Concatenate[Context, P], Any],
        by: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Refused:
        """Call one action that must be refused so, without a trace; return the refusal.

        Raises: NotRefused, StateChanged.
        """
        planned, before = call(action, *args, **kwargs), self.root()
        (outcome,) = self.block([(by, planned)])
        if not isinstance(outcome, refusal):
            shown = (
                f"was refused with {outcome}" if isinstance(outcome, Refusal) else "was executed"
            )
            raise NotRefused(f"{by}: {planned} {shown}, not refused with {refusal.__name__}")
        if self.root() != before:
            raise StateChanged(f"{by}: {planned} was refused and changed the tables")
        return outcome

    def block(self, entries: Sequence[Entry]) -> list[Any]:
        """Execute several transactions in one block, in order, each all or nothing.

        Args:
            entries: (who signs, a planned call or several), or a signed transaction's bytes.

        Returns: for each its result, a list of results for several calls, or the refusal.
        Raises: Rejected, AppFault: there is no block then.
        """
        signed = [
            entry if isinstance(entry, bytes) else self.transaction(*entry) for entry in entries
        ]
        shown = "; ".join(_shown(entry) for entry in entries)
        candidate = self._commit([*signed], shown)
        several = [
            not isinstance(entry, bytes) and not isinstance(entry[1], PlannedCall)
            for entry in entries
        ]
        return [
            self._outcomes.of(outcome, is_several=is_several)
            for outcome, is_several in zip(candidate.outcomes, several, strict=True)
        ]

    def transaction(
        self, by: str, calls: Calls, *, key: str | None = None, valid_for_s: int = VALID_FOR_S
    ) -> bytes:
        """Return a signed transaction, for ``block``; who has no account yet carries the key to join.

        Args:
            key: name of the key that signs, when it is not the account's first.

        """
        planned = [calls] if isinstance(calls, PlannedCall) else list(calls)
        self._signed_count += 1
        account = self.account(by)
        return sign_calls(
            self._person(key or by),
            [Call(self._outcomes.name_of(one.action), one.arguments) for one in planned],
            genesis_hash=self.genesis.hash,
            expires_ns=self.time_ns + valid_for_s * SECOND_NS,
            salt=self._signed_count.to_bytes(SALT_BYTES, "big"),
            account=account,
            is_joining=self.store.tables["comity_account"].get((account,)) is None,
        ).encode()

    # --- reading ---

    def rows(self, table: type[R]) -> list[R]:
        """Return all rows of a table, in key order. Cost: O(rows)."""
        stored = self.store.tables[self._app_of(table).tables[table].name]
        return [row_from_values(table, stored.codec.columns(row)) for row in stored.scan()]

    def find(self, table: type[R], *key: ColumnValue) -> R | None:
        """Return the row with ``key``, or None."""
        with self._reading(self._app_of(table).name) as db:
            return db.find(table, *key)

    def table(self, name: str) -> SharedTable:
        """Return a table made at run time, to read. Raises: TableNotFound."""
        return next(iter(self._readers.values())).table(name)

    def view(
        self, view: Callable[Concatenate[Reader, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what a view says after the last block. Raises: the view's refusals, QueryError."""
        app, declared = self._outcomes.view_of(view)
        arguments = check_arguments(declared, plain_arguments(view, *args, **kwargs))
        with self._reading(app) as db:
            result = declared.function(db, **arguments)
        return self._outcomes.checked(f"{app}.{declared.name}", declared, result)  # type: ignore[no-any-return]  # of the type that the view declares

    def check_invariants(self) -> None:
        """Check what the apps declare to hold always. Raises: InvariantBroken."""
        for name, app in self.apps.items():
            for invariant in app.invariants:
                with self._reading(name) as db:
                    holds = invariant.function(db)
                if holds is not True:
                    raise InvariantBroken(f"{name}.{invariant.name}: {invariant.doc}")

    def root(self) -> bytes:
        """Return the root over all tables of apps: a refused call leaves it as it was."""
        leaves = {
            name: leaf for name, leaf in self.store.leaves.items() if not name.startswith("comity_")
        }
        return trie.root_of(
            sorted((table_key(name), sha256(leaf)) for name, leaf in leaves.items())
        )

    @property
    def app_hash(self) -> bytes:
        """Return the app hash: it also covers accounts, timers, ids seen and the log."""
        return self.store.app_hash

    def check_replay(self) -> None:
        """Execute all blocks again on a machine of its own. Raises: ReplayDiffers."""
        again = Machine(Store.in_memory(), self.genesis, self.apps)
        again.start()
        again.commit()
        for height, entries, app_hash in self._blocks():
            candidate = again.finalize(entries)
            if candidate.app_hash != app_hash:
                raise ReplayDiffers(
                    f"block {height} gives another app hash when it is executed again: an action"
                    " uses something else than its arguments and ctx"
                )
            again.commit()
        again.store.close()

    # --- the end ---

    def close(self) -> None:
        """Free the memory at once; otherwise it is freed with the object."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- inside ---

    def _app_of(self, table: type[Row]) -> Declaration:
        for app in self.apps.values():
            if table in app.tables:
                return app
        raise LookupError(f"{table.__name__} is no table of {', '.join(self.apps)}")

    def _person(self, name: str) -> Person:
        return self._people.setdefault(name, Person(name))

    def _commit(self, transactions: Sequence[bytes], shown: str) -> Candidate:
        now_ns = self.time_ns
        checked = [self.machine.check(data, now_ns) for data in transactions]
        prepared = self.machine.prepare(checked, now_ns, _NODE.key_id)
        for left_out in prepared.left_out:
            faults.raise_transaction_fault(self.machine, left_out, now_ns)
            raise Rejected(left_out.code, left_out.message)
        candidate = prepared.candidate
        if candidate is None:
            raise ValueError("a block needs a transaction or a timer that is due")
        faults.raise_timer_fault(self.machine, candidate)
        self.machine.finalize(candidate.entries)
        self.machine.commit()
        self._check_invariants(shown)
        return candidate

    def _check_invariants(self, after: str) -> None:
        if self.checks_invariants:
            try:
                self.check_invariants()
            except InvariantBroken as broken:
                raise InvariantBroken(f"{broken} This does not hold after {after}") from None

    @contextmanager
    def _reading(self, app: str) -> Iterator[Reader]:
        """Give a reader; whatever SQL an author writes, nothing is changed."""
        connection = self.store.connection
        connection.execute("PRAGMA query_only = 1").fetchall()
        try:
            yield self._readers[app]
        finally:
            connection.execute("PRAGMA query_only = 0").fetchall()

    def _blocks(self) -> Iterator[tuple[int, list[bytes], bytes]]:
        run = self.store.connection.execute
        blocks = run("SELECT height, app_hash FROM comity_block WHERE height > 0 ORDER BY height")
        for height, app_hash in blocks.fetchall():
            entries = run(
                "SELECT bytes FROM comity_transaction WHERE height = ? ORDER BY position", (height,)
            )
            yield height, [data for (data,) in entries], app_hash  # type: ignore[misc]  # STRICT columns


def _declaration(app: App | str) -> Declaration:
    return (load_apps([app])[app] if isinstance(app, str) else app).declaration


def _genesis(
    apps: Sequence[Declaration],
    founders: Sequence[str] | Mapping[str, Sequence[str]],
    parameters: Mapping[str, cbor.Value],
    time_ns: int,
) -> Genesis:
    if not isinstance(founders, Mapping):
        founders = {name: () if at else _ADMIN for at, name in enumerate(founders)}
    genesis = Genesis(
        ledger="test",
        time_ns=time_ns,
        salt=bytes(SALT_BYTES),
        apps=tuple(
            GenesisApp(
                name=app.name, version=app.version, schema_hash=app.schema_hash, grants=app.grants
            )
            for app in apps
        ),
        founders=tuple(
            Founder(
                name=name,
                key_type=KEY_TYPE_ED25519,
                public_key=Person(name).public_key,
                roles=tuple(roles),
            )
            for name, roles in founders.items()
        ),
        nodes=(GenesisNode(key_type=KEY_TYPE_ED25519, public_key=_NODE.public_key),),
        parameters=tuple((*_split(name), value) for name, value in parameters.items()),
    )
    genesis.check()
    return genesis


def _split(parameter: str) -> tuple[str, str]:
    app, dot, name = parameter.partition(".")
    if not dot:
        raise ValueError(f"a parameter is named app.name, not {parameter!r}")
    return app, name


def _shown(entry: Entry) -> str:
    if isinstance(entry, bytes):
        return "a signed transaction"
    by, calls = entry
    planned = [calls] if isinstance(calls, PlannedCall) else calls
    return f"{by}: {', '.join(map(str, planned))}"
