"""Routes that describe tables.

Invariant: a table that a query may not read is not there.
"""

from starlette.requests import Request
from starlette.responses import Response

from comity.query import documents, reads
from comity.web.reading import AT, IF_NONE_MATCH, Name, ask, ask_view, cache_of, etag_of
from comity.web.routes import Media, Operation, path, values_of

TABLE = path("table", Name, "Name of the table.")


async def list_tables(request: Request) -> Response:
    """List the tables."""
    at = values_of(request).get("at")
    return await ask(request, reads.TablesRead(at=at), cache=cache_of(at))


async def read_table(request: Request) -> Response:
    """Describe a table."""
    return await _read(request, is_frictionless=False)


async def read_table_schema(request: Request) -> Response:
    """Give a table's schema to other programs."""
    return await _read(request, is_frictionless=True)


async def read_table_rules(request: Request) -> Response:
    """Say who may do what with a shared table."""
    arguments = {"table": values_of(request)["table"]}
    return await ask_view(
        request, reads.ViewRead(app="tables", view="describe", arguments=arguments)
    )


async def _read(request: Request, *, is_frictionless: bool) -> Response:
    values = values_of(request)
    read = reads.TableRead(
        table=values["table"],
        is_frictionless=is_frictionless,
        at=values.get("at"),
        etag=etag_of(request),
    )
    return await ask(request, read, cache=cache_of(read.at))


OPERATIONS = (
    Operation(
        method="GET", path="/v1/tables", name="listTables", tag="tables",
        summary="List the tables: name, rows, root and key.",
        handler=list_tables, parameters=(AT,), answers={200: documents.Tables}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}", name="readTable", tag="tables",
        summary="Describe a table: columns, key, indexes, rows, root, schema versions.",
        handler=read_table, parameters=(TABLE, AT, IF_NONE_MATCH),
        answers={200: documents.Table, 304: None}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}/schema", name="readTableSchema", tag="tables",
        summary="Give a table's schema as a Frictionless Table Schema (Data Package v2).",
        handler=read_table_schema, parameters=(TABLE, AT, IF_NONE_MATCH),
        answers={200: Media("application/json", "A Table Schema."), 304: None}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}/rules", name="readTableRules", tag="tables",
        summary="Say who may add, change and remove rows of a shared table.",
        handler=read_table_rules, parameters=(TABLE,),
        answers={200: documents.ViewAnswer}, problems=(404, 408, 422),
    ),
)  # fmt: skip
