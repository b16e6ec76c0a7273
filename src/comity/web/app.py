"""The web application over a node: every declared operation, with its errors as problems.

Invariant: what a handler raises on purpose becomes a problem; anything else is logged, and its text does not leave.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from comity.errors import ComityError, InvariantViolated
from comity.web import (
    blocks,
    events,
    joining,
    ledger,
    log,
    members,
    metrics,
    openapi,
    pages,
    proofs,
    rehearsals,
    rows,
    sql,
    tables,
    transactions,
    views,
    writing,
)
from comity.web.problems import Problem, body_of, response_of
from comity.web.routes import Operation, node_of, read_values

if TYPE_CHECKING:
    from comity.node.running import Node

OPERATIONS: tuple[Operation, ...] = (
    *ledger.OPERATIONS,
    *transactions.OPERATIONS,
    *rehearsals.OPERATIONS,
    *members.OPERATIONS,
    *joining.OPERATIONS,
    *tables.OPERATIONS,
    *rows.OPERATIONS,
    *writing.OPERATIONS,
    *sql.OPERATIONS,
    *blocks.OPERATIONS,
    *proofs.OPERATIONS,
    *events.OPERATIONS,
    *log.OPERATIONS,
    *metrics.OPERATIONS,
)
_LOG = logging.getLogger(__name__)
_OF_STATUS = {404: "not-found", 405: "method-not-allowed"}


def build_app(node: "Node", operations: Sequence[Operation] = OPERATIONS) -> Starlette:
    """Return the web application of a node."""
    operations = (*operations, *views.operations_of(node.apps))
    document = openapi.document(operations)
    of_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        of_path.setdefault(operation.path, {})[operation.method] = operation
    routes = [Route(path, _endpoint(found), methods=list(found)) for path, found in of_path.items()]
    routes += [
        Route(path, _endpoint({"GET": pages.operation(path, handler)}))
        for path, handler in (
            (openapi.PATH, pages.fixed(document, "application/json")),
            ("/v1/docs", pages.fixed(pages.docs(operations), pages.HTML)),
            ("/problems/{code}", pages.read_problem),
        )
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_error, Exception: _internal_error},
    )
    app.router.redirect_slashes = False
    app.state.node = node
    app.state.metrics = node.metrics if node.config.metrics else None
    return app


def _endpoint(of_method: Mapping[str, Operation]) -> Callable[[Request], object]:
    async def run(request: Request) -> Response:
        operation = of_method["GET" if request.method == "HEAD" else request.method]
        try:
            request.state.values = read_values(request, operation)
            response = await operation.handler(request)
        except InvariantViolated:
            raise
        except ComityError as error:
            response = response_of(body_of(error))
        given = [name for name, _ in response.raw_headers]
        for header in _tip_headers(node_of(request)):
            if header[0] not in given:
                response.raw_headers.append(header)
        return response

    return run


def _tip_headers(node: "Node") -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of each answer: which block was the last."""
    return (
        (b"comity-height", b"%d" % node.tip.height),
        (b"comity-app-hash", node.tip.app_hash.hex().encode()),
        (b"comity-ledger", node.genesis.chain_id.encode()),
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = _OF_STATUS.get(status, "internal")
    known = Problem(code, f"{request.method} {request.url.path[:200]}")
    response = response_of(body_of(known))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)  # which methods are allowed
    return response


async def _internal_error(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return response_of(body_of(Problem("internal", "see the node's log")))
