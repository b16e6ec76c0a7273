"""The first block: height 0, made from the genesis alone.

Invariant: two nodes with the same genesis and the same apps have the same app hash at height 0; every row has
``_from`` 0, the position of the genesis in the log.
"""

from collections.abc import Mapping

from comity.crypto import cbor
from comity.crypto.ordered import encode_key
from comity.errors import ConfigError, Refusal
from comity.machine.accounts import MachineAccounts
from comity.machine.candidate import Candidate, write_chain
from comity.machine.context import ActionContext, BlockFacts, Writer
from comity.machine.pending import PendingTable
from comity.machine.quota import QUOTAS, check_rules
from comity.machine.state import State
from comity.machine.system import (
    PARAMETER,
    SCHEMA,
    SCOPE_GENESIS,
    SYSTEM_TABLES,
    ParameterRow,
    SchemaRow,
)
from comity.model.genesis import Genesis
from comity.model.receipt import genesis_entry
from comity.model.schema import TableSchema, versions_value
from comity.sdk.declaration import Declaration
from comity.sdk.standard import MACHINE
from comity.store.store import Store


def check_apps(genesis: Genesis, apps: Mapping[str, Declaration]) -> None:
    """Refuse to start a ledger whose apps are missing here, or declare something else.

    Raises: ConfigError, with all problems at once.
    """
    problems = []
    for wanted in genesis.apps:
        app = apps.get(wanted.name)
        if app is None:
            problems.append(
                f"app {wanted.name} is not installed; pip install the package that has it"
            )
        elif app.version != wanted.version:
            problems.append(
                f"app {wanted.name}: version {wanted.version} is needed, {app.version} is installed"
            )
        elif app.schema_hash != wanted.schema_hash:
            problems.append(
                f"app {wanted.name}: what is installed declares something else than genesis names"
            )
        elif any(grant not in wanted.grants for grant in app.grants):
            problems.append(f"app {wanted.name}: genesis must grant {', '.join(app.grants)}")
    for owner, name, _ in genesis.parameters:
        known = _parameters_of(owner, apps)
        if name not in known:
            problems.append(
                f"parameter {owner}.{name} does not exist; {owner} has {', '.join(known) or 'none'}"
            )
    if problems:
        raise ConfigError("\n".join(problems))


def _parameters_of(app: str, apps: Mapping[str, Declaration]) -> tuple[str, ...]:
    if app == MACHINE:
        return (QUOTAS,)
    return apps[app].parameters if app in apps else ()


def genesis_block(store: Store, genesis: Genesis, apps: Mapping[str, Declaration]) -> Candidate:
    """Return the candidate of height 0. Raises: ConfigError, when an app refuses the genesis."""
    check_apps(genesis, apps)
    state = State(store)
    state.begin(0)
    schemas: list[TableSchema] = list(SYSTEM_TABLES)
    for wanted in genesis.apps:
        schemas += apps[wanted.name].tables.values()
    for schema in schemas:
        state.replace_table(schema.name, PendingTable(schema, None))
    for schema in schemas:
        row = SchemaRow(0, schema.name, cbor.encode(versions_value([(0, schema)])))
        _add(state, SCHEMA, (schema.name,), row)
    for app, name, value in genesis.parameters:
        if (app, name) == (MACHINE, QUOTAS):
            check_rules(value)
        _add(state, PARAMETER, (app, name), ParameterRow(0, app, name, cbor.encode(value)))
    accounts = MachineAccounts(state, genesis.hash)
    for founder in genesis.founders:
        state.mark()
        accounts.admit(founder.key_type, founder.public_key)
    _run_hooks(state, genesis, apps)
    state.seal()
    versions = cbor.encode([[app.name, app.version] for app in genesis.apps])
    write_chain(state, 0, genesis.time_ns, versions)
    return Candidate(
        state=state,
        height=0,
        time_ns=genesis.time_ns,
        entries=(),
        log_entries=[genesis_entry(genesis.hash)],
        outcomes=(),
    )


def _run_hooks(state: State, genesis: Genesis, apps: Mapping[str, Declaration]) -> None:
    """Let each app that wants to put its first rows, in the order of the genesis."""
    granted = {app.name: app.grants for app in genesis.apps}
    facts = BlockFacts(
        genesis_hash=genesis.hash, height=0, time_ns=genesis.time_ns, granted=granted
    )
    writer = Writer(
        sender=b"", identifier=b"", salt=genesis.salt, key=(0, b""), scope=SCOPE_GENESIS
    )
    for wanted in genesis.apps:
        app = apps[wanted.name]
        if app.genesis is None:
            continue
        state.mark()
        try:
            app.genesis(ActionContext(state, facts, writer, app), genesis.founders)
        except Refusal as refusal:
            raise ConfigError(f"genesis: app {app.name} refuses it: {refusal}") from refusal


def _add(
    state: State,
    schema: TableSchema,
    key_values: tuple[str, ...],
    row: tuple[int | str | bytes, ...],
) -> None:
    state.mark()
    table, key = state.system(schema), encode_key(key_values)
    state.get(table, key, key_values)
    state.write(table, key, row)
