"""``comity member``: who belongs to the ledger, and who may what.

Invariant: whoever acts is named by a key; a member is named by the name that others see, or by its account.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from comity.cli.group import Command, LazyGroup
from comity.cli.names import account_from, public_key_from, shown_account, shown_time
from comity.cli.output import pairs, table
from comity.cli.session import current
from comity.client.invitation import PREFIX, Invitation, from_link, is_link
from comity.client.ledger import Done
from comity.client.refused import Refused
from comity.client.transport import Transport
from comity.model.account import to_text
from comity.model.transaction import Call

_USED = ("members", 5)  # app and number of the refusal InvitationUsed
_MEMBERS_MAX = 1_000  # listed at once
_KEYS = "SELECT lower(hex(key)), scope FROM comity_key WHERE account = ? ORDER BY scope DESC, key"


@click.group(
    cls=LazyGroup,
    lazy={  # as comity invite and comity join
        "invite": ("comity.cli.invite:invite", "Make a link with which others join."),
        "join": ("comity.cli.join:join", "Become a member by a link or a word."),
    },
    short_help="Admit and list members, give roles, suspend.",
    examples="""
    comity member ls
    comity invite --role buyer --expires 7d
    comity join cmi1... --name bo --as bo
    comity member role give bo buyer
    """,
)
def member() -> None:
    """Invite, admit and list members, give and take roles."""


@member.command(cls=Command, examples="comity member ls --json")
def ls() -> None:
    """List the members with their roles, by name."""
    session = current()
    found = session.transport().view("members.ls", {"limit": _MEMBERS_MAX})
    found = sorted(found, key=lambda one: str(one["name"]))
    rows = [
        (one["name"], ", ".join(one["roles"]), one["status"], to_text(one["account"]))
        for one in found
    ]
    session.out.data(
        table(("name", "roles", "status", "account"), rows), [_document(one) for one in found]
    )


@member.command(cls=Command, examples="comity member show bo")
@click.argument("name")
def show(name: str) -> None:
    """Show a member (name or account): roles, standing, keys."""
    session = current()
    transport = session.transport()
    found = transport.view("members.whoami", {"account": account_from(name, transport)})
    answer = session.reader().sql(_KEYS, (found["account"],))
    keys = [(str(key), str(scope)) for key, scope in answer.rows()]
    document = _document(found)
    shown = document | {"admitted_by": shown_account(found["admitted_by"], transport)}
    lines = [(label.replace("_", " "), _text(value)) for label, value in shown.items()]
    lines += [(f"key ({scope})", key) for key, scope in keys]
    listed = [{"public_key": key, "scope": scope} for key, scope in keys]
    session.out.data(pairs(lines), document | {"keys": listed})


@member.command(
    cls=Command, writes=True, examples="comity member admit bo 3b6a27bc... --role buyer"
)
@click.argument("name")
@click.argument("public_key")
@click.option("--role", metavar="R", help="That the member gets.")
def admit(name: str, public_key: str, role: str | None) -> None:
    """Make the holder of PUBLIC_KEY a member; for admins."""
    arguments: dict[str, Any] = {"name": name, "public_key": public_key_from(public_key)}
    if role is not None:
        arguments["role"] = role
    with current().ledger() as ledger:
        _tell(f"+ {name}", ledger.call("members.admit", **arguments))


@member.command(
    cls=Command,
    writes=True,
    examples="""
    comity member role give bo buyer
    comity member role take bo buyer
    """,
)
@click.argument("verb", type=click.Choice(["give", "take"]))
@click.argument("name")
@click.argument("role_name", metavar="ROLE")
def role(verb: str, name: str, role_name: str) -> None:
    """Give a role to a member, or take it; for admins."""
    with current().ledger() as ledger:
        account = account_from(name, ledger.transport)
        done = ledger.call(f"members.{verb}_role", account=account, role=role_name)
        _tell(f"{'+' if verb == 'give' else '-'} {name}: {role_name}", done)


@member.command(cls=Command, writes=True, examples="comity member suspend bo")
@click.argument("name")
def suspend(name: str) -> None:
    """Let a member sign nothing until restored; for admins."""
    with current().ledger() as ledger:
        account = account_from(name, ledger.transport)
        _tell(f"- {name} suspended", ledger.call("members.suspend", account=account))


@member.command(cls=Command, writes=True, examples="comity member remove bo")
@click.argument("name")
def remove(name: str) -> None:
    """Take all roles from a member, and let it sign nothing; its rows and its history stay."""
    session = current()
    with session.ledger() as ledger:
        account = account_from(name, ledger.transport)
        roles = ledger.view("members.whoami", account=account)["roles"]
        calls = [Call("members.take_role", {"account": account, "role": one}) for one in roles]
        calls.append(Call("members.suspend", {"account": account}))
        if not session.is_dry_run:
            session.confirm(f"Remove {name}?")
        done = ledger.send(ledger.sign(calls))
        taken = f", roles taken: {', '.join(roles)}" if roles else ""
        _tell(f"- {name} removed{taken}", done)


@member.command(cls=Command, writes=True, examples="comity member restore bo")
@click.argument("name")
def restore(name: str) -> None:
    """Let a suspended member sign again; for admins."""
    with current().ledger() as ledger:
        account = account_from(name, ledger.transport)
        _tell(f"+ {name} restored", ledger.call("members.restore", account=account))


@member.command(cls=Command, writes=True, examples="comity member rename Roberta --as bo")
@click.argument("name")
def rename(name: str) -> None:
    """Take another name."""
    with current().ledger() as ledger:
        _tell(f"~ now named {name}", ledger.call("members.rename", name=name))


@member.command(cls=Command, writes=True, examples="comity member withdraw 9f3c...")
@click.argument("invitation")
def withdraw(invitation: str) -> None:
    """Let an invitation (its link, its word, or its public key) be of no more use."""
    if is_link(invitation):
        public_key = from_link(invitation)[1].public_key
    elif invitation.startswith(f"{PREFIX}1"):
        public_key = Invitation.from_text(invitation).public_key
    else:
        public_key = public_key_from(invitation)
    with current().ledger() as ledger:
        with telling_withdrawn(ledger.transport, public_key):
            done = ledger.call("members.withdraw", public_key=public_key)
        _tell("- invitation withdrawn", done)


@member.command(cls=Command, examples="comity member invitations")
def invitations() -> None:
    """List the invitations, by their public halves: open, expired, used up or withdrawn."""
    session = current()
    transport = session.transport()
    found = transport.view("members.invitations", {"limit": _MEMBERS_MAX})
    documents = [
        {
            "public_key": one.public_key.hex(),
            "role": one.role,
            "uses_left": one.uses_left,
            "expires": shown_time(one.expires_ns),
            "inviter": shown_account(one.inviter, transport),
            "state": _state(one, transport),
        }
        for one in found
    ]
    rows = [[_text(value) for value in document.values()] for document in documents]
    session.out.data(
        table(("public key", "role", "uses left", "expires", "inviter", "state"), rows)
        if rows
        else "",
        documents,
    )


@contextmanager
def telling_withdrawn(transport: Transport, public_key: bytes | None) -> Iterator[None]:
    """Say of an invitation that may not be used any more who withdrew it, where somebody did."""
    try:
        yield
    except Refused as error:
        event = None
        if public_key is not None and (error.app, error.number) == _USED:
            event = _withdrawal(transport, public_key)
        if event is None:
            raise
        who = shown_account(event.sender, transport)
        sentence = f"{who} withdrew the invitation in block {event.height}."
        told = msgspec.structs.replace(error.explanation, sentence=sentence, fields={})
        identifier, height = error.identifier, error.height
        raise Refused(told, identifier=identifier, height=height) from error


def _withdrawal(transport: Transport, public_key: bytes) -> Any:
    """Return the event that withdrew an invitation; None where its last change let somebody join."""
    last = transport.history("members__invitation", (public_key,)).changes[-1].event
    joined = transport.history("members__member", (last.sender,)).changes
    return None if joined and joined[0].event.position == last.position else last


def _state(one: Any, transport: Transport) -> str:
    if one.uses_left == 0:
        return "used up" if _withdrawal(transport, one.public_key) is None else "withdrawn"
    return "expired" if one.expires_ns < time.time_ns() else "open"


def _document(one: dict[str, Any]) -> dict[str, Any]:
    by = one["admitted_by"]
    return dict(one) | {
        "account": to_text(one["account"]),
        "admitted_by": None if by is None else to_text(by),
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def _tell(words: str, done: Done) -> None:
    current().settled(words, done)
