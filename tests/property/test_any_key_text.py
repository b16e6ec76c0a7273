"""A key's text in an address is read back as the key, and passes through an address unharmed."""

import string
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comity.errors import QueryError
from comity.limits import ACCOUNT_ID_BYTES, INT64_MAX, INT64_MIN
from comity.model.column import Column, ColumnType
from comity.model.schema import TableSchema
from comity.query.keys import key_from_text, key_text

TYPES: dict[ColumnType, st.SearchStrategy[Any]] = {
    ColumnType(kind="text", maximum=40): st.text(
        st.characters(exclude_categories=("Cs", "Cc")), max_size=40
    ),
    ColumnType(kind="integer"): st.integers(INT64_MIN, INT64_MAX),
    ColumnType(kind="decimal", scale=3): st.integers(-(10**18) + 1, 10**18 - 1),
    ColumnType(kind="bytes", maximum=16): st.binary(max_size=16),
    ColumnType(kind="account"): st.binary(min_size=ACCOUNT_ID_BYTES, max_size=ACCOUNT_ID_BYTES),
    ColumnType(kind="date"): st.dates().map(lambda day: f"{day:%Y-%m-%d}".rjust(10, "0")),
    ColumnType(kind="enum", values=("a,b", "~", "/")): st.sampled_from(["a,b", "~", "/"]),
}
KEYS = st.lists(
    st.sampled_from(list(TYPES)).flatmap(lambda type_: st.tuples(st.just(type_), TYPES[type_])),
    min_size=1,
    max_size=4,
)


def _schema(types: list[ColumnType]) -> TableSchema:
    columns = tuple(Column(name=f"k{at}", type=type_) for at, type_ in enumerate(types))
    return TableSchema(name="t", columns=columns, key=tuple(column.name for column in columns))


@given(KEYS)
@example([(ColumnType(kind="text", maximum=40), text) for text in ("", "~", "..", "a,b/c~2C?#%2F")])
def test_any_key_is_read_back(pairs: list[tuple[ColumnType, Any]]) -> None:
    """Whatever its columns hold; also when a client or a proxy writes it anew in percent signs."""
    schema = _schema([type_ for type_, _ in pairs])
    key = [value for _, value in pairs]
    text = key_text(key, schema.columns)
    assert key_from_text(text, schema) == key
    assert unquote(quote(text, safe="")) == text
    assert not set(text) & set("/?#%")
    assert text not in ("", ".", "..")


@given(KEYS, st.text(string.printable, max_size=30))
def test_any_text_is_a_key_or_refused(pairs: list[tuple[ColumnType, Any]], text: str) -> None:
    """Nothing else is raised than an error that names the column or the form."""
    schema = _schema([type_ for type_, _ in pairs])
    try:
        key = key_from_text(text, schema)
    except QueryError as error:
        assert error.code == "arguments"  # noqa: PT017 - most texts are no key
        return
    assert key_from_text(key_text(key, schema.columns), schema) == key


def test_a_lost_escape_is_caught() -> None:
    """Canary: without escapes, two keys would have one text."""
    schema = _schema([ColumnType(kind="text", maximum=40)] * 2)
    assert key_text(["a,b", "c"], schema.columns) != key_text(["a", "b,c"], schema.columns)
    with pytest.raises(QueryError):
        key_from_text("a,b,c", schema)
