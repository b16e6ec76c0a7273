"""Arguments of actions and views as people write them, and results as JSON shows them.

A scalar is written as in a file (``12.50``, ``true``, ``2026-11-22``), an account as ``cm1...`` or as a
member's name, bytes in hex; lists, records and documents are JSON, or ``@FILE`` that holds it.

Invariant: the shape that the application declares decides how a text is read; the ledger checks again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from comity.cli.names import account_from
from comity.client.files import values
from comity.client.plain_file import read_plain
from comity.client.transport import Transport
from comity.errors import ConfigError, Malformed
from comity.limits import ACCOUNT_ID_BYTES, TRANSACTION_BYTES_MAX
from comity.model import account
from comity.sdk.declaration import Function, Parameter
from comity.sdk.row import Row
from comity.sdk.shape import Shape, columns_of


def arguments_from(
    function: Function, given: Sequence[str], transport: Transport
) -> dict[str, Any]:
    """Return the arguments that ``name=value`` texts say. Raises: ConfigError, naming each problem."""
    found: dict[str, Any] = {}
    problems = []
    known = function.parameter_names
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            names = ", ".join(known) or "none"
            problems.append(f"{text!r}: write NAME=VALUE; arguments are: {names}")
            continue
        try:
            found[name] = _from_text(value, known[name].shape, transport)
        except (Malformed, ConfigError) as error:
            problems.append(f"{name}: {error}")
    problems += [
        f"{parameter.name} is missing"
        for parameter in function.parameters
        if parameter.is_required and parameter.name not in found and not _stands(parameter, given)
    ]
    if problems:
        raise ConfigError(f"{function.name}: {'; '.join(problems)}")
    return found


def result_json(value: Any, shape: Shape | None) -> Any:
    """Return a result as JSON can hold it; accounts as text, other bytes in hex, decimals with a point."""
    if value is None or shape is None:
        return _loose_json(value)
    if shape.column is not None:
        return values.to_json(value, shape.column)
    if shape.row is not None:
        fields = value if isinstance(value, Mapping) else _fields(value)
        types = {column.name: column.type for column in columns_of(shape.row)}
        return {name: values.to_json(item, types[name]) for name, item in fields.items()}
    if shape.items is not None:
        return [result_json(item, shape.items) for item in value]
    return _loose_json(value)


def _stands(parameter: Parameter, given: Sequence[str]) -> bool:
    return any(text.startswith(f"{parameter.name}=") for text in given)


def _from_text(text: str, shape: Shape, transport: Transport) -> Any:
    if text == "" and shape.is_optional:
        return None
    if shape.column is not None:
        return _scalar(text, shape, transport)
    if shape.kind == "value":
        return _loose(text)
    document = (
        read_plain(Path(text[1:]), TRANSACTION_BYTES_MAX) if text.startswith("@") else text.encode()
    )
    return _from_json(_json(document), shape, transport)


def _scalar(text: str, shape: Shape, transport: Transport) -> Any:
    column = shape.column
    if column is None:
        raise Malformed("one value is needed")
    if column.kind == "account":
        return account_from(text, transport)
    value = values.from_text(text, column)
    return "" if value is None and column.kind == "text" else value


def _loose(text: str) -> Any:
    """Return a scalar whose type nothing declares: JSON's where it is one, else text."""
    try:
        value = json.loads(text, parse_float=_refuse_fraction)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) else value


def _json(data: bytes) -> Any:
    try:
        return json.loads(data, parse_float=_refuse_fraction, parse_constant=_refuse_fraction)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"JSON is needed ({error})") from error


def _refuse_fraction(text: str) -> NoReturn:
    raise Malformed(f"write {text} as text, or in the column's smallest unit: no fractions in JSON")


def _from_json(value: Any, shape: Shape, transport: Transport) -> Any:
    if value is None:
        return None
    if shape.column is not None:
        if isinstance(value, str) and shape.column.python_type is not str:
            return _scalar(value, shape, transport)
        return value
    if shape.items is not None:
        if not isinstance(value, list):
            raise Malformed("a JSON array is needed")
        return [_from_json(item, shape.items, transport) for item in value]
    if shape.row is not None:
        if not isinstance(value, dict):
            raise Malformed("a JSON object is needed")
        types = {column.name: column for column in columns_of(shape.row)}
        return {
            name: _from_json(item, Shape(kind="scalar", column=types[name].type), transport)
            if name in types
            else item
            for name, item in value.items()
        }
    return value


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _loose_json(value: Any) -> Any:
    """Return a document as JSON; bytes of an account's length are shown as an account."""
    if isinstance(value, bytes):
        return account.to_text(value) if len(value) == ACCOUNT_ID_BYTES else value.hex()
    if isinstance(value, msgspec.Struct):
        return {name: _loose_json(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {name: _loose_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_loose_json(item) for item in value]
    return value
