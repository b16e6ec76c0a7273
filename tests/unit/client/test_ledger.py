"""The client in process: what a program does with a ledger."""

from pathlib import Path

import pytest

import comity
from comity.client import keystore
from comity.client.ledger import Ledger
from comity.client.refused import Refused, RowChanged, kebab
from comity.client.secret import Secret
from comity.client.signing import sign_calls
from comity.client.transport import NotOrdered
from comity.errors import ConfigError, Malformed, QueryError, Rejected
from comity.limits import TRANSACTION_BYTES_MAX
from comity.model.account import KEY_TYPE_ED25519
from comity.model.column import Column, ColumnType
from comity.model.genesis import Founder
from comity.model.schema import TableSchema
from comity.model.schema_document import schema_document
from comity.model.transaction import Call
from comity.node.local import LocalLedger

PASSPHRASE = "open sesame"
SCHEMA = TableSchema(
    name="stock",
    columns=(
        Column(name="name", type=ColumnType(kind="text", minimum=1, maximum=40)),
        Column(name="count", type=ColumnType(kind="integer"), required=False),
        Column(name="note", type=ColumnType(kind="text", maximum=100_000), required=False),
    ),
    key=("name",),
    is_owned=True,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a ledger of ana and bo with the table ``stock``, whose rows belong to who adds them."""
    directory = tmp_path / "ledger"
    founders = [
        Founder(
            name=name,
            key_type=KEY_TYPE_ED25519,
            public_key=keystore.create(
                directory / "keys", name, Secret(PASSPHRASE.encode())
            ).public_key,
            roles=roles,
        )
        for name, roles in (("ana", ("admin",)), ("bo", ()))
    ]
    LocalLedger.create(directory, name="shared", founders=founders).close()
    with connect(directory) as ledger:
        ledger.call("tables.create", schema=schema_document(SCHEMA), preset="own-rows")
    return directory


def connect(folder: Path, key: str = "ana") -> Ledger:
    """Open the ledger as the public name does."""
    return comity.Ledger.connect(folder, key=key, passphrase=PASSPHRASE)


def test_rows_are_added_read_and_changed(folder: Path) -> None:
    """A table reads like a mapping; what a method returns is final."""
    with connect(folder) as ledger:
        stock = ledger.table("stock")
        done = stock.add(name="saw", count=2)
        assert ledger.tip().height == done.height
        row = stock["saw"]
        assert (row["count"], row.fields["note"], row.owner) == (2, None, ledger.account)
        stock.set("saw", count=3, if_match=row.etag)
        assert stock["saw"]["count"] == 3
        assert len(stock) == 1
        assert [change.kind for change in stock.history("saw").changes] == ["added", "changed"]
        answer = ledger.sql("SELECT count FROM stock", at=done.height)
        assert (answer.rows(), answer.height) == (((2,),), done.height)
        with pytest.raises(KeyError):
            stock["axe"]


def test_many_rows_travel_in_batches(folder: Path) -> None:
    """`add_many` makes one transaction a batch, rows with different columns among them."""
    with connect(folder) as ledger:
        rows = [{"name": f"n{i}"} | ({"count": i} if i % 2 else {}) for i in range(25)]
        done = ledger.table("stock").add_many(iter(rows), batch=10)
        assert len(done) == 3
        assert ledger.sql("SELECT count(*), sum(count) FROM stock").rows() == ((25, 144),)


def test_a_refusal_is_typed_and_in_words(folder: Path) -> None:
    """A rule's no has code, rule and fields, and names people."""
    with connect(folder) as ana:
        ana.table("stock").add(name="saw", count=2)
    with connect(folder, "bo") as bo:
        with pytest.raises(Refused, match=r"not-row-owner: stock\[saw\]:.*owner: ana") as caught:
            bo.table("stock").set("saw", count=9)
        assert caught.value.rule == 'change = "owner"'
        assert caught.value.fields["table"] == "stock"
        assert bo.table("stock")["saw"]["count"] == 2


def test_a_lost_update_raises_with_both_versions(folder: Path) -> None:
    """Who saw an older version gets theirs and mine, and nothing is written."""
    with connect(folder) as ledger:
        stock = ledger.table("stock")
        stock.add(name="saw", count=2)
        seen = stock["saw"].etag
        stock.set("saw", count=3)
        with pytest.raises(RowChanged) as caught:
            stock.set("saw", count=9, if_match=seen)
        assert caught.value.theirs is not None
        assert caught.value.theirs["count"] == 3
        assert caught.value.mine == {"count": 9}
        with pytest.raises(Refused, match='remove = "nobody"'):
            stock.remove("saw")


def test_sending_again_answers_the_same(folder: Path) -> None:
    """A replayed transaction is executed once: the second answer is the first one's."""
    with connect(folder) as ledger:
        signed = ledger.sign([Call("tables.add", {"table": "stock", "rows": [["saw", 1, None]]})])
        first, again = ledger.send(signed), ledger.send(signed)
        assert first == again
        assert len(ledger.table("stock")) == 1


def test_what_is_never_ordered_says_why(folder: Path) -> None:
    """Expired, foreign, unknown and damaged transactions are told apart and change nothing."""
    with connect(folder) as ledger:
        height, genesis = ledger.tip().height, ledger.transport.genesis
        key = keystore.unlock(folder / "keys", "ana", Secret(PASSPHRASE.encode()))
        calls = [Call("tables.add", {"table": "stock", "rows": [["saw", 1, None]]})]
        late = sign_calls(
            key, calls, genesis_hash=genesis.hash, expires_ns=genesis.time_ns, salt=bytes(16)
        )
        foreign = sign_calls(
            key, calls, genesis_hash=bytes(32), expires_ns=genesis.time_ns + 10**13, salt=bytes(16)
        )
        found = ledger.transport.submit([late.encode(), foreign.encode(), b"\x82", b""])
        codes = [answer.code for answer in found if isinstance(answer, NotOrdered)]
        assert codes == ["expired", "bad-signature", "malformed", "malformed"]
        assert ledger.tip().height == height
    stranger = keystore.create(folder / "keys", "cy", Secret(PASSPHRASE.encode()))
    with connect(folder, stranger.name) as ledger, pytest.raises(Rejected, match="join with it"):
        ledger.call("tables.add", table="stock", rows=[["saw", 1, None]])


def test_a_transaction_has_a_size(folder: Path) -> None:
    """What is larger than a transaction may be is told before it is sent, with the limit's name."""
    with connect(folder) as ledger:
        rows = [[f"n{i}", i, "x" * 99_000] for i in range(TRANSACTION_BYTES_MAX // 99_000 + 1)]
        with pytest.raises(Rejected, match="TRANSACTION_BYTES_MAX"):
            ledger.call("tables.add", table="stock", rows=rows)


def test_a_rehearsal_says_what_would_be(folder: Path) -> None:
    """Rules are asked, and nothing is written."""
    with connect(folder) as ledger:
        key = keystore.unlock(folder / "keys", "ana", Secret(PASSPHRASE.encode()))
        rehearsal = Ledger(ledger.transport, key, is_rehearsal=True)
        height = ledger.tip().height
        done = rehearsal.table("stock").add(name="saw")
        assert done.height == height + 1
        with pytest.raises(Refused, match="table-not-found"):
            rehearsal.call("tables.drop", table="nosuch")
        assert ledger.tip().height == height
        assert len(ledger.table("stock")) == 0


def test_reading_takes_no_lock_and_no_key(folder: Path) -> None:
    """A reader beside a writer sees what was committed; without a key nothing is signed."""
    with connect(folder) as writer, comity.Ledger.connect(folder) as reader:
        writer.table("stock").add(name="saw", count=2)
        assert reader.table("stock")["saw"]["count"] == 2
        assert reader.view("members.named", name="ana")["roles"] == ["admin"]
        assert reader.chain_id.startswith("shared-")
        with pytest.raises(ConfigError, match="opened for reading"):
            reader.table("stock").add(name="axe")


def test_mistakes_are_named(folder: Path) -> None:
    """A wrong table, view, argument, etag, key name or folder each has its own error."""
    with connect(folder) as ledger:
        with pytest.raises(QueryError, match="no table nosuch"):
            ledger.table("nosuch")
        with pytest.raises(QueryError, match="no view nosuch"):
            ledger.view("tables.nosuch")
        with pytest.raises(QueryError, match="no app nosuch"):
            ledger.view("nosuch.ls")
        with pytest.raises(QueryError, match="takes no argument"):
            ledger.view("tables.ls", nosuch=1)
        ledger.table("stock").add(name="saw")
        with pytest.raises(Malformed, match="hex"):
            ledger.table("stock").set("saw", count=1, if_match="zz")
    with pytest.raises(ConfigError):
        connect(folder, "nobody")
    with pytest.raises(ConfigError, match="comity init"):
        comity.Ledger.connect(folder.parent)
    with pytest.raises(AttributeError):
        comity.Nothing  # noqa: B018 - the reading is the test


def test_codes_are_kebab_case() -> None:
    """The code of a refusal is its class name in words."""
    assert kebab("NotRowOwner") == "not-row-owner"
