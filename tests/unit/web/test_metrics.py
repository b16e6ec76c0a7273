"""``/metrics``, ids and log lines of requests."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from comity.model.outcome import NotOrdered
from comity.node.config import Config
from comity.node.logs import Log
from comity.node.measuring import count_outcomes
from comity.node.metrics import CONTENT_TYPE, Metrics
from comity.node.running import Node
from comity.web.app import build_app
from comity.web.metrics import Measured
from tests.shared_ledger import SharedLedger


async def _show(request: Request) -> Response:
    return Response(request.path_params["name"])


async def _fail(_request: Request) -> Response:
    raise RuntimeError("secret row")


async def _stream(_request: Request) -> Response:
    async def events() -> Any:
        yield "data: 1\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _asked(
    run: Callable[[httpx.AsyncClient], Awaitable[None]],
) -> tuple[str, list[dict[str, Any]]]:
    """Run requests against three routes; return the metrics and the lines of the log."""
    routes = [Route("/rows/{name}", _show), Route("/fail", _fail), Route("/events", _stream)]
    metrics, stream = Metrics(), io.StringIO()
    app = Measured(Starlette(routes=routes), metrics, Log(stream, level="debug", is_json=True))

    async def go() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            await run(client)

    asyncio.run(go())
    return metrics.render(), [json.loads(line) for line in stream.getvalue().splitlines()]


def test_requests_are_counted_by_route() -> None:
    """A request counts for its route, method and status; what the caller wrote is nowhere."""

    async def run(client: httpx.AsyncClient) -> None:
        for name in ("secret-one", "secret-two"):
            assert (await client.get(f"/rows/{name}?secret=3")).status_code == 200
        await client.get("/secret")
        await client.request("SECRET", "/rows/secret")

    text, lines = _asked(run)
    counted = 'comity_http_requests_total{method="GET",route='
    assert counted + '"/rows/{name}",status="200"} 2' in text
    assert counted + '"none",status="404"} 1' in text
    assert 'method="other"' in text
    assert "comity_http_seconds_count 4" in text
    assert len(lines) == 4
    assert "secret" not in (text + json.dumps(lines)).lower()


def test_each_answer_carries_the_id_of_its_request() -> None:
    """The id of the caller, if plain, else a new one, is in the answer and in the line of the log."""
    ids = []

    async def run(client: httpx.AsyncClient) -> None:
        for given in ("mine-1", "not plain", "x" * 100):
            answer = await client.get("/rows/a", headers={"X-Request-Id": given})
            ids.append(answer.headers["x-request-id"])

    _, lines = _asked(run)
    assert ids[0] == "mine-1"
    assert len({*ids}) == 3
    assert [line["request"] for line in lines] == ids
    assert all(len(each) == 16 for each in ids[1:])


def test_a_fault_is_counted_and_told() -> None:
    """An exception counts as status 500 and is a warning of the log, without its text."""

    async def run(client: httpx.AsyncClient) -> None:
        assert (await client.get("/fail")).status_code == 500

    text, lines = _asked(run)
    assert 'route="/fail",status="500"} 1' in text
    assert (lines[-1]["level"], lines[-1]["status"]) == ("warning", 500)
    assert "secret" not in json.dumps(lines)


def test_a_stream_is_counted_and_not_timed() -> None:
    """How long somebody follows events says nothing of how fast the node is."""

    async def run(client: httpx.AsyncClient) -> None:
        await client.get("/events")

    text, _ = _asked(run)
    assert 'route="/events",status="200"} 1' in text
    assert "comity_http_seconds_count 0" in text


def test_a_node_shows_its_metrics(tmp_path: Path) -> None:
    """/metrics of a real node tells height and outcomes; the setting turns it off."""
    ledger = SharedLedger(tmp_path / "ledger")
    ledger.local.close()

    async def go(config: Config) -> httpx.Response:
        async with Node.open(tmp_path / "ledger", config) as node:
            refused = NotOrdered(code="expired", message="")
            count_outcomes(node.metrics, [refused, refused, None])
            transport = httpx.ASGITransport(build_app(node))
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                answer = await client.get("/metrics")
            while len(node.readers.process_ids) < 4:
                await asyncio.sleep(0.01)
            return answer

    shown = asyncio.run(go(Config()))
    assert shown.headers["content-type"] == CONTENT_TYPE
    lines = shown.text.splitlines()
    assert f"comity_height {ledger.height}" in lines
    assert 'comity_transactions_total{outcome="expired"} 2' in lines
    hidden = asyncio.run(go(Config(metrics=False)))
    assert hidden.status_code == 404
    assert hidden.headers["content-type"] == "application/problem+json"
