"""The description of the interface says what is there, and each problem leads to its page."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comity.client.refused import kebab
from comity.errors import QueryError, Rejected, Unavailable
from comity.node.running import Node
from comity.web.app import OPERATIONS, build_app
from comity.web.codes import CODES
from comity.web.problems import Problem, body_of
from tests.shared_ledger import SharedLedger


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, httpx.Response]:
    """Give what a node answers at some addresses."""
    folder = tmp_path_factory.mktemp("ledger") / "ledger"
    SharedLedger(folder).local.close()

    async def ask() -> dict[str, httpx.Response]:
        node = Node.open(folder)
        refusals = [
            kebab(refusal.__name__)
            for app in node.apps.values()
            for refusal in app.refusals.values()
        ]
        addresses = [f"/problems/{code}" for code in (*CODES, *refusals)]
        addresses += [
            "/v1/openapi.json",
            "/v1/docs",
            "/problems/nothing-like-it",
            "/v1/ledger?x=%00",
        ]
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(build_app(node)), base_url="http://node"
        ) as client:
            found = {address: await client.get(address) for address in addresses}
        node._ledger.close()
        node.lookups.close()
        return found

    return asyncio.run(ask())


def references(value: Any) -> Iterator[str]:
    """Yield each reference inside a document."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "$ref":
                yield item
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_description_is_whole(answers: dict[str, httpx.Response]) -> None:
    """Every declared operation is in it once, its references lead somewhere, its path's names are declared."""
    document = answers["/v1/openapi.json"].json()
    assert document["openapi"] == "3.1.0"
    described = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    declared = {(one.method, one.path.replace(":path}", "}")) for one in OPERATIONS}
    assert declared <= described.keys()
    names = [operation["operationId"] for operation in described.values()]
    assert len(set(names)) == len(names)
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    for (_, path), operation in described.items():
        named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert set(re.findall(r"{([^}]+)}", path)) == named
        assert "200" in operation["responses"] or "201" in operation["responses"]
        assert {"400", "421", "503"} <= operation["responses"].keys()


def test_the_page_shows_every_operation(answers: dict[str, httpx.Response]) -> None:
    """What the description lists a person finds on the page, which asks nothing of any other place."""
    page = answers["/v1/docs"].text
    for operation in OPERATIONS:
        assert f"id={operation.name}>" in page
    assert "http://" not in page
    assert "https://" not in page


def test_each_problem_has_its_page(answers: dict[str, httpx.Response]) -> None:
    """Every code, and every refusal of the ledger's applications, is explained; others are not found."""
    pages = {path: found for path, found in answers.items() if path.startswith("/problems/")}
    missing = [path for path, found in pages.items() if found.status_code != 200]
    assert missing == ["/problems/nothing-like-it"]
    assert len(pages) > 80


def test_an_answer_names_the_last_block(answers: dict[str, httpx.Response]) -> None:
    """Height, app hash and ledger are headers, of problems too."""
    problem = answers["/v1/ledger?x=%00"]
    assert problem.status_code == 400
    assert problem.json()["code"] == "unknown-parameter"
    assert {"comity-height", "comity-app-hash", "comity-ledger"} <= set(problem.headers)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem("bad-body", "x"), 400, "bad-body"),
        (Rejected("suspended", "x"), 403, "suspended"),
        (Rejected("sender-bound", "x"), 429, "sender-bound"),
        (QueryError("unknown-table", "x"), 404, "unknown-table"),
        (QueryError("too-costly", "x", "QUERY_TIME_MS"), 408, "too-costly"),
        (Unavailable("x", "unknown-yet"), 504, "unknown-yet"),
        (Unavailable("x"), 503, "unavailable"),
        (Rejected("never-heard-of", "x"), 500, "internal"),
    ],
)
def test_an_error_has_one_status(error: Any, status: int, code: str) -> None:
    """The code decides; who may come again is told when."""
    body = body_of(error)
    assert (body.status, body.code, body.type) == (status, code, f"/problems/{code}")
    assert (body.retry_after is not None) == (status in (429, 503))


def test_every_problem_that_the_source_gives_has_a_code() -> None:
    """No ``Problem`` of the interface is without a page."""
    source = Path(build_app.__code__.co_filename).parent
    given = {
        code
        for path in source.glob("*.py")
        for code in re.findall(r'Problem\(\s*"([a-z-]+)"', path.read_text("utf-8"))
    }
    assert len(given) > 5
    assert given <= CODES.keys()
