"""The client through a node of its own process, over real sockets: the same names, the same answers, all proved."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

import comity
from comity.client import keystore
from comity.client.http_transport import HttpTransport
from comity.client.invitation import Invitation
from comity.client.known import VARIABLE
from comity.client.ledger import Ledger
from comity.client.refused import Refused, RowChanged
from comity.client.secret import Secret
from comity.client.signing import sign_calls
from comity.client.transport import NotOrdered
from comity.client.verdict import ProvedRows
from comity.client.verify import verify
from comity.errors import ConfigError, ProofInvalid, QueryError, Rejected, Unavailable
from comity.limits import INVITATION_SECRET_BYTES
from comity.model.account import KEY_TYPE_ED25519
from comity.model.bundle import Bundle, RowsClaim
from comity.model.genesis import Founder
from comity.model.transaction import Call
from comity.node.local import LocalLedger
from comity.node.transport import LocalTransport
from tests.unit.client.proxy import Passing, problem, proxy
from tests.unit.client.served import PASSPHRASE, Served


def test_rows_are_added_read_and_changed(served: Served) -> None:
    """A table reads like a mapping; a write returns final, and what is read by key is proved."""
    with served.connect() as ledger:
        stock = ledger.table("stock")
        done = stock.add(name="saw", count=2, price=1250, day="2026-11-22", is_sold=False)
        assert ledger.tip().height >= done.height
        row = stock["saw"]
        assert dict(row.fields) == {
            "name": "saw", "count": 2, "price": 1250, "day": "2026-11-22", "is_sold": False,
        }  # fmt: skip
        assert (row.owner, row.is_verified) == (ledger.account, True)
        assert row.height is not None
        assert row.height >= done.height
        stock.set("saw", count=3, if_match=row.etag)
        assert stock["saw"]["count"] == 3
        assert stock.get("axe") is None
        with pytest.raises(KeyError):
            stock["axe"]
        changes = stock.history("saw").changes
        assert [change.kind for change in changes] == ["added", "changed"]
        assert changes[0].values["price"] == 1250
        assert changes[1].event.who == "ana"
        (changed,) = [it for it in stock.diff(done.height) if it.key == "saw"]
        assert [(it.column, it.old, it.new) for it in changed.cells] == [("count", 2, 3)]


def test_answers_are_those_of_the_folder(served: Served) -> None:
    """SQL, views, counts and names are the same through a node as in the folder, type by type."""
    query = "SELECT name, price, is_sold, count * 1.5 AS c, x'00ff' AS b FROM stock WHERE name = ?"
    with served.connect() as through, Ledger(LocalTransport(served.folder)) as local:
        account = through.account
        through.table("stock").add(name="axe", count=3, price=999, is_sold=True)
        ours, theirs = through.sql(query, ["axe"]), local.sql(query, ["axe"])
        assert ours.rows() == theirs.rows() == (("axe", 999, 1, 4.5, b"\x00\xff"),)
        assert ours.columns == theirs.columns
        assert not ours.is_verified
        assert through.sql("SELECT ?1 AS v", [account]).rows() == ((account,),)
        assert through.view("members.named", name="ana")["roles"] == ["admin"]
        ours, theirs = through.view("tables.ls", limit=9), local.view("tables.ls", limit=9)
        assert [(it.name, it.creator) for it in ours] == [(it.name, it.creator) for it in theirs]
        assert through.transport.name_of(account) == local.transport.name_of(account) == "ana"
        assert through.transport.account_named("bo") == local.transport.account_named("bo")
        assert len(through.table("stock")) == len(local.table("stock"))
        for mistake in (lambda it: it.table("nosuch"), lambda it: it.view("tables.nosuch"),
                        lambda it: it.view("nosuch.ls"), lambda it: it.sql("SELECT 1 FROM nosuch"),
                        lambda it: it.view("tables.ls", nosuch=1)):  # fmt: skip
            errors = []
            for each in (through, local):
                with pytest.raises(QueryError) as caught:
                    mistake(each)
                errors.append(caught.value.code)
            assert errors[0] == errors[1]


def test_many_rows_travel_in_batches_and_are_compared_in_one_go(served: Served) -> None:
    """`add_many` tells its progress; many keys of a small table are read by one proof."""
    with served.connect() as ledger:
        stock, told = ledger.table("stock"), []
        done = stock.add_many(
            ({"name": f"n{n:03}", "count": n} for n in range(250)), 100, told.append
        )
        assert (len(done), told) == (3, [100, 200, 250])
        found = ledger.transport.rows(stock.schema, [[f"n{n:03}"] for n in range(0, 300, 2)])
        assert [None if it is None else it.values[1] for it in found] == [
            n if n < 250 else None for n in range(0, 300, 2)
        ]
        assert all(it is None or it.is_verified for it in found)


def test_many_keys_of_a_wide_range_are_proved_in_parts(served: Served) -> None:
    """Where a range has more rows than a bundle holds, it is halved; nothing is left out."""

    def narrow(passing: Passing) -> None:
        if "/v1/proofs/tables/" in passing.path and passing.status == 200:
            claim = Bundle.decode(passing.body).claim
            if isinstance(claim, RowsClaim) and len(claim.rows) > 40:
                problem(passing, 400, "too-costly", limit="BUNDLE_ROWS_MAX")

    with proxy(served.url, narrow) as narrowing, served.connect(where=narrowing.url) as ledger:
        stock = ledger.table("stock")
        stock.add_many({"name": f"r{n:03}", "count": n} for n in range(150))
        keys = [[f"r{n:03}"] for n in range(160, -1, -1)]
        found = ledger.transport.rows(stock.schema, keys)
        assert [None if it is None else it.values[1] for it in found] == [
            n if n < 150 else None for n in range(160, -1, -1)
        ]
        assert sum("/v1/proofs/tables/" in each for each in narrowing.seen) > 5


def test_refusals_have_their_words_and_both_versions(served: Served) -> None:
    """A rule's no is typed and names people; a lost update comes with theirs and mine."""
    with served.connect() as ana, served.connect("bo") as bo:
        ana.table("stock").add(name="vice", count=2)
        with pytest.raises(Refused, match=r"not-row-owner: stock\[vice\]:.*owner: ana") as caught:
            bo.table("stock").set("vice", count=9)
        assert caught.value.rule == 'change = "owner"'
        assert caught.value.height > 0
        seen = ana.table("stock")["vice"].etag
        ana.table("stock").set("vice", count=3)
        with pytest.raises(RowChanged) as moved:
            ana.table("stock").set("vice", count=9, if_match=seen)
        assert moved.value.theirs is not None
        assert (moved.value.theirs["count"], moved.value.mine) == (3, {"count": 9})


