"""Titles become names that a ledger allows."""

import pytest

from comity.client.files.headers import to_name, to_names
from comity.limits import NAME_CHARS_MAX
from comity.model.names import check_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Date Added", "date_added"),
        ("n", "n"),
        ("Airports", "airports"),
        ("main.t", "main_t"),
        ("select", "select"),
        ("Größe (cm)", "grosse_cm"),
        ("Numéro d'ordre", "numero_d_ordre"),
        ("  Łódź  ", "lodz"),
        ("2013", "column_2013"),
        ("rowid", "column_rowid"),
        ("sqlite_master", "column_sqlite_master"),
        ("comity_x", "column_comity_x"),
        ("h", "column_h"),
        ("_from", "from"),
        ("a__h", "a_h"),
        ("\N{ROCKET}", "column_3"),
        ("Название", "column_3"),
        ("", "column_3"),
        ("x" * 60, "x" * NAME_CHARS_MAX),
    ],
)
def test_a_title_has_one_name(title: str, name: str) -> None:
    """The nearest name, and one that the grammar accepts."""
    assert to_name(title, 3) == name
    assert check_name(name, "column") == name


def test_titles_that_agree_are_numbered_and_told() -> None:
    """No column is lost because another is called the same."""
    names, notes = to_names(["A b", "a-b", "", "a_b_2", "a b", "y" * 50, "y" * 45])
    assert names == ("a_b", "a_b_2", "column_3", "a_b_2_2", "a_b_3", "y" * 40, "y" * 38 + "_2")
    assert notes[0] == 'column 2, titled "a-b", is named a_b_2: a_b stands before it'
    assert "column 3 has no title: named column_3" in notes
    for name in names:
        check_name(name, "column")
