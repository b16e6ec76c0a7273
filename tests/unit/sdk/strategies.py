"""Values for every bounded type, and values of every other kind."""

from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

from comity.limits import ACCOUNT_ID_BYTES, BYTES_MAX, INT64_MAX, INT64_MIN
from comity.model.column import ColumnType

_PLAIN = st.characters(exclude_categories=["Cs", "Cc"])

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(INT64_MIN, INT64_MAX), st.text(_PLAIN), st.binary()
)
cbor_values = st.recursive(
    st.one_of(scalars, st.integers(-(1 << 64), (1 << 64) - 1)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def values_of(column: ColumnType) -> st.SearchStrategy[Any]:
    """Return the values that a type permits."""
    low, high = column.minimum, column.maximum
    match column.kind:
        case "integer" | "decimal":
            least = INT64_MIN if low is None else low
            return st.integers(least, INT64_MAX if high is None else high)
        case "boolean":
            return st.booleans()
        case "text":
            return st.text(_PLAIN, min_size=low or 0, max_size=min(high or 0, 200))
        case "enum":
            return st.sampled_from(column.values)
        case "date":
            return st.dates(min_value=date(1000, 1, 1)).map(date.isoformat)
        case "datetime":
            moments = st.datetimes(min_value=datetime(1000, 1, 1))  # noqa: DTZ001 - written as UTC
            return moments.map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z")
        case "account":
            return st.binary(min_size=ACCOUNT_ID_BYTES, max_size=ACCOUNT_ID_BYTES)
        case "bytes":
            return st.binary(min_size=low or 0, max_size=min(high or BYTES_MAX, 200))