def test_sending_again_answers_the_same(served: Served) -> None:
    """The same bytes are executed once, whether their sender waited or not."""
    with served.connect() as ledger:
        call = Call("tables.add", {"table": "stock", "rows": [["once"]], "columns": ["name"]})
        signed = ledger.sign([call])
        sent = ledger.send(signed, wait=False)
        assert (sent.is_final, sent.identifier) == (False, signed.identifier)
        first, again = ledger.send(signed), ledger.send(signed)
        assert first == again == ledger.outcome(signed.identifier)
        assert ledger.outcome(bytes(32)) is None
        assert ledger.table("stock").add({"name": "later"}, wait=False).height == 0


def test_what_is_never_ordered_says_why(served: Served) -> None:
    """What no block will hold is told apart, one by one."""
    with served.connect() as ledger:
        height = ledger.tip().height
        found = ledger.transport.submit([b"\x82", b""])
        codes = [each.code for each in found if isinstance(each, NotOrdered)]
        assert codes == ["malformed", "malformed"]
        keystore.create(served.folder / "keys", "cy", Secret(PASSPHRASE.encode()))
        with served.connect("cy") as stranger, pytest.raises(Rejected, match="join with it"):
            stranger.call("tables.add", table="stock", rows=[["x"]], columns=["name"])
        with served.connect(None) as reader, pytest.raises(ConfigError, match="for reading"):
            reader.table("stock").add(name="x")
        assert ledger.tip().height == height


