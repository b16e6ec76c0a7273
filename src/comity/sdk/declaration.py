"""What an application declares, compiled: everything that the machine and the generators look up.

Invariant: a declaration is complete and checked when it is made, and its hash covers all that two
nodes must agree on: tables, actions, timers, refusals and grants, never words.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from comity.limits import FORMAT_NUMBER
from comity.model.column import ColumnType
from comity.model.digest import digest_of
from comity.model.schema import TableSchema
from comity.sdk.checks import Build, Check
from comity.sdk.refusals import Refusal
from comity.sdk.row import Row
from comity.sdk.shape import Shape, columns_of


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of an action, timer or view.

    Args:
        is_required: there is no default. Whether null is permitted is in ``shape.is_optional``.
        check: says in words what is wrong with a value, or None.
        build: makes rows of the maps in a checked value; None where there are no rows.

    """

    name: str
    shape: Shape
    is_required: bool
    default: Any
    doc: str
    check: Check
    build: Build | None


class Function(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What actions, timers and views have in common.

    Args:
        returns: shape of the result, or None for nothing.
        doc: first sentence of the docstring; ``description`` is the rest before its sections.
        raises: refusals that the docstring promises, in order of precedence.

    """

    name: str
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    returns: Shape | None
    doc: str
    description: str
    raises: tuple[type[Refusal], ...]

    @cached_property
    def parameter_names(self) -> Mapping[str, Parameter]:
        """Return the parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}


class Action(Function, frozen=True, kw_only=True, dict=True):
    """A function that writes.

    Args:
        is_open: an account that is not there yet may call it, to join.
        is_timer: only the machine calls it, when its time has come.

    """

    is_open: bool = False
    is_timer: bool = False


class View(Function, frozen=True, kw_only=True, dict=True):
    """A function that reads."""


class Invariant(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold after every transaction, as tests check it."""

    name: str
    function: Callable[..., bool]
    doc: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An application, compiled.

    Args:
        tables: schema of each row class.
        actions: actions and timers by name.
        refusals: the application's own, by number.
        grants: what genesis must grant: ``schema`` or ``accounts``.
        parameters: names of what genesis may set, read by ``db.parameter``.
        genesis: called once with (context, founders) to put the first rows, or None.
        roles: called with (db, account) for the roles by which the ledger's quotas count, or None.

    """

    name: str
    version: int
    doc: str
    description: str
    grants: tuple[str, ...]
    parameters: tuple[str, ...]
    tables: Mapping[type[Row], TableSchema]
    actions: Mapping[str, Action]
    views: Mapping[str, View]
    invariants: tuple[Invariant, ...]
    refusals: Mapping[int, type[Refusal]]
    genesis: Callable[..., None] | None = None
    roles: Callable[..., Sequence[str]] | None = None

    @cached_property
    def schema_hash(self) -> bytes:
        """Return the 32-byte hash by which genesis names what the application declares."""
        return digest_of(self.to_value())

    def to_value(self) -> Any:
        """Return the CBOR value of all that two nodes must agree on, in order of names."""
        tables = sorted(self.tables.values(), key=lambda schema: schema.name)
        actions = sorted(self.actions.values(), key=lambda action: action.name)
        return [
            FORMAT_NUMBER,
            self.name,
            self.version,
            list(self.grants),
            [schema.to_value() for schema in tables],
            [_action_value(action) for action in actions],
            [[code, _refusal_value(self.refusals[code])] for code in sorted(self.refusals)],
        ]


def _action_value(action: Action) -> Any:
    parameters = [
        [item.name, _shape_value(item.shape), item.is_required, item.default]
        for item in action.parameters
    ]
    return [action.name, action.is_open, action.is_timer, parameters]


def _refusal_value(refusal: type[Refusal]) -> Any:
    return [refusal.__name__, list(refusal.field_types)]


def _shape_value(shape: Shape) -> Any:
    """Return the CBOR value of a shape. Recursion follows the written annotation."""
    columns = () if shape.row is None else columns_of(shape.row)
    return [
        shape.kind,
        None if shape.column is None else _type_value(shape.column),
        [[column.name, _type_value(column.type), column.required] for column in columns],
        None if shape.items is None else _shape_value(shape.items),
        shape.items_max,
        shape.is_optional,
    ]


def _type_value(column: ColumnType) -> Any:
    return [column.kind, column.minimum, column.maximum, column.scale, list(column.values)]
