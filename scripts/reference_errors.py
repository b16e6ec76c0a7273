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

SOURCE = Path(comity.__file__).parent

# code -> (what is true, who can do what about it)
REJECTIONS: Mapping[str, tuple[str, str]] = {
    "malformed": (
        "The bytes are not one transaction in its one encoding.",
        "The program's author.",
    ),
    "too-large": ("The transaction has more bytes than one may.", "You: split it."),
    "expired": ("Its time was over before a block could hold it.", "You: sign it again."),
    "too-far-ahead": ("It would be valid for too long.", "You: set an earlier end."),
    "duplicate": ("It was ordered before.", "Nobody has to: ask for its receipt by id."),
    "unknown-account": ("The account is not on this ledger.", "You: join, or act as a member."),
    "suspended": ("The account is suspended.", "An admin: `comity member restore NAME`."),
    "unknown-key": ("The account does not have the key.", "You: sign with one that it has."),
    "key-expired": ("The key is no longer valid.", "You: sign with another key."),
    "not-open": ("A newcomer may only call what lets it join.", "You: join first."),
    "bad-signature": (
        "The key did not sign this, or signed it for another ledger.",
        "You: sign it again.",
    ),
    "sender-bound": ("The account used its share of a block.", "Nobody: it waits for the next."),
    "join-bound": ("The block admits no more accounts.", "Nobody: it waits for the next."),
    "block-full": ("The block is full.", "Nobody: it waits for the next."),
    "not-due": ("The ledger's next block is not due yet.", "Nobody: it waits."),
    "app-fault": ("The application failed while executing it.", "The application's author."),
}
READS: Mapping[str, tuple[str, str]] = {
    "arguments": ("A function, key or view got other arguments than it takes.", "Correct them."),
    "damaged": ("The file is not as it must be.", "Run `comity audit`; restore a backup."),
    "failed": ("The query, or its process, ended unexpectedly.", "Try again; report it."),
    "not-text": ("Text is not UTF-8.", "Select it as `hex(...)`; correct the query."),
    "other-history": ("The checkpoint is of another history.", "Compare with whoever gave it."),
    "other-ledger": ("The checkpoint is of another ledger.", "Choose the right one."),
    "out-of-range": ("The log has no such entry or size.", "Ask for one that it has."),
    "parameters": ("The values do not fit the query's parameters.", "Give one for each."),
    "pruned-height": ("The history of that height is no longer kept.", "Ask a later height."),
    "refused": ("The statement is not allowed in a query.", "Only read, in one statement."),
    "row-exists": ("The row is there, so its absence cannot be proved.", "Prove the row."),
    "row-not-found": ("There is no such row.", "Check the key; see `comity log`."),
    "syntax": ("The statement is not SQL, or names what is not there.", "Correct it."),
    "too-costly": ("The read passed a limit, which the message names.", "Ask for less."),
    "unknown-app": ("The ledger has no such application.", "See `comity view`."),
    "unknown-height": ("The ledger has no such height.", "See the last one in any answer."),
    "unavailable": ("The file is busy or cannot be read now.", "Try again."),
    "unknown-table": ("The ledger has no such table.", "See `comity table ls`."),
    "unknown-transaction": ("The log has no such transaction.", "Check the id."),
    "unknown-view": ("The application has no such view.", "See `comity view`."),
}


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


def _codes(told: Mapping[str, tuple[str, str]], given: set[str]) -> Iterator[str]:
    if told.keys() != given:
        missing, gone = sorted(given - told.keys()), sorted(told.keys() - given)
        raise LookupError(f"scripts/reference_errors.py: explain {missing}, drop {gone}")
    yield from ("", "| code | what is true | who can do what |", "|---|---|---|")
    for code, (sentence, fix) in sorted(told.items()):
        yield f"| `{code}` | {sentence} | {fix} |"
