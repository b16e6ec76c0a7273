"""The machine's own tables: everything that execution reads and no application owns (consensus rule R1.1).

Invariant: the machine alone writes them, and they are in the catalog, hashed and proved like any other table. A
stored row is ``_from``, the log position of its writer, then its columns; the row classes name them in that order.
"""

from typing import NamedTuple

from comity.limits import BYTES_MAX, SCHEMA_VERSIONS_BYTES_MAX
from comity.model.column import Column, ColumnType, Kind
from comity.model.schema import History, TableSchema

ACTIVE = "active"
SUSPENDED = "suspended"
SCOPE_OWNER = "owner"
SCOPE_DAILY = "daily"
SCOPE_JOINING = "joining"
SCOPE_TIMER = "timer"
SCOPE_GENESIS = "genesis"

CHAIN_KEY = 0  # comity_chain has one row


def _column(name: str, kind: Kind, *, maximum: int | None = None, required: bool = True) -> Column:
    return Column(name=name, type=ColumnType(kind=kind, maximum=maximum), required=required)


def _enum(name: str, *values: str) -> Column:
    return Column(name=name, type=ColumnType(kind="enum", values=values))


def _table(name: str, key: str, *columns: Column, history: History = "all") -> TableSchema:
    return TableSchema(name=name, columns=columns, key=tuple(key.split(" ")), history=history)


CHAIN = _table(
    "comity_chain",
    "id",
    _column("id", "integer"),
    _column("height", "integer"),
    _column("time_ns", "integer"),
    _column("versions", "bytes", maximum=BYTES_MAX),  # CBOR [[app, version], ...]
)
ACCOUNT = _table(
    "comity_account", "id", _column("id", "account"), _enum("status", ACTIVE, SUSPENDED)
)
KEY = _table(
    "comity_key",
    "account key",
    _column("account", "account"),
    _column("key", "bytes", maximum=64),
    _column("kind", "integer"),
    _enum("scope", SCOPE_OWNER, SCOPE_DAILY),
    _column("valid_until", "integer", required=False),
)
SEEN = _table(
    "comity_seen",
    "valid_until id",
    _column("valid_until", "integer"),
    _column("id", "bytes", maximum=32),
    history="none",
)
TIMER = _table(
    "comity_timer",
    "fire_at sequence",
    _column("fire_at", "integer"),
    _column("sequence", "integer"),
    _column("app", "text", maximum=40),
    _column("action", "text", maximum=40),
    _column("arguments", "bytes", maximum=BYTES_MAX),
    _column("salt", "bytes", maximum=16),
)
PARAMETER = _table(
    "comity_parameter",
    "app name",
    _column("app", "text", maximum=40),
    _column("name", "text", maximum=40),
    _column("value", "bytes", maximum=BYTES_MAX),
)
QUOTA = _table(
    "comity_quota",
    "role account window",
    _column("role", "text", maximum=40),
    _column("account", "account"),
    _column("window", "integer"),
    _column("calls", "integer"),
    history="none",
)
SCHEMA = _table(
    "comity_schema",
    "name",
    _column("name", "text", maximum=90),
    _column("versions", "bytes", maximum=SCHEMA_VERSIONS_BYTES_MAX),
)

SYSTEM_TABLES = (ACCOUNT, CHAIN, KEY, PARAMETER, QUOTA, SCHEMA, SEEN, TIMER)


class AccountRow(NamedTuple):
    """A stored row of ``comity_account``."""

    position: int
    id: bytes
    status: str


class KeyRow(NamedTuple):
    """A stored row of ``comity_key``."""

    position: int
    account: bytes
    key: bytes
    kind: int
    scope: str
    valid_until: int | None


class TimerRow(NamedTuple):
    """A stored row of ``comity_timer``."""

    position: int
    fire_at: int
    sequence: int
    app: str
    action: str
    arguments: bytes
    salt: bytes


class ParameterRow(NamedTuple):
    """A stored row of ``comity_parameter``."""

    position: int
    app: str
    name: str
    value: bytes


class QuotaRow(NamedTuple):
    """A stored row of ``comity_quota``."""

    position: int
    role: str
    account: bytes
    window: int
    calls: int


class SchemaRow(NamedTuple):
    """A stored row of ``comity_schema``."""

    position: int
    name: str
    versions: bytes
