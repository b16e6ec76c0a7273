"""Routes of applications: what each declares, and a route for each of its views.

Invariant: a stranger's application has the same routes as ours, from its declaration alone.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity.limits import QUERY_PARAMETERS_BYTES_MAX, READ_TEXT_CHARS_MAX
from comity.model.column import ColumnType
from comity.node.explaining import account_fields
from comity.query import documents, reads
from comity.sdk.declaration import Declaration, Function, View
from comity.sdk.describe import shape_words
from comity.sdk.refusals import Refusal
from comity.sdk.schema_json import arguments_schema
from comity.sdk.shape import Shape
from comity.sdk.standard import STANDARD
from comity.web.bodies import media_type_of, read_body
from comity.web.problems import Problem
from comity.web.reading import MSGPACK, ask_view, media_of
from comity.web.routes import Media, Operation, Parameter, answer, node_of, query


class AppFunction(msgspec.Struct, kw_only=True):
    """An action or a view.

    Args:
        arguments: JSON Schema of the object that holds its arguments.
        returns: in words.
    """

    name: str
    summary: str
    arguments: dict[str, Any]
    returns: str


class AppRefusal(msgspec.Struct, kw_only=True):
    """A refusal by its number in receipts.

    Args:
        sentence: what is true; fix: what to do, and who can do it.
        accounts: names of the fields that hold accounts.
    """

    number: int
    name: str
    sentence: str
    fix: str
    accounts: list[str]


class App(msgspec.Struct, kw_only=True):
    """An application of the ledger."""

    name: str
    version: int
    summary: str
    actions: list[AppFunction]
    views: list[AppFunction]
    refusals: list[AppRefusal]


class Apps(msgspec.Struct, kw_only=True):
    """The applications of the ledger; ``refusals`` are those of the ledger itself."""

    apps: list[App]
    refusals: list[AppRefusal]


async def list_apps(request: Request) -> Response:
    """List what applications declare."""
    apps = [_app(each) for each in node_of(request).apps.values()]
    return answer(Apps(apps=apps, refusals=[_refusal(each) for each in STANDARD]))


_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
LIST_APPS = Operation(
    method="GET", path="/v1/apps", name="listApps", tag="apps",
    summary="List the applications with their actions and views.",
    handler=list_apps, answers={200: Apps},
)  # fmt: skip


def operations_of(apps: Mapping[str, Declaration]) -> tuple[Operation, ...]:
    """Return the routes of applications: the list of them, and two for each view."""
    found = [
        make(app, view)
        for app in apps.values()
        for view in app.views.values()
        for make in (_operation, _exact)
    ]
    return (LIST_APPS, *found)


def _operation(app: Declaration, view: View) -> Operation:
    async def run(request: Request) -> Response:
        read = reads.ViewRead(
            app=app.name, view=view.name, arguments=dict(request.query_params), is_text=True
        )
        return await ask_view(request, read)

    return Operation(
        method="GET",
        path=f"/v1/apps/{app.name}/{view.name}",
        name=f"view{_words(app, view)}",
        tag=f"app {app.name}",
        summary=view.doc,
        description=view.description,
        handler=run,
        parameters=_parameters(view),
        answers={200: documents.ViewAnswer},
        problems=(404, 408, 422),
    )


def _exact(app: Declaration, view: View) -> Operation:
    """Return the route of a view for programs: arguments and result keep their types."""

    async def run(request: Request) -> Response:
        media_type_of(request, (MSGPACK,))
        media_of(request, (MSGPACK,))
        try:
            arguments = _decode(await read_body(request, QUERY_PARAMETERS_BYTES_MAX))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem("bad-body", f"{error}; a map of arguments is needed") from error
        read = reads.ViewRead(app=app.name, view=view.name, arguments=arguments, media="msgpack")
        return await ask_view(request, read, media_type=MSGPACK)

    return Operation(
        method="POST",
        path=f"/v1/apps/{app.name}/{view.name}",
        name=f"askView{_words(app, view)}",
        tag=f"app {app.name}",
        summary=f"{view.doc} For programs: msgpack, in which every value has its type.",
        handler=run,
        bodies=(Media(MSGPACK, "A map of arguments."),),
        answers={200: Media(MSGPACK, "{height, app_hash, result}")},
        problems=(404, 408, 413, 415, 422),
    )


def _words(app: Declaration, view: View) -> str:
    return f"{app.name} {view.name}".title().replace("_", "").replace(" ", "")


def _parameters(view: View) -> tuple[Parameter, ...]:
    return tuple(
        query(
            each.name,
            _type(each.shape),
            each.doc or shape_words(each.shape),
            is_required=each.is_required,
        )
        for each in view.parameters
    )


def _type(shape: Shape) -> Any:
    """Return what bounds the text of an argument; what is no scalar is JSON."""
    return (
        Annotated[str, Meta(max_length=READ_TEXT_CHARS_MAX)]
        if shape.column is None
        else _scalar(shape.column)
    )


def _scalar(column: ColumnType) -> Any:
    match column.kind:
        case "integer":
            return Annotated[int, Meta(ge=column.minimum, le=column.maximum)]
        case "boolean":
            return bool
        case "enum":
            return Literal[column.values]
        case "text":
            return Annotated[str, Meta(min_length=column.minimum or 0, max_length=column.maximum)]
        case _:
            return Annotated[str, Meta(max_length=READ_TEXT_CHARS_MAX)]


def _app(app: Declaration) -> App:
    actions = [each for each in app.actions.values() if not each.is_timer]
    return App(
        name=app.name,
        version=app.version,
        summary=app.doc,
        actions=[_function(each) for each in actions],
        views=[_function(each) for each in app.views.values()],
        refusals=[_refusal(each) for each in app.refusals.values()],
    )


def _refusal(kind: type[Refusal]) -> AppRefusal:
    return AppRefusal(
        number=kind.code,
        name=kind.__name__,
        sentence=kind.sentence(),
        fix=kind.fix,
        accounts=list(account_fields(kind)),
    )


def _function(function: Function) -> AppFunction:
    return AppFunction(
        name=function.name,
        summary=function.doc,
        arguments=arguments_schema(function),
        returns="nothing" if function.returns is None else shape_words(function.returns),
    )
