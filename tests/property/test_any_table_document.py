"""Any schema travels as a document and comes back, and no document does harm."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.crypto import cbor
from comity.errors import Malformed
from comity.model.column import Column, ColumnType, Kind
from comity.model.schema import Index, TableSchema
from comity.model.schema_document import schema_document, schema_from_document
from comity.sdk import BadSchema
from comity.sdk import schema_from_document as schema_or_refusal

NAMES = st.from_regex("[b-g][a-z0-9]{0,5}(_[a-z0-9]{1,4}){0,2}", fullmatch=True)
CODES = st.lists(
    st.text("abc -\u00e9", min_size=1, max_size=5), min_size=1, max_size=4, unique=True
)


@st.composite
def types(draw: st.DrawFn) -> ColumnType:
    """Draw a column type that a schema permits."""
    kind: Kind = draw(
        st.sampled_from(("integer", "decimal", "text", "bytes", "enum", "date", "datetime"))
    )
    if kind in ("integer", "decimal"):
        low, high = sorted(draw(st.tuples(st.integers(-99, 99), st.integers(-99, 99))))
        scale = draw(st.integers(0, 9)) if kind == "decimal" else 0
        is_bounded = draw(st.booleans())
        return ColumnType(
            kind=kind,
            scale=scale,
            minimum=low if is_bounded else None,
            maximum=high if is_bounded else None,
        )
    if kind in ("text", "bytes"):
        return ColumnType(
            kind=kind, minimum=draw(st.integers(0, 3)), maximum=draw(st.integers(3, 200))
        )
    if kind == "enum":
        return ColumnType(kind="enum", values=tuple(draw(CODES)))
    return ColumnType(
        kind=kind, scale=draw(st.sampled_from((0, 3, 6))) if kind == "datetime" else 0
    )


@st.composite
def schemas(draw: st.DrawFn) -> TableSchema:
    """Draw a schema that a table may have."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    columns = [
        Column(
            name=name,
            type=draw(types()),
            required=at == 0 or draw(st.booleans()),
            retired=at > 3 and draw(st.booleans()),
        )
        for at, name in enumerate(names)
    ]
    live = [column.name for column in columns if not column.retired]
    indexed = draw(st.lists(st.sampled_from(live), max_size=3, unique=True))
    return TableSchema(
        name=draw(NAMES),
        columns=tuple(columns),
        key=(names[0],),
        indexes=tuple(
            Index(name=f"by_{name}", columns=(name,), unique=draw(st.booleans()))
            for name in indexed
        ),
        history=draw(st.sampled_from(("all", "none", 7))),
        is_owned=draw(st.booleans()),
        is_salted=draw(st.booleans()),
    )


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 64), (1 << 64) - 1),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.lists(st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to each value inside a document."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [at, *[place for key, item in inner for place in places(item, (*at, key))]]


def replaced(value: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """Return a document with ``junk`` at one place."""
    if not place:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = replaced(value[place[0]], place[1:], junk)
    return copy


def problem_of(document: Any) -> str | None:
    """Return what is wrong with a document, or None."""
    try:
        schema_from_document(document)
    except Malformed as error:
        return str(error)
    return None


@settings(max_examples=300)
@given(schema=schemas())
def test_any_schema_comes_back_from_its_document(schema: TableSchema) -> None:
    """A document says all of a schema, also after a journey as CBOR."""
    data = cbor.encode(schema_document(schema))
    assert schema_from_document(cbor.decode(data, size_max=len(data))) == schema


@settings(max_examples=500)
@given(data=st.data(), schema=schemas(), junk=JUNK)
def test_any_document_is_a_schema_or_refused(
    data: st.DataObject, schema: TableSchema, junk: Any
) -> None:
    """A document with junk somewhere is a schema that may stand, or a refusal in plain ASCII words.

    Nothing else is raised, and no word depends on what this Python thinks is printable (R1.3).
    """
    document = schema_document(schema)
    bent = replaced(document, data.draw(st.sampled_from(places(document))), junk)
    problem = problem_of(bent)
    if problem is None:
        found = schema_from_document(bent)
        found.check()
        assert schema_from_document(schema_document(found)) == found
    else:
        assert problem.isascii()
        with pytest.raises(BadSchema):
            schema_or_refusal(bent if isinstance(bent, dict) else {})
