"""Targets: files that people bring: keys, rows, tables."""

import json
from pathlib import Path
from typing import Any

import msgspec

from comity.client import key_file
from comity.client.files import encoding, table_writer
from comity.client.files.inference import infer
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import rows_of
from comity.client.files.table_file import parse_table_file
from comity.client.files.typed_rows import TypedRows
from comity.errors import Malformed
from comity.model import account
from tests.fuzz.target import BrokenPromise, Target

_GOLDEN_KEY = (Path(__file__).parents[1] / "vectors" / "first.key.json").read_bytes()
_TABLES = b"""[table.prices]
key = ["item"]
preset = "own-rows"
history = 10
unique = [["sold", "price"]]

[table.prices.columns]
item = { type = "text", max_length = 40 }
price = { type = "decimal(2)", min = "0.00", max = "99.95" }
sold = { type = "boolean", required = true }
state = { type = "enum", values = ["new", "old"] }
seen = { type = "datetime(ms)" }
number = { type = "integer", min = -5, unique = true }
"""


def _rows(data: bytes, suffix: str) -> Any:
    """Read a file as an import does; a guess at its encoding is another target, for it takes its time."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        name: str | None = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
    else:
        name = None
    file = rows_of(data, suffix, name)
    rejects = Rejects()
    records = list(file.records(rejects))
    if any(len(fields) != len(file.titles) for _, fields in records):
        raise BrokenPromise("rows: a record has more or fewer fields than the header")
    if not records:
        return file.description
    inference = infer(file)
    declaration = inference.to_declaration("things", "open")
    declaration.schema.check()
    typed = list(TypedRows(file, declaration.schema, inference.date_formats).rows(Rejects()))
    shown = [*inference.to_preview_lines(), *file.notes, *(reject.reason for reject in rejects)]
    if not all(char.isprintable() or char in "\n\t" for line in shown for char in line):
        raise BrokenPromise("rows: a terminal would obey what is shown")
    return file.description, len(records), len(typed)


def _key(data: bytes) -> key_file.KeyFile:
    file = key_file.decode(data)
    if key_file.decode(key_file.encode(file)) != file:
        raise BrokenPromise("key file: says something else when it is written again")
    return file


def _mend_key(data: bytes) -> bytes:
    """Write the account that the public key founds."""
    try:
        content = json.loads(data)
        file = msgspec.convert(content | {"account": ""}, key_file.KeyFile)
        content["account"] = account.to_text(account.account_id(file.public_key))
    except (ValueError, TypeError, RecursionError, Malformed, msgspec.ValidationError):
        return data
    return json.dumps(content).encode()


def _tables(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    declarations = parse_table_file(text)
    if parse_table_file(table_writer.to_table_file(declarations)) != declarations:
        raise BrokenPromise("table file: declares something else when it is written again")
    return declarations


TARGETS = (
    Target(
        name="key_file",
        decode=_key,
        valid=lambda: [_GOLDEN_KEY],
        covers=("comity.client.key_file.decode",),
        mend=_mend_key,
    ),
    Target(
        name="csv",
        decode=lambda data: _rows(data, ".csv"),
        valid=lambda: [
            b'id,name,day,price\n1,Ana,2026-11-22,1.50\n2,"Bo, ""B""",,-0.0\n\n3,x\n',
            "\ufeffa;b\r\n1;\u00e9\r\n".encode(),
            b'a\tb\n"two\nlines"\t1\n',
            "id,\u00fc\n1,\u00e4\n".encode("utf-16"),
            b"code\nA1\nB2\n",
        ],
        covers=("comity.client.files.row_file.rows_of",),
    ),
    Target(
        name="json_lines",
        decode=lambda data: _rows(data, ".jsonl"),
        valid=lambda: [
            b'{"id": 1, "name": "Ana", "x": null}\n{"id": 2.50, "new": true}\n',
            b'{"a": "\\ud83d\\ude00"}',
        ],
        covers=("comity.client.files.json_lines.to_cells",),
    ),
    Target(
        name="encoding",
        decode=encoding.decode,
        valid=lambda: [
            "M\u00fcller, Stra\u00dfe 5\n".encode("cp1252") * 3,
            b"plain",
            "\u65e5\u672c\n".encode("cp932"),
        ],
        covers=("comity.client.files.encoding.decode",),
    ),
    Target(
        name="table_file",
        decode=_tables,
        valid=lambda: [
            _TABLES,
            b'[table.a]\nkey = ["x"]\npreset="open"\ncolumns.x = {type="integer"}\n',
        ],
        covers=("comity.client.files.table_file.parse_table_file",),
    ),
)
