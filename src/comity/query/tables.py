"""Tables as answers: the list of them, one of them, and its schema for other programs.

Invariant: only tables that a query may read are named; sizes and roots are the catalog's.
"""

from typing import Any

import apsw

from comity.model import account
from comity.model.column import Column
from comity.model.schema import TableSchema
from comity.model.schema_document import column_document, schema_document
from comity.query.asof import READABLE, history_start, snapshot_of
from comity.query.documents import Table, TableEntry, Tables, to_json
from comity.query.page import etag_of, is_current
from comity.query.past import leaf_names
from comity.query.reads import Found, TableRead, TablesRead
from comity.query.table_at import Schemas, TableAt
from comity.store.catalog import TableLeaf

_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
_FRICTIONLESS = {
    "integer": "integer",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}


def ls(connection: apsw.Connection, schemas: Schemas, read: TablesRead) -> Found:
    """Return all tables of a height, by name."""
    snapshot = snapshot_of(connection, read.at)
    tables = []
    for name, leaf in leaf_names(connection, snapshot.height, is_newest=snapshot.is_newest):
        if name.startswith("comity_") and name not in READABLE:
            continue
        entry = TableLeaf.decode(leaf)
        tables.append(
            TableEntry(
                name=name,
                app=_app_of(name),
                rows=entry.row_count,
                root=entry.root.hex(),
                key=list(schemas.of(connection, name)[1].schema.key),
            )
        )
    document = Tables(height=snapshot.height, app_hash=snapshot.app_hash.hex(), tables=tables)
    return Found(height=snapshot.height, app_hash=snapshot.app_hash, body=to_json(document))


def one(connection: apsw.Connection, schemas: Schemas, read: TableRead) -> Found:
    """Return one table, or its Frictionless Table Schema. Raises: QueryError."""
    snapshot = snapshot_of(connection, read.at)
    table = TableAt(connection, schemas, read.table, snapshot)
    if read.etag and is_current(connection, table, read.etag):
        return Found(
            height=snapshot.height, app_hash=snapshot.app_hash, etag=read.etag, is_unchanged=True
        )
    document = table_schema(table.schema) if read.is_frictionless else _table(table, schemas)
    return Found(
        height=snapshot.height,
        app_hash=snapshot.app_hash,
        body=to_json(document),
        etag=etag_of(table),
    )


def table_schema(schema: TableSchema) -> dict[str, Any]:
    """Return the Frictionless Table Schema of a table. Source: Data Package v2, "Table Schema"."""
    columns = [column for column in schema.columns if not column.retired]
    document: dict[str, Any] = {
        "$schema": _PROFILE,
        "fields": [_field(column) for column in columns],
        "primaryKey": list(schema.key),
        "missingValues": [""],
    }
    uniques = [list(index.columns) for index in schema.indexes if index.unique]
    return document | ({"uniqueKeys": uniques} if uniques else {})


def _table(table: TableAt, schemas: Schemas) -> Table:
    snapshot, leaf = table.snapshot, table.leaf()
    return Table(
        name=table.name,
        height=snapshot.height,
        app_hash=snapshot.app_hash.hex(),
        app=_app_of(table.name),
        rows=leaf.row_count,
        root=leaf.root.hex(),
        schema=schema_document(table.schema),
        schema_hash=leaf.schema_hash.hex(),
        schema_versions=schemas.versions_bytes(table.name).hex(),
        history_from=history_start(table.codec.schema, snapshot.height_newest),
    )


def _app_of(name: str) -> str | None:
    return name.partition("__")[0] if "__" in name else None


def _field(column: Column) -> dict[str, Any]:
    type_, kind = column.type, column.type.kind
    constraints: dict[str, Any] = {"required": True} if column.required else {}
    if kind in ("integer", "text"):
        names = ("minimum", "maximum") if kind == "integer" else ("minLength", "maxLength")
        bounds = zip(names, (type_.minimum, type_.maximum), strict=True)
        constraints |= {name: bound for name, bound in bounds if bound is not None}
    elif kind == "enum":
        constraints["enum"] = list(type_.values)
    elif kind == "bytes":
        constraints["pattern"] = f"([0-9a-f]{{2}}){{{type_.minimum or 0},{type_.maximum}}}"
    elif kind == "account":
        letters = account.TEXT_CHARS - len(account.PREFIX) - 1
        constraints["pattern"] = f"{account.PREFIX}1[0-9a-z]{{{letters}}}"
    field: dict[str, Any] = {"name": column.name, "type": _FRICTIONLESS.get(kind, "string")}
    if kind == "boolean":
        field |= {"trueValues": ["true"], "falseValues": ["false"]}
    field |= {"constraints": constraints} if constraints else {}
    return field | {"comity": column_document(column)}
