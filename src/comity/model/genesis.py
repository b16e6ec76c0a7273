"""The genesis: everything that a ledger starts from, and the hash that names the ledger for ever.

Invariant: ``Genesis.decode`` accepts only the canonical bytes, so equal ledgers have equal genesis hashes. The chain
id is the ledger's name, a dash and the first 16 hex digits of the hash (consensus rule R2.1).
"""

from functools import cached_property

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.errors import Malformed
from comity.limits import FORMAT_NUMBER, INT64_MAX, SALT_BYTES
from comity.model.names import check_ledger_name, check_name

GENESIS_BYTES_MAX = 1 << 20
FOUNDERS_MAX = 1_000
NODES_MAX = 200
APPS_MAX = 100
PARAMETERS_MAX = 1_000
BLOCK_INTERVAL_S_MAX = 24 * 3600
_SHAPE = "genesis: map of apps, block_interval_s, founders, format, ledger, nodes, parameters, salt, time_ns"


class GenesisApp(msgspec.Struct, frozen=True, kw_only=True):
    """An app that the ledger runs: its name, version, declaration hash and what it is granted."""

    name: str
    version: int
    schema_hash: bytes
    grants: tuple[str, ...] = ()


class Founder(msgspec.Struct, frozen=True, kw_only=True):
    """A first member: name, key and roles."""

    name: str
    key_type: int
    public_key: bytes
    roles: tuple[str, ...] = ()


class GenesisNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node that signs app hashes from the start: key and voting power."""

    key_type: int
    public_key: bytes
    power: int = 1


class Genesis(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The first state of a ledger. Parameters are (app, name, value)."""

    ledger: str
    time_ns: int
    salt: bytes
    apps: tuple[GenesisApp, ...]
    founders: tuple[Founder, ...]
    nodes: tuple[GenesisNode, ...]
    parameters: tuple[tuple[str, str, cbor.Value], ...] = ()
    block_interval_s: int = 0

    def encode(self) -> bytes:
        """Return the canonical bytes of the genesis file."""
        return cbor.encode(
            {
                "apps": [
                    [app.name, app.version, app.schema_hash, list(app.grants)] for app in self.apps
                ],
                "block_interval_s": self.block_interval_s,
                "format": FORMAT_NUMBER,
                "founders": [
                    [who.name, who.key_type, who.public_key, list(who.roles)]
                    for who in self.founders
                ],
                "ledger": self.ledger,
                "nodes": [[node.key_type, node.public_key, node.power] for node in self.nodes],
                "parameters": [list(parameter) for parameter in self.parameters],
                "salt": self.salt,
                "time_ns": self.time_ns,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "Genesis":
        """Return the genesis that ``data`` encodes. Raises: Malformed."""
        value = cbor.decode(data, size_max=GENESIS_BYTES_MAX)
        if type(value) is not dict or value.get("format") != FORMAT_NUMBER:
            raise Malformed(f"genesis: not a genesis of format {FORMAT_NUMBER}")
        try:
            genesis = _from_value(value)
        except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
            raise Malformed(_SHAPE) from error
        if genesis.encode() != data:
            raise Malformed(_SHAPE)
        return genesis

    @cached_property
    def hash(self) -> bytes:
        """Return the 32-byte genesis hash."""
        return sha256(self.encode())

    @property
    def chain_id(self) -> str:
        """Return the ledger's name, a dash and 16 hex digits of the genesis hash."""
        return f"{self.ledger}-{self.hash.hex()[:16]}"

    @property
    def directory(self) -> str | None:
        """Return the table that gives accounts names: ``member`` of the first app that may admit accounts, or None.

        By convention its key is ``account``, and ``name`` is unique in it; the app may still lack it.
        """
        app = next((app.name for app in self.apps if "accounts" in app.grants), None)
        return None if app is None else f"{app}__member"

    def check(self) -> None:
        """Refuse a genesis that no ledger can start from. Raises: Malformed."""
        check_ledger_name(self.ledger)
        if len(self.salt) != SALT_BYTES or not 0 <= self.time_ns <= INT64_MAX:
            raise Malformed(
                f"genesis: a salt of {SALT_BYTES} bytes and a time in nanoseconds are needed"
            )
        if not 0 <= self.block_interval_s <= BLOCK_INTERVAL_S_MAX:
            raise Malformed(f"genesis: block_interval_s is 0 to {BLOCK_INTERVAL_S_MAX}")
        _check_count("apps", len(self.apps), 1, APPS_MAX)
        _check_count("founders", len(self.founders), 1, FOUNDERS_MAX)
        _check_count("nodes", len(self.nodes), 1, NODES_MAX)
        _check_count("parameters", len(self.parameters), 0, PARAMETERS_MAX)
        for app in self.apps:
            check_name(app.name, "app")
        for what, names in (
            ("app", [app.name for app in self.apps]),
            ("founder", [who.name for who in self.founders]),
            ("key", [who.public_key for who in self.founders]),
        ):
            if len(dict.fromkeys(names)) != len(names):
                raise Malformed(f"genesis: a {what} stands twice")


def _check_count(what: str, count: int, low: int, high: int) -> None:
    if not low <= count <= high:
        raise Malformed(f"genesis: {low} to {high} {what} are allowed, not {count}")


def _from_value(value: dict[str, cbor.Value]) -> Genesis:
    genesis = Genesis(
        ledger=value["ledger"],
        time_ns=value["time_ns"],
        salt=value["salt"],
        block_interval_s=value["block_interval_s"],
        apps=tuple(
            GenesisApp(name=name, version=version, schema_hash=digest, grants=tuple(grants))
            for name, version, digest, grants in value["apps"]
        ),
        founders=tuple(
            Founder(name=name, key_type=kind, public_key=key, roles=tuple(roles))
            for name, kind, key, roles in value["founders"]
        ),
        nodes=tuple(
            GenesisNode(key_type=kind, public_key=key, power=power)
            for kind, key, power in value["nodes"]
        ),
        parameters=tuple((app, name, item) for app, name, item in value["parameters"]),
    )
    return msgspec.convert(
        msgspec.to_builtins(genesis, builtin_types=(bytes,)), Genesis, builtin_types=(bytes,)
    )
