"""Rows changed over HTTP with a token: entitled callers only, and never over somebody else's change."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comity.client.secret import Secret
from comity.node.tokens import Tokens
from tests.served_ledger import ServedLedger, serve
from tests.shared_ledger import ANA, PAIRS, STOCK, SharedLedger


class _Writer:
    """A served ledger and tokens of it."""

    def __init__(self, served: ServedLedger, tokens: Tokens) -> None:
        self.served = served
        self.tokens = tokens

    def token(self, *scope: str, life_s: int = 600) -> str:
        return self.tokens.issue(
            Secret(ANA.seed), scope=scope or ("*:*",), now_ns=time.time_ns(), life_s=life_s
        )

    def ask(self, method: str, path: str, *, token: str = "", **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.served.client.request(method, path, headers=headers, **more)

    def etag(self, path: str) -> str:
        return self.ask("GET", path).headers["etag"]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Writer]:
    """Serve a ledger of two tables."""
    folder: Path = tmp_path_factory.mktemp("write")
    ledger = SharedLedger(folder / "ledger", (STOCK, PAIRS), start_ns=None)
    genesis_hash = ledger.local.genesis.hash
    ledger.close()
    with serve(ledger.directory) as served:
        yield _Writer(served, Tokens(ledger.directory, genesis_hash))


ROWS = "/v1/tables/stock/rows"


def test_rows_are_added_changed_and_removed(writer: _Writer) -> None:
    """Each with what it saw; the answer is final, and says where."""
    token = writer.token()
    rows = [
        {"name": "saw", "count": 2, "price": "12.50", "is_sold": False},
        {"name": "axe", "place": "a/b", "count": str(1 << 60), "price": 3},
    ]
    added = writer.ask("POST", ROWS, token=token, json={"rows": rows})
    assert added.status_code == 201, added.text
    assert writer.ask("GET", added.headers["location"]).json()["height"] == added.json()["height"]
    saw = writer.ask("GET", f"{ROWS}/saw")
    assert (saw.json()["row"]["price"], saw.json()["row"]["is_sold"]) == ("12.50", False)
    assert writer.ask("GET", f"{ROWS}/axe").json()["row"]["price"] == "3.00"
    headers = {"If-Match": saw.headers["etag"]}
    changed = writer.ask(
        "PATCH", f"{ROWS}/saw", token=token, json={"count": 3, "is_sold": None}, headers=headers
    )
    assert changed.status_code == 201, changed.text
    row = writer.ask("GET", f"{ROWS}/saw").json()["row"]
    assert (row["count"], row["price"], row["is_sold"]) == (3, "12.50", None)
    removed = writer.ask(
        "DELETE", f"{ROWS}/saw", token=token, headers={"If-Match": writer.etag(f"{ROWS}/saw")}
    )
    assert removed.status_code == 201, removed.text
    assert writer.ask("GET", f"{ROWS}/saw").status_code == 410


def test_no_change_is_overwritten(writer: _Writer) -> None:
    """Who saw an older row is told so, and nothing happens; who says nothing is asked what he saw."""
    token = writer.token()
    writer.ask("POST", ROWS, token=token, json={"rows": [{"name": "hammer", "count": 1}]})
    path = f"{ROWS}/hammer"
    seen = {"If-Match": writer.etag(path)}
    assert (
        writer.ask("PATCH", path, token=token, json={"count": 2}, headers=seen).status_code == 201
    )
    for method, more in (("PATCH", {"json": {"count": 9}}), ("DELETE", {})):
        late = writer.ask(method, path, token=token, headers=dict(seen), **more)
        assert (late.status_code, late.json()["code"]) == (409, "row-changed")
        assert late.json()["fields"]["theirs"]["count"] == 2  # to be compared with one's own
        unsaid = writer.ask(method, path, token=token, **more)
        assert (unsaid.status_code, unsaid.json()["code"]) == (428, "if-match-required")
    assert writer.ask("GET", path).json()["row"]["count"] == 2


@pytest.mark.parametrize(
    ("scope", "method", "status", "code"),
    [
        (None, "POST", 401, "token-required"),
        ("nonsense", "POST", 401, "token-refused"),
        ("comity_0011223344556677_" + "A" * 43, "POST", 401, "token-refused"),
        (("pairs:*",), "POST", 403, "out-of-scope"),
        (("stock:change",), "POST", 403, "out-of-scope"),
        (("stock:add",), "PATCH", 403, "out-of-scope"),
        (("stock:change", "stock:add"), "DELETE", 403, "out-of-scope"),
    ],
)
def test_nothing_is_signed_for_who_is_not_entitled(
    writer: _Writer, scope: Any, method: str, status: int, code: str
) -> None:
    """No token, a wrong one, another table's, another deed's: no transaction is made."""
    token = writer.token(*scope) if isinstance(scope, tuple) else scope or ""
    path = ROWS if method == "POST" else f"{ROWS}/any"
    before = writer.ask("GET", "/v1/ledger").json()["last_block"]["height"]
    body = {"rows": [{"name": "x"}]} if method == "POST" else {"count": 1}
    more = {} if method == "DELETE" else {"json": body}
    answer = writer.ask(
        method, path, token=token, headers={"If-Match": '"0011223344556677"'}, **more
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert writer.ask("GET", "/v1/ledger").json()["last_block"]["height"] == before


def test_an_ended_or_revoked_token_signs_nothing(writer: _Writer) -> None:
    """At once, without a restart."""
    token = writer.token()
    body = {"rows": [{"name": "revoked"}]}
    writer.tokens.revoke(token.split("_")[1])
    assert writer.ask("POST", ROWS, token=token, json=body).json()["code"] == "token-refused"
    short = writer.token(life_s=1)
    time.sleep(1.1)
    assert writer.ask("POST", ROWS, token=short, json=body).json()["code"] == "token-refused"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("stock", {"rows": []}, 400, "bad-body"),
        ("stock", {"rows": [{"name": f"n{at}"} for at in range(501)]}, 400, "bad-body"),
        ("stock", {"rows": [{"name": "x", "count": 1.5}]}, 400, "bad-body"),
        ("stock", {"rows": [{"name": "x", "count": True}]}, 400, "bad-body"),
        ("stock", {"rows": [{"name": "x", "price": "1.234"}]}, 400, "bad-body"),
        ("stock", {"rows": [{"name": "x", "colour": "red"}]}, 400, "unknown-column"),
        ("stock", {"rows": [{"count": 1}]}, 422, "bad-row"),
        ("stock", {"rows": [{"name": "twice"}, {"name": "twice"}]}, 409, "row-exists"),
        ("none", {"rows": [{"name": "x"}]}, 404, "unknown-table"),
        ("members__member", {"rows": [{"name": "x"}]}, 404, "unknown-table"),
    ],
)
def test_a_wrong_row_is_a_problem(
    writer: _Writer, path: str, body: Any, status: int, code: str
) -> None:
    """What is no row is told before anything is signed; what a rule refuses has its receipt."""
    answer = writer.ask("POST", f"/v1/tables/{path}/rows", token=writer.token(), json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert writer.ask("GET", f"{ROWS}/x").status_code == 404


def test_a_key_does_not_change(writer: _Writer) -> None:
    """Another key is another row."""
    token = writer.token()
    writer.ask("POST", ROWS, token=token, json={"rows": [{"name": "fixed"}]})
    answer = writer.ask(
        "PATCH", f"{ROWS}/fixed", token=token, json={"name": "moved"},
        headers={"If-Match": writer.etag(f"{ROWS}/fixed")},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-body")
    absent = writer.ask(
        "PATCH", f"{ROWS}/absent", token=token, json={"count": 1},
        headers={"If-Match": '"0011223344556677"'},
    )  # fmt: skip
    assert (absent.status_code, absent.json()["code"]) == (404, "row-not-found")
