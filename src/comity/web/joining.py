"""What a link to join says: whose ledger, what a guest will be able to do, how to join, or why it is of no more use.

The word that lets somebody join stands behind ``#`` in the link, so it never reaches this node. Looking uses
nothing up.

Invariant: the page and the record say the same; a page loads nothing from elsewhere.
"""

import time
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from comity.client.invitation import PATH, TICKET_DIGITS
from comity.errors import QueryError
from comity.limits import INVITATION_TABLES_MAX
from comity.node.invitations import Invited, State, invited
from comity.node.running import Node
from comity.query import reads
from comity.query.times import text_of
from comity.web import pages
from comity.web.joining_page import POLICY, Joining, page
from comity.web.reading import media_of
from comity.web.routes import JSON, Media, Operation, answer, node_of, path, values_of

T = TypeVar("T")
_INSTALL = "uv tool install comity"
_STATUS = {"open": 200, "unknown": 404, "other-ledger": 404}  # 410 for what was open once
_SENTENCES: dict[State, str] = {
    "open": "{inviter} invites you to the ledger {ledger}.",
    "used-up": "This invitation to {ledger} was used as often as it may be.",
    "expired": "This invitation to {ledger} expired at {expires}.",
    "withdrawn": "This invitation to {ledger} was withdrawn.",
    "void": "{inviter}, who gave this invitation to {ledger}, may no longer give such.",
    "unknown": "The ledger {ledger} knows no such invitation.",
    "other-ledger": "This link is to another ledger than {ledger}, which this address serves.",
}
_NEXT: dict[State, str] = {
    "open": "Run the commands below on your own machine.",
    "used-up": "Ask {inviter} for a new one. If it was you who joined: comity sql QUERY --node {name}",
    "expired": "Ask {inviter} for a new one.",
    "withdrawn": "Ask {inviter} why, or for a new one.",
    "void": "Ask an admin of the ledger for a new one.",
    "unknown": "Compare the link with the one that you were given, or ask for a new one.",
    "other-ledger": "Ask whoever gave you the link for the address at which that ledger is now.",
}


async def read_joining(request: Request) -> Response:
    """Answer what a link is, as a page or as a record."""
    media_type = media_of(request, (pages.HTML.partition(";")[0], JSON))
    node, ticket = node_of(request), values_of(request)["ticket"]
    now_ns = max(time.time_ns(), node.tip.time_ns)
    found = invited(node.lookups.connection, node.genesis, ticket, now_ns)
    base = node.config.url or str(request.base_url)
    joining = _joining(node, found, f"{base.rstrip('/')}{PATH}{ticket}")
    if found.state == "open":
        joining.rights = [*_general(found.role), *await _of_tables(node)]
        joining.commands = [_INSTALL, "comity join 'LINK'"]
    status = _STATUS.get(found.state, 410)
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Vary": "Accept"}
    if media_type == JSON:
        return answer(joining, status, headers)
    headers["Content-Security-Policy"] = POLICY
    return Response(page(joining), status, headers, media_type=pages.HTML)


def _joining(node: Node, found: Invited, link: str) -> Joining:
    expires = None if found.expires_ns is None else text_of(found.expires_ns)[:19] + "Z"
    inviter = found.inviter or "whoever gave it"
    words = {
        "ledger": node.genesis.chain_id, "name": node.genesis.ledger, "inviter": inviter,
        "expires": expires,
    }  # fmt: skip
    return Joining(
        ledger=node.genesis.chain_id,
        genesis=node.genesis.hash.hex(),
        state=found.state,
        sentence=_SENTENCES[found.state].format(**words),
        next=_NEXT[found.state].format(**words),
        link=link,
        inviter=found.inviter,
        role=found.role,
        uses_left=found.uses_left,
        expires=expires,
    )


def _general(role: str | None) -> list[str]:
    said = ["You read everything on this ledger, and check what you read by yourself."]
    said.append("You sign what you write with a key that stays on your own machine.")
    if role == "admin":
        said.append("You get the role admin: you invite and admit others, give roles and suspend.")
    elif role is not None:
        said.append(f"You get the role {role}.")
    return said


class _Table(msgspec.Struct):
    name: str


class _Tables(msgspec.Struct):
    result: list[_Table]


class _Rules(msgspec.Struct):
    rules: list[str]


class _Described(msgspec.Struct):
    result: _Rules


async def _of_tables(node: Node) -> list[str]:
    """Return what the rules of the first tables say, a sentence each."""
    try:
        found = await _view(node, _Tables, "ls", limit=INVITATION_TABLES_MAX + 1)
        said = []
        for table in found.result[:INVITATION_TABLES_MAX]:
            described = await _view(node, _Described, "describe", table=table.name)
            said += [f"{table.name}: {words}" for words in described.result.rules]
    except QueryError:  # a ledger without the app tables
        return []
    if len(found.result) > INVITATION_TABLES_MAX:
        said.append("There are more tables: comity table ls")
    return said


async def _view(node: Node, kind: type[T], view: str, **arguments: object) -> T:
    read = reads.ViewRead(app="tables", view=view, arguments=arguments, media="msgpack")
    return msgspec.msgpack.decode((await node.readers.ask(read)).body, type=kind)


OPERATIONS = (
    Operation(
        method="GET", path=f"{PATH}{{ticket}}", name="readJoining", tag="members",
        summary="Say what a link to join is: whose ledger, what a guest may do, how to join.",
        description="A page for people, or a record. 200: it lets somebody join; 410: no more; 404: it never did here."
        " Nothing is used up by looking.",
        handler=read_joining,
        parameters=(
            path(
                "ticket", str,
                f"Of the link: the ledger's name, 4 digits of its genesis hash and {TICKET_DIGITS} of the"
                " invitation's public key, with dashes.",
            ),
        ),
        answers={status: (Joining, Media("text/html")) for status in (200, 404, 410)},
    ),
)  # fmt: skip
