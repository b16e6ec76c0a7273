"""JSON Lines are read without ever making a binary fraction."""

import pytest

from comity.client.files.inference import infer
from comity.client.files.json_lines import JsonLinesFile, to_cells
from comity.client.files.rejects import Rejects
from comity.client.files.row_file import rows_of
from comity.errors import Malformed


def test_numbers_keep_their_digits() -> None:
    """Literals stay text: 1.50 keeps its zero, 20 digits keep their last, 0.1 is not 0.1000000000000000055."""
    file = JsonLinesFile('{"a": 1.50, "b": 12345678901234567890}\n{"b": 1e400, "a": 0.1}\n')
    assert list(file.records()) == [(1, ["1.50", "12345678901234567890"]), (2, ["0.1", "1e400"])]


def test_columns_are_all_keys_and_absent_is_not_null() -> None:
    """``records`` gives the empty text for both; ``objects`` tells them apart, for rows that change."""
    file = JsonLinesFile('{"Code": "A"}\n\n{"Date Added": null, "ok": true}\n')
    assert file.titles == ("Code", "Date Added", "ok")
    assert file.names == ("code", "date_added", "ok")
    assert list(file.records()) == [(1, ["A", "", ""]), (3, ["", "", "true"])]
    assert list(file.objects()) == [(1, {"Code": "A"}), (3, {"Date Added": None, "ok": "true"})]


def test_what_is_no_flat_object_is_rejected() -> None:
    """Each with its line and the reason; the rest goes on."""
    bad = ["[1]", '{"a": [1]}', '{"a": NaN}', '{"a": 1, "a": 2}', "{", "[" * 10_000, '"x"']
    rejects = Rejects()
    file = JsonLinesFile("\n".join(['{"a": 1}', *bad, '{"a": 2}']))
    assert [fields for _, fields in file.records(rejects)] == [["1"], ["2"]]
    assert [reject.line for reject in rejects] == list(range(2, 9))
    reasons = " | ".join(reject.reason for reject in rejects)
    for words in (
        "not a JSON object",
        "array or object",
        "NaN",
        "stands twice",
        "not JSON at",
        "inside",
    ):
        assert words in reasons


def test_types_come_from_the_texts() -> None:
    """A number, a decimal in a string and a code with a leading zero get their types."""
    file = rows_of(
        b'{"id": 1, "price": "2.50", "bank": "007"}\n{"id": 2, "price": 3, "bank": "8"}\n', ".jsonl"
    )
    inference = infer(file)
    assert [column.type.kind for column in inference.columns] == ["integer", "decimal", "text"]
    assert inference.description == "utf-8, JSON lines"


def test_half_a_character_is_no_text() -> None:
    """A lone surrogate, which JSON can write and UTF-8 cannot, is refused where the line is read."""
    for line in ('{"k": "\\ud800"}', '{"\\udfff": "x"}'):
        with pytest.raises(Malformed, match="lone surrogate"):
            to_cells(line)
    assert to_cells('{"k": "\\ud83d\\ude00"}') == {"k": "\U0001f600"}
