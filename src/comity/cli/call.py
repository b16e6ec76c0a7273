"""``comity call`` and ``comity view``: every application's actions and views, from its declarations.

Invariant: nothing here knows an application; what is offered is what the ledger's genesis names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from comity.cli.group import Command
from comity.cli.output import table
from comity.cli.session import Session, current
from comity.cli.values import arguments_from, result_json
from comity.errors import ConfigError
from comity.model.names import split_action
from comity.node.folder import GENESIS_FILE
from comity.sdk.declaration import Declaration, Function
from comity.sdk.describe import shape_words
from comity.sdk.load import load_apps
from comity.sdk.schema_json import arguments_schema, result_schema

_HELP = ["-h", "--help"]
_CELL_CHARS_MAX = 60


@click.command(
    cls=Command,
    writes=True,
    add_help_option=False,
    short_help="Call an action of any application.",
    examples="""
    comity call
    comity call tables.drop --help
    comity call tables.drop table=suppliers --as ana
    comity call tab.pay source=ana target=bo amount_cents=250
    """,
)
@click.argument("action", required=False, metavar="APP.ACTION")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--join", "is_joining", is_flag=True, help="The account is not there yet.")
@click.option(*_HELP, "shows_help", is_flag=True, help="Show this, or what APP.ACTION takes.")
@click.pass_context
def call(
    ctx: click.Context,
    action: str | None,
    arguments: tuple[str, ...],
    is_joining: bool,
    shows_help: bool,
) -> None:
    """Sign a call of APP.ACTION; without one, list what there is.

    Values are written as in a file; accounts as cm1... or a member's name; lists and documents as JSON,
    or @FILE.
    """
    session = current()
    apps = _apps(session)
    if action is None:
        _list(ctx, session, apps, "actions", shows_help)
        return
    function = _function(apps, action, "actions")
    if shows_help:
        _describe(session, action, function)
        return
    with session.ledger() as ledger:
        values = arguments_from(function, arguments, ledger.transport)
        done = (ledger.join if is_joining else ledger.call)(action, **values)
        result = result_json(done.result, function.returns)
        shown = "" if result is None else f"\n{_pretty(result)}"
        session.done(
            f"done  {action}  block {done.height}  transaction {done.identifier.hex()[:12]}{shown}",
            {
                "transaction": done.identifier.hex(),
                "height": done.height,
                "position": done.position,
                "result": result,
            },
        )


@click.command(
    cls=Command,
    add_help_option=False,
    short_help="Read a view of any application.",
    examples="""
    comity view
    comity view tables.describe table=suppliers
    comity view members.ls limit=10 --json
    """,
)
@click.argument("view", required=False, metavar="APP.VIEW")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(*_HELP, "shows_help", is_flag=True, help="Show this, or what APP.VIEW takes.")
@click.pass_context
def view(
    ctx: click.Context, view: str | None, arguments: tuple[str, ...], shows_help: bool
) -> None:
    """Read APP.VIEW; without one, list what there is. No key is needed."""
    session = current()
    apps = _apps(session)
    if view is None:
        _list(ctx, session, apps, "views", shows_help)
        return
    function = _function(apps, view, "views")
    if shows_help:
        _describe(session, view, function)
        return
    values = arguments_from(function, arguments, session.transport())
    result = result_json(session.transport().view(view, values), function.returns)
    session.out.data(_pretty(result), result)
    tip = session.transport().tip()
    session.out.words(f"height  {tip.height}  app hash {tip.app_hash.hex()}")


def _apps(session: Session) -> Mapping[str, Declaration]:
    """Return the ledger's applications; outside of a ledger, all that are installed."""
    if (session.node / GENESIS_FILE).exists():
        return session.folder_transport().apps
    return {name: app.declaration for name, app in load_apps().items()}


def _functions(app: Declaration, what: str) -> dict[str, Function]:
    if what == "views":
        return dict(app.views)
    return {name: action for name, action in app.actions.items() if not action.is_timer}


def _function(apps: Mapping[str, Declaration], full: str, what: str) -> Function:
    app_name, name = split_action(full)
    app = apps.get(app_name)
    if app is None:
        raise ConfigError(f"there is no app {app_name}; there is {', '.join(apps)}")
    functions = _functions(app, what)
    if name not in functions:
        raise ConfigError(f"{app_name} has no {what[:-1]} {name}; it has {', '.join(functions)}")
    return functions[name]


def _list(
    ctx: click.Context,
    session: Session,
    apps: Mapping[str, Declaration],
    what: str,
    shows_help: bool,
) -> None:
    if shows_help:
        click.echo(ctx.get_help())
        click.echo()
    rows = [
        (f"{app.name}.{name}", function.doc)
        for app in apps.values()
        for name, function in _functions(app, what).items()
    ]
    documents = [{"name": name, "doc": doc} for name, doc in rows]
    session.out.data(table((what, ""), rows), documents)


def _describe(session: Session, full: str, function: Function) -> None:
    verb = "call" if hasattr(function, "is_open") else "view"
    arguments = " ".join(
        f"{one.name}=..." if one.is_required else f"[{one.name}=...]" for one in function.parameters
    )
    lines = ["Examples:", f"  comity {verb} {full} {arguments}", "", function.doc]
    if function.description:
        lines += ["", function.description]
    lines += ["", "Arguments:"] if function.parameters else []
    for one in function.parameters:
        default = "" if one.is_required else f" (default {one.default})"
        doc = f"; {one.doc}" if one.doc else ""
        lines.append(f"  {one.name}  {shape_words(one.shape)}{default}{doc}")
    returned = "nothing" if function.returns is None else shape_words(function.returns)
    lines += ["", f"Returns {returned}."]
    if function.raises:
        lines += ["", "Refused when:"]
        lines += [f"  {one.__name__}  {one.sentence()} {one.fix}" for one in function.raises]
    schemas = {"arguments": arguments_schema(function), "result": result_schema(function)}
    session.out.data("\n".join(lines), schemas)


def _pretty(result: Any) -> str:
    """Return a list of records as a table, else JSON on lines."""
    if isinstance(result, list) and result and all(isinstance(item, dict) for item in result):
        names = list(dict.fromkeys(name for item in result for name in item))
        return table(names, [[_cell(item.get(name)) for name in names] for item in result])
    if isinstance(result, str | int) and not isinstance(result, bool):
        return str(result)
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, Sequence) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= _CELL_CHARS_MAX else text[: _CELL_CHARS_MAX - 1] + "…"
