"""The route that says whose a key is.

Invariant: what is answered is of the last block; keys of former members are not there.
"""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity.limits import PUBLIC_KEY_BYTES
from comity.model import account
from comity.web.problems import Problem
from comity.web.routes import Operation, answer, node_of, path, values_of


class Key(msgspec.Struct, kw_only=True):
    """A key.

    Args:
        key: public, in hex; who: the member's name, where the ledger has members.
    """

    key: str
    account: str
    who: str | None


async def read_key(request: Request) -> Response:
    """Say whose a key is."""
    lookups, text = node_of(request).lookups, values_of(request)["key"]
    found = lookups.account_of_key(bytes.fromhex(text))
    if found is None:
        raise Problem("not-found", f"no account has the key {text[:16]}...")
    return answer(Key(key=text, account=account.to_text(found), who=lookups.name_of(found)))


_KEY = Annotated[str, Meta(pattern=f"^[0-9a-f]{{{2 * PUBLIC_KEY_BYTES}}}$")]
OPERATIONS = (
    Operation(
        method="GET", path="/v1/keys/{key}", name="readKey", tag="ledger",
        summary="Say which account has a public key.",
        handler=read_key, parameters=(path("key", _KEY, "The Ed25519 public key, in hex."),),
        answers={200: Key}, problems=(404,),
    ),
)  # fmt: skip
