"""The application that benchmarks run: accounts with random keys, transfers that change two rows each."""

from typing import Annotated

from comity.sdk import (
    Amount,
    App,
    BadArgument,
    Context,
    Count,
    Integer,
    Many,
    Refusal,
    Row,
    Text,
    replace,
    require,
)

app = App("bank", version=1)
OPENING_BALANCE = 1_000_000


@app.table(key="id")
class Account(Row):
    """One account."""

    id: Annotated[str, Text(20)]
    owner: Annotated[str, Text(20)]
    balance: Amount
    sequence: Annotated[int, Integer(0, 2**62)]


@app.table(key="id", history=8)
class Limited(Row):
    """One counter, of whose past eight heights are kept."""

    id: Annotated[str, Text(20)]
    sequence: Annotated[int, Integer(0, 2**62)]


class Overdrawn(Refusal, code=1):
    """The account would go below zero."""

    balance: int


@app.action
def load(ctx: Context, ids: Annotated[list[Annotated[str, Text(20)]], Many(1_000)]) -> Count:
    """Open an account for each id."""
    for identifier in ids:
        ctx.db.add(Account(id=identifier, owner="o", balance=OPENING_BALANCE, sequence=0))
    return len(ids)


@app.action
def transfer(
    ctx: Context, source: Annotated[str, Text(20)], target: Annotated[str, Text(20)], amount: Amount
) -> None:
    """Move ``amount`` from one account to another."""
    payer, payee = ctx.db.get(Account, source), ctx.db.get(Account, target)
    require(source != target, BadArgument(argument="target"))
    require(payer.balance > amount, Overdrawn(balance=payer.balance))
    ctx.db.put(replace(payer, balance=payer.balance - amount, sequence=payer.sequence + 1))
    ctx.db.put(replace(payee, balance=payee.balance + amount))


@app.action
def touch(ctx: Context, ids: Annotated[list[Annotated[str, Text(20)]], Many(1_000)]) -> Count:
    """Change each account named."""
    for identifier in ids:
        account = ctx.db.get(Account, identifier)
        ctx.db.put(replace(account, sequence=account.sequence + 1))
    return len(ids)


@app.action
def load_limited(
    ctx: Context, ids: Annotated[list[Annotated[str, Text(20)]], Many(1_000)]
) -> Count:
    """Start a counter for each id."""
    for identifier in ids:
        ctx.db.add(Limited(id=identifier, sequence=0))
    return len(ids)


@app.action
def touch_limited(
    ctx: Context, ids: Annotated[list[Annotated[str, Text(20)]], Many(1_000)]
) -> Count:
    """Count each counter named up."""
    for identifier in ids:
        counter = ctx.db.get(Limited, identifier)
        ctx.db.put(replace(counter, sequence=counter.sequence + 1))
    return len(ids)
