"""A small ledger whose every promise can be proved, and good bundles of each kind; the same in every run."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from comity.client.signing import sign_calls
from comity.crypto.checkpoint import Checkpoint
from comity.crypto.notes import SignedNote, sign_note
from comity.engine.port import NotOrdered
from comity.engine.solo import SoloEngine
from comity.machine.machine import Machine
from comity.model.account import KEY_TYPE_ED25519
from comity.model.bundle import Bundle, origin_of
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.transaction import Call
from comity.query.prove import Prover
from comity.sdk import (
    AccountId,
    App,
    Bytes,
    Column,
    ColumnType,
    Context,
    Date,
    Decimal,
    Flag,
    Integer,
    Refusal,
    Row,
    SignedAmount,
    TableSchema,
    Text,
    TimeNs,
    replace,
)
from comity.store.store import Store
from comity.testing.people import Person

START_NS = 1_795_000_000 * 10**9
NODE, ANA, BO = Person("node"), Person("ana"), Person("bo")
_Code = Annotated[str, Text(20)]

app = App("shop", version=1, grants=("schema",))


@app.table(key=("store", "code"), salted=True)
class Item(Row):
    """One row per article of a store."""

    store: SignedAmount
    code: _Code
    price: Annotated[int, Decimal(2)]
    is_open: Flag
    keeper: AccountId
    added: Date
    note: Annotated[bytes, Bytes(16)] | None = None
    tag: _Code | None = None


@app.table(key="mark")
class Mark(Row):
    """A key of bytes."""

    mark: Annotated[bytes, Bytes(16)]
    count: Annotated[int, Integer(0, 100)] = 0


class Closed(Refusal, code=1):
    """The store is closed."""

    store: int


@app.action
def put(ctx: Context, store: SignedAmount, code: _Code, price: Annotated[int, Decimal(2)]) -> Item:
    """Add an article. Raises: Closed, RowExists."""
    if store == 13:
        raise Closed(store=store)
    return ctx.db.add(
        Item(
            store=store,
            code=code,
            price=price,
            is_open=store > 0,
            keeper=ctx.sender,
            added="2026-11-22",
            note=b"\0\xff" if price < 0 else None,
        )
    )


@app.action
def mark(ctx: Context, key: Annotated[bytes, Bytes(16)]) -> Mark:
    """Add a mark. Raises: RowExists."""
    return ctx.db.add(Mark(mark=key))


@app.action
def wake(ctx: Context, at_ns: TimeNs, store: SignedAmount, code: _Code) -> None:
    """Let the price fall at a time."""
    ctx.timers.set(at_ns, "fall", {"store": store, "code": code})


@app.timer
def fall(ctx: Context, store: SignedAmount, code: _Code) -> None:
    """Halve a price."""
    item = ctx.db.get(Item, store, code)
    ctx.db.put(replace(item, price=item.price // 2))


@app.action
def found(ctx: Context) -> None:
    """Make a table at run time."""
    ctx.schema.create(shared(["symbol", "sector"]))


@app.action
def rename(ctx: Context) -> None:
    """Rename a column of it and append one."""
    ctx.schema.alter(shared(["symbol", "branch", "size"]))


@app.action
def supply(ctx: Context, symbol: _Code, sector: _Code) -> None:
    """Add a row to it."""
    table = ctx.db.table("suppliers")
    values = [symbol, sector, None]
    table.add(values[: len(table.schema.columns)], ctx.sender)


def shared(names: list[str]) -> TableSchema:
    """Return a schema of the table that is made at run time."""
    columns = [
        Column(name=name, type=ColumnType(kind="text", maximum=20), required=place < 2)
        for place, name in enumerate(names)
    ]
    return TableSchema(name="suppliers", columns=tuple(columns), key=("symbol",), is_owned=True)


class ProofLedger:
    """A ledger in memory with a node that signs."""

    def __init__(self, name: str = "shop", node: Person = NODE, salt: bytes = b"s" * 16) -> None:
        declared = app.declaration
        self.genesis = Genesis(
            ledger=name,
            time_ns=START_NS,
            salt=salt,
            apps=(
                GenesisApp(
                    name="shop",
                    version=1,
                    schema_hash=declared.schema_hash,
                    grants=declared.grants,
                ),
            ),
            founders=tuple(
                Founder(name=who.name, key_type=KEY_TYPE_ED25519, public_key=who.public_key)
                for who in (ANA, BO)
            ),
            nodes=(GenesisNode(key_type=KEY_TYPE_ED25519, public_key=node.public_key),),
        )
        self.node = node
        self.store = Store.in_memory()
        self.time_ns = START_NS
        self._count = 0
        machine = Machine(self.store, self.genesis, {"shop": declared})
        self.engine = SoloEngine(machine, clock=self._clock, kid=node.key_id, sign=node.sign)
        self.engine.start()

    def run(self, who: Person, action: str, **arguments: Any) -> bytes:
        """Order one call in a block of its own and return its id."""
        return self.run_all(who, [(action, arguments)])

    def run_all(self, who: Person, calls: list[tuple[str, Mapping[str, Any]]]) -> bytes:
        """Order a transaction in a block of its own and return its id."""
        self._count += 1
        transaction = sign_calls(
            who,
            [Call("shop." + action, arguments) for action, arguments in calls],
            genesis_hash=self.genesis.hash,
            expires_ns=self.time_ns + 600 * 10**9,
            salt=self._count.to_bytes(16, "big"),
        )
        (answer,) = self.engine.submit([transaction.encode()])
        assert not isinstance(answer, NotOrdered), answer
        return answer.identifier

    def checkpoint(self, size: int | None = None, node: Person | None = None) -> bytes:
        """Return the log's head at a size, signed."""
        size = self.store.log_size if size is None else size
        origin = origin_of(self.genesis.ledger, self.genesis.chain_id)
        text = Checkpoint(origin, size, self.store.log.root(size)).to_text()
        return SignedNote(text, (sign_note(text, origin, (node or self.node).seed),)).to_bytes()

    def prover(self, height: int | None = None, checkpoint: bytes | None = None) -> Prover:
        """Return who proves a height."""
        return Prover(self.store, self.genesis, height, checkpoint)

    def _clock(self) -> int:
        self.time_ns += 10**9
        return self.time_ns


