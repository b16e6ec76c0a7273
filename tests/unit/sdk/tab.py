"""Tab: members pay one another on credit; balances always sum to zero."""

from comity.sdk import (
    AccountId,
    Amount,
    App,
    BadArgument,
    Context,
    Count,
    Name,
    Reader,
    Refusal,
    Row,
    SignedAmount,
    replace,
    require,
)  # fmt: skip

CREDIT_LIMIT_CENTS = 10_000  # the most that one member may owe
app = App("tab", version=1)


@app.table(key="name")
class Member(Row):
    """One row per member: added by ``join``, never deleted."""

    name: Name
    owner: AccountId  # account that may pay from this tab
    balance_cents: SignedAmount = 0  # below zero: the member owes


class CreditExceeded(Refusal, code=1, transient=True):
    """The payment would take the payer past ``CREDIT_LIMIT_CENTS``."""

    balance_cents: int  # what the payer's balance would have become


@app.action
def join(ctx: Context, name: Name) -> Member:
    """Open an empty tab for the caller. Raises: RowExists."""
    return ctx.db.add(Member(name=name, owner=ctx.sender))


@app.action
def pay(ctx: Context, source: Name, target: Name, amount_cents: Amount) -> Member:
    """Move ``amount_cents`` from one tab to another; return the payer's new row.

    Raises: RowNotFound, BadArgument, NotAuthorized, CreditExceeded.
    """
    payer, payee = ctx.db.get(Member, source), ctx.db.get(Member, target)
    require(source != target, BadArgument(argument="target"))
    ctx.authorize(payer.owner)
    left = payer.balance_cents - amount_cents
    require(left >= -CREDIT_LIMIT_CENTS, CreditExceeded(balance_cents=left))

    ctx.db.put(replace(payee, balance_cents=payee.balance_cents + amount_cents))
    return ctx.db.put(replace(payer, balance_cents=left))


@app.view
def debtors(db: Reader, limit: Count = 50) -> list[Member]:
    """Return the members who owe, deepest first; at most ``limit`` rows."""
    return db.select(Member, "balance_cents < 0", order="balance_cents", limit=limit)


@app.invariant
def is_balanced(db: Reader) -> bool:
    """No payment makes or loses money: all balances sum to zero."""
    return db.sum(Member, "balance_cents") == 0
