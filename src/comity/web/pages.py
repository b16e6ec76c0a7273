"""The few pages that a node serves to people: what can be asked, and what each problem means.

Invariant: a page needs nothing from elsewhere, and shows no text of a request but escaped.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response

from comity.client.refused import kebab
from comity.sdk.standard import STANDARD
from comity.web.codes import CODES
from comity.web.problems import Problem
from comity.web.routes import Handler, Operation, node_of

HTML = "text/html; charset=utf-8"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#8882;padding:.1em .3em}table{border-collapse:collapse}"
    "td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}"
    ":root{color-scheme:light dark}"
)


def fixed(content: bytes | str, media_type: str) -> Handler:
    """Return a handler that always answers the same."""

    async def read(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return read


def operation(address: str, handler: Handler) -> Operation:
    """Return a page as an operation that OpenAPI does not list."""
    return Operation(
        method="GET", path=address, name="", summary="", tag="", handler=handler, answers={}
    )


async def read_problem(request: Request) -> Response:
    """Answer the page of one code. Raises: Problem."""
    code = request.path_params["code"]
    for title, fix in _meanings(request, code):
        body = f"<h1><code>{escape(code)}</code></h1><p>{escape(title)}</p>"
        body += f"<p>Who can do what about it: {escape(fix)}</p>" if fix else ""
        return Response(page(code, body), media_type=HTML)
    raise Problem("not-found", f"there is no problem {code[:80]!r}")


def docs(operations: Sequence[Operation]) -> str:
    """Return the page of all operations."""
    return page("API", "".join(_docs(operations)))


def page(title: str, body: str) -> str:
    """Return a whole page."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>{body}</html>"
    )


def _meanings(request: Request, code: str) -> Iterator[tuple[str, str]]:
    known = CODES.get(code)
    if known is not None:
        yield known.title, known.fix
    of_apps = (app.refusals.values() for app in node_of(request).apps.values())
    for refusal in chain(STANDARD, *of_apps):
        if kebab(refusal.__name__) == code:
            yield refusal.sentence(), refusal.fix


def _docs(operations: Sequence[Operation]) -> Iterator[str]:
    yield "<h1>Comity API</h1><p>For programs: <a href=/v1/openapi.json>OpenAPI 3.1</a>.</p>"
    for tag in dict.fromkeys(operation.tag for operation in operations):
        yield f"<h2>{escape(tag)}</h2>"
        yield from (_operation(one) for one in operations if one.tag == tag)


def _operation(one: Operation) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(each.name)}</code><td>{each.place}<td>{escape(each.description)}"
        for each in one.parameters
    )
    statuses = ", ".join(str(status) for status in (*one.answers, *one.problems))
    more = f"<p>{escape(one.description)}</p>" if one.description else ""
    return (
        f"<h3 id={one.name}><code>{one.method} {escape(one.path)}</code></h3>"
        f"<p>{escape(one.summary)}</p>{more}<table>{rows}</table><p>Answers: {statuses}</p>"
    )
