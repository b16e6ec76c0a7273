"""What anyone may read of shared tables.

Invariant: every answer has a bound; where more may follow, it says the key to go on from.
"""

from comity.apps.tables.rights import key_text, rule_of, sentences
from comity.apps.tables.tables import Rule, TableName, app
from comity.sdk import (
    BadArgument,
    Count,
    Document,
    Reader,
    RowNotFound,
    SharedRow,
    TableSchema,
    Values,
    schema_document,
)


@app.view
def ls(db: Reader, after: TableName | None = None, limit: Count = 100) -> list[Rule]:
    """Return the shared tables and their rules, by name.

    Args:
        after: begin behind this name.
        limit: tables, at most.

    """
    low = () if after is None else (after,)
    found = [rule for rule in db.range(Rule, low, limit=limit + 1) if rule.name != after]
    return found[:limit]


@app.view
def describe(db: Reader, table: TableName) -> Document:
    """Return a table's schema, its rule, and what the rule says in sentences.

    Raises: TableNotFound.
    """
    rule = rule_of(db, table)
    return {
        "schema": schema_document(db.table(table).schema),
        "creator": rule.creator,
        "preset": rule.preset,
        "is_numbered": rule.is_numbered,
        "rules": sentences(rule),
    }


@app.view
def rows(db: Reader, table: TableName, after: Values | None = None, limit: Count = 100) -> Document:
    """Return a page of rows in key order, each with its owner and the row hash to name as seen.

    Args:
        after: begin behind this key; ``next`` of the page before.
        limit: rows, at most.

    Returns: ``rows``, and ``next``, which is null behind the last page.
    Raises: TableNotFound, BadArgument.
    """
    rule_of(db, table)
    shared = db.table(table)
    _check_key(shared.schema, after)
    found = shared.range(() if after is None else tuple(after), limit=limit + 1)
    page = [row for row in found if _key_of(shared.schema, row) != after][:limit]
    return {
        "rows": [_row_document(shared.schema, row) for row in page],
        "next": _key_of(shared.schema, page[-1]) if len(page) == limit else None,
    }


@app.view
def row(db: Reader, table: TableName, key: Values) -> Document:
    """Return one row, with its owner and the row hash to name as seen.

    Raises: TableNotFound, BadArgument, RowNotFound.
    """
    rule_of(db, table)
    shared = db.table(table)
    _check_key(shared.schema, key)
    found = shared.get(tuple(key))
    if found is None:
        raise RowNotFound(table=table, key=key_text(key))
    return _row_document(shared.schema, found)


def _check_key(schema: TableSchema, key: Values | None) -> None:
    types = [column.type.python_type for column in schema.key_columns]
    if key is not None and [type(value) for value in key] != types:
        problem = f"the key is {', '.join(schema.key)}, each of its type"
        raise BadArgument(argument="key", problem=problem)


def _key_of(schema: TableSchema, row: SharedRow) -> list[object]:
    return [row.values[schema.ordinal(name)] for name in schema.key]


def _row_document(schema: TableSchema, row: SharedRow) -> dict[str, object]:
    named = zip(schema.columns, row.values, strict=True)
    return {
        "values": {column.name: value for column, value in named if not column.retired},
        "owner": row.owner,
        "seen": row.row_hash,
    }
