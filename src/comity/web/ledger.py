"""Routes that say what the ledger is, what it allows, and whether its node is well."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

import comity
from comity import limits
from comity.query.times import text_of
from comity.web.problems import Problem
from comity.web.routes import Operation, answer, node_of


class Tip(msgspec.Struct, kw_only=True):
    """The last block."""

    height: int
    app_hash: str
    time: str


class LedgerApp(msgspec.Struct, kw_only=True):
    """An application of the ledger."""

    name: str
    version: int


class Ledger(msgspec.Struct, kw_only=True):
    """What a ledger is.

    Args:
        ledger: its name for ever; genesis: hash of the genesis, in hex, which a client checks against what it trusts.
        genesis_document: the genesis itself, CBOR in hex.
    """

    ledger: str
    name: str
    genesis: str
    genesis_document: str
    engine: str
    apps: list[LedgerApp]
    block_interval_s: int
    last_block: Tip
    version: str


class Health(msgspec.Struct, kw_only=True):
    """A node that can do its work."""

    status: str
    height: int


class Limits(msgspec.Struct, kw_only=True):
    """Every bound by its name, and the settings of this node that bound a request."""

    limits: dict[str, int]
    settings: dict[str, Any]


async def read_ledger(request: Request) -> Response:
    """Say what the ledger is."""
    node = node_of(request)
    genesis, tip = node.genesis, node.tip
    return answer(
        Ledger(
            ledger=genesis.chain_id,
            name=genesis.ledger,
            genesis=genesis.hash.hex(),
            genesis_document=genesis.encode().hex(),
            engine="solo",
            apps=[LedgerApp(name=app.name, version=app.version) for app in genesis.apps],
            block_interval_s=genesis.block_interval_s,
            last_block=Tip(
                height=tip.height, app_hash=tip.app_hash.hex(), time=text_of(tip.time_ns)
            ),
            version=comity.__version__,
        )
    )


async def read_health(request: Request) -> Response:
    """Say whether the node can do its work."""
    node = node_of(request)
    reason = node.problem()
    if reason is not None:
        raise Problem("unhealthy", reason)
    return answer(Health(status="ok", height=node.tip.height))


async def read_limits(request: Request) -> Response:
    """List every bound."""
    named = {name: value for name, value in vars(limits).items() if isinstance(value, int)}
    settings = msgspec.to_builtins(node_of(request).config)
    shown = {name: value for name, value in settings.items() if isinstance(value, int)}
    return answer(Limits(limits=named, settings=shown))


OPERATIONS = (
    Operation(
        method="GET", path="/v1/ledger", name="readLedger", tag="ledger",
        summary="Say what the ledger is: name, genesis, applications, last block.",
        handler=read_ledger, answers={200: Ledger},
    ),
    Operation(
        method="GET", path="/v1/health", name="readHealth", tag="ledger",
        summary="Say whether the node can do its work; 503 gives the reason.",
        handler=read_health, answers={200: Health},
    ),
    Operation(
        method="GET", path="/v1/limits", name="readLimits", tag="ledger",
        summary="List every bound by its name.",
        handler=read_limits, answers={200: Limits},
    ),
)  # fmt: skip
