"""The context of a call: implements the SDK's ``Context`` over a candidate's state.

Invariant: everything a context tells is a function of the state and the block, never of the host.
"""

from collections.abc import Mapping
from typing import Any

from comity.crypto import cbor
from comity.crypto.hashing import TAG_TIMER_SALT, tagged
from comity.crypto.ordered import encode_key
from comity.errors import Malformed
from comity.limits import (
    BYTES_MAX,
    CALL_DEPTH_MAX,
    INT64_MAX,
    SALT_BYTES,
    SCHEMA_VERSIONS_BYTES_MAX,
    TABLES_EVER_MAX,
    TABLES_MAX,
    TIMER_DELAY_NS_MIN,
)
from comity.machine.accounts import MachineAccounts
from comity.machine.database import Database
from comity.machine.pending import PendingTable
from comity.machine.state import State
from comity.machine.system import SCHEMA, TIMER, SchemaRow, TimerRow
from comity.model.row import StoredRow
from comity.model.schema import TableSchema, versions_from_value, versions_value
from comity.sdk.arguments import check_arguments
from comity.sdk.declaration import Declaration
from comity.sdk.standard import (
    BadSchema,
    BadTimer,
    CallsTooDeep,
    NotAuthorized,
    NotGranted,
    TableExists,
    TableNotEmpty,
    TableNotFound,
    TablesUsedUp,
    TooManyTables,
    UnknownAction,
)

GRANT_SCHEMA = "schema"
GRANT_ACCOUNTS = "accounts"
_TOO_EARLY = f"set it {TIMER_DELAY_NS_MIN // 10**9} s or more after the block's time"
_SEQUENCE_BITS = 20  # a writer sets fewer timers than it may touch rows


class Writer:
    """Who writes: facts of the transaction or timer that a context passes on."""

    __slots__ = ("identifier", "key", "salt", "scope", "sender", "timers_set")

    def __init__(
        self, *, sender: bytes, identifier: bytes, salt: bytes, key: tuple[int, bytes], scope: str
    ) -> None:
        self.sender = sender
        self.identifier = identifier
        self.salt = salt
        self.key = key
        self.scope = scope
        self.timers_set = 0


