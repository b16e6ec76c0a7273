"""How many tables each member has and ever made, so that nobody uses up the ledger's room for them.

Invariant: a member's counts change with its tables, in the same transaction.
"""

from comity.apps.tables.errors import MemberHasTablesEnough, MemberMadeTablesEnough
from comity.apps.tables.tables import (
    MADE_PER_TABLE,
    TABLES_MAX,
    TABLES_PER_MEMBER,
    Maker,
    app,
)
from comity.sdk import BadArgument, Context, Founders, Reader, replace, require


@app.genesis
def found(ctx: Context, founders: Founders) -> None:  # noqa: ARG001 - a genesis is handed them
    """Refuse a parameter that the rules could not read. Raises: BadArgument."""
    value = ctx.db.parameter("per_member", TABLES_PER_MEMBER)
    if type(value) is not int or not 0 <= value <= TABLES_MAX:
        problem = f"a whole number from 0 to {TABLES_MAX} is needed"
        raise BadArgument(argument="per_member", problem=problem)


def check_maker(db: Reader, account: bytes) -> Maker:
    """Return the counts of who may make one more table.

    Raises: MemberHasTablesEnough, MemberMadeTablesEnough.
    """
    maker = db.find(Maker, account) or Maker(account=account)
    live_max: int = db.parameter("per_member", TABLES_PER_MEMBER)
    made_max = live_max * MADE_PER_TABLE
    require(maker.live < live_max, MemberHasTablesEnough(tables_max=live_max))
    require(maker.made < made_max, MemberMadeTablesEnough(tables_max=made_max))
    return maker


def count_made(ctx: Context, maker: Maker) -> None:
    """Count a table that was made."""
    counted = replace(maker, live=maker.live + 1, made=maker.made + 1)
    if maker.made == 0:
        ctx.db.add(counted)
    else:
        ctx.db.put(counted)


def count_dropped(ctx: Context, account: bytes) -> None:
    """Count a table that is no more."""
    maker = ctx.db.get(Maker, account)
    ctx.db.put(replace(maker, live=maker.live - 1))
