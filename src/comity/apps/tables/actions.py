"""What members do with shared tables.

Invariant: a call changes all the rows that it names or none, and never one that changed since its
signer saw it.
"""

from comity.apps.tables.altering import Changes, check_kinds
from comity.apps.tables.errors import NumberTooHigh
from comity.apps.tables.makers import check_maker, count_dropped, count_made
from comity.apps.tables.placing import Placing
from comity.apps.tables.rights import Guard, check_creator, check_hashes, check_right, rule_of
from comity.apps.tables.tables import (
    ROWS_MAX,
    ColumnDocuments,
    ColumnNames,
    Counter,
    Keys,
    Numbers,
    Preset,
    RowHashes,
    Rule,
    TableName,
    app,
)
from comity.sdk import (
    BadRow,
    BadSchema,
    Context,
    Document,
    Flag,
    Record,
    Rows,
    Values,
    column_from_document,
    replace,
    schema_from_document,
)


@app.action
def create(ctx: Context, schema: Document, preset: Preset, is_numbered: Flag = False) -> Rule:
    """Make a table, of which the caller is the creator.

    Args:
        schema: ``name``, ``columns`` and ``key``; where wanted ``indexes`` and ``history``.
        preset: who may add, change and remove rows: ``open`` every member; ``own-rows`` every
            member adds, the owner changes; ``append-only`` every member adds; ``read-only`` the
            creator alone.
        is_numbered: the key is one integer, and the ledger numbers rows that come without it.

    Raises: BadSchema, MemberHasTablesEnough, MemberMadeTablesEnough, TableExists, TooManyTables,
        TablesUsedUp.
    """
    wanted = replace(schema_from_document(schema), is_owned=True)
    check_kinds(wanted.name, list(wanted.columns))
    if is_numbered and [column.type.kind for column in wanted.key_columns] != ["integer"]:
        raise BadSchema(table=wanted.name, problem="numbered rows need one integer column as key")
    maker = check_maker(ctx.db, ctx.sender)

    ctx.schema.create(wanted)
    count_made(ctx, maker)
    if is_numbered:
        ctx.db.add(Counter(name=wanted.name))
    rule = Rule(name=wanted.name, creator=ctx.sender, preset=preset, is_numbered=is_numbered)
    return ctx.db.add(rule)


@app.action
def alter(
    ctx: Context,
    table: TableName,
    columns: ColumnDocuments | None = None,
    renames: Record | None = None,
    retired: ColumnNames | None = None,
    values: Document | None = None,
) -> None:
    """Give a table its next schema; for its creator.

    Args:
        columns: to append, as in ``create``; none of them required.
        renames: new name by present name.
        retired: columns that read null from now on and take no value.
        values: codes to append, as a list, by the name of an enum column.

    Raises: TableNotFound, NotTableCreator, BadSchema.
    """
    check_creator(rule_of(ctx.db, table), ctx.sender)
    schema = ctx.db.table(table).schema
    changes = Changes(schema, renames or {}, retired or [], values or {})

    ctx.schema.alter(changes.apply([column_from_document(item, table) for item in columns or []]))


@app.action
def drop(ctx: Context, table: TableName) -> None:
    """End an empty table; its history stays, and so its name is taken for ever. For its creator.

    Raises: TableNotFound, NotTableCreator, TableNotEmpty, BadSchema.
    """
    rule = rule_of(ctx.db, table)
    check_creator(rule, ctx.sender)

    ctx.schema.drop(table)
    count_dropped(ctx, rule.creator)
    if rule.is_numbered:
        ctx.db.delete(ctx.db.get(Counter, table))
    ctx.db.delete(rule)


@app.action
def add(ctx: Context, table: TableName, rows: Rows, columns: ColumnNames | None = None) -> Numbers:
    """Add rows, which the caller then owns; return the numbers that the ledger gave, in order.

    Args:
        rows: at most 1,000, each a list of values; what is left out at its end is null.
        columns: what the values are of, in order; by default all columns of the table.

    Raises: TableNotFound, RuleRefused, BadArgument, BadRow, NumberTooHigh, RowExists, NotUnique,
        KeyTooLong.
    """
    rule = rule_of(ctx.db, table)
    check_right(rule, "add", ctx.sender)
    shared = ctx.db.table(table)
    placing = Placing(shared.schema, columns)

    numbers: list[int] = []
    placed = [placing.new(values) for values in rows]
    if rule.is_numbered:
        placed = _numbered(ctx, placing, placed, numbers)
    for values in placed:
        shared.add(values, ctx.sender)
    return numbers


@app.action
def change(
    ctx: Context,
    table: TableName,
    rows: Rows,
    seen: RowHashes,
    columns: ColumnNames | None = None,
) -> None:
    """Change rows that are as the caller saw them; their owners stay.

    Args:
        rows: at most 1,000, each a list of values with the row's key among them; columns that
            have no value stay as they are.
        seen: for each row its row hash, or the first 8 bytes of it, when the caller read it.
        columns: what the values are of, in order; by default all columns of the table.

    Raises: TableNotFound, RuleRefused, BadArgument, RowNotFound, NotRowOwner, RowChanged, BadRow,
        NotUnique.
    """
    rule, shared = rule_of(ctx.db, table), ctx.db.table(table)
    guard = Guard(rule, shared, "change", ctx.sender)
    placing = Placing(shared.schema, columns)
    check_hashes(seen, len(rows))

    for values, row_hash in zip(rows, seen, strict=True):
        row = guard.row(placing.key(values), row_hash)
        shared.put(placing.changed(row.values, values))


@app.action
def remove(ctx: Context, table: TableName, keys: Keys, seen: RowHashes) -> None:
    """Remove rows that are as the caller saw them; their history stays.

    Args:
        keys: at most 1,000, each a list of the values of the key's columns.
        seen: for each key the row hash, or the first 8 bytes of it, when the caller read it.

    Raises: TableNotFound, RuleRefused, BadArgument, RowNotFound, NotRowOwner, RowChanged.
    """
    rule, shared = rule_of(ctx.db, table), ctx.db.table(table)
    guard = Guard(rule, shared, "remove", ctx.sender)
    check_hashes(seen, len(keys))

    for key, row_hash in zip(keys, seen, strict=True):
        guard.row(key, row_hash)
        shared.delete(key)


def _numbered(ctx: Context, placing: Placing, rows: list[Values], given: list[int]) -> list[Values]:
    """Return the rows, each with a number; ``given`` gets those that the ledger chose."""
    counter = ctx.db.get(Counter, placing.table)
    at, last = placing.key_ordinals[0], counter.last
    numbered = []
    for values in rows:
        number = values[at]
        if number is None:
            number = last + 1
            given.append(number)
        elif type(number) is not int:
            column = placing.names[at]
            raise BadRow(table=placing.table, column=column, problem="a whole number is needed")
        elif number > last + ROWS_MAX:
            raise NumberTooHigh(table=placing.table, number=number, number_max=last + ROWS_MAX)
        last = max(last, number)
        numbered.append([*values[:at], number, *values[at + 1 :]])
    if last > counter.last:
        ctx.db.put(replace(counter, last=last))
    return numbered
