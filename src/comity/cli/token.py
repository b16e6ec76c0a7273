"""``comity token``: lets programs change rows through this node, within a scope, until a time.

Invariant: a token is shown once, on standard output, and stands in no file.
"""

import time
from pathlib import Path

import click

from comity.cli.group import Command, LazyGroup
from comity.cli.names import duration_ns, shown_account, shown_time
from comity.cli.output import table
from comity.cli.session import Session, current
from comity.client import keystore
from comity.client.secret import Secret, sealed
from comity.crypto import words
from comity.limits import SECOND_NS
from comity.model.account import to_text
from comity.node.folder import Folder
from comity.node.tokens import Tokens


@click.group(
    cls=LazyGroup,
    short_help="Let programs change rows through this node.",
    examples="""
    comity token new stock:add --expires 7d --title "till at the door"
    comity token ls
    comity token revoke 4f1c9a02d3b7e655
    """,
)
def token() -> None:
    """Make, list and withdraw tokens, with which the node signs row changes over HTTP.

    Whoever has a token can do what it permits, and nothing else. The node's disk alone permits
    nothing: the key is sealed under the token.
    """


@token.command(
    cls=Command,
    writes=True,
    examples="""
    comity token new stock:add stock:change --expires 30d
    comity token new 'stock:*' --as till --title "till at the door"
    """,
)
@click.argument("scope", nargs=-1, required=True, metavar="TABLE:DEED...")
@click.option(
    "--expires", default="30d", show_default=True, metavar="TIME", help="Such as 12h or 30d."
)
@click.option("--title", default="", metavar="TEXT", help="What it is for.")
@sealed
def new(scope: tuple[str, ...], expires: str, title: str) -> None:
    """Make a token for the account that acts, and write it to standard output.

    A deed is add, change or remove; * is any deed, or any table.
    """
    session = current()
    info = session.key_info()
    life_s = duration_ns(expires) // SECOND_NS
    if session.is_dry_run:
        session.out.words(f"would make a token of {info.name} for {', '.join(scope)}")
        return
    transport = session.folder_transport()
    made = _tokens(session).issue(
        _seed(session.keys, info.name, session.passphrase(f"key {info.name}")),
        scope=scope,
        now_ns=time.time_ns(),
        life_s=life_s,
        title=title,
        account=transport.account_of_key(info.public_key),
    )
    session.out.data(made, {"token": made, "scope": list(scope), "account": info.account_text})
    session.out.words("note  shown this once: whoever has it can do what it permits")


@token.command(cls=Command, examples="comity token ls --json")
def ls() -> None:
    """List the tokens of this node, without their secrets."""
    session = current()
    transport, now_ns = session.folder_transport(), time.time_ns()
    rows, documents = [], []
    for info in _tokens(session).ls():
        who, scope, ends = (
            shown_account(info.account, transport), " ".join(info.scope), shown_time(info.ends_ns),
        )  # fmt: skip
        state = "over" if info.ends_ns <= now_ns else "good"
        rows.append((info.identifier, who, scope, ends, state, info.title))
        documents.append(
            {
                "token": info.identifier,
                "account": to_text(info.account),
                "scope": list(info.scope),
                "ends": ends,
                "is_over": state == "over",
                "title": info.title,
            }
        )
    heading = ("token", "account", "scope", "ends", "state", "title")
    session.out.data(table(heading, rows) if rows else "", documents)
    if not rows:
        session.out.words("no tokens; make one with: comity token new TABLE:DEED")


@token.command(cls=Command, writes=True, examples="comity token revoke 4f1c9a02d3b7e655")
@click.argument("identifier", metavar="TOKEN")
def revoke(identifier: str) -> None:
    """Withdraw a token, at once; the 16 digits behind ``comity_`` name it."""
    session = current()
    if session.is_dry_run:
        session.out.words(f"would withdraw token {identifier}")
        return
    _tokens(session).revoke(identifier)
    session.out.words(f"- token {identifier}")


def _tokens(session: Session) -> Tokens:
    return Tokens(session.node, Folder(session.node).read_genesis().hash)


@sealed
def _seed(keys: Path, name: str, passphrase: Secret) -> Secret:
    phrase = keystore.export_words(keys, name, passphrase)
    return Secret(words.derive_seed(words.to_entropy(phrase.reveal_text())))
