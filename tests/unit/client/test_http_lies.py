"""A node that lies is caught: whatever it alters, swaps or takes back, nothing of it is believed."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from comity.client.finish import finish
from comity.client.http_transport import HttpTransport
from comity.client.ledger import Ledger
from comity.crypto import cbor
from comity.errors import ProofInvalid, QueryError, Rejected, Unavailable
from comity.model.bundle import Bundle, RowsClaim
from comity.model.receipt import Receipt
from tests.unit.client.proxy import Alter, Passing, proxy
from tests.unit.client.served import Served

ROW_PROOF = "/rows/lathe/proof"
RECEIPT_PROOF = "/v1/proofs/transactions/"


@pytest.fixture(scope="module", autouse=True)
def _rows(served: Served) -> None:
    with served.connect() as ledger:
        ledger.table("stock").add_many(
            [{"name": "lathe", "count": 1}, {"name": "press", "count": 2}]
        )


def _transaction_proof(ledger: Ledger, identifier: bytes) -> bytes:
    assert isinstance(ledger.transport, HttpTransport)
    return finish(ledger.transport.node.prove_transaction(identifier))


def _only(part: str, alter: Alter) -> Alter:
    def run(passing: Passing) -> None:
        if part in passing.path and passing.status < 300:
            alter(passing)

    return run


def _rows_claim(change: Callable[[RowsClaim], RowsClaim]) -> Alter:
    def alter(passing: Passing) -> None:
        bundle = Bundle.decode(passing.body)
        assert isinstance(bundle.claim, RowsClaim)
        changed = msgspec.structs.replace(bundle, claim=change(bundle.claim))
        passing.body = changed.encode()

    return alter


def _with_count(claim: RowsClaim, count: int) -> RowsClaim:
    row = cbor.decode(claim.rows[0], size_max=1_000)
    assert isinstance(row, list)
    row[3] = count
    return msgspec.structs.replace(claim, rows=(cbor.encode(row),))


LIES_ABOUT_ROWS: dict[str, Callable[[RowsClaim], RowsClaim]] = {
    "a value": lambda claim: _with_count(claim, 99),
    "absence": lambda claim: msgspec.structs.replace(claim, rows=(), writer=None),
    "no writer, another root": lambda claim: msgspec.structs.replace(
        claim, proof=msgspec.structs.replace(claim.proof, root=bytes(32))
    ),
    "another table": lambda claim: msgspec.structs.replace(claim, table="stocks"),
    "another key": lambda claim: msgspec.structs.replace(claim, low=("press",), high=("press",)),
    "another schema": lambda claim: msgspec.structs.replace(
        claim, proof=msgspec.structs.replace(claim.proof, versions=b"\x80")
    ),
}


@pytest.mark.parametrize("lie", LIES_ABOUT_ROWS)
def test_an_altered_row_is_not_believed(served: Served, lie: str) -> None:
    """Whatever of a row's proof is altered, the row is not read; without the lie it is."""
    alter = _only(ROW_PROOF, _rows_claim(LIES_ABOUT_ROWS[lie]))
    with proxy(served.url, alter) as lying, served.connect(None, lying.url) as ledger:
        stock = ledger.table("stock")
        with pytest.raises(ProofInvalid):
            stock["lathe"]
        with pytest.raises(ProofInvalid):
            stock.prove("lathe")
        lying.alter = lambda _: None
        assert stock["lathe"]["count"] == 1


