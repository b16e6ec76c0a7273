"""Routes that change rows, signed by this node with a key that a token opens.

A member whose key is elsewhere signs for itself and uses POST /v1/transactions. Here the caller shows a token, which
holds for some tables, some deeds and some time (``node.tokens``); the ledger's rules decide as for everybody.

Invariant: nothing is signed without a token that permits it; a change names the row that its caller saw.
"""

import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity.client.keystore import SigningKey
from comity.client.refused import Refused
from comity.client.secret import Secret
from comity.client.signing import sign_calls, valid_until
from comity.errors import Malformed, QueryError
from comity.limits import DECIMAL_DIGITS_MAX, SALT_BYTES, WRITE_ROWS_MAX
from comity.model.column import Column, ColumnValue
from comity.model.outcome import Ordered
from comity.model.schema import TableSchema
from comity.model.transaction import Call
from comity.node.explaining import explain
from comity.node.running import Node
from comity.node.tokens import Deed, TokenRefused, Tokens
from comity.query import documents, reads
from comity.query.keys import key_from_text, value_from_text
from comity.web.bodies import media_type_of, read_body
from comity.web.problems import PROBLEM_JSON, Problem, body_of, response_of
from comity.web.reading import REFUSAL_STATUS
from comity.web.routes import JSON, Operation, answer, header, node_of, values_of
from comity.web.rows import KEY
from comity.web.tables import TABLE
from comity.web.transactions import ADDRESS, Outcome, outcome_of

_TABLES = "tables"
_BODY_BYTES_MAX = 4 << 20
_ETAG = re.compile('"([0-9a-f]{16,64})"')
_Value = int | str | bool | None
Fields = dict[str, _Value]
Argue = Callable[[Request, TableSchema], Awaitable[dict[str, Any]]]


