"""Table schemas as documents: maps by name, as a call carries them and as people read them.

Invariant: ``schema_from_document(schema_document(schema))`` is ``schema``; what a document says and
a schema has no place for is refused, in words that depend on nothing but the document.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

from comity.errors import Malformed
from comity.model.column import Column, ColumnType, Kind
from comity.model.names import check_name
from comity.model.schema import Index, TableSchema

Document: TypeAlias = Mapping[str, Any]
_Fields: TypeAlias = Mapping[str, tuple[type, ...]]

_TABLE: _Fields = {
    "name": (str,),
    "columns": (list,),
    "key": (list,),
    "indexes": (list,),
    "history": (str, int),
    "is_owned": (bool,),
    "is_salted": (bool,),
}
_COLUMN: _Fields = {
    "name": (str,),
    "type": (str,),
    "required": (bool,),
    "retired": (bool,),
    "minimum": (int,),
    "maximum": (int,),
    "scale": (int,),
    "values": (list,),
}
_INDEX: _Fields = {"name": (str,), "columns": (list,), "unique": (bool,)}
_KINDS: Mapping[str, Kind] = {kind: kind for kind in get_args(Kind)}
_WORDS = {str: "text", int: "a whole number", bool: "true or false", list: "a list"}


def schema_document(schema: TableSchema) -> dict[str, Any]:
    """Return a schema as maps and lists by name; what has its default is left out."""
    document: dict[str, Any] = {
        "name": schema.name,
        "columns": [column_document(column) for column in schema.columns],
        "key": list(schema.key),
    }
    if schema.indexes:
        document["indexes"] = [
            {"name": index.name, "columns": list(index.columns)}
            | ({"unique": True} if index.unique else {})
            for index in schema.indexes
        ]
    if schema.history != "all":
        document["history"] = schema.history
    flags = {"is_owned": schema.is_owned, "is_salted": schema.is_salted}
    return document | {name: True for name, value in flags.items() if value}


def column_document(column: Column) -> dict[str, Any]:
    """Return a column as a map by name; what has its default is left out."""
    type_ = column.type
    values = {
        "name": column.name,
        "type": type_.kind,
        "required": column.required or None,
        "retired": column.retired or None,
        "minimum": type_.minimum,
        "maximum": type_.maximum,
        "scale": type_.scale or None,
        "values": list(type_.values) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def schema_from_document(document: object) -> TableSchema:
    """Return the schema, checked, that a document says.

    Args:
        document: a map with ``name``, ``columns`` and ``key``, and where wanted ``indexes``,
            ``history``, ``is_owned`` and ``is_salted``.

    Raises:
        Malformed: tells the first thing that is wrong, and where.

    """
    given = _fields(document, _TABLE, ("name", "columns", "key"), "schema")
    schema = TableSchema(
        name=_plain_name(given["name"], "table"),
        columns=tuple(column_from_document(item) for item in given["columns"]),
        key=_column_names(given["key"], "key"),
        indexes=tuple(_index(item) for item in given.get("indexes", [])),
        history=given.get("history", "all"),
        is_owned=given.get("is_owned", False),
        is_salted=given.get("is_salted", False),
    )
    schema.check()
    return schema


def column_from_document(document: object) -> Column:
    """Return the column that a document says; ``TableSchema.check`` checks its bounds.

    Args:
        document: a map with ``name`` and ``type``, and where wanted ``required``, ``retired``,
            ``minimum``, ``maximum``, ``scale`` and ``values``.

    Raises:
        Malformed: tells the first thing that is wrong, and where.

    """
    given = _fields(document, _COLUMN, ("name", "type"), "column")
    name = _plain_name(given["name"], "column")
    kind = _KINDS.get(given["type"])
    if kind is None:
        raise Malformed(f"column {name}: its type is one of {', '.join(_KINDS)}")
    type_ = ColumnType(
        kind=kind,
        minimum=given.get("minimum"),
        maximum=given.get("maximum"),
        scale=given.get("scale", 0),
        values=_texts(given.get("values", []), f"column {name}: values"),
    )
    return Column(
        name=name,
        type=type_,
        required=given.get("required", False),
        retired=given.get("retired", False),
    )


def _index(document: object) -> Index:
    given = _fields(document, _INDEX, ("name", "columns"), "index")
    return Index(
        name=_plain_name(given["name"], "index"),
        columns=_column_names(given["columns"], "index"),
        unique=given.get("unique", False),
    )


def _fields(document: object, known: _Fields, needed: tuple[str, ...], what: str) -> Document:
    if type(document) is not dict:
        raise Malformed(f"{what}: a map by name is needed")
    for name, value in document.items():
        if name not in known:
            raise Malformed(f"{what}: something unknown stands in it; known are {', '.join(known)}")
        if type(value) not in known[name]:
            raise Malformed(f"{what}: {name} must be {_WORDS[known[name][0]]}")
    for name in needed:
        if name not in document:
            raise Malformed(f"{what}: {name} is missing")
    return document


def _texts(values: list[object], what: str) -> tuple[str, ...]:
    found = tuple(value for value in values if type(value) is str)
    if len(found) != len(values):
        raise Malformed(f"{what}: text is needed")
    return found


def _column_names(values: list[object], what: str) -> tuple[str, ...]:
    return tuple(_plain_name(name, "column") for name in _texts(values, what))


def _plain_name(name: str, what: str) -> str:
    """Return a name; one beyond ASCII is refused here, before a message shows it."""
    if not name.isascii():
        raise Malformed(f"{what} name: small letters a-z, digits and single underscores")
    return name if "__" in name else check_name(name, what)
