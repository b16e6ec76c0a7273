"""Heights: schemas as they were then, histories that do not reach back, system tables."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from comity.errors import QueryError
from comity.machine.system import ACCOUNT, CHAIN, SEEN
from comity.model.column import Column, ColumnType
from comity.model.schema import History, Index, TableSchema
from comity.query.asof import history_start
from comity.query.process import QueryProcess
from tests.unit.query.ledger_file import ACCOUNTS, LedgerFile

TEXT = ColumnType(kind="text", maximum=40)
PLACES = TableSchema(
    name="places",
    columns=(Column(name="id", type=TEXT), Column(name="town", type=TEXT, required=False)),
    key=("id",),
    indexes=(Index(name="by_town", columns=("town",)),),
)
RENAMED = msgspec.structs.replace(
    PLACES,
    columns=(
        Column(name="code", type=TEXT),
        Column(name="town", type=TEXT, required=False, retired=True),
        Column(name="id", type=ColumnType(kind="integer"), required=False),
    ),
    key=("code",),
    indexes=(),
)


def _limited(name: str, history: History) -> TableSchema:
    return TableSchema(
        name=name, columns=(Column(name="id", type=TEXT),), key=("id",), history=history
    )


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryProcess]:
    """Height 1 makes the tables, 2 renames, retires and adds columns, 3 empties, 4 drops."""
    file = LedgerFile(Path(tmp_path_factory.mktemp("changing")) / "node.sqlite")
    file.begin_block()
    file.transaction()
    file.make(msgspec.structs.replace(PLACES, indexes=()))
    file.make(_limited("forgetful", "none"))
    file.make(_limited("recent", 2))
    for table in (ACCOUNT, CHAIN, SEEN):
        file.make(table)
    file.put("places", ("a", "Bern"))
    file.put("forgetful", ("a",))
    file.put("recent", ("a",))
    file.put("comity_account", (ACCOUNTS[0], "active"))
    file.put("comity_chain", (0, 1, 1_000, b""))
    file.end_block()
    file.begin_block()
    file.alter(RENAMED)
    file.transaction()
    file.put("places", ("b", None, 7))
    file.put("comity_account", (ACCOUNTS[0], "suspended"))
    file.end_block()
    file.begin_block()
    file.transaction()
    file.delete("places", ("a",))
    file.delete("places", ("b",))
    file.end_block()
    file.begin_block()
    file.transaction()
    file.drop("places")
    file.end_block()
    with QueryProcess(file.path) as process:
        yield process


def test_each_height_has_its_own_columns(changing: QueryProcess) -> None:
    """R4.2: names of that height, a later column not yet there, a retired one gone."""
    first = changing.run("SELECT * FROM places", height=1)
    assert [column.name for column in first.columns] == ["id", "town", "_from"]
    assert first.rows == (("a", "Bern", 2),)
    second = changing.run("SELECT * FROM places ORDER BY code", height=2)
    assert [column.name for column in second.columns] == ["code", "id", "_from"]
    assert [column.kind for column in second.columns] == ["text", "integer", "integer"]
    assert second.rows == (("a", None, 2), ("b", 7, 4))
    for name in ("town", "code"):
        with pytest.raises(QueryError, match=f"no such column: {name}"):
            changing.run(f"SELECT {name} FROM places", height={"town": 2, "code": 1}[name])


def test_an_emptied_and_a_dropped_table(changing: QueryProcess) -> None:
    """An empty table has no rows; a dropped one says since when; both are there at older heights."""
    assert changing.run("SELECT * FROM places", height=3).rows == ()
    for height in (None, 4):
        with pytest.raises(QueryError, match="places was dropped at height 4") as refused:
            changing.run("SELECT * FROM places", height=height)
        assert refused.value.code == "unknown-table"
    assert len(changing.run("SELECT * FROM places", height=2).rows) == 2


def test_a_table_is_not_there_before_it_was_made(changing: QueryProcess) -> None:
    """Height 0 has no table yet, and the answer says when it was made."""
    with pytest.raises(QueryError, match="recent was made at height 1") as refused:
        changing.run("SELECT * FROM recent", height=0)
    assert refused.value.code == "unknown-table"


@pytest.mark.parametrize(("table", "start"), [("forgetful", 4), ("recent", 2)])
def test_history_that_does_not_reach_back_is_refused(
    changing: QueryProcess, table: str, start: int
) -> None:
    """Where versions are not kept, no height before is read, in the words of R5.2."""
    for height in range(1, 4):
        if height >= start:
            assert changing.run(f"SELECT id FROM {table}", height=height).rows == (("a",),)
            continue
        with pytest.raises(QueryError, match=f"history of {table} starts at height {start}") as no:
            changing.run(f"SELECT count(*) FROM {table}", height=height)
        assert no.value.code == "pruned-height"
    assert changing.run(f"SELECT id FROM {table}").rows == (("a",),)


def test_a_table_without_history_has_no_history_table(changing: QueryProcess) -> None:
    """Asking for it says so; a table that keeps one shows it, without ``_n``."""
    with pytest.raises(QueryError, match="keeps no history"):
        changing.run("SELECT * FROM forgetful__h")
    columns = changing.run("SELECT * FROM recent__h").columns
    assert [column.name for column in columns] == ["id", "_from", "_to"]


def test_system_tables_are_read_at_heights_too(changing: QueryProcess) -> None:
    """Accounts have versions like any row; blocks and transactions are cut at the height."""
    for height, status in ((1, "active"), (2, "suspended"), (None, "suspended")):
        rows = changing.run("SELECT status FROM comity_account", height=height).rows
        assert rows == ((status,),)
    assert changing.run("SELECT max(height) FROM comity_block", height=2).rows == ((2,),)
    assert changing.run("SELECT max(height) FROM comity_transaction", height=2).rows == ((2,),)
    assert changing.run("SELECT count(*) FROM comity_transaction", height=2).rows == ((4,),)
    with pytest.raises(QueryError, match="not readable"):
        changing.run("SELECT * FROM comity_seen")


def test_names_are_read_in_any_case_and_quotes(changing: QueryProcess) -> None:
    """Whatever way SQLite lets a table be named, it is the view that is read."""
    for name in ("PLACES", '"places"', "[places]", "`Places`", "temp.places", "'places'"):
        assert changing.run(f"SELECT count(*) FROM {name}", height=1).rows == ((1,),)


@pytest.mark.parametrize(
    ("history", "newest", "start"),
    [("all", 9, 0), ("none", 9, 9), (3, 9, 6), (3, 2, 0), (9, 9, 0)],
)
def test_where_history_starts(history: History, newest: int, start: int) -> None:
    """``N heights`` keeps what was there N heights ago, and everything while there are fewer."""
    assert history_start(_limited("t", history), newest) == start
