"""The page of errors: every refusal, every rejection, every failed read, from the code.

Invariant: a code that the source can give and this module does not explain fails the page's writing.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import comity
from comity.client.refused import kebab
from comity.sdk.load import load_apps
from comity.sdk.refusals import Refusal
from comity.sdk.standard import MACHINE, STANDARD
from comity.web.codes import HTTP, READS, REJECTIONS, Code

SOURCE = Path(comity.__file__).parent


def errors_page() -> Iterator[str]:
    """Yield the page of errors, line by line. Raises: LookupError, naming codes without a sentence."""
    yield "# Errors"
    yield ""
    yield "What commands and client say no with, by code. What to do in the first ten minutes stands in"
    yield "[when something says no](../use/errors.md)."
    yield from ("", "## Refusals", "")
    yield "A rule said no to a transaction that was ordered. The receipt holds application, number and fields;"
    yield "numbers are never used again ([errors.lock](../../errors.lock)). Exit code 1, `row-changed` 5."
    apps = {name: app.declaration for name, app in load_apps(distribution="comity").items()}
    yield from _refusals("Of every application", MACHINE, STANDARD)
    for name, declaration in apps.items():
        yield from _refusals(f"Of `{name}`", name, declaration.refusals.values())
    yield from ("", "## Rejections", "")
    yield "The transaction was never ordered and left no trace. Exit code 1; 2 for `malformed` and `too-large`."
    yield from _codes(REJECTIONS, codes_given("Rejected", "NotOrdered", "LeftOut", "_waiting"))
    yield from ("", "## Reads", "")
    yield "A query, view, look-up or proof that cannot be answered. Exit code 2; 4 when time ran out."
    yield from _codes(READS, codes_given("QueryError", "Failure"))
    yield from ("", "## Over HTTP", "")
    yield "What a node says of requests and of itself, beside the above: the `code` of its problems (RFC 9457). A"
    yield "refusal has status 422."
    told_above = READS.keys() | REJECTIONS.keys()
    yield from _codes(HTTP, set(HTTP) | codes_given("Problem") - told_above)


def codes_given(*names: str) -> set[str]:
    """Return the words in kebab case that the source passes to calls of these names."""
    found = set()
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                found |= set(_words(node))
    return found


def _words(call: ast.Call) -> Iterator[str]:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    for value in [*call.args[:2], *named]:
        word = value.value if isinstance(value, ast.Constant) else None
        if isinstance(word, str) and word.replace("-", "").isalpha() and word.islower():
            yield word


def _refusals(title: str, app: str, refusals: Iterable[type[Refusal]]) -> Iterator[str]:
    yield from (
        "",
        f"### {title}",
        "",
        "| number | code | what is true | fields | who can do what |",
    )
    yield "|---:|---|---|---|---|"
    for refusal in sorted(refusals, key=lambda one: one.code):
        fields = ", ".join(f"`{name}`" for name in refusal.field_types)
        retry = " Trying again later may succeed." if refusal.transient else ""
        name = f"`{kebab(refusal.__name__)}`"
        yield f"| {app} {refusal.code} | {name} | {refusal.sentence()} | {fields} | {refusal.fix}{retry} |"


def _codes(told: Mapping[str, Code], given: set[str]) -> Iterator[str]:
    if told.keys() != given:
        missing, gone = sorted(given - told.keys()), sorted(told.keys() - given)
        raise LookupError(f"src/comity/web/codes.py: explain {missing}, drop {gone}")
    yield from ("", "| code | HTTP | what is true | who can do what |", "|---|---:|---|---|")
    for code, known in sorted(told.items()):
        yield f"| `{code}` | {known.status} | {known.title} | {known.fix} |"