@cache
def made() -> tuple[ProofLedger, bytes, bytes]:
    """Return the ledger, the id of a transaction that was executed, and of one that was refused."""
    ledger = ProofLedger()
    done = ledger.run_all(
        ANA,
        [
            ("put", {"store": 1, "code": "bolt", "price": 250}),
            ("put", {"store": 1, "code": "nut", "price": -5}),
            ("put", {"store": -2, "code": "bolt", "price": 1}),
        ],
    )
    refused = ledger.run(BO, "put", store=13, code="nail", price=1)
    ledger.run(BO, "mark", key=b"a\0b")
    ledger.run(ANA, "wake", at_ns=ledger.time_ns + 3 * 10**9, store=1, code="nut")
    ledger.run(ANA, "found")
    ledger.time_ns += 10**10
    ledger.engine.run_due()
    ledger.run(BO, "supply", symbol="MMM", sector="Industry")
    ledger.run(ANA, "rename")
    ledger.run(BO, "supply", symbol="AOS", sector="Energy")
    return ledger, done, refused


@cache
def good_bundles() -> dict[str, bytes]:
    """Return a good bundle of each kind, by name."""
    ledger, done, refused = made()
    store = ledger.store
    now, before = ledger.prover(), ledger.prover(store.height - 2)
    sizes = [store.log_size_at(height) for height in range(store.height + 1)]
    bundles: dict[str, Bundle] = {
        "row": now.row("shop__item", (1, "bolt")),
        "row-short": now.row("shop__mark", (b"a\0b",), is_writer_shown=False),
        "row-timer": now.row("shop__item", (1, "nut")),
        "row-genesis": now.row("comity_account", (ANA.account_id,)),
        "row-owned": now.row("suppliers", ("MMM",)),
        "row-past": before.row("suppliers", ("MMM",)),
        "row-checkpoint-older": ledger.prover(None, ledger.checkpoint(sizes[3])).row(
            "suppliers", ("AOS",)
        ),
        "row-checkpoint-newer": ledger.prover(5, ledger.checkpoint()).row(
            "shop__item", (-2, "bolt")
        ),
        "row-checkpoint-same": ledger.prover(None, ledger.checkpoint()).row(
            "shop__mark", (b"a\0b",)
        ),
        "absent": now.absent("shop__item", (1, "cog")),
        "absent-empty": now.absent("comity_quota", ("r", ANA.account_id, 1)),
        "absent-past": before.absent("suppliers", ("AOS",)),
        "range": now.range("shop__item", (1, "a"), (1, "c")),
        "range-prefix": now.range("shop__item", (1,), (1,)),
        "range-empty": now.range("shop__item", (2,), (9,)),
        "range-whole": now.range("suppliers", (), ()),
        "range-past": ledger.prover(1).range("shop__item", (), (1,)),
        "range-none": now.range("comity_quota", (), ()),
        "transaction": now.transaction(done),
        "transaction-refused": ledger.prover(2).transaction(refused),
        "consistency": now.consistency(2),
        "consistency-same": now.consistency(store.height),
    }
    return {name: bundle.encode() for name, bundle in bundles.items()}
