"""The page of an application in Markdown: its tables, actions, views and refusals, from declarations.

Invariant: the page holds nothing that somebody wrote a second time; it changes when the code does.
"""

from collections.abc import Iterable, Iterator

from comity.limits import INT64_MAX, INT64_MIN
from comity.model.column import ColumnType
from comity.model.schema import TableSchema
from comity.sdk.declaration import Action, Declaration, Function, View
from comity.sdk.docstring import description_of, summary_of
from comity.sdk.refusals import Refusal
from comity.sdk.shape import Shape


def page_of(app: Declaration) -> str:
    """Return the whole page of an application."""
    lines = [f"# {app.name}", "", app.doc, ""]
    lines += [f"Version {app.version}, declarations `{app.schema_hash.hex()}`.", ""]
    if app.grants:
        lines += [f"Its genesis must grant it: {', '.join(app.grants)}.", ""]
    if app.description:
        lines += [app.description, ""]
    for row, schema in app.tables.items():
        lines += _table(schema, row.__doc__)
    called = [action for action in app.actions.values() if not action.is_timer]
    timers = [action for action in app.actions.values() if action.is_timer]
    lines += _functions("Actions", app.name, called)
    lines += _functions("Timers", app.name, timers)
    lines += _functions("Views", app.name, app.views.values())
    if app.invariants:
        lines += ["## What always holds", ""]
        lines += [*(f"- `{one.name}`: {one.doc}" for one in app.invariants), ""]
    lines += _refusals(app)
    return "\n".join(lines)


def type_words(column: ColumnType) -> str:
    """Return in words what a scalar may be, such as ``text, 1 to 120 characters``."""
    low, high = column.minimum, column.maximum
    match column.kind:
        case "integer":
            return "integer" + _range(low, high)
        case "decimal":
            return f"decimal with {column.scale} digits after the point"
        case "text":
            return f"text, {low or 0} to {high} characters"
        case "bytes":
            return f"{high} bytes" if low == high else f"bytes, {low or 0} to {high}"
        case "enum":
            return "one of " + ", ".join(f"`{code}`" for code in column.values)
        case _:
            return column.kind


def _range(low: int | None, high: int | None) -> str:
    is_low, is_high = low not in (None, INT64_MIN), high not in (None, INT64_MAX)
    if is_low and is_high:
        return f", {low} to {high}"
    return f", from {low}" if is_low else f", up to {high}" if is_high else ""


def shape_words(shape: Shape) -> str:
    """Return in words what an argument or a result may be."""
    if shape.column is not None:
        words = type_words(shape.column)
    elif shape.row is not None:
        words = f"a `{shape.row.__name__}`"
    elif shape.items is not None:
        words = f"list of at most {shape.items_max}: {shape_words(shape.items)}"
    else:
        words = {"value": "any scalar", "record": "values by name"}.get(shape.kind, "a document")
    return words + ", or nothing" if shape.is_optional else words


def _table(schema: TableSchema, doc: str | None) -> Iterator[str]:
    yield from (f"## Table `{schema.name}`", "", summary_of(doc), "")
    if more := description_of(doc):
        yield from (more, "")
    yield from ("| column | holds | |", "|---|---|---|")
    for column in schema.columns:
        notes = ["key"] if column.name in schema.key else []
        notes += [] if column.required else ["may be empty"]
        notes += ["retired"] if column.retired else []
        yield f"| `{column.name}` | {type_words(column.type)} | {', '.join(notes)} |"
    yield ""
    for index in schema.indexes:
        unique = ", unique" if index.unique else ""
        yield f"- Index `{index.name}`: {', '.join(index.columns)}{unique}."
    yield from (f"- Key: {', '.join(schema.key)}. History: {_history(schema)}.", "")


def _history(schema: TableSchema) -> str:
    return f"{schema.history} heights" if isinstance(schema.history, int) else schema.history


def _functions(title: str, app: str, functions: Iterable[Action | View]) -> Iterator[str]:
    for at, function in enumerate(functions):
        if at == 0:
            yield from (f"## {title}", "")
        yield from _function(app, function)


def _function(app: str, function: Function) -> Iterator[str]:
    yield from (f"### `{app}.{function.name}`", "", function.doc, "")
    if function.description:
        yield from (function.description, "")
    if isinstance(function, Action) and function.is_open:
        yield from ("Open: an account that is no member yet may call it.", "")
    for parameter in function.parameters:
        default = "" if parameter.is_required else f" (default `{_shown(parameter.default)}`)"
        words = f"; {parameter.doc}" if parameter.doc else ""
        yield f"- `{parameter.name}`: {shape_words(parameter.shape)}{default}{words}"
    returned = "nothing" if function.returns is None else shape_words(function.returns)
    yield f"- returns {returned}"
    if function.raises:
        names = [f"`{one.__name__}` ({one.app} {one.code})" for one in function.raises]
        yield f"- refuses with {', '.join(names)}"
    yield ""


def _shown(default: object) -> str:
    return default.hex() if isinstance(default, bytes) else str(default)


def _refusals(app: Declaration) -> Iterator[str]:
    if not app.refusals:
        return
    yield from ("## Refusals", "", "| number | name | what is true | fields | what to do |")
    yield "|---|---|---|---|---|"
    for code, refusal in app.refusals.items():
        retry = "Try again later. " if refusal.transient else ""
        cells = (f"`{refusal.__name__}`", refusal.sentence(), _fields(refusal), retry + refusal.fix)
        yield f"| {code} | {' | '.join(cells)} |"
    yield ""


def _fields(refusal: type[Refusal]) -> str:
    return ", ".join(f"`{name}`" for name in refusal.field_types)