class NewRows(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Rows to add, each by column names; decimals, dates, accounts and bytes as texts."""

    rows: Annotated[list[Fields], Meta(min_length=1, max_length=WRITE_ROWS_MAX)]


_decode_rows = msgspec.json.Decoder(NewRows).decode
_decode_fields = msgspec.json.Decoder(Fields).decode


async def add_rows(request: Request) -> Response:
    """Add rows."""
    return await _run(request, "add", _added)


async def change_row(request: Request) -> Response:
    """Change some columns of a row that is as the caller saw it."""
    return await _run(request, "change", _changed)


async def remove_row(request: Request) -> Response:
    """Remove a row that is as the caller saw it."""
    return await _run(request, "remove", _removed)


async def _run(request: Request, deed: Deed, argue: Argue) -> Response:
    """Have one call signed, ordered and executed, for a caller who is entitled."""
    node, table = node_of(request), values_of(request)["table"]
    try:
        key, account = _opened(request, node, table, deed)
    except Problem as error:
        response = response_of(body_of(error))
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="comity"'
        return response
    if "__" in table or table.startswith("comity"):
        raise QueryError("unknown-table", f"there is no shared table {table}")
    arguments = {"table": table, **await argue(request, node.lookups.schema(table))}
    transaction = _signed(node, key, account, Call(f"{_TABLES}.{deed}", arguments))
    (given,) = await node.submit([transaction], node.config.submit_time_ms / 1000)
    if isinstance(given, Ordered) and not given.receipt.is_ok:
        return await _refusal(request, given)
    outcome = outcome_of(node, given)
    if outcome.problem is not None:
        return response_of(outcome.problem)
    return answer(outcome, outcome.status, {"Location": f"{ADDRESS}{outcome.id}"})


def _opened(request: Request, node: Node, table: str, deed: Deed) -> tuple[SigningKey, bytes]:
    """Return who signs and who acts. Raises: Problem, without a token that permits it."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Problem("token-required", "send the header Authorization: Bearer, with a token")
    tokens = Tokens(node.folder.directory, node.genesis.hash)
    try:
        return tokens.open(Secret.from_text(token), table, deed, time.time_ns())
    except TokenRefused as error:
        if error.code == "out-of-scope":
            raise Problem("out-of-scope", str(error)) from error
        raise Problem("token-refused", str(error)) from error


def _signed(node: Node, key: SigningKey, account: bytes, call: Call) -> bytes:
    try:
        return sign_calls(
            key,
            [call],
            genesis_hash=node.genesis.hash,
            expires_ns=valid_until(time.time_ns(), node.tip.time_ns, node.genesis.block_interval_s),
            salt=os.urandom(SALT_BYTES),
            account=account,
        ).encode()
    except Malformed as error:
        raise Problem("bad-body", str(error)) from error


async def _added(request: Request, schema: TableSchema) -> dict[str, Any]:
    body: NewRows = await _body(request, _decode_rows)
    columns = {name: _column(schema, name) for row in body.rows for name in row}
    rows = [
        [_value(column, row.get(name)) for name, column in columns.items()] for row in body.rows
    ]
    return {"rows": rows, "columns": list(columns)}


async def _changed(request: Request, schema: TableSchema) -> dict[str, Any]:
    fields: Fields = await _body(request, _decode_fields)
    key = key_from_text(values_of(request)["key"], schema)
    values: dict[str, Any] = dict(zip(schema.key, key, strict=True))
    for name, given in fields.items():
        value = _value(_column(schema, name), given)
        if name in schema.key and value != values[name]:
            raise Problem("bad-body", f"{name} is of the key, which cannot change: add another row")
        values[name] = value
    return {"rows": [list(values.values())], "columns": list(values), "seen": [_seen(request)]}


async def _removed(request: Request, schema: TableSchema) -> dict[str, Any]:
    key = key_from_text(values_of(request)["key"], schema)
    return {"keys": [list(key)], "seen": [_seen(request)]}


async def _refusal(request: Request, given: Ordered) -> Response:
    """Return a refusal as the rows' routes tell it: with the status of HTTP that fits, and the row as it is now."""
    node, receipt = node_of(request), given.receipt
    body = body_of(
        Refused(
            explain(node.apps, receipt),
            call_index=receipt.call_index or 0,
            identifier=given.identifier,
            height=given.height,
            name_of=node.lookups.name_of,
        )
    )
    fields = dict(body.fields or {})
    if body.code == "row-changed":
        fields["theirs"] = await _theirs(request)
    status = REFUSAL_STATUS.get(body.code, body.status)
    told = msgspec.structs.replace(body, status=status, fields=fields)
    headers = {"Location": f"{ADDRESS}{given.identifier.hex()}"}
    return Response(msgspec.json.encode(told), status, headers, media_type=PROBLEM_JSON)


async def _theirs(request: Request) -> Any:
    """Return the row as it is now, or None when it is gone."""
    values = values_of(request)
    read = reads.RowRead(table=values["table"], key=values["key"])
    try:
        found = await node_of(request).readers.ask(read)
    except QueryError:
        return None
    return msgspec.json.decode(found.body, type=documents.Row).row


async def _body(request: Request, decode: Any) -> Any:
    media_type_of(request, (JSON,))
    try:
        return decode(await read_body(request, _BODY_BYTES_MAX))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("bad-body", str(error)) from error


def _seen(request: Request) -> bytes:
    """Return the hash of the row that the caller saw. Raises: Problem."""
    given = values_of(request).get("If-Match")
    if given is None:
        raise Problem("if-match-required", "send If-Match with the ETag of the row that you saw")
    found = _ETAG.fullmatch(given)
    if found is None or len(found[1]) % 2:
        raise Problem("bad-parameter", f"If-Match={given[:80]!r} is no ETag of a row")
    return bytes.fromhex(found[1])


def _column(schema: TableSchema, name: str) -> Column:
    for column in schema.columns:
        if column.name == name and not column.retired:
            return column
    known = ", ".join(column.name for column in schema.columns if not column.retired)
    raise QueryError("unknown-column", f"{schema.name} has no column {name[:60]!a}; it has {known}")


def _value(column: Column, given: _Value) -> ColumnValue:
    """Return what a JSON value means in a column; the ledger checks its bounds. Raises: Problem."""
    kind = column.type
    if given is None or (type(given) is kind.python_type and kind.kind != "decimal"):
        return given
    if kind.kind == "decimal" and type(given) is int and abs(given) < 10**DECIMAL_DIGITS_MAX:
        scale: int = 10**kind.scale
        return given * scale
    try:
        if type(given) is str:
            return value_from_text(given, kind)
    except Malformed as error:
        raise Problem("bad-body", f"{column.name}: {error}") from error
    raise Problem("bad-body", f"{column.name}: {given!r} is no {kind.kind}")


_TOKEN = header("Authorization", str, "Bearer and a token: comity token new.")
_IF_MATCH = header("If-Match", str, "ETag of the row as it was seen; without it: 428.")
_PROBLEMS = (401, 403, 404, 408, 409, 413, 415, 422, 429, 504)
OPERATIONS: Sequence[Operation] = (
    Operation(
        method="POST", path="/v1/tables/{table}/rows", name="addRows", tag="rows",
        summary="Add rows, signed by this node with the key of a token.",
        description=f"One transaction of 1 to {WRITE_ROWS_MAX} rows: all are added, or none.",
        handler=add_rows, parameters=(TABLE, _TOKEN), bodies=(NewRows,),
        answers={201: Outcome}, problems=_PROBLEMS,
    ),
    Operation(
        method="PATCH", path="/v1/tables/{table}/rows/{key}", name="changeRow", tag="rows",
        summary="Change columns of a row that is as it was seen; 409 when somebody changed it since.",
        handler=change_row, parameters=(TABLE, KEY, _TOKEN, _IF_MATCH), bodies=(Fields,),
        answers={201: Outcome}, problems=(*_PROBLEMS, 428),
    ),
    Operation(
        method="DELETE", path="/v1/tables/{table}/rows/{key}", name="removeRow", tag="rows",
        summary="Remove a row that is as it was seen; its history stays.",
        handler=remove_row, parameters=(TABLE, KEY, _TOKEN, _IF_MATCH),
        answers={201: Outcome}, problems=(*_PROBLEMS, 428),
    ),
)  # fmt: skip
