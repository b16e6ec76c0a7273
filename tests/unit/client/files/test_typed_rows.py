"""Each line of a file is a valid row of the table or a reject with its reason."""

import csv
from pathlib import Path

import pytest

from comity.client.files.rejects import Rejects, rejects_path, write_rejects
from comity.client.files.row_file import open_rows, rows_of
from comity.client.files.table_file import parse_table_file
from comity.client.files.typed_rows import TypedRows
from comity.errors import ConfigError
from comity.model.schema import TableSchema


def schema_of(columns: str, key: str = 'key = ["code"]') -> TableSchema:
    """The schema of a table with these columns."""
    text = f'[table.things]\n{key}\npreset = "open"\n[table.things.columns]\n{columns}'
    return parse_table_file(text)[0].schema


THINGS = schema_of(
    """
    code = { type = "text", max_length = 5 }
    price = { type = "decimal(2)", required = true, min = "0.50" }
    note = { type = "text" }
    """
)
LINES = b"""price,code
1.5,A
x,B
,C
2.00,A
0.10,too long
1.25,D
1,2,3
"""


def test_lines_that_are_no_rows_say_why() -> None:
    """In file order: all reasons of a line, and a key that stood before; columns find their places."""
    rejects = Rejects()
    rows = list(TypedRows(rows_of(LINES), THINGS).rows(rejects))
    assert rows == [(2, ("A", 150, None)), (7, ("D", 125, None))]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (3, 'price: a plain number such as -1.25 is needed, not "x"'),
        (4, "price: a value is required"),
        (5, 'key "A" stood in line 2'),
        (6, 'price: "0.10" must be at least 0.50; code: 8 characters, 1 to 5 are allowed'),
        (8, "3 fields, the header has 2"),
    ]


def test_rejects_are_written_beside_the_file(tmp_path: Path) -> None:
    """Number, reason and the fields as they were, ready to be mended."""
    path = tmp_path / "things.csv"
    path.write_bytes(LINES)
    file = open_rows(path)
    rejects = Rejects()
    list(TypedRows(file, THINGS).rows(rejects))
    write_rejects(rejects_path(path), file.titles, rejects)
    with (tmp_path / "things.csv.rejects.csv").open(encoding="utf-8", newline="") as written:
        rows = list(csv.reader(written))
    assert rows[0] == ["line", "reason", "price", "code"]
    assert [row[0] for row in rows[1:]] == ["3", "4", "5", "6", "8"]
    assert rows[1][2:] == ["x", "B"]
    assert rows[5][2:] == ["1", "2", "3"]


def test_columns_that_do_not_fit_are_told_at_once() -> None:
    """Unknown ones with a suggestion, required ones that lack."""
    with pytest.raises(ConfigError) as caught:
        TypedRows(rows_of(b"Code,Prise,zzz\nA,1,2\n"), THINGS)
    assert str(caught.value).split("\n") == [
        'column "Prise" of the file is not in table things; did you mean price?',
        'column "zzz" of the file is not in table things; it has code, price, note',
        "column price of table things is required, and the file lacks it",
    ]


def test_a_generated_key_numbers_the_rows() -> None:
    """From the number asked for; the same file gives the same numbers; a key of the user's is not made up."""
    schema = schema_of('name = { type = "text" }', key="")
    rows = TypedRows(rows_of(b"name\na\nb\n"), schema, number_first=11)
    assert rows.is_numbered
    assert list(rows.rows()) == list(rows.rows()) == [(2, (11, "a")), (3, (12, "b"))]
    own = schema_of('sample = { type = "integer" }\nname = { type = "text" }', 'key = ["sample"]')
    with pytest.raises(ConfigError, match="sample of table things is required"):
        TypedRows(rows_of(b"name\na\n"), own)
