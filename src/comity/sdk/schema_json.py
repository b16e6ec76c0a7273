"""JSON Schema (draft 2020-12) of what an application declares: for forms, HTTP and other languages.

Accounts are written ``cm1...``, bytes in small hex digits, decimals as text, and integers as text
where they may pass what every JSON reader holds exactly.

Invariant: a JSON value that the schema refuses would be refused as an argument; the ledger itself
checks more (real calendar days, checksums of accounts, control characters).
"""

from typing import Any

import msgspec

from comity.limits import COLUMNS_PER_TABLE_MAX, INT64_MAX, INT64_MIN, JSON_INTEGER_MAX
from comity.model import account
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema
from comity.sdk.declaration import Function
from comity.sdk.shape import Shape, columns_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_NULL = {"type": "null"}
_ANY_SCALAR = {"type": ["integer", "string", "boolean", "null"]}


def arguments_schema(function: Function) -> dict[str, Any]:
    """Return the schema of the object that holds the arguments of an action or view."""
    properties = {}
    for parameter in function.parameters:
        schema = shape_schema(parameter.shape)
        if parameter.doc:
            schema["description"] = parameter.doc
        if not parameter.is_required and not isinstance(parameter.default, bytes):
            schema["default"] = parameter.default
        properties[parameter.name] = schema
    required = [parameter.name for parameter in function.parameters if parameter.is_required]
    return {"$schema": DIALECT, "title": function.name, **_object(properties, required)}


def result_schema(function: Function) -> dict[str, Any]:
    """Return the schema of what an action or view returns."""
    inner = _NULL if function.returns is None else shape_schema(function.returns)
    return {"$schema": DIALECT, "title": f"{function.name} result", **inner}


def table_schema(table: TableSchema) -> dict[str, Any]:
    """Return the schema of the object that holds one row of a table."""
    columns = tuple(column for column in table.columns if not column.retired)
    required = [column.name for column in columns if column.required]
    return {"$schema": DIALECT, "title": table.name, **_object(_properties(columns), required)}


def shape_schema(shape: Shape) -> dict[str, Any]:
    """Return the schema of one value. Recursion follows the written annotation."""
    schema = _shape(shape)
    return {"anyOf": [schema, _NULL]} if shape.is_optional else schema


def type_schema(column: ColumnType) -> dict[str, Any]:
    """Return the schema of a scalar."""
    low, high = column.minimum, column.maximum
    match column.kind:
        case "integer":
            return _integer(INT64_MIN if low is None else low, INT64_MAX if high is None else high)
        case "decimal":
            fraction = rf"(\.[0-9]{{1,{column.scale}}})?" if column.scale else ""
            return _text(f"^-?[0-9]+{fraction}$")
        case "boolean":
            return {"type": "boolean"}
        case "text":
            return {"type": "string", "minLength": low or 0, "maxLength": high}
        case "enum":
            return {"enum": list(column.values)}
        case "date":
            return {**_text(f"^{_DATE}$"), "format": "date"}
        case "datetime":
            fraction = rf"\.[0-9]{{{column.scale}}}" if column.scale else ""
            return {**_text(f"^{_DATE}{_TIME}{fraction}Z$"), "format": "date-time"}
        case "account":
            letters = account.TEXT_CHARS - len(account.PREFIX) - 1
            return _text(f"^{account.PREFIX}1[0-9a-z]{{{letters}}}$")
        case "bytes":
            return _text(f"^([0-9a-f]{{2}}){{{low or 0},{high}}}$")


def _shape(shape: Shape) -> dict[str, Any]:
    if shape.column is not None:
        return type_schema(shape.column)
    if shape.row is not None:
        columns = columns_of(shape.row)
        fields = msgspec.structs.fields(shape.row)
        return _object(_properties(columns), [field.name for field in fields if field.required])
    if shape.items is not None:
        items = shape_schema(shape.items)
        return {"type": "array", "items": items, "maxItems": shape.items_max}
    if shape.kind == "record":
        values = {"additionalProperties": _ANY_SCALAR, "maxProperties": COLUMNS_PER_TABLE_MAX}
        return {"type": "object", **values}
    return {"type": "object"} if shape.kind == "document" else dict(_ANY_SCALAR)


def _properties(columns: tuple[Column, ...]) -> dict[str, Any]:
    schemas = {column.name: type_schema(column.type) for column in columns}
    return {
        column.name: schemas[column.name]
        if column.required
        else {"anyOf": [schemas[column.name], _NULL]}
        for column in columns
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _integer(low: int, high: int) -> dict[str, Any]:
    number = {
        "type": "integer",
        "minimum": max(low, -JSON_INTEGER_MAX),
        "maximum": min(high, JSON_INTEGER_MAX),
    }
    if low >= -JSON_INTEGER_MAX and high <= JSON_INTEGER_MAX:
        return number
    return {"anyOf": [number, _text("^-?[0-9]{1,19}$")]}


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}