def test_a_proof_is_saved_and_verified_elsewhere(served: Served, tmp_path: Path) -> None:
    """What `prove` saves convinces `comity verify`, for a row and for its absence."""
    with served.connect() as ledger:
        stock = ledger.table("stock")
        stock.add(name="drill", count=1)
        proof = stock.prove("drill")
        proof.save(tmp_path / "drill.proof")
        assert proof.verdict.is_anchored
        absent = stock.prove("nothing").verdict.claim
        assert isinstance(absent, ProvedRows)
        assert absent.rows == ()
    data = (tmp_path / "drill.proof").read_bytes()
    assert verify(data, genesis_hash=served.genesis.hash) == proof.verdict


def test_a_watcher_sees_each_change_once(served: Served) -> None:
    """`watch` tells old and new of every change since a height, in order, also in the folder."""
    with served.connect() as ledger, served.connect(None) as other:
        stock = ledger.table("stock")
        since = stock.add(name="w0").height
        for number in range(1, 5):
            stock.add(name=f"w{number}", count=number)
        stock.set("w4", count=40)
        events = other.table("stock").watch(since=since)
        seen = [next(events) for _ in range(5)]
        assert [(it.key, it.kind, it.who) for it in seen] == [
            *((f"w{n}", "added", "ana") for n in range(1, 5)), ("w4", "changed", "ana"),
        ]  # fmt: skip
        assert (seen[-1].old or {})["count"] == 4
        assert (seen[-1].new or {})["count"] == 40
        with Ledger(LocalTransport(served.folder)) as local:
            found = local.table("stock").watch(since=since)
            assert [next(found) for _ in range(5)] == seen


def test_the_awaited_client_has_the_same_names(served: Served) -> None:
    """`AsyncLedger` does what `Ledger` does, and its loop goes on meanwhile."""

    async def run() -> None:
        opening = comity.AsyncLedger.connect(
            served.url, key="ana", keys=served.folder / "keys", passphrase=PASSPHRASE,
            genesis=served.genesis.hash.hex(),
        )  # fmt: skip
        async with opening as ledger:
            stock = await ledger.table("stock")
            done = await asyncio.gather(*(stock.add(name=f"a{n}", count=n) for n in range(8)))
            assert len({each.identifier for each in done}) == 8
            assert (await stock["a3"])["count"] == 3
            assert (
                await ledger.sql("SELECT count(*) FROM stock WHERE name GLOB 'a[0-9]'")
            ).rows() == ((8,),)
            with pytest.raises(RowChanged):
                await stock.set("a3", count=1, if_match="00" * 8)
            seen = []
            async for change in stock.watch(since=min(each.height for each in done) - 1):
                seen.append(change.key)
                if len(seen) == 8:
                    break
            assert sorted(seen) == [f"a{n}" for n in range(8)]

    asyncio.run(run())


def test_a_folder_is_reached_through_the_node_that_runs_it(served: Served, tmp_path: Path) -> None:
    """While a node runs a folder, its path leads to the node, trusted by the folder's own genesis."""

    async def run() -> int:
        async with comity.AsyncLedger.connect(served.folder) as ledger:
            return (await ledger.tip()).height

    with comity.Ledger.connect(served.folder, key="ana", passphrase=PASSPHRASE) as ledger:
        assert isinstance(ledger.transport, HttpTransport)
        done = ledger.table("stock").add(name="by folder")
    assert asyncio.run(run()) >= done.height
    founder = Founder(name="ana", key_type=KEY_TYPE_ED25519, public_key=bytes(32), roles=("admin",))
    LocalLedger.create(tmp_path / "idle", name="idle", founders=[founder]).close()
    with pytest.raises(ConfigError, match="no node runs"):
        comity.AsyncLedger.connect(tmp_path / "idle")
    with pytest.raises(ConfigError, match="another ledger"):
        comity.Ledger.connect(tmp_path / "idle", genesis=served.genesis.hash)


