"""Views of applications as answers: arguments from an address or a JSON body, results as JSON.

Invariant: the shape that the application declares decides how an argument is read and a result written.
"""

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from comity.errors import Malformed, QueryError
from comity.query import reads
from comity.query.answer import AnswerColumn, json_value, shown
from comity.query.asof import snapshot_of
from comity.query.blocks import loose
from comity.query.documents import ViewAnswer, to_json
from comity.query.keys import value_from_text
from comity.query.reads import Found, ViewRead
from comity.query.views import run_view
from comity.sdk.declaration import Declaration, View
from comity.sdk.row import Row
from comity.sdk.shape import Shape, columns_of


def answer(connection: apsw.Connection, apps: Mapping[str, Declaration], read: ViewRead) -> Found:
    """Return what a view says of the last committed block. Raises: QueryError."""
    app = apps.get(read.app)
    if app is None:
        known = ", ".join(apps)
        raise QueryError("unknown-app", f"this ledger has no app {read.app}; it has {known}")
    view = app.views.get(read.view)
    arguments = {} if view is None else _arguments(view, read)
    with connection:  # a savepoint of the snapshot that is being read
        snapshot = snapshot_of(connection, None)
        result = run_view(connection, app, read.view, arguments)
    if read.media == "msgpack":
        exact = {"height": snapshot.height, "app_hash": snapshot.app_hash, "result": result}
        return Found(height=snapshot.height, app_hash=snapshot.app_hash, body=reads.to_bytes(exact))
    document = ViewAnswer(
        app=read.app,
        view=read.view,
        height=snapshot.height,
        app_hash=snapshot.app_hash.hex(),
        result=result_json(result, None if view is None else view.returns),
    )
    return Found(height=snapshot.height, app_hash=snapshot.app_hash, body=to_json(document))


def result_json(value: Any, shape: Shape | None) -> Any:
    """Return a result as JSON holds it. Recursion follows the declared shape."""
    if value is None or shape is None:
        return loose(value)
    if shape.column is not None:
        column = shape.column
        return json_value(shown(AnswerColumn("", column.kind, column.scale), value))
    if shape.row is not None:
        fields = value if isinstance(value, Mapping) else _fields(value)
        types = {
            column.name: Shape(kind="scalar", column=column.type)
            for column in columns_of(shape.row)
        }
        return {name: result_json(item, types[name]) for name, item in fields.items()}
    if shape.items is not None:
        return [result_json(item, shape.items) for item in value]
    return loose(value)


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _arguments(view: View, read: ViewRead) -> dict[str, Any]:
    """Return the arguments as the view takes them; unknown ones go on, to be refused there."""
    found = {}
    known = view.parameter_names
    for name, value in read.arguments.items():
        shape = known[name].shape if name in known else None
        try:
            found[name] = _from_text(value, shape) if read.is_text else _from_json(value, shape)
        except (Malformed, msgspec.DecodeError) as error:
            raise QueryError("arguments", f"{read.app}.{read.view}, {name}: {error}") from error
    return found


def _from_text(text: str, shape: Shape | None) -> Any:
    """Return an argument that stands in an address: a scalar as in a key, anything else as JSON."""
    if shape is None:
        return text
    if shape.column is not None:
        return value_from_text(text, shape.column)
    return _from_json(msgspec.json.decode(text), shape)


def _from_json(value: Any, shape: Shape | None) -> Any:
    """Return an argument of a JSON body. Recursion follows the declared shape."""
    if value is None or shape is None:
        return value
    if shape.column is not None:
        is_text = isinstance(value, str) and shape.column.python_type is not str
        return value_from_text(value, shape.column) if is_text else value
    if shape.items is not None and isinstance(value, list):
        return [_from_json(item, shape.items) for item in value]
    if shape.row is not None and isinstance(value, dict):
        types = {
            column.name: Shape(kind="scalar", column=column.type)
            for column in columns_of(shape.row)
        }
        return {name: _from_json(item, types.get(name)) for name, item in value.items()}
    return value