class BlockFacts:
    """What all calls of a block share."""

    __slots__ = ("genesis_hash", "granted", "height", "time_ns")

    def __init__(
        self,
        *,
        genesis_hash: bytes,
        height: int,
        time_ns: int,
        granted: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.genesis_hash = genesis_hash
        self.height = height
        self.time_ns = time_ns
        self.granted = granted


class ActionContext:
    """What one app's actions see within one transaction."""

    def __init__(self, state: State, facts: BlockFacts, writer: Writer, app: Declaration) -> None:
        self._state = state
        self._facts = facts
        self._writer = writer
        self._app = app
        self._depth = 0
        self.db = Database(state, app, writer.salt)

    @property
    def sender(self) -> bytes:
        """Return the account that signed; for a timer, the empty string."""
        return self._writer.sender

    @property
    def signing_key(self) -> tuple[int, bytes]:
        """Return (key type, public key) that signed."""
        return self._writer.key

    @property
    def signing_scope(self) -> str:
        """Return the signing key's scope."""
        return self._writer.scope

    @property
    def height(self) -> int:
        """Return the block's height."""
        return self._facts.height

    @property
    def time_ns(self) -> int:
        """Return the block's time."""
        return self._facts.time_ns

    @property
    def position(self) -> int:
        """Return the writer's log position."""
        return self._state.position

    @property
    def transaction_id(self) -> bytes:
        """Return the transaction's id; for a timer, the empty string."""
        return self._writer.identifier

    @property
    def genesis_hash(self) -> bytes:
        """Return the hash of the ledger's genesis."""
        return self._facts.genesis_hash

    @property
    def timers(self) -> "MachineTimers":
        """Return the app's timers."""
        return MachineTimers(self._state, self._app, self._writer, self._facts.time_ns)

    @property
    def schema(self) -> "MachineSchema":
        """Return the maker of tables. Raises: NotGranted."""
        self._need(GRANT_SCHEMA)
        return MachineSchema(self._state, self._facts.height)

    @property
    def accounts(self) -> MachineAccounts:
        """Return accounts and keys. Raises: NotGranted."""
        self._need(GRANT_ACCOUNTS)
        return MachineAccounts(self._state, self._facts.genesis_hash)

    def authorize(self, account: bytes) -> None:
        """Refuse unless ``account`` is the sender. Raises: NotAuthorized."""
        if not self._writer.sender or self._writer.sender != account:
            raise NotAuthorized(account=account)

    def call(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run another action of the same app, all or nothing. Raises: UnknownAction, CallsTooDeep, any refusal."""
        if self._depth >= CALL_DEPTH_MAX:
            raise CallsTooDeep(depth_max=CALL_DEPTH_MAX)
        self._depth += 1
        timers_set = self._writer.timers_set
        try:
            return self._state.attempt(lambda: self.run(action, arguments, is_timer=False))
        except BaseException:
            # Numbers of timers that are taken back are free again: a writer has as many as rows it writes.
            self._writer.timers_set = timers_set
            raise
        finally:
            self._depth -= 1

    def run(self, name: str, arguments: Mapping[str, Any], *, is_timer: bool) -> Any:
        """Check the arguments and run an action or timer of this app. Raises: any refusal."""
        action = self._app.actions.get(name)
        if action is None or action.is_timer != is_timer:
            raise UnknownAction(action=f"{self._app.name}.{name}")
        return action.function(self, **check_arguments(action, arguments))

    def _need(self, grant: str) -> None:
        if grant not in self._facts.granted.get(self._app.name, ()):
            raise NotGranted(grant=grant)


class MachineTimers:
    """The timers of one app within one transaction."""

    def __init__(self, state: State, app: Declaration, writer: Writer, time_ns: int) -> None:
        self._state = state
        self._app = app
        self._writer = writer
        self._time_ns = time_ns

    def set(self, at_ns: int, action: str, arguments: Mapping[str, Any]) -> tuple[int, int]:
        """Run ``action`` once block time is past ``at_ns``. Raises: BadTimer, TooMuchWork."""
        _check_type("the time of a timer", at_ns, int)
        found = self._app.actions.get(action)
        if found is None or not found.is_timer or not 0 <= at_ns <= INT64_MAX:
            raise BadTimer(action=action)
        if at_ns < self._time_ns + TIMER_DELAY_NS_MIN:
            raise BadTimer(action=action, problem=_TOO_EARLY)
        check_arguments(found, arguments)
        try:
            data = cbor.encode(dict(arguments))
        except Malformed:
            raise BadTimer(action=action) from None
        if len(data) > BYTES_MAX:
            raise BadTimer(action=action)
        sequence = (self._state.position << _SEQUENCE_BITS) | self._writer.timers_set
        self._writer.timers_set += 1
        salt = tagged(TAG_TIMER_SALT, self._writer.salt)[:SALT_BYTES]
        table, values = self._state.system(TIMER), (at_ns, sequence)
        key = encode_key(values)
        self._state.get(table, key, values)
        row = TimerRow(
            self._state.position, at_ns, sequence, self._app.name, found.name, data, salt
        )
        self._state.write(table, key, row)
        return at_ns, sequence

    def cancel(self, fire_at: int, sequence: int) -> bool:
        """Drop a timer that this app set; tell whether it was still there."""
        table, values = self._state.system(TIMER), (fire_at, sequence)
        key = encode_key(values)
        row = self._state.get(table, key, values)
        if row is None or TimerRow._make(row).app != self._app.name:
            return False
        self._state.write(table, key, None)
        return True


class MachineSchema:
    """Makes tables at run time, within one transaction."""

    def __init__(self, state: State, height: int) -> None:
        self._state = state
        self._height = height

    def create(self, schema: TableSchema) -> None:
        """Make a table. Raises: TableExists, BadSchema, TooManyTables, TablesUsedUp."""
        schema = _checked(schema)
        if "__" in schema.name:
            raise BadSchema(table=schema.name, problem="two underscores belong to tables of apps")
        key = encode_key((schema.name,))
        table = self._state.system(SCHEMA)
        # A dropped table's name stays taken: its history is still under it.
        if self._state.get(table, key, (schema.name,)) is not None:
            raise TableExists(table=schema.name)
        if self._state.tables_count() >= TABLES_MAX:
            raise TooManyTables(tables_max=TABLES_MAX)
        if self._made_count() >= TABLES_EVER_MAX:
            raise TablesUsedUp(tables_max=TABLES_EVER_MAX)
        self._become(schema.name, PendingTable(schema, None), [(self._height, schema)])

    def alter(self, schema: TableSchema) -> None:
        """Give a table its next schema version. Raises: TableNotFound, BadSchema."""
        schema = _checked(schema)
        present = self._present(schema.name)
        try:
            present.schema.check_successor(schema)
        except Malformed as error:
            raise BadSchema(table=schema.name, problem=str(error)) from None
        if present.schema == schema:
            raise BadSchema(table=schema.name, problem="nothing would change")
        if self._state.is_written(present):
            raise BadSchema(table=schema.name, problem="alter a table before its rows are written")
        versions = self._versions(schema.name)
        if versions[-1][0] == self._height:
            raise BadSchema(table=schema.name, problem="one version a block; try again in the next")
        later = present.under(schema)
        self._become(schema.name, later, [*versions, (self._height, schema)])

    def drop(self, name: str) -> None:
        """Remove an empty table from the catalog. Raises: TableNotFound, TableNotEmpty, BadSchema."""
        _check_type("the name of a table", name, str)
        present = self._present(name)
        if present.range((), (), None, 1):
            raise TableNotEmpty(table=name)
        versions = self._versions(name)
        if present.stored is None or versions[-1][0] == self._height:
            raise BadSchema(table=name, problem="made in this block; drop it in the next")
        self._become(name, None, [*versions, (self._height, None)])

    def _made_count(self) -> int:
        """Return how many tables the ledger ever had: each keeps its row of ``comity_schema``."""
        table, store = self._state.system(SCHEMA), self._state.store
        stored = store.leaf(SCHEMA.name).row_count if SCHEMA.name in store.leaves else 0
        return stored + sum(1 for key in table.rows if table.base.get(key) is None)

    def _present(self, name: str) -> PendingTable:
        table = None if "__" in name or name[:6] == "comity" else self._state.table(name)
        if table is None:
            raise TableNotFound(table=name)
        return table

    def _row(self, name: str) -> StoredRow | None:
        return self._state.get(self._state.system(SCHEMA), encode_key((name,)), (name,))

    def _versions(self, name: str) -> list[tuple[int, TableSchema | None]]:
        row = self._row(name)
        if row is None:
            raise TableNotFound(table=name)
        data = SchemaRow._make(row).versions
        return versions_from_value(cbor.decode(data, size_max=len(data)))

    def _become(
        self,
        name: str,
        table: PendingTable | None,
        versions: list[tuple[int, TableSchema | None]],
    ) -> None:
        """Let ``table`` have the name from now on, None for a dropped one; with its versions, or not at all."""

        def work() -> None:
            if table is None:
                self._state.drop_table(name)
            else:
                self._state.replace_table(name, table)
            self._row(name)
            data = cbor.encode(versions_value(versions))
            if len(data) > SCHEMA_VERSIONS_BYTES_MAX:
                raise BadSchema(table=name, problem="all versions together are too large")
            row = SchemaRow(self._state.position, name, data)
            self._state.write(self._state.system(SCHEMA), encode_key((name,)), row)

        self._state.attempt(work)


def _checked(schema: TableSchema) -> TableSchema:
    """Return the schema as a node reads it back from its file. Raises: BadSchema."""
    try:
        canonical = schema.canonical()
        canonical.check()
    except Malformed as error:
        raise BadSchema(table=schema.name[:60], problem=str(error)) from None
    return canonical


def _check_type(what: str, value: object, wanted: type) -> None:
    """Fault where a value would be hashed as what it is not: true is 1 to Python and to SQLite, not in CBOR."""
    if type(value) is not wanted:
        raise TypeError(f"{what} is {wanted.__name__}, not {type(value).__name__}")