def test_every_byte_of_a_proof_counts(served: Served) -> None:
    """A proof with one byte flipped, at any of many places, is never believed."""
    with proxy(served.url, lambda _: None) as lying, served.connect(None, lying.url) as ledger:
        stock = ledger.table("stock")
        for at in range(0, 1_000, 37):

            def flip(passing: Passing, at: int = at) -> None:
                body = bytearray(passing.body)
                body[at * len(body) // 1_000] ^= 0x10
                passing.body = bytes(body)

            lying.alter = _only(ROW_PROOF, flip)
            with pytest.raises(ProofInvalid):
                stock["lathe"]


def test_a_true_proof_of_something_else_proves_nothing(served: Served) -> None:
    """The proof of another row, and of a transaction, are not taken for this row's."""
    with served.connect() as ledger:
        stock = ledger.table("stock")
        press, receipt = stock.prove("press").data, stock.add(name="anvil")
        transaction = _transaction_proof(ledger, receipt.identifier)

    def answer(data: bytes) -> Alter:
        def alter(passing: Passing) -> None:
            passing.body = data

        return _only(ROW_PROOF, alter)

    for data in (press, transaction):
        with (
            proxy(served.url, answer(data)) as lying,
            served.connect(where=lying.url) as ledger,
            pytest.raises(ProofInvalid, match="something else"),
        ):
            ledger.table("stock")["lathe"]


def test_time_does_not_go_back(served: Served) -> None:
    """A proof of an older block than one that was seen is refused, though it was true then."""
    with served.connect() as ledger:
        stock = ledger.table("stock")
        stock.add(name="clock", count=1)
        old = stock.prove("clock").data
        stock.set("clock", count=2)

    def alter(passing: Passing) -> None:
        passing.body = old

    with proxy(served.url, lambda _: None) as lying, served.connect(where=lying.url) as ledger:
        stock = ledger.table("stock")
        assert stock["clock"]["count"] == 2
        lying.alter = _only("/rows/clock/proof", alter)
        with pytest.raises(ProofInvalid, match="goes back"):
            stock["clock"]


def _outcome(change: Callable[[list[object]], None]) -> Alter:
    def alter(passing: Passing) -> None:
        value = cbor.decode(passing.body, size_max=len(passing.body))
        assert isinstance(value, list)
        assert isinstance(value[0], list)
        change(value[0])
        passing.body = cbor.encode(value)

    return alter


def _put(at: int, value: object) -> Callable[[list[object]], None]:
    def change(item: list[object]) -> None:
        item[at] = value

    return change


def _add(at: int) -> Callable[[list[object]], None]:
    def change(item: list[object]) -> None:
        item[at] += 1  # type: ignore[operator]  # an integer

    return change


LIES_ABOUT_RECEIPTS: dict[str, Callable[[list[object]], None]] = {
    "another transaction": _put(1, bytes(32)),
    "a later block": _add(2),
    "another place": _add(3),
    "another result": _put(4, Receipt(results=(b"lie",)).encode()),
}


@pytest.mark.parametrize("lie", LIES_ABOUT_RECEIPTS)
def test_an_altered_receipt_is_not_believed(served: Served, lie: str) -> None:
    """A receipt of another transaction, block, place or result raises, though the row is in."""
    alter = _only("/v1/transactions", _outcome(LIES_ABOUT_RECEIPTS[lie]))
    name = f"lie {lie}"
    with (
        proxy(served.url, alter) as lying,
        served.connect(where=lying.url) as ledger,
        pytest.raises(ProofInvalid),
    ):
        ledger.table("stock").add(name=name)
    with served.connect() as ledger:
        assert ledger.table("stock")[name] is not None


def test_what_was_never_written_is_not_acknowledged(served: Served) -> None:
    """A node that invents a receipt without ordering anything cannot prove it."""

    def swallow(passing: Passing) -> None:
        if passing.method == "POST" and passing.path == "/v1/transactions":
            item = [0, bytes(32), 3, 7, Receipt(results=(None,)).encode()]
            passing.status, passing.body = 201, cbor.encode([item])

    with (
        proxy(served.url, swallow) as lying,
        served.connect(where=lying.url) as ledger,
        pytest.raises(ProofInvalid),
    ):
        ledger.table("stock").add(name="never")


def test_a_refusal_is_proved_as_well(served: Served) -> None:
    """Who says "refused" of what was executed is caught, too."""
    refused = Receipt(call_index=0, app="tables", code=4, fields={}).encode()
    alter = _only("/v1/transactions", _outcome(_put(4, refused)))
    with (
        proxy(served.url, alter) as lying,
        served.connect(where=lying.url) as ledger,
        pytest.raises(ProofInvalid, match="another receipt"),
    ):
        ledger.table("stock").add(name="no refusal")


def test_another_ledgers_node_is_not_taken(served: Served, tmp_path: Path) -> None:
    """A true node of another ledger, behind the known address, is refused: at first, and later."""
    other = Served(tmp_path / "other")
    with other.node:
        with (
            proxy(other.url, lambda _: None) as lying,
            pytest.raises(ProofInvalid, match="another ledger"),
        ):
            served.connect(where=lying.url)
        with other.connect() as ledger:
            ledger.table("stock").add(name="lathe", count=7)
            foreign = ledger.table("stock").prove("lathe").data

        def alter(passing: Passing) -> None:
            passing.body = foreign

        with (
            proxy(served.url, _only(ROW_PROOF, alter)) as lying,
            served.connect(where=lying.url) as ledger,
            pytest.raises(ProofInvalid, match="another ledger"),
        ):
            ledger.table("stock")["lathe"]


def test_a_receipts_proof_of_another_transaction_is_refused(served: Served) -> None:
    """The proof of an older transaction of one's own does not stand for the new one."""
    with served.connect() as ledger:
        old = ledger.table("stock").add(name="old one")
        proof = _transaction_proof(ledger, old.identifier)

    def alter(passing: Passing) -> None:
        passing.body = proof

    with (
        proxy(served.url, _only(RECEIPT_PROOF, alter)) as lying,
        served.connect(where=lying.url) as ledger,
        pytest.raises(ProofInvalid, match="another transaction"),
    ):
        ledger.table("stock").add(name="new one")


def test_who_does_not_verify_says_so(served: Served) -> None:
    """With `verify=False` the same lie goes through, and the row says that it is not verified."""

    def alter(passing: Passing) -> None:
        passing.body = passing.body.replace(b'"count":1', b'"count":9')

    with (
        proxy(served.url, _only("/rows/lathe", alter)) as lying,
        served.connect(where=lying.url, verify=False) as ledger,
    ):
        row = ledger.table("stock")["lathe"]
        assert (row["count"], row.is_verified) == (9, False)
        assert ledger.table("stock").get("nothing") is None
        ledger.table("stock").add(name="unproved")
        assert not any("proof" in each for each in lying.seen)


HONEST = (ProofInvalid, QueryError, Rejected, Unavailable)
GARBAGE = (b"", b"{}", b"[]", b"\x80", b"\xff" * 9, b'{"columns":1}', b"\x82\x00\x00", b"null")


def test_garbage_is_never_an_answer(served: Served) -> None:
    """Whatever bytes come instead of an answer, one of Comity's errors is raised, and nothing else."""
    calls: tuple[Callable[[Ledger], object], ...] = (
        lambda ledger: ledger.table("stock"),
        lambda ledger: ledger.sql("SELECT 1"),
        lambda ledger: ledger.view("members.ls", limit=1),
        lambda ledger: ledger.tip(),
        lambda ledger: ledger.call("members.rename", name="ana"),
        lambda ledger: ledger.outcome(bytes(32)),
        lambda ledger: ledger.transport.name_of(bytes(20)),
        lambda ledger: ledger.transport.history("stock", ("lathe",)),
        lambda ledger: ledger.transport.diff("stock", 1),
    )
    with proxy(served.url, lambda _: None) as lying, served.connect(where=lying.url) as ledger:
        ledger.account  # noqa: B018 - asked for now, so that garbage meets the calls themselves
        for garbage in GARBAGE:
            for media_type in (
                "application/json",
                "application/cbor",
                "application/vnd.msgpack",
                "",
            ):

                def alter(passing: Passing, body: bytes = garbage, kind: str = media_type) -> None:
                    passing.status, passing.media_type, passing.body = 200, kind, body

                lying.alter = alter
                for call in calls:
                    with pytest.raises(HONEST):
                        call(ledger)
