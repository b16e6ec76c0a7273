"""The page of HTTP operations, from their declarations."""

from collections.abc import Iterator

from comity.web.app import OPERATIONS
from comity.web.openapi import EVERYWHERE
from comity.web.routes import Operation


def http_page() -> Iterator[str]:
    """Yield the page of HTTP operations, line by line."""
    yield "# HTTP"
    yield ""
    yield "Every operation of a node. A running node says the same at `/v1/docs`, and to programs at"
    yield "`/v1/openapi.json`, with the views of its ledger's own applications. Answers are JSON unless something else"
    yield "is said. Besides the statuses below every operation may answer"
    yield f"{', '.join(map(str, EVERYWHERE))}; problems have [codes](errors.md). How to use it: [HTTP](../use/http.md)."
    for tag in dict.fromkeys(operation.tag for operation in OPERATIONS):
        yield from ("", f"## {tag[0].upper()}{tag[1:]}")
        for operation in OPERATIONS:
            if operation.tag == tag:
                yield from _operation(operation)


def _operation(operation: Operation) -> Iterator[str]:
    path = operation.path.replace(":path}", "}")
    statuses = sorted(
        {*operation.answers, *operation.problems} - {*EVERYWHERE} | {*operation.answers}
    )
    yield from ("", f"### `{operation.method} {path}`", "", operation.summary)
    if operation.description:
        yield operation.description
    yield f"Answers {', '.join(map(str, statuses))}."
    if operation.parameters:
        yield from ("", "| parameter | in | meaning |", "|---|---|---|")
        for each in operation.parameters:
            required = " Required." if each.is_required and each.place != "path" else ""
            meaning = f"{each.description}{required}".replace("|", "\\|")
            yield f"| `{each.name}` | {each.place} | {meaning} |"
