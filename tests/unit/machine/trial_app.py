"""An application that tries what the machine must stand: odd results, faults, timers, keys, tables held too long."""

from typing import Annotated, Any

from comity.sdk import (
    AccountId,
    Amount,
    App,
    Bytes,
    Column,
    ColumnType,
    Context,
    Document,
    Hash,
    Integer,
    Name,
    Reader,
    Refusal,
    Row,
    SignedAmount,
    TableSchema,
    TimeNs,
    replace,
)

app = App("trial", version=1, grants=("accounts", "schema"))
CHAOS: dict[str, Any] = {}  # what the test plants
_Count = Annotated[int, Integer(0, 20_000)]
_Proof = Annotated[bytes, Bytes(64)]


@app.table(key="name")
class Note(Row):
    """A number by name."""

    name: Name
    value: SignedAmount = 0


@app.table(key="name", salted=True)
class Sealed(Row):
    """The same with a salt."""

    name: Name
    value: SignedAmount = 0


class Stopped(Refusal, code=1):
    """The caller asked for it."""

    detail: str = ""


@app.action
def write(ctx: Context, name: Name, value: SignedAmount) -> Note:
    """Add or change a note."""
    note = Note(name=name, value=value)
    return ctx.db.put(note) if ctx.db.exists(Note, name) else ctx.db.add(note)


@app.action
def seal(ctx: Context, name: Name, value: SignedAmount) -> Sealed:
    """Add or change a sealed note."""
    note = Sealed(name=name, value=value)
    return ctx.db.put(note) if ctx.db.exists(Sealed, name) else ctx.db.add(note)


@app.action
def grow(ctx: Context, name: Name, amount: Amount) -> Note:
    """Add to a note's number; a bound refuses what does not fit."""
    note = ctx.db.get(Note, name)
    return ctx.db.put(replace(note, value=note.value + amount))


@app.action
def erase(ctx: Context, name: Name) -> None:
    """Remove a note."""
    ctx.db.delete(ctx.db.get(Note, name))


@app.action
def many(ctx: Context, prefix: Name, count: _Count) -> None:
    """Add ``count`` notes."""
    for at in range(count):
        ctx.db.add(Note(name=f"{prefix}{at:05}"))


@app.action
def read(ctx: Context, count: _Count) -> None:
    """Ask for the same row again and again."""
    for _ in range(count):
        ctx.db.find(Note, "a")


@app.action
def list_all(ctx: Context, limit: SignedAmount) -> SignedAmount:
    """Return how many notes a range of this limit gives."""
    return len(list(ctx.db.range(Note, limit=limit)))


@app.action
def write_then_stop(ctx: Context, name: Name) -> None:
    """Write through another action, then refuse."""
    ctx.call("write", {"name": name, "value": 1})
    raise Stopped(detail="x" * 1_000)


@app.action
def descend(ctx: Context, depth: _Count) -> SignedAmount:
    """Call oneself ``depth`` times."""
    return 0 if not depth else 1 + ctx.call("descend", {"depth": depth - 1})


@app.action
def plant(ctx: Context) -> Document:
    """Do what the test planted."""
    planted: dict[str, Any] = CHAOS["plant"](ctx)
    return planted


@app.action
def facts(ctx: Context) -> Document:
    """Tell what the context tells."""
    return {
        "height": ctx.height,
        "time_ns": ctx.time_ns,
        "position": ctx.position,
        "scope": ctx.signing_scope,
        "sender": ctx.sender,
        "name": ctx.transaction_id,
    }


@app.action(open=True)
def admit(ctx: Context) -> AccountId:
    """Make the signer's account."""
    return ctx.accounts.admit(*ctx.signing_key)


@app.action
def admit_key(ctx: Context, public_key: Hash) -> AccountId:
    """Make somebody's account."""
    return ctx.accounts.admit(1, public_key)


