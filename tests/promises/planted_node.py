"""``comity`` with routes that break their word: for the canaries of the contract test."""

import functools
import sys

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from comity.cli.main import run
from comity.web import app, server
from comity.web.routes import Handler, Operation, answer, query, values_of


class Number(msgspec.Struct, kw_only=True):
    """What the planted routes promise."""

    number: int


async def fail(request: Request) -> Response:
    """Fail at a number that no declaration forbids."""
    return answer(Number(number=100 // values_of(request).get("number", 1)))


async def tea(_: Request) -> Response:
    """Answer a status that is not declared."""
    return answer(Number(number=1), 418)


async def lie(_: Request) -> Response:
    """Answer another shape than is declared."""
    return Response(b'{"number":"one"}', media_type="application/json")


async def sheet(_: Request) -> Response:
    """Answer a media type that is not declared."""
    return Response(b"number\r\n1\r\n", media_type="text/csv")


def operation(handler: Handler) -> Operation:
    """Return a route of a handler."""
    return Operation(
        method="GET",
        path=f"/v1/planted/{handler.__name__}",
        name=f"{handler.__name__}Planted",
        summary="Planted.",
        tag="planted",
        handler=handler,
        parameters=(query("number", int, "A number."),),
        answers={200: Number},
    )


if __name__ == "__main__":
    planted = (*app.OPERATIONS, *map(operation, (fail, tea, lie, sheet)))
    vars(server)["build_app"] = functools.partial(app.build_app, operations=planted)
    sys.exit(run(sys.argv[1:]))
