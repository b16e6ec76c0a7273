"""Days of declared columns are read as the file writes them, and never guessed."""

import pytest

from comity.client.files.date_formats import find_date_formats
from comity.client.files.row_file import rows_of
from comity.client.files.table_file import parse_table_file
from comity.errors import ConfigError

TABLE = """
[table.t]
key = ["k"]
preset = "open"
[table.t.columns]
k = { type = "text" }
d = { type = "date" }
e = { type = "date" }
"""
(SCHEMA,) = [one.schema for one in parse_table_file(TABLE)]


@pytest.mark.parametrize(
    ("days", "pattern"),
    [
        (["01.02.2026", "", "31.12.2025"], "DD.MM.YYYY"),
        (["1/2/2026", "13/2/2026"], "DD/MM/YYYY"),
        (["1/2/2026", "2/13/2026"], "MM/DD/YYYY"),
        (["2026-02-01"], None),
        (["", ""], None),
        (["01.02.2026", "soon"], None),
        (["01.02.2026", "2026-02-01"], None),
        (["99.99.2026"], None),
    ],
)
def test_the_one_pattern_that_fits_is_found(days: list[str], pattern: str | None) -> None:
    """Each day must fit it; where one does not, the rows tell so one by one."""
    file = rows_of("".join(["k;d\n", *(f"x;{day}\n" for day in days)]).encode())
    assert find_date_formats(file, SCHEMA) == ({} if pattern is None else {"d": pattern})


def test_days_that_fit_two_patterns_are_asked_for() -> None:
    """1/2 may be in January or in February: nobody guesses."""
    file = rows_of(b"k,d\nx,1/2/2026\n")
    with pytest.raises(ConfigError, match=r"column d: .* may be DD/MM/YYYY or MM/DD/YYYY; say"):
        find_date_formats(file, SCHEMA)
    assert find_date_formats(file, SCHEMA, "MM/DD/YYYY") == {"d": "MM/DD/YYYY"}
