"""From decorated classes and functions to a ``Declaration``, with every mistake named in words.

Invariant: reflection happens here, once, when an application is declared; nothing that runs in a
block looks at an annotation.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter as Written
from inspect import signature
from types import ModuleType
from typing import Any, Literal, TypeAlias

import msgspec

from comity.errors import BadDeclaration, Malformed
from comity.limits import PARAMETERS_PER_ACTION_MAX
from comity.model.names import check_name
from comity.model.schema import History, Index, TableSchema
from comity.sdk import docstring
from comity.sdk.checks import build_of_shape, check_of_shape
from comity.sdk.context import Context, Founders, Reader
from comity.sdk.declaration import Action, Declaration, Invariant, Parameter, View
from comity.sdk.refusals import Refusal
from comity.sdk.row import Row
from comity.sdk.shape import columns_of, hints_of, result_shape_of, shape_of
from comity.sdk.standard import STANDARD

Role: TypeAlias = Literal["action", "timer", "view", "invariant", "genesis", "roles"]

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TO_SMALL = str.maketrans(_CAPITALS, "abcdefghijklmnopqrstuvwxyz")
_Known: TypeAlias = Mapping[str, type[Refusal]]
_STANDARD: _Known = {refusal.__name__: refusal for refusal in STANDARD}
_PLAIN = (Written.POSITIONAL_OR_KEYWORD, Written.KEYWORD_ONLY)


class TableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What ``app.table`` was told."""

    key: tuple[str, ...]
    indexes: tuple[Index, ...]
    history: History
    is_salted: bool


class Parts(msgspec.Struct):
    """What an application gathered; a function as (role, function, is open)."""

    tables: list[tuple[type[Row], TableSettings]] = msgspec.field(default_factory=list)
    functions: list[tuple[Role, Callable[..., Any], bool]] = msgspec.field(default_factory=list)


def compile_app(
    name: str, version: int, grants: tuple[str, ...], parameters: tuple[str, ...], parts: Parts
) -> Declaration:
    """Return the checked declaration of an application. Raises: BadDeclaration."""
    refusals = _refusals(name, parts)
    known = {**_STANDARD, **{refusal.__name__: refusal for refusal in refusals.values()}}
    actions: dict[str, Action] = {}
    views: dict[str, View] = {}
    invariants: dict[str, Invariant] = {}
    genesis: Callable[..., None] | None = None
    roles: Callable[..., Sequence[str]] | None = None
    for role, function, is_open in parts.functions:
        title = function.__name__
        where = f"{name}.{title}"
        if title in actions or title in views or title in invariants:
            raise BadDeclaration(f"{where} is declared twice")
        if role == "genesis":
            genesis = _genesis(function, genesis, where)
        elif role == "roles":
            if roles is not None:
                raise BadDeclaration(f"{where}: an app has one function for roles")
            roles = function
        elif role == "invariant":
            invariants[title] = _invariant(function, where)
        elif role == "view":
            views[title] = View(**_function(function, Reader, where, known))
        else:
            declared = _function(function, Context, where, known)
            actions[title] = Action(**declared, is_open=is_open, is_timer=role == "timer")
    module = _module_of(parts)
    return Declaration(
        name=name,
        version=version,
        doc=docstring.summary_of(module),
        description=docstring.description_of(module),
        grants=grants,
        parameters=parameters,
        tables=_tables(name, parts),
        actions=actions,
        views=views,
        invariants=tuple(invariants.values()),
        refusals=refusals,
        genesis=genesis,
        roles=roles,
    )


def index_of(columns: str | tuple[str, ...] | Index, *, is_unique: bool) -> Index:
    """Return the index that ``app.table`` was given, named after its columns by default."""
    if isinstance(columns, Index):
        return columns
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    return Index(name="_".join(names), columns=names, unique=is_unique)


def table_name(class_name: str) -> str:
    """Return ``job_offer`` for ``JobOffer``: the name of a row class in small letters."""
    words = ""
    for at, letter in enumerate(class_name):
        is_start = letter in _CAPITALS and at > 0 and class_name[at - 1] not in _CAPITALS + "_"
        words += "_" + letter if is_start else letter
    return words.translate(_TO_SMALL)


def _tables(app: str, parts: Parts) -> dict[type[Row], TableSchema]:
    tables: dict[type[Row], TableSchema] = {}
    for table, settings in parts.tables:
        where = f"{app}: table {table.__name__}"
        try:
            name = f"{app}__{check_name(table_name(table.__name__), 'table')}"
            schema = TableSchema(
                name=name,
                columns=columns_of(table),
                key=settings.key,
                indexes=settings.indexes,
                history=settings.history,
                is_salted=settings.is_salted,
            )
            schema.check()
        except Malformed as error:
            raise BadDeclaration(f"{where}: {error}") from error
        if table in tables or name in [other.name for other in tables.values()]:
            raise BadDeclaration(f"{where} is declared twice")
        tables[table] = schema
    return tables


