"""Any declaration that is written is read back; any text is declarations or all its problems."""

import json
import tomllib
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from comity.client.files.declaration import PRESETS, TableDeclaration, unique_indexes
from comity.client.files.table_file import parse_table_file
from comity.client.files.table_writer import to_table_file
from comity.errors import ConfigError
from comity.limits import INT64_MAX, INT64_MIN
from comity.model.column import Column, ColumnType, Kind
from comity.model.schema import TableSchema

DIGITS_18 = 10**18 - 1
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,12}(_[a-z0-9]{1,8}){0,2}", fullmatch=True).filter(
    lambda name: name not in ("h", "rowid", "oid") and not name.startswith(("comity", "sqlite"))
)
CODES = st.text(
    st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=9
)


def _bounded(
    kind: Kind, low: int, high: int, scales: range = range(1)
) -> st.SearchStrategy[ColumnType]:
    bound = st.none() | st.integers(low, high)
    return st.builds(
        lambda a, b, scale: ColumnType(
            kind=kind,
            minimum=a if b is None or a is None else min(a, b),
            maximum=b if a is None or b is None else max(a, b),
            scale=scale,
        ),
        bound,
        bound,
        st.sampled_from(scales),
    )


TYPES = st.one_of(
    st.builds(
        lambda low, more: ColumnType(kind="text", minimum=low, maximum=(low or 0) + more),
        st.none() | st.integers(1, 20),
        st.integers(0, 230),
    ),
    _bounded("integer", INT64_MIN, INT64_MAX),
    _bounded("decimal", -DIGITS_18, DIGITS_18, range(10)),
    st.sampled_from([0, 3, 6]).map(lambda scale: ColumnType(kind="datetime", scale=scale)),
    st.sampled_from([ColumnType(kind="boolean"), ColumnType(kind="date")]),
    st.lists(CODES | st.just('q"\\\n\u00e9'), min_size=1, max_size=4, unique=True).map(
        lambda codes: ColumnType(kind="enum", values=tuple(codes))
    ),
)


@st.composite
def declarations(draw: st.DrawFn, name: st.SearchStrategy[str] = NAMES) -> TableDeclaration:
    """A declaration as ``parse_table_file`` makes them."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    types = [draw(TYPES) for _ in names]
    types[0] = draw(TYPES.filter(lambda type_: type_.kind != "boolean"))
    able = [n for n, type_ in zip(names, types, strict=True) if type_.kind != "boolean"]
    key = tuple(draw(st.lists(st.sampled_from(able), min_size=1, max_size=3, unique=True)))
    single = [[n] for n in names if draw(st.booleans())][:4]
    several = []
    if len(names) > 1:
        several = draw(
            st.lists(
                st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True),
                max_size=3, unique_by=tuple,
            )
        )  # fmt: skip
    schema = TableSchema(
        name=draw(name),
        columns=tuple(
            Column(name=n, type=type_, required=n in key or draw(st.booleans()))
            for n, type_ in zip(names, types, strict=True)
        ),
        key=key,
        indexes=unique_indexes([*single, *several]),
        history=draw(st.sampled_from(["all", "none"]) | st.integers(1, 10**9)),
        is_owned=True,
    )
    return TableDeclaration(schema=schema, preset=draw(st.sampled_from(PRESETS)))


@settings(max_examples=300, deadline=None)
@given(
    tables=st.lists(declarations(), min_size=1, max_size=3, unique_by=lambda d: d.schema.name),
    comment=st.text(st.characters(blacklist_categories=("Cs",)), max_size=30),
)
def test_any_declaration_is_read_back_as_itself(
    tables: list[TableDeclaration], comment: str
) -> None:
    """Schema, preset, index names and order survive; a comment changes nothing."""
    for declaration in tables:
        declaration.schema.check()
    comments = {column.name: comment for d in tables for column in d.schema.columns}
    assert parse_table_file(to_table_file(tables, comments)) == tuple(tables)


VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(max_codepoint=0xD7FF), max_size=9)
    | st.sampled_from(["text", "decimal(2)"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "min", "max", "values", "unique", "key", "max_length", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(["key", "preset", "rules", "history", "unique", "columns", "kye"])


@settings(max_examples=600, deadline=None)
@given(
    spec=st.dictionaries(KEYS, VALUES, max_size=6),
    columns=st.dictionaries(NAMES, VALUES, max_size=3),
)
@example(spec={"key": [[]], "preset": ["open"]}, columns={})
@example(spec={"key": ["a"], "preset": {}, "unique": [["b"], 3]}, columns={"a": {"type": ["x"]}})
def test_any_toml_is_declarations_or_its_problems(
    spec: dict[str, object], columns: dict[str, object]
) -> None:
    """Whatever values stand where, the answer is declarations that check or ConfigError."""
    if columns:
        spec = {**spec, "columns": columns}
    text = f"table = {{ things = {_inline(spec)} }}"
    assert tomllib.loads(text)["table"]["things"].keys() == spec.keys()
    with suppress(ConfigError):
        for declaration in parse_table_file(text):
            declaration.schema.check()


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value).replace("\x7f", "\\u007f")
