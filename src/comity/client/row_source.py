"""Rows to add, from whatever a program has them in: mappings, a DataFrame, an Arrow stream.

Mappings hold values as the ledger stores them: a decimal is a whole number of its smallest units. Frames and streams
have types of their own, which are turned into the columns': ``Decimal`` and text into decimals, days and times into
their text. A binary fraction, or a whole number where the column has digits after the point, is refused: nobody knows
what was meant.

Invariant: no value is rounded.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from itertools import islice
from math import isnan
from typing import Any, Protocol, TypeAlias

from comity.client.files.decimals import scaled_from_text
from comity.client.files.moments import utc_moment
from comity.errors import Malformed
from comity.model import account
from comity.model.column import ColumnType, ColumnValue
from comity.model.schema import TableSchema

_NOTHING = ("NAType", "NaTType")  # what pandas writes where there is nothing, beside NaN


class ArrowStream(Protocol):
    """Whatever gives an Arrow stream: a DataFrame, a table of pyarrow, an answer to SQL."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the stream as a capsule."""


Rows: TypeAlias = Iterable[Mapping[str, ColumnValue]] | ArrowStream


def batches(
    rows: Rows, schema: TableSchema, size: int
) -> Iterator[list[Mapping[str, ColumnValue]]]:
    """Yield the rows, ``size`` at a time. Raises: Malformed."""
    if size < 1:
        raise Malformed(f"a batch has at least 1 row, not {size}")
    iterator = _rows(rows, schema)
    while batch := list(islice(iterator, size)):
        yield batch


def _rows(rows: Any, schema: TableSchema) -> Iterator[Mapping[str, ColumnValue]]:
    if hasattr(rows, "itertuples"):  # pandas, which needs pyarrow for Arrow
        records = zip_records(list(rows.columns), rows.itertuples(index=False, name=None))
    elif hasattr(rows, "iter_rows"):  # polars
        records = iter(rows.iter_rows(named=True))
    elif hasattr(rows, "__arrow_c_stream__"):
        records = import_module("comity.client.arrow").records_of(rows)
    else:
        yield from rows
        return
    types = {column.name: column.type for column in schema.columns}
    for record in records:
        yield {
            str(name): value_from(value, types[name], name) if name in types else value
            for name, value in record.items()
        }


def zip_records(names: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield rows by column name."""
    names = list(names)
    for row in rows:
        yield dict(zip(names, row, strict=True))


def value_from(value: Any, type_: ColumnType, name: str) -> ColumnValue:
    """Return a frame's value as the column stores it. Raises: Malformed."""
    if hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if value is None or type(value).__name__ in _NOTHING or (type(value) is float and isnan(value)):
        return None
    kind = type_.kind
    if kind == "decimal" and isinstance(value, Decimal | str):
        return scaled_from_text(
            format(value, "f") if isinstance(value, Decimal) else value, type_.scale
        )
    if kind == "integer" and type(value) is int:
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "datetime" and isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return utc_moment(moment.isoformat(), type_.scale)
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if kind == "account" and isinstance(value, str):
        return account.from_text(value)
    if kind in ("account", "bytes") and isinstance(value, bytes):
        return value
    if kind in ("text", "enum", "date", "datetime") and isinstance(value, str):
        return value
    raise Malformed(f"column {name}: {_shown(value)} is no {kind}; nothing is rounded or guessed")


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
