"""Answers to SQL: rows as they are stored, and as Arrow, pandas or polars with their types.

SQL sees what is stored: a decimal is a whole number of its smallest units, a boolean 0 or 1, an account 20 bytes. A
column that *is* a table's column keeps its declared type in Arrow; a computed one has the type of its values.

Invariant: no value changes on its way into Arrow; what no Arrow type of the column holds is an error.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import msgspec

from comity.client.transport import Parameter


class AnswerColumn(msgspec.Struct, frozen=True):
    """A column of an answer.

    Args:
        kind: its declared kind when it is a column of a table; None when it is computed.
        scale: digits after the point of a decimal.
    """

    name: str
    kind: str | None = None
    scale: int = 0


class SqlRows(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says to a query, with the names that a folder's answer has (``comity.query.answer``)."""

    columns: tuple[AnswerColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    height: int
    app_hash: bytes
    limit: str | None = None
    notes: tuple[str, ...] = ()
    elapsed_ns: int = 0

    @property
    def is_truncated(self) -> bool:
        """Tell whether rows are missing because a limit cut the answer."""
        return self.limit is not None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a query gave, and the height that they were read at.

    Args:
        app_hash: 32 bytes, after the block of ``height``.
        limit: name of the limit that cut the answer, or None when it is whole.
        notes: sentences that a person should see beside the rows.
        is_verified: whether a proof vouches for the rows. Answers to SQL have none yet: whoever needs one reads rows by
            key, or proves a range.
    """

    columns: tuple[AnswerColumn, ...]
    records: tuple[tuple[Parameter, ...], ...]
    height: int
    app_hash: bytes
    limit: str | None = None
    notes: tuple[str, ...] = ()
    is_verified: bool = False

    @property
    def is_truncated(self) -> bool:
        """Tell whether rows are missing because a limit cut the answer."""
        return self.limit is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names, which may repeat."""
        return tuple(column.name for column in self.columns)

    def rows(self) -> tuple[tuple[Parameter, ...], ...]:
        """Return the rows as SQL sees them."""
        return self.records

    def __iter__(self) -> Iterator[tuple[Parameter, ...]]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return an Arrow stream, which pandas, polars, pyarrow and DuckDB take as it is."""
        return self.arrow().__arrow_c_stream__(requested_schema)

    def arrow(self) -> Any:
        """Return a ``nanoarrow.ArrayStream``, which can be read once. Raises: QueryError."""
        return _arrow("stream_of")(self)

    def pandas(self) -> Any:
        """Return a pandas DataFrame. Raises: ConfigError, when pandas is not installed."""
        return _arrow("pandas_of")(self)

    def polars(self) -> Any:
        """Return a polars DataFrame. Raises: ConfigError, when polars is not installed."""
        return _arrow("polars_of")(self)


def answer_from(found: Any) -> Answer:
    """Return the answer that a transport gave: ``SqlRows``, or a folder's record of the same names."""
    return Answer(
        columns=tuple(AnswerColumn(it.name, it.kind, it.scale) for it in found.columns),
        records=tuple(found.rows),
        height=found.height,
        app_hash=found.app_hash,
        limit=found.limit,
        notes=tuple(found.notes),
    )


class Record(dict[str, Any]):
    """A row of a view's answer: its items are attributes, too, as a row in this process has them."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @classmethod
    def of(cls, result: Any) -> Any:
        """Return what a view says, a row or a list of rows, with such rows; other maps stay as they are."""
        if isinstance(result, list):
            return [cls.of(item) if type(item) is dict else item for item in result]
        return cls(result) if type(result) is dict else result


def _arrow(name: str) -> Any:
    """Return a function of ``client.arrow``, imported when it is needed: it costs memory and time."""
    return getattr(import_module("comity.client.arrow"), name)
