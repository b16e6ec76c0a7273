"""An application whose one action does what a list of steps says, so that chance can write transactions.

Invariant: it uses every part of the SDK that writes; ``model`` tells once more, in plain dicts, what each step means.
"""

from collections.abc import Callable, Mapping, Sequence
from types import new_class
from typing import Annotated, Any, Literal

from comity.sdk import (
    App,
    Bytes,
    Column,
    ColumnType,
    Context,
    Document,
    Flag,
    Index,
    Integer,
    Name,
    Refusal,
    Row,
    TableSchema,
    Text,
    replace,
)

Step = list[Any]
# history by row class
TYPED: dict[str, Literal["all", "none"] | int] = {
    "Item": "all",
    "Brief": 2,
    "Fleeting": "none",
    "Secret": "all",
}

_Shelf = Annotated[str, Text(120)]
_Number = Annotated[int, Integer(-(1 << 63), (1 << 63) - 1)]
_Code = Annotated[str, Text(8)]
_Amount = Annotated[int, Integer(-1_000, 1_000)]
_Note = Annotated[bytes, Bytes(16)]


class Columns(Row):
    """What every typed table here holds."""

    shelf: _Shelf
    number: _Number
    code: _Code | None = None
    label: Name
    amount: _Amount
    is_new: Flag | None = None
    note: _Note | None = None


def shared_schema(name: str, *, appended: int = 0) -> TableSchema:
    """Return the schema of a table made at run time, with ``appended`` columns added since."""
    columns = [
        Column(name="id", type=ColumnType(kind="text", maximum=100)),
        Column(name="value", type=ColumnType(kind="integer")),
        Column(name="tag", type=ColumnType(kind="bytes", maximum=20), required=False),
    ]
    columns += [
        Column(name=f"more_{at}", type=ColumnType(kind="boolean"), required=False)
        for at in range(appended)
    ]
    return TableSchema(
        name=name,
        columns=tuple(columns),
        key=("id",),
        indexes=(
            Index(name="value", columns=("value",)),
            Index(name="tag", columns=("tag",), unique=True),
        ),
        is_owned=True,
    )


def _describe(namespace: dict[str, Any]) -> None:
    namespace.update(__module__=__name__, __doc__="Made anew for each application.")


def declare(name: str, titles: Sequence[str] = tuple(TYPED)) -> App:
    """Return an application of its own with typed tables of these titles, which may make more at run time."""
    app = App(name, version=1, grants=("schema",))
    tables: dict[str, type[Columns]] = {}
    for title in titles:
        made: type[Columns] = new_class(title, (Columns,), {}, _describe)
        decorate = app.table(
            key=("shelf", "number"),
            indexes=(("label", "is_new"),),
            unique=("code",),
            history=TYPED[title],
            salted=title == "Secret",
        )
        tables[title] = decorate(made)
    stop = new_class("Stop", (Refusal,), {"app": name, "code": 1}, _describe)
    runner = _Runner(tables, stop)

    @app.action
    def script(ctx: Context, steps: Document) -> Document:
        """Do the steps in order and return what each returned. Raises: whatever a step says."""
        return {"results": [runner.run(ctx, step) for step in steps["steps"]]}

    @app.timer
    def later(ctx: Context, steps: Document) -> None:
        """Do the steps in order, at the start of a block."""
        for step in steps["steps"]:
            runner.run(ctx, step)

    return app


class _Runner:
    def __init__(self, tables: Mapping[str, type[Columns]], stop: Callable[[], Refusal]) -> None:
        self._tables = tables
        self._stop = stop

    def run(self, ctx: Context, step: Step) -> Any:
        """Do one step: [operation, arguments ...]."""
        operation, *arguments = step
        if operation == "stop":
            raise self._stop()
        if operation == "fault":
            return 1 // 0
        if operation == "timer":
            at_ns, steps = arguments
            later: dict[str, Any] = {"steps": {"steps": steps}}
            return list(ctx.timers.set(at_ns, "later", later))
        if operation == "cancel":
            return ctx.timers.cancel(*arguments)
        if operation in ("create", "alter"):
            name, appended = arguments
            schema = shared_schema(name, appended=appended)
            return ctx.schema.create(schema) if operation == "create" else ctx.schema.alter(schema)
        if operation == "drop":
            return ctx.schema.drop(arguments[0])
        table, *rest = arguments
        if table in self._tables:
            return self._typed(ctx, operation, self._tables[table], rest)
        return self._shared(ctx, operation, table, rest)

    def _typed(
        self, ctx: Context, operation: str, table: type[Columns], arguments: list[Any]
    ) -> Any:
        if operation == "add":
            return list(_values(ctx.db.add(_row(table, arguments[0]))))
        if operation == "put":
            return list(_values(ctx.db.put(_row(table, arguments[0]))))
        if operation == "grow":  # read, then change what was read
            row = ctx.db.get(table, *arguments[0])
            return list(_values(ctx.db.put(replace(row, amount=row.amount + arguments[1]))))
        if operation == "delete":
            shelf, number = arguments[0]
            return ctx.db.delete(table(shelf=shelf, number=number, label="", amount=0))
        if operation == "get":
            found = ctx.db.find(table, *arguments[0])
            return None if found is None else list(_values(found))
        low, high, index, limit = arguments
        rows = ctx.db.range(table, low, high, index=index, limit=limit)
        return [list(_values(row)) for row in rows]

    def _shared(self, ctx: Context, operation: str, name: str, arguments: list[Any]) -> Any:
        table = ctx.db.table(name)
        if operation == "add":
            return list(table.add(arguments[0], ctx.sender or b"\0" * 20).values)
        if operation == "put":
            return list(table.put(arguments[0]).values)
        if operation == "delete":
            return table.delete(arguments[0])
        if operation == "get":
            found = table.get(arguments[0])
            return None if found is None else list(found.values)
        low, high, index, limit = arguments
        return [list(row.values) for row in table.range(low, high, index=index, limit=limit)]


def _row(table: type[Columns], values: list[Any]) -> Columns:
    return table(**dict(zip(table.__struct_fields__, values, strict=True)))


def _values(row: Columns) -> list[Any]:
    return [getattr(row, name) for name in row.__struct_fields__]
