"""Routes that read rows: pages of them, one, its life, and what differs between two heights.

Invariant: the pages of one list agree with the height of its first page.
"""

from typing import Annotated, Any, get_args

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity import limits
from comity.query import documents, reads
from comity.query.reads import Filter, Operator
from comity.web.problems import Problem
from comity.web.reading import (
    AT,
    IF_NONE_MATCH,
    MEDIA_TYPES,
    Height,
    ask,
    cache_of,
    etag_of,
    media_of,
)
from comity.web.routes import Media, Operation, path, query, values_of
from comity.web.tables import TABLE

Limit = Annotated[int, Meta(ge=1, le=limits.READ_ROWS_MAX)]
Token = Annotated[str, Meta(max_length=limits.READ_TEXT_CHARS_MAX)]
KEY = path(
    "key", Token,
    "Key of the row: columns with commas between them; ~2C is a comma inside one, ~2F a slash, ~7E a tilde, and ~ alone"
    " the empty text.",
)  # fmt: skip
LIMIT = query("limit", Limit, f"Rows of a page, {limits.READ_ROWS_DEFAULT} by default.")
AFTER = query("after", Token, "``next`` of the page before; it also stands in the header Link.")
_SORT = query("sort", Token, "Columns of the key or of an index, with commas; -name falls.")
_SEPARATOR = "__"
_OPERATORS: tuple[Operator, ...] = get_args(Operator)
_FORMS = tuple(Media(name) for name in MEDIA_TYPES if MEDIA_TYPES[name] != "json")


async def list_rows(request: Request) -> Response:
    """Return a page of rows."""
    values = values_of(request)
    media_type = media_of(request)
    read = reads.PageRead(
        table=values["table"],
        filters=_filters(request),
        sort=values.get("sort", ""),
        limit=values.get("limit", limits.READ_ROWS_DEFAULT),
        after=values.get("after", ""),
        at=values.get("at"),
        etag=etag_of(request),
        media=MEDIA_TYPES[media_type],
    )
    return await ask(request, read, media_type=media_type, cache=cache_of(read.after or read.at))


async def read_row(request: Request) -> Response:
    """Return one row."""
    values = values_of(request)
    read = reads.RowRead(
        table=values["table"],
        key=values["key"],
        at=values.get("at"),
        etag=etag_of(request),
    )
    return await ask(request, read, cache=cache_of(read.at))


async def read_history(request: Request) -> Response:
    """Tell the life of a row."""
    values = values_of(request)
    return await ask(request, reads.HistoryRead(table=values["table"], key=values["key"]))


async def read_diff(request: Request) -> Response:
    """Tell which rows two heights have differently."""
    values = values_of(request)
    read = reads.DiffRead(
        table=values["table"],
        older=values["from"],
        newer=values.get("to"),
        limit=values.get("limit", limits.READ_ROWS_DEFAULT),
        after=values.get("after", ""),
    )
    return await ask(request, read, cache=cache_of(read.after or read.newer))


def _filters(request: Request) -> tuple[Filter, ...]:
    """Return the conditions: every parameter whose name is not one of the operation's. Raises: Problem."""
    found = []
    known = {each.name for each in _LIST_ROWS if each.place == "query"}
    for name, text in request.query_params.multi_items():
        if name in known:
            continue
        column, separator, word = name.partition(_SEPARATOR)
        operator = next((each for each in _OPERATORS if each == (word or "eq")), None)
        if operator is None or (separator and not word):
            listed = ", ".join(_OPERATORS)
            raise Problem("bad-parameter", f"{name[:80]!r}: behind __ stands one of {listed}")
        found.append(Filter(column, operator, text))
    return tuple(found)


_LIST_ROWS: Any = (TABLE, _SORT, LIMIT, AFTER, AT, IF_NONE_MATCH)
OPERATIONS = (
    Operation(
        method="GET", path="/v1/tables/{table}/rows", name="listRows", tag="rows",
        summary="Return a page of rows, in key order or that of an index.",
        description=(
            "Any other parameter is a condition on a column: sector=Energy; twice means either of two. Behind two"
            f" underscores stands another comparison: {', '.join(_OPERATORS)}; count__eq is the column count whatever"
            " it is called. All pages of a list are of the height of the first."
        ),
        handler=list_rows, parameters=_LIST_ROWS, other_query="A condition on a column.",
        answers={200: (documents.Page, *_FORMS), 304: None}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}/rows/{key}", name="readRow", tag="rows",
        summary="Return one row; 410 when it was removed.",
        handler=read_row, parameters=(TABLE, KEY, AT, IF_NONE_MATCH),
        answers={200: documents.Row, 304: None}, problems=(404, 408, 410),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}/rows/{key}/history", name="readRowHistory", tag="rows",
        summary="Tell the life of a row: what changed, when, by whom; also of one that was removed.",
        handler=read_history, parameters=(TABLE, KEY),
        answers={200: documents.RowLife}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/tables/{table}/diff", name="readDiff", tag="rows",
        summary="Tell which rows two heights have differently, by key.",
        handler=read_diff,
        parameters=(
            TABLE,
            query("from", Height, "The older height.", is_required=True),
            query("to", Height, "The newer height; the newest by default."),
            LIMIT, AFTER,
        ),
        answers={200: documents.Diff}, problems=(404, 408),
    ),
)  # fmt: skip
