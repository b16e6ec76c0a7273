"""The table of routes: each operation is declared once, and server, OpenAPI and its page follow from that.

How to add routes: write a module with handlers and a tuple ``OPERATIONS``, and name it in ``app.OPERATIONS``::

    class Table(msgspec.Struct, kw_only=True):          # what the answer is, field by field
        name: str
        rows_count: int

    async def read_table(request: Request) -> Response:
        node, values = node_of(request), values_of(request)
        found = ...                                      # raise QueryError, Problem ... : it becomes a problem
        return answer(Table(name=..., rows_count=...))

    OPERATIONS = (
        Operation(
            method="GET", path="/v1/tables/{table}", name="readTable", summary="Describe a table.", tag="tables",
            handler=read_table, parameters=(path("table", str, "Name of the table."),),
            answers={200: Table}, problems=(400, 404),
        ),
    )

- An answer's type is a ``msgspec.Struct``, or ``Media("text/csv")`` for other bytes, or a tuple of such; None is an
  empty body.
- ``problems`` lists every status that a handler's errors can have (``problems.status_of``). 400, 405, 406, 413, 431 and
  503 may come from anywhere and are declared of every operation by themselves.
- ``values_of(request)`` holds the declared parameters of path, query and headers by name, converted and bounded by
  their types; unknown names and wrong values of the query were refused before the handler was called.
- Handlers run on the event loop: what takes over a few milliseconds belongs into ``asyncio.to_thread`` or another
  process.
- Each answer carries ``Comity-Height``, ``Comity-App-Hash`` and ``Comity-Ledger``: of the last block, unless the
  handler set them.

Invariant: nothing is served that is not declared.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from comity.web.problems import Problem

if TYPE_CHECKING:
    from comity.node.running import Node

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
JSON = "application/json"


class Media(msgspec.Struct, frozen=True):
    """Bytes of a media type, where an answer or a body is not JSON of a declared type."""

    media_type: str
    description: str = ""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A named value of a request.

    Args:
        place: ``path``, ``query`` or ``header``.
        type: what ``msgspec.convert`` makes of its text; ``Annotated`` with ``Meta`` bounds it.
    """

    name: str
    place: str
    type: Any
    description: str
    is_required: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Args:
        name: operation id of OpenAPI, ``verbNoun``.
        answers: type of the body by status.
        problems: further statuses, whose bodies are problems.
        bodies: media types that a request may have.
        other_query: what every further parameter of the query is, where the handler reads such; else "".
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    handler: Handler
    answers: Mapping[int, Any]
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    bodies: tuple[Any, ...] = ()
    description: str = ""
    other_query: str = ""


def path(name: str, kind: Any, description: str) -> Parameter:
    """Return a parameter that stands in the path."""
    return Parameter(name=name, place="path", type=kind, description=description, is_required=True)


def query(name: str, kind: Any, description: str, *, is_required: bool = False) -> Parameter:
    """Return a parameter that stands behind the question mark."""
    return Parameter(
        name=name, place="query", type=kind, description=description, is_required=is_required
    )


def header(name: str, kind: Any, description: str, *, is_required: bool = False) -> Parameter:
    """Return a parameter that is a header of the request."""
    return Parameter(
        name=name, place="header", type=kind, description=description, is_required=is_required
    )


def node_of(request: Request) -> "Node":
    """Return the node that serves a request."""
    node: Node = request.app.state.node
    return node


def values_of(request: Request) -> dict[str, Any]:
    """Return the values of the operation's parameters by name; those that were not given are left out."""
    values: dict[str, Any] = request.state.values
    return values


def read_values(request: Request, operation: Operation) -> dict[str, Any]:
    """Return what a request gives for the parameters of an operation. Raises: Problem, also for unknown names."""
    _check_text(request)
    of_query = {each.name: each for each in operation.parameters if each.place == "query"}
    texts: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in of_query and operation.other_query:
            continue
        if name not in of_query:
            listed = ", ".join(of_query) or "none"
            raise Problem(
                "unknown-parameter", f"there is no parameter {name[:80]!r}; known: {listed}"
            )
        if name in texts:
            raise Problem("bad-parameter", f"{name} is given twice")
        texts[name] = text
    values: dict[str, Any] = {}
    for each in operation.parameters:
        given = {
            "path": request.path_params.get(each.name),
            "query": texts.get(each.name),
            "header": request.headers.get(each.name),
        }[each.place]
        if given is not None:
            values[each.name] = value_of(each, given)
        elif each.is_required:
            raise Problem("bad-parameter", f"{each.name} is missing: {each.description}")
    return values


def _check_text(request: Request) -> None:
    """Refuse an address that is no text: what stands for its bytes would be taken for another name or key."""
    for part in (request.scope["raw_path"], request.scope["query_string"]):
        if b"%" in part:
            try:
                unquote_to_bytes(part).decode()
            except UnicodeDecodeError:
                raise Problem("bad-parameter", "the address is not UTF-8") from None


def value_of(parameter: Parameter, text: str) -> Any:
    """Return what a parameter's text means. Raises: Problem."""
    try:
        return msgspec.convert(text, parameter.type, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("bad-parameter", f"{parameter.name}={text[:80]!r}: {error}") from error


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return ``value``, a declared record, as JSON."""
    content = msgspec.json.encode(value)
    return Response(content, status, headers, media_type=JSON)
