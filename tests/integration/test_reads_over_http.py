"""Reads through a real server: forms, tags, pages, statuses, proofs that verify, the log's files."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comity.client.verify import verify
from comity.crypto.checkpoint import open_checkpoint
from comity.crypto.notes import ED25519, VerifierKey
from comity.crypto.rfc9162 import leaf_hash, root_of
from comity.crypto.tlog_tiles import decode_bundle
from comity.model.bundle import Bundle, origin_of
from tests.served_ledger import ServedLedger, serve
from tests.shared_ledger import BO, SharedLedger

ROWS = [
    (f"n{number:03}", "abc"[number % 3], number, number * 100, number % 2 == 0)
    for number in range(30)
]


class _Made:
    """The ledger that all tests of this module read."""

    def __init__(self, folder: Path) -> None:
        ledger = SharedLedger(folder / "ledger")
        ledger.commit(ledger.add("stock", *ROWS))
        self.height_before = ledger.height
        self.rows_before = ledger.rows("stock")
        done = ledger.commit(
            ledger.change("stock", ("n003", 'z,\u00e9"', 1 << 60, None, None)),
            ledger.remove("stock", ("n004",)),
        )
        self.identifier = done.identifier.hex()
        ledger.commit(ledger.add("pairs", ("a,b/~", -5, "x"), ("", 7, None)), by=BO)
        self.rows = ledger.rows("stock")
        self.height, self.log_size = ledger.height, ledger.local.store.log_size
        self.genesis = ledger.local.genesis
        self.node_key = ledger.local.folder.read_key().public_key
        self.root = ledger.local.store.log.root(self.log_size)
        self.directory = ledger.directory
        ledger.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> _Made:
    """Make the ledger once."""
    return _Made(tmp_path_factory.mktemp("read"))


@pytest.fixture(scope="module")
def served(made: _Made) -> Iterator[ServedLedger]:
    """Serve it."""
    with serve(made.directory) as running:
        yield running


def _get(served: ServedLedger, path: str, **headers: str) -> httpx.Response:
    return served.client.get(
        path, headers={name.replace("_", "-"): it for name, it in headers.items()}
    )


def test_every_answer_names_ledger_height_and_app_hash(served: ServedLedger, made: _Made) -> None:
    """Also a problem does; an older height is named where it was asked for."""
    for path, height in (
        ("/v1/tables", made.height),
        ("/v1/tables/none", made.height),
        (f"/v1/tables/stock/rows?at={made.height_before}", made.height_before),
        ("/nowhere", None),
    ):
        answer = _get(served, path)
        if height is None:
            assert answer.status_code == 404
            continue
        assert answer.headers["comity-ledger"] == made.genesis.chain_id
        assert answer.headers["comity-height"] == str(height)
        assert len(answer.headers["comity-app-hash"]) == 64


def test_tables_are_listed_and_described(served: ServedLedger, made: _Made) -> None:
    """Name, rows, root and key; a Frictionless schema; and who may do what."""
    tables = {each["name"]: each for each in _get(served, "/v1/tables").json()["tables"]}
    assert (tables["stock"]["rows"], tables["stock"]["key"]) == (len(made.rows), ["name"])
    assert tables["members__member"]["app"] == "members"
    assert "comity_timer" not in tables  # bookkeeping
    older = _get(served, "/v1/tables?at=1").json()["tables"]
    assert {"stock", "pairs"} & {each["name"] for each in older} == {"stock"}
    described = _get(served, "/v1/tables/stock").json()
    assert described["schema"]["key"] == ["name"]
    assert described["root"] == tables["stock"]["root"]
    fields = _get(served, "/v1/tables/stock/schema").json()
    assert fields["primaryKey"] == ["name"]
    assert [field["type"] for field in fields["fields"]] == [
        "string", "string", "integer", "number", "boolean",
    ]  # fmt: skip
    rules = _get(served, "/v1/tables/stock/rules").json()["result"]
    assert rules["preset"] == "open"
    assert rules["rules"]


def test_pages_are_followed_by_their_links(served: ServedLedger, made: _Made) -> None:
    """The header Link leads through all rows; none is missing and the last page has no next."""
    names, path = [], "/v1/tables/stock/rows?limit=7"
    while path:
        answer = _get(served, path)
        names += [row["name"] for row in answer.json()["rows"]]
        following = answer.links.get("next", {}).get("url")
        assert (answer.json()["next"] is None) == (following is None)
        path = following
    assert names == [row[0] for row in made.rows]


def test_rows_have_three_forms_that_hold_the_same(served: ServedLedger) -> None:
    """JSON, JSON Lines and CSV; a number beyond 2^53 is text in JSON."""
    path = "/v1/tables/stock/rows"
    rows = _get(served, path).json()["rows"]
    lines = _get(served, path, accept="application/jsonl").text.splitlines()
    assert [json.loads(line) for line in lines] == rows
    cells = list(csv.DictReader(io.StringIO(_get(served, path, accept="text/csv").text)))
    assert [row["name"] for row in cells] == [row["name"] for row in rows]
    changed = next(row for row in rows if row["name"] == "n003")
    assert (changed["place"], changed["count"], changed["price"]) == ('z,é"', str(1 << 60), None)
    assert next(row for row in cells if row["name"] == "n003")["place"] == 'z,é"'
    assert rows[1]["price"] == "1.00"
    assert _get(served, path, accept="image/png").status_code == 406
    assert (
        _get(served, path, accept="image/png, text/csv;q=0.1")
        .headers["content-type"]
        .startswith("text/csv")
    )


@pytest.mark.parametrize(
    ("question", "keeps"),
    [
        ("place=a", lambda row: row[1] == "a"),
        ("place=a&place=b", lambda row: row[1] in ("a", "b")),
        ("place__eq=a&count__gt=9&count__lte=15", lambda row: row[1] == "a" and 9 < row[2] <= 15),
        ("price__lt=3.50", lambda row: row[3] is not None and row[3] < 350),
        ("price__isnull=true", lambda row: row[3] is None),
        ("is_sold=false", lambda row: row[4] is False),
        ("is_sold__not=false", lambda row: row[4] is not False),
        ("name__startswith=n02", lambda row: row[0].startswith("n02")),
    ],
)
def test_conditions_pick_rows(served: ServedLedger, made: _Made, question: str, keeps: Any) -> None:
    """Equality twice on one column means either; the rest joins by and."""
    found = [
        row["name"] for row in _get(served, f"/v1/tables/stock/rows?{question}").json()["rows"]
    ]
    assert found == [row[0] for row in made.rows if keeps(row)]
    assert found


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/tables/none/rows", 404, "unknown-table"),
        ("/v1/tables/comity_timer/rows", 404, "unknown-table"),
        ("/v1/tables/stock/rows?colour=red", 400, "unknown-column"),
        ("/v1/tables/stock/rows?count=many", 400, "arguments"),
        ("/v1/tables/stock/rows?count__near=3", 400, "bad-parameter"),
        ("/v1/tables/stock/rows?sort=price", 400, "unsortable"),
        ("/v1/tables/stock/rows?limit=1001", 400, "bad-parameter"),
        ("/v1/tables/stock/rows?after=zzzz", 400, "bad-token"),
        ("/v1/tables/stock/rows?at=999", 404, "unknown-height"),
        ("/v1/tables/stock/rows/nothing", 404, "row-not-found"),
        ("/v1/tables/stock/rows/n004", 410, "row-removed"),
        ("/v1/tables/pairs/rows/one", 400, "arguments"),
        ("/v1/tables/pairs/rows/one,two", 400, "arguments"),
        ("/v1/sql?q=SELEC", 400, "syntax"),
        ("/v1/sql?q=DELETE%20FROM%20stock", 400, "refused"),
        ("/v1/blocks/999", 404, "unknown-height"),
        ("/v1/transactions/00000000/content", 404, "unknown-transaction"),
        ("/v1/apps/tables/row?table=stock&key=[%22zz%22]", 404, "row-not-found"),
        ("/v1/apps/tables/rows?limit=2", 400, "bad-parameter"),
        ("/tile/0/001", 404, "out-of-range"),
        ("/tile/0/x000/001", 404, "not-found"),
        ("/v1/proofs/consistency?since=999", 404, "unknown-height"),
    ],
)
def test_a_wrong_read_is_a_problem(served: ServedLedger, path: str, status: int, code: str) -> None:
    """Each says what is wrong, and its page exists."""
    answer = _get(served, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert _get(served, answer.json()["type"]).status_code == 200


def test_a_row_is_read_by_its_key(served: ServedLedger, made: _Made) -> None:
    """Commas, slashes and tildes in a key have their escapes; an empty text is a lone tilde."""
    for key, number in (("a~2Cb~2F~7E,-5", -5), ("~,7", 7)):
        row = _get(served, f"/v1/tables/pairs/rows/{key}").json()
        assert (row["row"]["number"], row["key"]) == (number, key)
    answer = _get(served, "/v1/tables/stock/rows/n001")
    assert answer.headers["etag"] == f'"{answer.json()["row"]["_hash"][:16]}"'
    older = _get(served, f"/v1/tables/stock/rows/n004?at={made.height_before}")
    assert older.json()["row"]["count"] == 4
    assert "immutable" in older.headers["cache-control"]


def test_what_still_holds_is_not_sent_again(served: ServedLedger) -> None:
    """A tag that holds gives 304 without a body; another gives the answer."""
    for path in ("/v1/tables/stock/rows", "/v1/tables/stock/rows/n001", "/v1/tables/stock"):
        etag = _get(served, path).headers["etag"]
        again = _get(served, path, if_none_match=etag)
        assert (again.status_code, again.content) == (304, b"")
        weak = _get(served, path, if_none_match=f'W/{etag}, "other"')  # as a proxy makes it
        assert weak.status_code == 304
        assert _get(served, path, if_none_match='"h1-0000"').status_code == 200


def test_life_and_difference_of_rows(served: ServedLedger, made: _Made) -> None:
    """A removed row still has its life; two heights differ in what was done between them."""
    life = _get(served, "/v1/tables/stock/rows/n004/history").json()
    assert [(change["kind"], change["who"]) for change in life["changes"]] == [
        ("added", "ana"),
        ("removed", "ana"),
    ]
    diff = _get(served, f"/v1/tables/stock/diff?from={made.height_before}").json()
    assert [(row["key"], row["kind"]) for row in diff["rows"]] == [
        ("n003", "changed"),
        ("n004", "removed"),
    ]
    first = _get(served, f"/v1/tables/stock/diff?from={made.height_before}&limit=1").json()
    rest = _get(
        served, f"/v1/tables/stock/diff?from={made.height_before}&limit=1&after={first['next']}"
    ).json()
    assert first["rows"] + rest["rows"] == diff["rows"]


def test_sql_is_answered_at_a_height(served: ServedLedger, made: _Made) -> None:
    """With parameters by position and by name; a cut answer says so, whatever its form."""
    body = {
        "sql": "SELECT count(*) AS n FROM stock WHERE count < :most",
        "parameters": {"most": 99},
    }
    now = served.client.post("/v1/sql", json=body).json()
    then = served.client.post("/v1/sql", json={**body, "at": made.height_before}).json()
    assert (now["columns"], now["rows"], then["rows"]) == (["n"], [[28]], [[30]])
    assert (now["height"], then["height"]) == (made.height, made.height_before)
    many = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x LIMIT 10001) SELECT n FROM x"
    cut = served.client.post("/v1/sql", json={"sql": many}, headers={"accept": "text/csv"})
    assert cut.headers["comity-truncated"] == "QUERY_ROWS_MAX"
    assert cut.text.count("\r\n") == 10_001  # with the header
    wrong = served.client.post("/v1/sql", json={"sql": "SELECT 1", "query": 1})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad-body")


def test_blocks_and_transactions_are_shown(served: ServedLedger, made: _Made) -> None:
    """Newest first; a transaction says who, what, and what became of it."""
    blocks = _get(served, "/v1/blocks?limit=2").json()
    assert [block["height"] for block in blocks["blocks"]] == [made.height, made.height - 1]
    older = _get(served, f"/v1/blocks?below={blocks['next']}").json()
    assert older["blocks"][-1]["height"] == 0
    assert older["next"] is None
    block = _get(served, f"/v1/blocks/{made.height - 1}").json()
    assert [entry["id"] for entry in block["transactions"]] == [made.identifier]
    assert "stock" in block["tables"]
    sent = _get(served, f"/v1/transactions/{made.identifier[:12]}/content").json()
    assert (sent["id"], sent["who"], sent["ok"]) == (made.identifier, "ana", True)
    assert [call["action"] for call in sent["calls"]] == ["tables.change", "tables.remove"]


def test_views_of_applications_have_routes(served: ServedLedger) -> None:
    """Each is declared with its arguments, and answers as the application says."""
    apps = {app["name"]: app for app in _get(served, "/v1/apps").json()["apps"]}
    assert "ls" in [view["name"] for view in apps["tables"]["views"]]
    found = _get(served, "/v1/apps/tables/ls?limit=1&after=pairs").json()["result"]
    assert [rule["name"] for rule in found] == ["stock"]
    row = _get(served, '/v1/apps/tables/row?table=stock&key=["n001"]').json()["result"]
    assert row["values"]["count"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tables/stock/rows/n003/proof",
        "/v1/tables/stock/rows/nothing/proof",
        "/v1/tables/stock/rows/n004/proof?at={before}",
        "/v1/proofs/tables/stock?low=n001&high=n009",
        "/v1/proofs/tables/pairs",
        "/v1/proofs/transactions/{id}",
        "/v1/proofs/consistency?since={before}",
    ],
)
def test_proofs_verify_without_the_node(served: ServedLedger, made: _Made, path: str) -> None:
    """A row, an absent one, an older one, ranges, a transaction, the log's growth."""
    answer = _get(served, path.format(id=made.identifier, before=made.height_before))
    assert answer.headers["content-type"] == "application/cbor"
    assert Bundle.decode(answer.content).encode() == answer.content
    assert verify(answer.content, genesis_hash=made.genesis.hash).is_anchored


def test_the_log_is_served_as_tiles(served: ServedLedger, made: _Made) -> None:
    """The checkpoint is signed by the node, and tile and entries have its root."""
    answer = _get(served, "/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    origin = origin_of(made.genesis.ledger, made.genesis.chain_id)
    head = open_checkpoint(
        answer.content, origin, [VerifierKey(origin, ED25519, made.node_key)]
    ).checkpoint
    assert (head.size, head.root) == (made.log_size, made.root)
    tile = _get(served, f"/tile/0/000.p/{head.size}")
    bundle = _get(served, f"/tile/entries/000.p/{head.size}")
    entries = decode_bundle(bundle.content)
    assert tile.content == b"".join(map(leaf_hash, entries))
    assert root_of(entries) == made.root
    for each in (tile, bundle):
        assert each.headers["content-type"] == "application/octet-stream"
        assert "immutable" in each.headers["cache-control"]
    assert _get(served, "/tile/0/000.p/3").content == tile.content[:96]
