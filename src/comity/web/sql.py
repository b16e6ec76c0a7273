"""Routes that answer SQL, read-only and bounded, in a process of their own.

Invariant: an answer that a limit cut says so, in its body or in ``Comity-Truncated``.
"""

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from comity import limits
from comity.query import documents, reads
from comity.query.frames import QueryLimits
from comity.web.bodies import media_type_of, read_body
from comity.web.problems import Problem
from comity.web.reading import AT, MEDIA_TYPES, MSGPACK, Height, ask, cache_of, media_of
from comity.web.routes import JSON, Media, Operation, node_of, query, values_of

Text = Annotated[str, msgspec.Meta(max_length=limits.QUERY_SQL_BYTES_MAX)]
_BODY_BYTES_MAX = 2 * (limits.QUERY_SQL_BYTES_MAX + limits.QUERY_PARAMETERS_BYTES_MAX)
_MEDIA: dict[str, reads.Media] = {**MEDIA_TYPES, MSGPACK: "msgpack"}
_FORMS = tuple(Media(name) for name in _MEDIA if _MEDIA[name] != "json")
_Value = int | float | str | bool | None
_SCALARS = (int, float, str, bytes, bool, type(None))


class SqlQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A query.

    Args:
        sql: one statement that reads.
        parameters: values for ``?`` in order, or for ``:name`` by name.
        at: read as of this height.
    """

    sql: Text
    parameters: list[_Value] | dict[str, _Value] = []
    at: Height | None = None


class ExactQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A query in msgpack, whose parameters may be bytes."""

    sql: Text
    parameters: list[Any] | dict[str, Any] = []
    at: Height | None = None


_decode = msgspec.json.Decoder(SqlQuery).decode
_decode_exact = msgspec.msgpack.Decoder(ExactQuery).decode


async def run_sql(request: Request) -> Response:
    """Answer the query of a body."""
    is_exact = media_type_of(request, (JSON, MSGPACK)) == MSGPACK
    asked: SqlQuery | ExactQuery
    try:
        body = await read_body(request, _BODY_BYTES_MAX)
        asked = _decode_exact(body) if is_exact else _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("bad-body", f'{error}; write {{"sql": ...}}') from error
    given = asked.parameters
    values = given.values() if isinstance(given, dict) else given
    if any(type(value) not in _SCALARS for value in values):
        raise Problem("bad-body", "parameters: numbers, texts, bytes, true, false and null alone")
    return await _run(
        request, asked.sql, given if isinstance(given, dict) else tuple(given), asked.at
    )


async def run_sql_of_address(request: Request) -> Response:
    """Answer the query of an address."""
    values = values_of(request)
    return await _run(request, values["q"], (), values.get("at"))


async def _run(request: Request, sql: str, parameters: Any, at: int | None) -> Response:
    media_type = media_of(request, tuple(_MEDIA))
    config = node_of(request).config
    bounds = QueryLimits(
        time_ms=config.query_time_ms,
        heap_bytes=config.query_heap_bytes,
        rows=config.query_rows_max,
        answer_bytes=config.query_answer_bytes_max,
    )
    media = _MEDIA[media_type]
    read = reads.SqlRead(sql=sql, parameters=parameters, at=at, media=media, limits=bounds)
    return await ask(request, read, media_type=media_type, cache=cache_of(at))


_EXACT = Media(MSGPACK, "The same; parameters may be bytes.")
_ANSWERS = {200: (documents.Sql, *_FORMS)}
OPERATIONS = (
    Operation(
        method="POST", path="/v1/sql", name="runSql", tag="sql",
        summary="Answer one SQL statement that reads.",
        description=(
            "SQLite's SQL over the tables, within QUERY_* of GET /v1/limits. A decimal is a whole number of its"
            " smallest units where a query computes with it."
        ),
        handler=run_sql, bodies=(SqlQuery, _EXACT), answers=_ANSWERS, problems=(404, 408, 413, 415),
    ),
    Operation(
        method="GET", path="/v1/sql", name="runSqlOfAddress", tag="sql",
        summary="Answer one SQL statement that stands in the address.",
        handler=run_sql_of_address,
        parameters=(query("q", Text, "The statement.", is_required=True), AT),
        answers=_ANSWERS, problems=(404, 408),
    ),
)  # fmt: skip
