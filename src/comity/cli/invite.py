"""``comity invite``: a link, or a word, with which others join.

Invariant: an invitation's private half is written once, to standard output, and is kept nowhere.
"""

import os
import sys
import time
from importlib import import_module
from ipaddress import ip_address
from urllib.parse import urlsplit

import click

from comity.cli.group import Command
from comity.cli.names import duration_ns, shown_time
from comity.cli.session import current
from comity.client.invitation import PATH, Invitation, ticket
from comity.client.transport import Transport
from comity.errors import ComityError
from comity.limits import INVITATION_SECRET_BYTES


@click.command(
    cls=Command,
    writes=True,
    short_help="Make a link with which others join.",
    examples="""
    comity invite --role buyer --uses 3 --expires 7d
    comity invite --node http://localhost:7080 --qr
    """,
)
@click.option("--role", metavar="R", help="That each guest gets; only an admin may offer one.")
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--expires", default="7d", show_default=True, metavar="TIME", help="Such as 12h or 7d."
)
@click.option("--qr", "is_qr", is_flag=True, help="Show the link as a QR code, too.")
def invite(role: str | None, uses: int, expires: str, is_qr: bool) -> None:
    """Make an invitation: a link where a node serves the ledger, else a word; whoever has it can join."""
    session = current()
    until_ns = time.time_ns() + duration_ns(expires)
    with session.ledger() as ledger:
        genesis = ledger.transport.genesis
        made = Invitation.of(os.urandom(INVITATION_SECRET_BYTES), genesis.hash)
        done = ledger.call(
            "members.invite",
            public_key=made.public_key,
            expires_ns=until_ns,
            uses=uses,
            **({} if role is None else {"role": role}),
        )
        word = made.to_text()
        url = None if session.is_dry_run else _public_url(ledger.transport, made)
        link = None if url is None else made.to_link(url, genesis)
        document = {
            "invitation": word, "link": link, "height": done.height,
            "transaction": done.identifier.hex(),
        }  # fmt: skip
        session.done(link or word, document)
        session.out.words(
            f"note  {uses} {'use' if uses == 1 else 'uses'}, until {shown_time(until_ns)}; whoever"
            f" has it can join{f' as {role}' if role else ''}: comity join {_quoted(link or word)}"
        )
        if url is not None and _is_here_only(url):
            session.out.words(
                f"note  {url} leads to the node from this machine only: for others start it with"
                " --host 0.0.0.0, and set url to the address that they reach"
            )
        if is_qr:
            _show_qr(link or word.upper())  # capitals make a smaller code


def _public_url(transport: Transport, made: Invitation) -> str | None:
    """Return the address at which others reach the node; None of a folder."""
    url = getattr(transport, "url", None)
    if url is None:
        return None
    name = ticket(transport.genesis, made.public_key)
    try:
        told = import_module("comity.client.joining").ask_link(url, name).link
    except ComityError:  # the invitation is made: the address that was used does
        return str(url)
    return str(told).partition(PATH)[0]


def _is_here_only(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _quoted(text: str) -> str:
    return f"'{text}'" if "#" in text else text


def _show_qr(text: str) -> None:
    """Draw a QR code on standard error, two rows of modules a line."""
    code = import_module("segno").make(text, error="l", micro=False)
    code.terminal(sys.stderr, compact=True)
