"""``comity table``: made from TOML or a CSV, altered within what stays true, dropped when empty."""

from tests.unit.cli.command import PEOPLE, Comity

DECLARED = """
[table.tools]
key = ["name"]
preset = "open"
[table.tools.columns]
name = { type = "text" }
state = { type = "enum", values = ["free", "lent"] }
price = { type = "decimal(2)", min = "0.00" }
"""


def test_a_declared_table_is_made_shown_and_listed(comity: Comity) -> None:
    """TOML in, the same TOML out: columns, bounds, rules and creator."""
    comity("table", "new", comity.write("tools.table.toml", DECLARED), "-y")
    said = comity("table", "show", "tools", "--json").json
    assert (said["preset"], said["creator"], said["rows"]) == ("open", "ana", 0)
    assert "Every member may add rows." in comity("table", "rules", "tools").out
    toml = comity("table", "show", "tools", "--toml").out
    comity("table", "new", comity.write("again.toml", toml.replace("tools", "tools_2")), "-y")
    listed = comity("table", "ls", "--json").json
    assert [one["name"] for one in listed] == ["tools", "tools_2"]
    comity("row", "add", "tools", "name=saw", "state=free", "price=12.50")
    assert comity("row", "show", "tools", "saw", "--json").json["fields"]["price"] == "12.50"
    assert "state" in comity("row", "add", "tools", "name=axe", "state=gone", code=2).err


def test_a_table_of_a_csv_has_its_types_and_no_rows(comity: Comity) -> None:
    """Types are found in the file and shown; its rows stay where they are."""
    file = comity.write("people.csv", PEOPLE)
    said = comity("table", "new", file, "--key", "name", "-y")
    assert "3 distinct, none empty" in said.err
    assert comity("table", "show", "people", "--json").json["rows"] == 0
    comity("table", "new", file, "--table", "others", code=2)  # nobody confirmed


def test_a_table_is_altered_by_its_creator(comity: Comity) -> None:
    """Columns and codes are appended, columns renamed and retired; others may not."""
    comity("table", "new", comity.write("tools.table.toml", DECLARED), "-y")
    longer = DECLARED.replace('"lent"]', '"lent", "gone"]') + 'note = { type = "text" }\n'
    file = comity.write("longer.toml", longer)
    keys = comity.folder / "bo-keys"
    assert (
        "not-table-creator"
        in comity("table", "alter", "tools", "-f", file, "--keys", keys, code=1).err
    )
    comity("table", "alter", "tools", "-f", file)
    comity("table", "alter", "tools", "--rename", "note=remark", "--retire", "price")
    comity("row", "add", "tools", "name=axe", "state=gone", "remark=lost")
    fields = comity("row", "show", "tools", "axe", "--json").json["fields"]
    assert fields == {"name": "axe", "state": "gone", "remark": "lost"}
    assert "nothing to alter" in comity("table", "alter", "tools", code=2).err


def test_only_an_empty_table_is_dropped(comity: Comity) -> None:
    """A table with rows stays; a dropped one is gone from the list and its name is taken."""
    comity.import_people()
    assert "table-not-empty" in comity("table", "drop", "people", "-y", code=1).err
    comity("table", "new", comity.write("tools.table.toml", DECLARED), "-y")
    comity("table", "drop", "tools", code=2)  # nobody confirmed
    comity("table", "drop", "tools", "-y")
    assert [one["name"] for one in comity("table", "ls", "--json").json] == ["people"]
    assert "dropped" in comity("row", "show", "tools", "saw", code=2).err
