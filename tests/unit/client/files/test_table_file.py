"""Table files are read strictly, all problems at once."""

from pathlib import Path

import pytest

from comity.client.files.declaration import type_words, unique_indexes
from comity.client.files.table_file import parse_table_file, read_table_file
from comity.client.files.table_writer import to_table_file
from comity.errors import ConfigError
from comity.model.column import Column, ColumnType
from comity.model.schema import Index

SUPPLIERS = """
[table.suppliers]
key = ["lei"]
rules = { preset = "own-rows" }
history = 1000
unique = [["name", "since"]]
[table.suppliers.columns]
lei = { type = "text" }
name = { type = "text", required = true, max_length = 200, unique = true }
price = { type = "decimal(2)", min = "0.05", max = 10 }
stock = { type = "integer", min = -1 }
since = { type = "date" }
seen = { type = "datetime(ms)" }
risk = { type = "enum", values = ["low", "high"] }
active = { type = "boolean" }

[table.tools]
preset = "open"
[table.tools.columns]
name = { type = "text", min_length = 0 }
"""


def test_a_table_file_says_what_it_means() -> None:
    """Types, bounds scaled exactly, unique indexes, preset and history; a table without a key gets an id."""
    suppliers, tools = parse_table_file(SUPPLIERS)
    schema = suppliers.schema
    assert (schema.name, schema.key, schema.history, schema.is_owned) == (
        "suppliers",
        ("lei",),
        1000,
        True,
    )
    assert suppliers.preset == "own-rows"
    assert schema.indexes == (
        Index(name="unique_name", columns=("name",), unique=True),
        Index(name="unique_name_since", columns=("name", "since"), unique=True),
    )
    assert schema.columns[:4] == (
        Column(name="lei", type=ColumnType(kind="text", minimum=1, maximum=120), required=True),
        Column(name="name", type=ColumnType(kind="text", minimum=1, maximum=200), required=True),
        Column(
            name="price",
            type=ColumnType(kind="decimal", scale=2, minimum=5, maximum=1_000),
            required=False,
        ),
        Column(name="stock", type=ColumnType(kind="integer", minimum=-1), required=False),
    )
    assert [type_words(c.type) for c in schema.columns[4:]] == [
        "date",
        "datetime(ms)",
        "enum",
        "boolean",
    ]
    assert tools.schema.key == ("id",)
    assert tools.schema.columns[1].type == ColumnType(kind="text", maximum=4_000)
    assert parse_table_file(to_table_file([suppliers, tools])) == (suppliers, tools)


def test_all_problems_are_told_at_once_with_their_place() -> None:
    """One line each, with a suggestion where a word is nearly right."""
    with pytest.raises(ConfigError) as caught:
        parse_table_file("""
        tabel = 1
        [table.Suppliers]
        kye = ["lei"]
        preset = "anyone"
        history = 0
        [table.Suppliers.columns]
        id = { typ = "text" }
        a = { type = "txet" }
        b = { type = "decimal" }
        c = { type = "decimal(2)", min = 0.5, max = "1.005" }
        d = { type = "enum" }
        e = { type = "integer", max_length = 3, required = "yes" }
        f = { type = "decimal(12)" }
        g = "text"
        H = { type = "boolean" }
        i = { type = "integer", min = 3, max = 2 }
        """)
    problems = str(caught.value).split("\n")
    for start in (
        "tabel: unknown; did you mean table?",
        "table.Suppliers: table name 'Suppliers': small letters",
        "table.Suppliers.kye: unknown; did you mean key?",
        'table.Suppliers.preset: "anyone" is unknown; one of open, own-rows, append-only, read-only',
        'table.Suppliers.history: "all", "none" or a number',
        "table.Suppliers.columns.id.typ: unknown; did you mean type?",
        "table.Suppliers.columns.id.type: is missing",
        'table.Suppliers.columns.a.type: "txet" is unknown; did you mean text?',
        "table.Suppliers.columns.b.type: write decimal(2)",
        "table.Suppliers.columns.c.min: write the number in quotes",
        'table.Suppliers.columns.c.max: "1.005" has 3 digits',
        "table.Suppliers.columns.d.values: the values are needed",
        "table.Suppliers.columns.e.max_length: integer has no max_length",
        "table.Suppliers.columns.e.required: true or false",
        "table.Suppliers.columns.f: column 'f' (decimal): scale 12",
        'table.Suppliers.columns.g: write { type = "text" }',
        "table.Suppliers.columns.H: column name 'H'",
        "table.Suppliers.columns.i: column 'i' (integer): minimum 3 is above",
    ):
        assert any(problem.startswith(start) for problem in problems), start


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no table"),
        ("[table.t", "not TOML"),
        ("table = 3", "table must be a table of names"),
        ('[table.t]\nkey = ["a"]\npreset = "open"\n[table.t.columns]\na = {type = "boolean"}', "not boolean"),
        ('[table.t]\nkey = ["x"]\npreset = "open"\n[table.t.columns]\na = {type = "date"}', "'x', which is no"),
        ('[table.t]\npreset = "open"\nrules = {preset = "open"}', "preset stands twice"),
        ('[table.t]\nkey = ["a"]\n[table.t.columns]\na = {type = "date", required = false}', "always required"),
        ('[table.t]\npreset = "open"\nunique = [["a", "b"], ["a", "b"]]', "columns stand twice"),
        ('[table.t]\npreset = "open"\nrules = {add = "role:x"}', "rules.add: unknown"),
        ('[table.a__b]\npreset = "open"', "single underscores"),
    ],
)  # fmt: skip
def test_what_is_no_declaration_is_refused(text: str, words: str) -> None:
    """Nothing is ignored and nothing guessed."""
    with pytest.raises(ConfigError, match=words):
        parse_table_file(text)


def test_a_file_is_named_in_its_errors(tmp_path: Path) -> None:
    """Absent, not UTF-8, or wrong inside."""
    path = tmp_path / "t.toml"
    with pytest.raises(ConfigError, match=r"t\.toml: No such file"):
        read_table_file(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"t\.toml: .*utf-8"):
        read_table_file(path)
    path.write_text(SUPPLIERS, "utf-8-sig")
    assert len(read_table_file(path)) == 2


def test_index_names_stay_in_bounds_and_apart() -> None:
    """Long columns are cut and numbered."""
    long = [("a" * 40, "b"), ("a" * 40, "c"), ("d",)]
    assert [index.name for index in unique_indexes(long)] == [
        "unique_" + "a" * 33,
        "unique_" + "a" * 30 + "_2",
        "unique_d",
    ]