def _function(
    function: Callable[..., Any], first: type, where: str, known: _Known
) -> dict[str, Any]:
    """Return the fields that actions and views have in common."""
    _check_name(function.__name__, "function", where)
    hints = hints_of(function, where)
    written = list(signature(function).parameters.values())
    if not written or hints.get(written[0].name) is not first:
        raise BadDeclaration(f"{where}: its first argument must be annotated {first.__name__}")
    if len(written) - 1 > PARAMETERS_PER_ACTION_MAX:
        raise BadDeclaration(f"{where}: at most {PARAMETERS_PER_ACTION_MAX} arguments are allowed")
    if "return" not in hints:
        raise BadDeclaration(f"{where}: annotate what it returns; `-> None` for nothing")
    returns = result_shape_of(hints["return"], f"{where}, result")
    if returns is not None:
        check_of_shape(returns)  # refuses a row class without bounds
    docs = docstring.arguments_of(function.__doc__)
    return {
        "name": function.__name__,
        "function": function,
        "parameters": tuple(
            _parameter(item, hints, docs.get(item.name, ""), where) for item in written[1:]
        ),
        "returns": returns,
        "doc": docstring.summary_of(function.__doc__),
        "description": docstring.description_of(function.__doc__),
        "raises": _raises(function, where, known),
    }


def _parameter(written: Written, hints: Mapping[str, Any], doc: str, where: str) -> Parameter:
    where = f"{where}, argument `{written.name}`"
    if written.kind not in _PLAIN:
        raise BadDeclaration(f"{where}: arguments are passed by name; * and / are not permitted")
    _check_name(written.name, "argument", where)
    if written.name not in hints:
        raise BadDeclaration(f"{where} has no type; write one, such as `Name` or `Amount`")
    shape = shape_of(hints[written.name], where)
    check = check_of_shape(shape)
    is_required = written.default is Written.empty
    default = None if is_required else written.default
    problem = None if is_required else check(default)
    if problem is not None or isinstance(default, list | dict):
        raise BadDeclaration(f"{where}: its default {default!r} is not permitted: {problem}")
    return Parameter(
        name=written.name,
        shape=shape,
        is_required=is_required,
        default=default,
        doc=doc,
        check=check,
        build=build_of_shape(shape),
    )


def _invariant(function: Callable[..., Any], where: str) -> Invariant:
    hints = hints_of(function, where)
    if [hints.get(name) for name in signature(function).parameters] != [Reader]:
        raise BadDeclaration(f"{where}: an invariant takes one argument, `db: Reader`")
    if hints.get("return") is not bool:
        raise BadDeclaration(f"{where}: an invariant returns bool")
    doc = docstring.summary_of(function.__doc__)
    return Invariant(name=function.__name__, function=function, doc=doc)


def _genesis(function: Callable[..., None], other: object, where: str) -> Callable[..., None]:
    hints = hints_of(function, where)
    if [hints.get(name) for name in signature(function).parameters] != [Context, Founders]:
        raise BadDeclaration(f"{where}: a genesis takes `ctx: Context, founders: Founders`")
    if other is not None:
        raise BadDeclaration(f"{where}: an app has one genesis")
    return function


def _refusals(app: str, parts: Parts) -> dict[int, type[Refusal]]:
    """Return the refusals that the app's modules name, made the app's own unless another's."""
    found: dict[int, type[Refusal]] = {}
    for refusal in _named_in_modules(parts):
        if refusal.app not in ("", app):
            continue
        other = found.setdefault(refusal.code, refusal)
        if other is not refusal or refusal.code == 0:
            raise BadDeclaration(
                f"{app}: refusal {refusal.__name__} needs a number of its own; "
                f"{refusal.code} is {other.__name__}"
            )
        refusal.app = app
    return dict(sorted(found.items()))


def _named_in_modules(parts: Parts) -> list[type[Refusal]]:
    """Return each refusal that a module of the app names, or one of its package that it uses."""
    modules = [_home(part) for part, _ in parts.tables]
    modules += [_home(function) for _, function, _ in parts.functions]
    seen: dict[str, None] = {}
    found: dict[type[Refusal], None] = {}
    while modules:
        module = modules.pop()
        if module is None or module.__name__ in seen:
            continue
        seen[module.__name__] = None
        package = module.__package__ or module.__name__
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Refusal) and item is not Refusal:
                found[item] = None
            home = _home(item) if callable(item) else None
            if home is not None and home.__name__.startswith(package + "."):
                modules.append(home)
    return list(found)


def _raises(function: Callable[..., Any], where: str, known: _Known) -> tuple[type[Refusal], ...]:
    found = []
    for name in docstring.raises_of(function.__doc__):
        refusal = function.__globals__.get(name) or known.get(name)
        if not isinstance(refusal, type) or not issubclass(refusal, Refusal):
            raise BadDeclaration(f"{where}: its docstring raises {name}, which is no refusal here")
        found.append(refusal)
    return tuple(found)


def _module_of(parts: Parts) -> str | None:
    """Return the docstring of the module that declares the app's first part."""
    first = [part for part, _ in parts.tables] + [function for _, function, _ in parts.functions]
    module = _home(first[0]) if first else None
    return module.__doc__ if module else None


def _home(part: object) -> ModuleType | None:
    return sys.modules.get(getattr(part, "__module__", None) or "")


def _check_name(name: str, what: str, where: str) -> None:
    try:
        check_name(name, what)
    except Malformed as error:
        raise BadDeclaration(f"{where}: {error}") from error
