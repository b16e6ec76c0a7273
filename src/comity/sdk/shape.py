"""Shapes: what an annotation lets a value be, worked out once when the application is declared.

Invariant: every shape is bounded; an annotation without a bound is refused in words that tell the
author what to write.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

import msgspec

from comity.errors import BadDeclaration, Malformed
from comity.limits import ROWS_PER_CALL_MAX
from comity.model.column import Column, ColumnType, check_column
from comity.sdk.row import Row
from comity.sdk.types import Loose, Many

Kind = Literal["scalar", "value", "record", "document", "row", "list"]
_INSTEAD: Mapping[object, str] = {
    str: "`Name`, or Annotated[str, Text(80)]",
    int: "`Amount`, `Count`, or Annotated[int, Integer(0, 10)]",
    bytes: "`AccountId`, `Hash`, or Annotated[bytes, Bytes(64)]",
    float: "whole numbers: `Amount`, or Annotated[int, Decimal(2)]",  # tidy: float: a key only
    list: "Annotated[list[Name], Many(10)]",
    tuple: "Annotated[list[Name], Many(10)]",
    dict: "`Record` or `Document`",
    Any: "`Value` or `Document`",
}


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a value may be.

    Args:
        column: type and bounds of a ``scalar``.
        row: class of a ``row``, given as a map of its columns.
        items, items_max: shape and greatest number of the values of a ``list``.
        is_optional: null is permitted too.

    """

    kind: Kind
    column: ColumnType | None = None
    row: type[Row] | None = None
    items: "Shape | None" = None
    items_max: int = 0
    is_optional: bool = False


def shape_of(annotation: object, where: str) -> Shape:
    """Return the shape that an annotation declares.

    Args:
        where: names the place for the message, such as ``tab.pay, argument `amount_cents```.

    Raises:
        BadDeclaration: the annotation has no bound; tells what to write.

    """
    inner, is_optional = _without_none(annotation)
    shape = _shape(inner, where)
    return msgspec.structs.replace(shape, is_optional=True) if is_optional else shape


def result_shape_of(annotation: object, where: str) -> Shape | None:
    """Return the shape of what a function returns, or None for None; ``list[Row]`` needs no bound.

    Raises: BadDeclaration.
    """
    if annotation is None or annotation is NoneType:
        return None
    if get_origin(annotation) is list and _is_row(get_args(annotation)[0]):
        return shape_of(Annotated[annotation, Many(ROWS_PER_CALL_MAX)], where)
    return shape_of(annotation, where)


def columns_of(table: type[Row]) -> tuple[Column, ...]:
    """Return the columns that the fields of a row class declare. Raises: BadDeclaration."""
    where = f"table {table.__name__}"
    hints = hints_of(table, where)
    columns = []
    for name in table.__struct_fields__:
        shape = shape_of(hints[name], f"{where}, column `{name}`")
        if shape.column is None:
            raise BadDeclaration(f"{where}, column `{name}`: a column holds one scalar value")
        column = Column(name=name, type=shape.column, required=not shape.is_optional)
        _check_column(column, where)
        columns.append(column)
    return tuple(columns)


def hints_of(declared: Any, where: str) -> dict[str, Any]:
    """Return the annotations of a class or function as objects. Raises: BadDeclaration."""
    try:
        return get_type_hints(declared, include_extras=True)
    except (NameError, TypeError) as error:
        raise BadDeclaration(f"{where}: an annotation cannot be read: {error}") from error


def _without_none(annotation: object) -> tuple[object, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    inner = [item for item in get_args(annotation) if item is not NoneType]
    is_optional = len(inner) < len(get_args(annotation))
    return (inner[0], is_optional) if len(inner) == 1 else (annotation, is_optional)


def _shape(annotation: object, where: str) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:], where)
    if origin is Literal and all(type(code) is str for code in arguments):
        return _scalar(ColumnType(kind="enum", values=arguments), where)
    if annotation is bool:
        return _scalar(ColumnType(kind="boolean"), where)
    if _is_row(annotation):
        return Shape(kind="row", row=annotation)
    raise BadDeclaration(
        f"{where}: {_shown(annotation)} has no bound; write {_instead(annotation)}"
    )


def _annotated(base: object, marks: tuple[object, ...], where: str) -> Shape:
    for mark in marks:
        if isinstance(mark, ColumnType) and base is mark.python_type:
            return _scalar(mark, where)
        if isinstance(mark, Loose):
            return Shape(kind=mark.kind)
        if isinstance(mark, Many) and get_origin(base) is list:
            return _list(get_args(base)[0], mark.items_max, where)
    raise BadDeclaration(
        f"{where}: Annotated[{_shown(base)}, ...] has no bound that fits; write {_instead(base)}"
    )


def _scalar(column: ColumnType, where: str) -> Shape:
    _check_column(Column(name="value", type=column), where)
    return Shape(kind="scalar", column=column)


def _list(item: object, items_max: int, where: str) -> Shape:
    if not 1 <= items_max <= ROWS_PER_CALL_MAX:
        raise BadDeclaration(f"{where}: Many takes 1 to {ROWS_PER_CALL_MAX}, not {items_max}")
    return Shape(kind="list", items=shape_of(item, where), items_max=items_max)


def _check_column(column: Column, where: str) -> None:
    try:
        check_column(column)
    except Malformed as error:
        raise BadDeclaration(f"{where}: {error}") from error


def _is_row(annotation: object) -> TypeGuard[type[Row]]:
    return isinstance(annotation, type) and issubclass(annotation, Row) and annotation is not Row


def _shown(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _instead(annotation: object) -> str:
    plain = get_origin(annotation) or annotation
    return _INSTEAD.get(plain, "a bounded type of comity.sdk, such as `Name` or `Amount`")
