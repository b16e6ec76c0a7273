"""CSV is read whole: the delimiter found, bad lines kept apart, quotes kept in bounds."""

import pytest

from comity.client.files.csv_file import CsvFile
from comity.client.files.rejects import Rejects
from comity.errors import ConfigError
from comity.limits import COLUMNS_PER_TABLE_MAX, IMPORT_LINE_CHARS_MAX, IMPORT_REJECTS_KEPT_MAX


def read(text: str, delimiter: str | None = None) -> tuple[list[list[str]], list[tuple[int, str]]]:
    """Rows, and (line, reason) of the rejects."""
    rejects = Rejects()
    rows = [fields for _, fields in CsvFile(text, delimiter=delimiter).records(rejects)]
    return rows, [(reject.line, reject.reason) for reject in rejects]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a,b\n1,2\n", "comma"),
        ("a;b\n1,5;2\n", "semicolon"),
        ("a\tb\n1,2\t3\n", "tab"),
        ("a|b\n1|2\n", "pipe"),
        ('name;"city, state";x\n1;2;3\n4;5;6\n', "semicolon"),
        ("last, first|born\nDoe, Jo|1999\nRoe, A, jr|2000\n", "pipe"),
        ("only\none\n", "comma"),
    ],
)
def test_the_delimiter_is_the_one_that_fits_all_lines(text: str, name: str) -> None:
    """The most consistent count of columns wins, over the whole file."""
    assert CsvFile(text).description == f"utf-8, {name}"


def test_a_late_line_decides_the_delimiter() -> None:
    """The first thousand lines fit both; the last does not fit the comma."""
    text = "a,b;c\n" + "1,2;3\n" * 1_000 + "1;3\n" * 50
    assert CsvFile(text).titles == ("a,b", "c")


def test_ragged_lines_are_rejected_and_the_rest_goes_on() -> None:
    """Each reject has its line number in the file and a reason."""
    rows, rejects = read("a,b,c\n1,2,3\n1,2\n\n1,2,3,4\n   \n,,\n7,8,9")
    assert rows == [["1", "2", "3"], ["7", "8", "9"]]
    assert rejects == [
        (3, "2 fields, the header has 3"),
        (5, "4 fields, the header has 3"),
    ]


def test_rows_without_a_value_are_blank() -> None:
    """A spreadsheet writes the delimiters of its empty rows: they hold nothing, so nothing is rejected."""
    rows, rejects = read(";;\na;b;c\n1;2;3\n;;\n" + '"";;""\n;;\n')
    assert (rows, rejects) == ([["1", "2", "3"]], [])
    assert read('a\n""\nx\n') == ([["x"]], [])


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_that_names_a_separator_is_obeyed(first: str) -> None:
    """Excel reads and writes such a line before the header; line numbers still count it."""
    file = CsvFile(f"{first}\r\na,x;b\r\n1;2\r\n")
    assert file.titles == ("a,x", "b")
    assert list(file.records()) == [(3, ["1", "2"])]
    assert CsvFile("sep=;\na,b\n", delimiter=",").titles == ("a", "b")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_fields_keep_what_they_hold(end: str) -> None:
    """Delimiters, doubled quotes and line ends inside quotes are data, with any line end."""
    rows, rejects = read(end.join(["a,b", '"x, ""y""","1', '2"', "5' pipe,a\"b", ""]))
    assert rows == [['x, "y"', f"1{end}2"], ["5' pipe", 'a"b']]
    assert rejects == []


def test_line_numbers_count_lines_of_the_file() -> None:
    """After a field of several lines, the number is still the one that an editor shows."""
    file = CsvFile('a,b\n"1\n2\n3",x\n\n4,y\n')
    assert [line for line, _ in file.records()] == [2, 6]


def test_a_stray_quote_costs_only_its_own_line() -> None:
    """Lines that it took in are read again: none of them is lost."""
    text = 'a,b\n1,"oops\n2,x\n3,"q, r"\n4,y\n'
    rows, rejects = read(text)
    assert rows == [["2", "x"], ["3", "q, r"], ["4", "y"]]
    assert [line for line, _ in rejects] == [2]
    assert "quote opens here" in rejects[0][1]


def test_a_stray_quote_over_many_lines_stops_with_its_line() -> None:
    """68 lines eaten in silence is what others do; here the line of the quote is named."""
    lines = ["a,b", "1,2", '3,"stray', *["4,5"] * 68, '6,"end"']
    with pytest.raises(
        ConfigError, match="line 3: a quote opens here and takes in more than 20 lines"
    ):
        read("\n".join(lines))


def test_a_field_of_twenty_line_ends_is_data() -> None:
    """The bound is exact: 20 line ends are text, 21 are a stray quote."""
    field = "\n".join("x" * 21)
    assert read(f'a,b\n1,"{field}"\n')[0] == [["1", field]]
    with pytest.raises(ConfigError, match="line 2: a quote opens"):
        read(f'a,b\n1,"{field}\n"\n')
    with pytest.raises(ConfigError, match="line 2: a quote opens"):
        read(f'a,b\n1,"{field}\n"\n'.replace("\n", "\r"))
    with pytest.raises(ConfigError, match="line 4: a quote opens"):
        read(f'a,b\n"1\n2\n3","{field}\n"\n')


def test_a_quote_closed_inside_its_field_is_rejected() -> None:
    """The csv format has no meaning for what follows; guessing would change data."""
    rows, rejects = read('a,b\n"x"y,1\n2,3\n')
    assert rows == [["2", "3"]]
    assert [line for line, _ in rejects] == [2]


def test_a_line_too_long_is_rejected_by_the_name_of_the_limit() -> None:
    """And the next line is read."""
    long = ",".join(["x" * 100_000] * (IMPORT_LINE_CHARS_MAX // 100_000 + 1))
    columns = long.count(",") + 1
    rows, rejects = read("\n".join([",".join("a" * columns), long, ",".join("1" * columns)]))
    assert rows == [["1"] * columns]
    assert [(line, "IMPORT_LINE_CHARS_MAX" in reason) for line, reason in rejects] == [(2, True)]


def test_a_field_too_long_is_rejected_by_the_name_of_the_limit() -> None:
    """And the next line is read."""
    rows, rejects = read(f"a,b\n1,{'x' * 200_000}\n2,y\n")
    assert rows == [["2", "y"]]
    assert [(line, "IMPORT_FIELD_CHARS_MAX" in reason) for line, reason in rejects] == [(2, True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n \n", "no header"),
        ('a,"b\n1,2\n', "line 1, the header: a quote opens here and never closes"),
        (",".join("x" * (COLUMNS_PER_TABLE_MAX + 1)), "COLUMNS_PER_TABLE_MAX"),
        ("a,b\n" + "1\n" * (IMPORT_REJECTS_KEPT_MAX + 1), "IMPORT_REJECTS_KEPT_MAX"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text: str, words: str) -> None:
    """With what is wrong and where."""
    with pytest.raises(ConfigError, match=words):
        read(text)


def test_an_unknown_delimiter_is_refused() -> None:
    """Only the four that tables are written with."""
    with pytest.raises(ConfigError, match="comma, semicolon, tab, pipe"):
        read("a#b\n", "#")