@app.action
def set_status(ctx: Context, account: AccountId, status: Name) -> None:
    """Suspend an account, or lift that."""
    ctx.accounts.set_status(account, status)


@app.action
def add_key(ctx: Context, public_key: Hash, scope: Name, proof: _Proof) -> None:
    """Add a key to the sender's account."""
    ctx.accounts.add_key(ctx.sender, 1, public_key, scope, proof)


@app.action
def remove_key(ctx: Context, public_key: Hash) -> None:
    """Remove a key of the sender's account."""
    ctx.accounts.remove_key(ctx.sender, public_key)


@app.action
def set_timer(ctx: Context, at_ns: TimeNs, action: Name, name: Name, count: _Count = 1) -> Document:
    """Set ``count`` timers for one moment."""
    set_ = [ctx.timers.set(at_ns, action, {"name": f"{name}{at:05}"}) for at in range(count)]
    return {"first": list(set_[0])}


@app.timer
def mark(ctx: Context, name: Name) -> None:
    """Note the height, and how many marks there are by then."""
    last = ctx.db.find(Note, "marks") or ctx.db.add(Note(name="marks"))
    ctx.db.put(replace(last, value=last.value + 1))
    ctx.db.add(Note(name=name, value=last.value))


@app.timer
def poison(ctx: Context, name: Name) -> None:
    """Write, then fault."""
    ctx.db.add(Note(name=name))
    CHAOS["poison"](ctx)


@app.timer
def refuse(ctx: Context, name: Name) -> None:
    """Write, then refuse."""
    ctx.db.add(Note(name=name))
    raise Stopped


@app.timer
def flood(ctx: Context, name: Name) -> None:
    """Write as much as one timer may."""
    for at in range(9_000):
        ctx.db.add(Note(name=f"{name}{at:05}"))


@app.timer
def cancel_planted(ctx: Context, name: Name) -> None:
    """Cancel the timer that the test named; ``name`` tells only which timer this was."""
    CHAOS["cancelled_by"] = name
    CHAOS["cancelled"] = ctx.timers.cancel(*CHAOS["cancel"])


@app.timer
def again(ctx: Context, name: Name) -> None:
    """Set two timers for as soon as may be."""
    at_ns = ctx.time_ns + 10**9
    ctx.timers.set(at_ns, "mark", {"name": f"{name}x"})
    ctx.timers.set(at_ns, "mark", {"name": f"{name}y"})


@app.timer
def hurry(ctx: Context, name: Name) -> None:
    """Set oneself again for as early as the test wants."""
    ctx.db.add(Note(name=f"{name}{ctx.height}"))
    ctx.timers.set(ctx.time_ns + CHAOS["delay_ns"], "hurry", {"name": name})


def schema(name: str, appended: int = 0) -> TableSchema:
    """Return a schema of a table made at run time."""
    columns = [Column(name="name", type=ColumnType(kind="integer"))]
    columns += [
        Column(name=f"c{at}", type=ColumnType(kind="text", maximum=9), required=False)
        for at in range(appended)
    ]
    return TableSchema(name=name, columns=tuple(columns), key=("name",), is_owned=True)


@app.action
def make(ctx: Context, name: Name) -> None:
    """Make a table."""
    ctx.schema.create(schema(name))


@app.action
def hold_view(ctx: Context, name: Name) -> SignedAmount:
    """Take a table in hand, alter it, then add a row through what was in hand; return the rows found."""
    table = ctx.db.table(name)
    ctx.schema.alter(schema(name, 1))
    table.add([7, "new"], ctx.sender)
    return len(list(ctx.db.table(name).range(limit=10)))


@app.action
def hold_dropped(ctx: Context, name: Name) -> None:
    """Take a table in hand, drop it, then add a row through what was in hand."""
    table = ctx.db.table(name)
    ctx.schema.drop(name)
    table.add([7], ctx.sender)


@app.view
def total(db: Reader) -> SignedAmount:
    """Return the sum of the notes."""
    return db.sum(Note, "value")