def test_a_link_leads_to_its_ledger_alone(served: Served) -> None:
    """A link to join opens its node, under the start of the genesis hash that it holds."""
    made = Invitation.of(bytes(INVITATION_SECRET_BYTES), served.genesis.hash)
    with comity.Ledger.connect(made.to_link(served.url, served.genesis)) as ledger:
        assert ledger.transport.genesis == served.genesis
    other = Invitation.of(bytes(INVITATION_SECRET_BYTES), bytes(32))
    with pytest.raises(ProofInvalid, match="another ledger"):
        comity.Ledger.connect(other.to_link(served.url, served.genesis))


def test_a_rehearsal_says_what_would_be(served: Served) -> None:
    """Through a node and beside it, rules are asked, and nothing is written."""
    key = keystore.unlock(served.folder / "keys", "ana", Secret(PASSPHRASE.encode()))
    for transport in (HttpTransport.open(served.url), LocalTransport(served.folder)):
        with Ledger(transport, key, is_rehearsal=True) as ledger:
            height = ledger.tip().height
            assert ledger.table("stock").add(name="rehearsed").height == height + 1
            with pytest.raises(Refused, match="table-not-found") as caught:
                ledger.call("tables.drop", table="nosuch")
            assert (caught.value.identifier, caught.value.height) == (b"", 0)
            assert ledger.tip().height == height
            assert ledger.table("stock").get("rehearsed") is None
            stranger = keystore.create(
                served.folder / "keys", f"s{id(ledger)}", Secret(b"open sesame")
            )
            foreign = sign_calls(
                keystore.unlock(served.folder / "keys", stranger.name, Secret(b"open sesame")),
                [Call("tables.drop", {"table": "stock"})],
                genesis_hash=served.genesis.hash,
                expires_ns=time.time_ns() + 10**11,
                salt=bytes(16),
            )
            found = transport.rehearse(foreign.encode())
            assert isinstance(found, NotOrdered)
            assert found.code == "unknown-account"


def test_who_wrote_an_entry_is_found(served: Served) -> None:
    """The log's entries are told as the folder tells them: who, when, in which block."""
    with served.connect() as through, Ledger(LocalTransport(served.folder)) as local:
        through.table("stock").add(name="entry")
        height = through.tip().height
        ((position,),) = through.sql("SELECT max(_from) FROM stock").rows()
        for each in (0, 1, position, position - 1):
            ours = through.transport.event(each)  # type: ignore[attr-defined]  # both have it
            theirs = local.transport.event(each)  # type: ignore[attr-defined]  # as above
            assert (ours.position, ours.height, ours.transaction_id, ours.sender) == (
                theirs.position, theirs.height, theirs.transaction_id, theirs.sender,
            )  # fmt: skip
        assert ours.height <= height


def test_an_address_is_believed_once_and_remembered(
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first connection keeps the genesis hash and says so; then the ledger has a name, and may be no other."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with comity.Ledger.connect(served.url) as ledger:
        assert ledger.transport.genesis == served.genesis
    assert served.genesis.hash.hex() in caplog.text
    caplog.clear()
    monkeypatch.chdir(tmp_path)
    with comity.Ledger.connect("shared") as ledger:
        assert ledger.transport.genesis == served.genesis
    assert caplog.text == ""
    kept = (tmp_path / "ledgers.json").read_text()
    (tmp_path / "ledgers.json").write_text(kept.replace(served.genesis.hash.hex(), "11" * 32))
    for where in ("shared", served.url, served.url + "/"):
        with pytest.raises(ProofInvalid, match="another ledger"):
            comity.Ledger.connect(where)
    with pytest.raises(ProofInvalid, match="another ledger"):
        comity.Ledger.connect(served.url, genesis=b"\x22" * 32)
    comity.Ledger.connect(served.url, genesis=served.folder / "genesis.cbor").close()


def test_threads_share_no_connection(served: Served) -> None:
    """Eight clients in eight threads each see their own writes."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with served.connect() as ledger:
                stock = ledger.table("stock")
                for each in range(5):
                    stock.add(name=f"t{number}-{each}", count=each)
                    assert stock[f"t{number}-{each}"]["count"] == each
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing listens, or that is none, says so; the time is kept."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(Unavailable, match="is the node running"):
        comity.Ledger.connect("http://127.0.0.1:9", timeout_s=0.2)
    with pytest.raises(ConfigError, match="no address"):
        HttpTransport.open("http://")
