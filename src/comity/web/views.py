"""Routes of applications: what each declares, and a route for each of its views.

Invariant: a stranger's application has the same routes as ours, from its declaration alone.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity.limits import READ_TEXT_CHARS_MAX
from comity.model.column import ColumnType
from comity.query import documents, reads
from comity.sdk.declaration import Declaration, Function, View
from comity.sdk.describe import shape_words
from comity.sdk.schema_json import arguments_schema
from comity.sdk.shape import Shape
from comity.web.reading import ask
from comity.web.routes import Operation, Parameter, answer, node_of, query


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


class App(msgspec.Struct, kw_only=True):
    """An application of the ledger."""

    name: str
    version: int
    summary: str
    actions: list[AppFunction]
    views: list[AppFunction]


class Apps(msgspec.Struct, kw_only=True):
    """The applications of the ledger."""

    apps: list[App]


async def list_apps(request: Request) -> Response:
    """List what applications declare."""
    return answer(Apps(apps=[_app(each) for each in node_of(request).apps.values()]))


LIST_APPS = Operation(
    method="GET", path="/v1/apps", name="listApps", tag="apps",
    summary="List the applications with their actions and views.",
    handler=list_apps, answers={200: Apps},
)  # fmt: skip


def operations_of(apps: Mapping[str, Declaration]) -> tuple[Operation, ...]:
    """Return the routes of applications: the list of them, and one for each view."""
    found = [_operation(app, view) for app in apps.values() for view in app.views.values()]
    return (LIST_APPS, *found)


def _operation(app: Declaration, view: View) -> Operation:
    async def run(request: Request) -> Response:
        read = reads.ViewRead(
            app=app.name, view=view.name, arguments=dict(request.query_params), is_text=True
        )
        return await ask(request, read)

    words = view.name.title().replace("_", "")
    return Operation(
        method="GET",
        path=f"/v1/apps/{app.name}/{view.name}",
        name=f"view{app.name.title().replace('_', '')}{words}",
        tag=f"app {app.name}",
        summary=view.doc,
        description=view.description,
        handler=run,
        parameters=_parameters(view),
        answers={200: documents.ViewAnswer},
        problems=(404, 408, 422),
    )


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
    )


def _function(function: Function) -> AppFunction:
    return AppFunction(
        name=function.name,
        summary=function.doc,
        arguments=arguments_schema(function),
        returns="nothing" if function.returns is None else shape_words(function.returns),
    )
