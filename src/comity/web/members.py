"""Who is on the ledger: members with their roles, and the keys that may sign for an account."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity import limits
from comity.errors import Malformed
from comity.model.account import from_text
from comity.node import directory
from comity.web.problems import Problem
from comity.web.routes import Operation, answer, node_of, query, values_of

Account = Annotated[str, Meta(pattern="^cm1[0-9a-z]{10,60}$")]
Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS_MAX)]
Limit = Annotated[int, Meta(ge=1, le=limits.READ_ROWS_MAX)]
PublicKey = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Members(msgspec.Struct, kw_only=True):
    """Members in the order of their accounts.

    Args:
        next: give it as ``after`` for those behind; null at the end.

    """

    members: list[directory.Member]
    next: str | None = None


class Keys(msgspec.Struct, kw_only=True):
    """Keys with the accounts that they may sign for."""

    keys: list[directory.Key]


async def list_members(request: Request) -> Response:
    """List members."""
    connection, values = node_of(request).lookups.connection, values_of(request)
    if "name" in values:
        return answer(Members(members=directory.member_named(connection, values["name"])))
    if "account" in values:
        found = directory.member_of(connection, account_of(values["account"]))
        return answer(Members(members=found))
    limit = values.get("limit", limits.READ_ROWS_DEFAULT)
    after = account_of(values["after"]) if "after" in values else b""
    found = directory.members(connection, after, limit)
    return answer(Members(members=found, next=found[-1].account if len(found) == limit else None))


async def list_keys(request: Request) -> Response:
    """List the keys of an account, or the accounts of a key."""
    node, values = node_of(request), values_of(request)
    if ("account" in values) == ("key" in values):
        raise Problem("bad-parameter", "give either account or key")
    if "account" in values:
        account = account_of(values["account"])
        return answer(Keys(keys=directory.keys_of(node.lookups.connection, account)))
    key = bytes.fromhex(values["key"])
    found = directory.founding_key(node.lookups.connection, key)
    if not found:
        found = await asyncio.to_thread(directory.search_key, node.folder.database, key)
    return answer(Keys(keys=found))


def account_of(text: str) -> bytes:
    """Return the account that a text names. Raises: Problem."""
    try:
        return from_text(text)
    except Malformed as error:
        raise Problem("bad-parameter", str(error)) from error


OPERATIONS = (
    Operation(
        method="GET", path="/v1/members", name="listMembers", tag="members",
        summary="List members with their roles, in the order of their accounts.",
        handler=list_members,
        parameters=(
            query("after", Account, "Begin behind this account: ``next`` of the answer before."),
            query("limit", Limit, f"Members of a page, {limits.READ_ROWS_DEFAULT} by default."),
            query("name", Name, "Only the member of this name."),
            query("account", Account, "Only the member that has this account."),
        ),
        answers={200: Members}, problems=(404,),
    ),
    Operation(
        method="GET", path="/v1/keys", name="listKeys", tag="members",
        summary="List the keys of an account, or the accounts of a key.",
        handler=list_keys,
        parameters=(
            query("account", Account, "The account whose keys are asked for."),
            query("key", PublicKey, "The public key, in hex, whose accounts are asked for."),
        ),
        answers={200: Keys},
    ),
)  # fmt: skip
