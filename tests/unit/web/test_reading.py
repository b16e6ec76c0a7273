"""Which form an answer has, and how many bytes of answers may be on their way."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from comity.query.reads import Found
from comity.web import reading
from comity.web.problems import Problem
from comity.web.reading import answer_of, media_of


def _request(app: Starlette | None = None, accept: str | None = None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request(
        {
            "type": "http", "method": "GET", "path": "/v1/x", "query_string": b"limit=2",
            "headers": headers, "app": app or Starlette(), "server": ("localhost", 1),
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("text/csv;q=0.5, application/jsonl;q=0.9", "application/jsonl"),
        ("application/json;q=0, text/csv", "text/csv"),
        ("text/csv;q=often, application/x-ndjson;q=0.1", "application/x-ndjson"),
    ],
)
def test_the_client_chooses_the_form(accept: str | None, media_type: str) -> None:
    """By quality, then by our order. Source: RFC 9110, section 12.5.1."""
    assert media_of(_request(accept=accept)) == media_type


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/html"])
def test_an_unknown_form_is_refused(accept: str) -> None:
    """The answer names the forms that there are."""
    with pytest.raises(Problem, match="text/csv") as caught:
        media_of(_request(accept=accept))
    assert caught.value.code == "not-acceptable"


def _found(size: int) -> Found:
    return Found(height=1, app_hash=bytes(32), body=b"x" * size, etag='"e"', next="token")


def test_an_answer_leads_on() -> None:
    """Tag, height and the next page stand in its headers."""
    headers = answer_of(_request(), _found(3)).headers
    assert headers["link"] == '</v1/x?limit=2&after=token>; rel="next"'
    assert (headers["etag"], headers["comity-height"]) == ('"e"', "1")


def test_bytes_on_their_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """While slow clients hold long answers, further ones are told "busy"; short ones, too, at the bound."""
    monkeypatch.setattr(reading, "READ_BODIES_BYTES_MAX", 300_000)
    request = _request()
    sent: list[int] = []

    async def run() -> None:
        gate = asyncio.Event()

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(len(message.get("body", b"")))
            await gate.wait()

        async def receive() -> MutableMapping[str, Any]:
            return {}

        slow = asyncio.create_task(
            answer_of(request, _found(200_000))(request.scope, receive, send)
        )
        await asyncio.sleep(0)
        with pytest.raises(Problem) as caught:
            answer_of(request, _found(200_000))
        assert caught.value.code == "busy"
        answer_of(request, _found(1_000))
        gate.set()
        await slow
        answer_of(request, _found(200_000))

    asyncio.run(run())
    assert sum(sent) == 200_000
    assert max(sent) <= 64 << 10  # piece by piece, as the client takes them
