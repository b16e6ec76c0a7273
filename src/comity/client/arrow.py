"""Answers as Arrow, pandas and polars, and Arrow streams as rows. Imported only when it is asked for.

A column of a table has its declared type: ``decimal(18, scale)``, ``date32``, ``timestamp`` in UTC, ``bool``, accounts
as their text. A computed column has the type of its values.

Invariant: every value is exact. Source: Arrow columnar format, "Physical memory layout"; Arrow PyCapsule interface.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

from comity.client.answers import Answer, AnswerColumn
from comity.errors import ConfigError, QueryError
from comity.limits import ACCOUNT_ID_BYTES, DECIMAL_DIGITS_MAX, INT64_MAX, INT64_MIN
from comity.model.account import to_text

na: Any = import_module("nanoarrow")  # which has no type hints
_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {0: "s", 3: "ms", 6: "us"}
_EXACT_FLOAT_MAX = 1 << 53
_DECIMAL_BYTES = 16
_MICROSECOND = timedelta(microseconds=1)
Values = Sequence[Any]


def stream_of(answer: Answer) -> Any:
    """Return an answer as a ``nanoarrow.ArrayStream``. Raises: QueryError."""
    columns = [_array(column, values) for column, values in _columns(answer)]
    fields = [
        na.c_schema(array.schema).modify(name=name)
        for name, array in zip(answer.names, columns, strict=True)
    ]
    table = na.c_array_from_buffers(na.struct(fields), len(answer), [None], children=columns)
    return na.ArrayStream(na.c_array_stream(table))


def pandas_of(answer: Answer) -> Any:
    """Return an answer as a pandas DataFrame: decimals and days as objects, the rest in types with nulls.

    Raises: ConfigError, when pandas is not installed.
    """
    pandas = _module("pandas")
    series = {}
    for name, (column, values) in zip(_unique(answer.names), _columns(answer), strict=True):
        shown = [_shown(column, value) for value in values]
        series[name] = pandas.Series(shown, dtype=_pandas_type(column, shown))
    return pandas.DataFrame(series)


def polars_of(answer: Answer) -> Any:
    """Return an answer as a polars DataFrame. Raises: ConfigError, when polars is not installed; QueryError."""
    polars = _module("polars")
    names = _unique(answer.names)
    columns = [AnswerColumn(n, c.kind, c.scale) for n, c in zip(names, answer.columns, strict=True)]
    return polars.DataFrame(
        stream_of(
            Answer(
                columns=tuple(columns), records=answer.records, height=answer.height,
                app_hash=answer.app_hash,
            )
        )
    )  # fmt: skip


def records_of(source: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of an Arrow stream as Python values."""
    for chunk in na.ArrayStream(source):
        names = [field.name for field in chunk.schema.fields]
        columns = [_values(chunk.child(at)) for at in range(chunk.n_children)]
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


def _columns(answer: Answer) -> list[tuple[AnswerColumn, Values]]:
    rows = zip(*answer.records, strict=True) if answer.records else ((),) * len(answer.columns)
    return list(zip(answer.columns, rows, strict=True))


def _array(column: AnswerColumn, values: Values) -> Any:
    kind = column.kind
    try:
        if kind == "decimal":
            type_ = na.decimal128(DECIMAL_DIGITS_MAX, column.scale)
            return _fixed(type_, values, lambda it: _signed(it, _DECIMAL_BYTES))
        if kind == "boolean":
            return na.c_array([None if it is None else bool(it) for it in values], na.bool_())
        if kind == "date":
            days = [None if it is None else _days(it) for it in values]
            return _fixed(na.date32(), days, lambda it: _signed(it, 4))
        if kind == "datetime":
            moments = [None if it is None else _moment(it, column.scale) for it in values]
            type_ = na.timestamp(_UNITS[column.scale], "UTC")
            return _fixed(type_, moments, lambda it: _signed(it, 8))
        if kind == "account":
            return na.c_array([_shown(column, it) for it in values], na.string())
        return na.c_array(list(values), _type_of(values))
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise QueryError(
            "arguments", f"column {column.name!r} holds values of several types: cast them in SQL"
        ) from error


def _fixed(type_: Any, values: Values, write: Callable[[int], bytes]) -> Any:
    """Return an array of values of one width from its buffers: nanoarrow has no builder for such types."""
    width = len(write(0))
    data = b"".join(bytes(width) if it is None else write(it) for it in values)
    bits = bytearray((len(values) + 7) // 8)
    for at, value in enumerate(values):
        if value is not None:
            bits[at >> 3] |= 1 << (at & 7)
    missing = sum(it is None for it in values)
    buffers = [bytes(bits) if missing else None, data]
    return na.c_array_from_buffers(type_, len(values), buffers, null_count=missing)


def _type_of(values: Values) -> Any:
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return na.string()
    if kinds == {int}:
        return na.int64()
    if kinds == {str}:
        return na.string()
    if kinds == {bytes}:
        return na.binary()
    if kinds <= {int, float}:
        if any(type(it) is int and abs(it) > _EXACT_FLOAT_MAX for it in values):
            raise ValueError("a whole number that no binary fraction holds")
        return na.float64()
    raise TypeError("values of several types")


def _shown(column: AnswerColumn, value: Any) -> Any:
    """Return a stored value as Python has it."""
    if value is None:
        return None
    match column.kind:
        case "decimal" if type(value) is int:
            return Decimal(value).scaleb(-column.scale)
        case "boolean":
            return bool(value)
        case "date":
            return date.fromisoformat(value)
        case "datetime":
            return datetime.fromisoformat(value)
        case "account" if isinstance(value, bytes) and len(value) == ACCOUNT_ID_BYTES:
            return to_text(value)
        case _:
            return value


def _pandas_type(column: AnswerColumn, values: Values) -> str:
    match column.kind:
        case "datetime":
            return "datetime64[us, UTC]"
        case "boolean":
            return "boolean"
        case "decimal" | "date":
            return "object"
        case _:
            kinds = {type(value) for value in values} - {type(None)}
            if kinds == {int} and all(
                INT64_MIN <= it <= INT64_MAX for it in values if it is not None
            ):
                return "Int64"
            return {frozenset({str}): "str", frozenset({float}): "float64"}.get(
                frozenset(kinds), "object"
            )


def _values(array: Any) -> Values:
    """Return a column's values; decimals from their bytes, because nanoarrow reads negative ones wrongly."""
    if array.schema.type != na.Type.DECIMAL128:
        values: Values = array.to_pylist()
        return values
    found: list[Decimal | None] = []
    for view in array.iter_chunk_views():
        valid, data = view.buffer(0), bytes(view.buffer(1))
        for at in range(view.offset, view.offset + len(view)):
            if len(valid) and not valid.element(at):
                found.append(None)
                continue
            units = int.from_bytes(
                data[at * _DECIMAL_BYTES :][:_DECIMAL_BYTES], "little", signed=True
            )
            found.append(Decimal(units).scaleb(-array.schema.scale))
    return found


def _days(text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH_DAY).days


def _moment(text: str, scale: int) -> int:
    """Return units of ``scale`` digits of a second since 1970."""
    micros = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    return micros // int(10 ** (6 - scale))


def _signed(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little", signed=True)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names of which none is twice: frames tell columns by their names."""
    found: list[str] = []
    for name in names:
        number, made = 2, name
        while made in found:
            number, made = number + 1, f"{name}_{number}"
        found.append(made)
    return found


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(f"{name} is not installed: pip install {name}") from error
