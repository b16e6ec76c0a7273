"""Sending signed transactions, and asking what became of them.

Invariant: 201 and 422 are answers of a block that is on disk; what has another status was not ordered, or, with 503
``fault`` and 504, is not known yet.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from comity.client.refused import Refused
from comity.crypto import cbor
from comity.errors import Malformed, Rejected
from comity.limits import REQUEST_TRANSACTIONS_MAX
from comity.model.outcome import NotOrdered, Ordered
from comity.node.explaining import explain
from comity.node.running import Node
from comity.web.bodies import accepts, media_type_of, prefers, read_body
from comity.web.problems import Problem, ProblemBody, body_of, shown
from comity.web.routes import Media, Operation, answer, header, node_of, path, values_of

CBOR = "application/cbor"
ADDRESS = "/v1/transactions/"
_ENVELOPE_HEAD = 0x84  # of an envelope: an array of four; a transaction is an array of two
_LIST_ITEMS_NESTING = 2


class Outcome(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a transaction.

    Args:
        id: of the transaction, in hex.
        status: 201 executed, 422 refused; others as for one transaction alone.
        position: in the log.
        results: one value a call; bytes are in hex.
        receipt: canonical bytes of the receipt, in hex, which the log commits to.
        problem: why it was refused, or not ordered.

    """

    status: int
    id: str | None = None
    height: int | None = None
    position: int | None = None
    results: list[Any] | None = None
    receipt: str | None = None
    problem: ProblemBody | None = None


class Outcomes(msgspec.Struct, kw_only=True):
    """What became of each of several transactions, in their order."""

    outcomes: list[Outcome]


class Accepted(msgspec.Struct, kw_only=True):
    """Transactions that are taken in; ask for each by its id."""

    ids: list[str]


async def send_transactions(request: Request) -> Response:
    """Have signed transactions ordered, and answer once they are final."""
    node = node_of(request)
    media_type_of(request, (CBOR,))
    body = await read_body(request, node.config.request_bytes_max)
    is_one = len(body) > 3 and body[3] == _ENVELOPE_HEAD
    transactions = [body] if is_one else split(body)
    if prefers(request, "respond-async"):
        return await _accept(node, transactions, is_one=is_one)
    answers = await node.submit(transactions, node.config.submit_time_ms / 1000)
    if accepts(request, CBOR):
        return _in_cbor(answers, is_one=is_one)
    outcomes = [outcome_of(node, each) for each in answers]
    if not is_one:
        final = all(each.status == 201 for each in outcomes)
        return answer(Outcomes(outcomes=outcomes), 201 if final else 207)
    return _one(outcomes[0])


async def read_transaction(request: Request) -> Response:
    """Say what became of a transaction."""
    node, text = node_of(request), values_of(request)["id"]
    identifier = bytes.fromhex(text)
    found = node.lookups.outcome(identifier)
    if found is not None:
        if accepts(request, CBOR):
            return _known_in_cbor(found)
        return answer(outcome_of(node, found))
    rejected = node.rejected.get(identifier)
    if rejected is not None:
        if accepts(request, CBOR):
            return _known_in_cbor(rejected)
        return answer(outcome_of(node, rejected))
    if node.is_expected(identifier):
        return answer(Accepted(ids=[text]), 202, {"Location": ADDRESS + text, "Retry-After": "1"})
    raise Problem("unknown-transaction", f"no block holds {text[:16]}..., and none is to")


def split(body: bytes) -> list[bytes]:
    """Return the transactions of a CBOR array of byte strings. Raises: Problem."""
    try:
        items = cbor.decode(body, size_max=len(body), depth_max=_LIST_ITEMS_NESTING)
    except Malformed as error:
        raise Problem(
            "malformed", f"the body is no transaction and no array of them: {error}"
        ) from error
    if type(items) is not list or not items or any(type(item) is not bytes for item in items):
        raise Problem(
            "malformed",
            "the body must be a transaction, or an array of transactions as byte strings",
        )
    if len(items) > REQUEST_TRANSACTIONS_MAX:
        raise Problem(
            "too-many",
            f"{len(items):,} transactions; a request holds at most {REQUEST_TRANSACTIONS_MAX}",
        )
    return items


def outcome_of(node: Node, given: Ordered | NotOrdered) -> Outcome:
    """Return what became of a transaction as the answer says it."""
    if isinstance(given, NotOrdered):
        problem = body_of(Rejected(given.code, given.message))
        return Outcome(status=problem.status, problem=problem)
    receipt = given.receipt
    common: dict[str, Any] = {
        "id": given.identifier.hex(),
        "height": given.height,
        "position": given.position,
        "receipt": receipt.encode().hex(),
    }
    if receipt.is_ok:
        return Outcome(status=201, results=shown(receipt.results), **common)
    refused = Refused(
        explain(node.apps, receipt),
        call_index=receipt.call_index or 0,
        identifier=given.identifier,
        height=given.height,
        name_of=node.lookups.name_of,
    )
    return Outcome(status=422, problem=body_of(refused), **common)


def _one(outcome: Outcome) -> Response:
    headers = {} if outcome.id is None else {"Location": ADDRESS + outcome.id}
    if outcome.problem is not None:
        retry = outcome.problem.retry_after
        headers |= {} if retry is None else {"Retry-After": str(retry)}
        content = msgspec.json.encode(outcome.problem)
        return Response(content, outcome.status, headers, media_type="application/problem+json")
    return answer(outcome, outcome.status, headers)


async def _accept(node: Node, transactions: Sequence[bytes], *, is_one: bool) -> Response:
    ids = [each.hex() for each in await node.submit_soon(transactions)]
    headers = {"Location": ADDRESS + ids[0]} if is_one else {}
    return answer(Accepted(ids=ids), 202, headers | {"Preference-Applied": "respond-async"})


def _in_cbor(answers: Sequence[Ordered | NotOrdered], *, is_one: bool) -> Response:
    """Answer as a program reads it."""
    items = [_item(each) for each in answers]
    statuses = [_status(each) for each in answers]
    if is_one:
        return Response(cbor.encode(items[0]), statuses[0], media_type=CBOR)
    status = 201 if all(each == 201 for each in statuses) else 207
    return Response(cbor.encode(items), status, media_type=CBOR)


def _known_in_cbor(given: Ordered | NotOrdered) -> Response:
    return Response(cbor.encode(_item(given)), media_type=CBOR)


def _item(given: Ordered | NotOrdered) -> cbor.Value:
    """Return [0, id, height, position, receipt], or [1, code, message, waits]."""
    if isinstance(given, Ordered):
        receipt = given.receipt.encode()
        return [0, given.identifier, given.height, given.position, receipt]
    return [1, given.code, given.message, given.waits]


def _status(given: Ordered | NotOrdered) -> int:
    if isinstance(given, Ordered):
        return 201 if given.receipt.is_ok else 422
    return body_of(Rejected(given.code, given.message)).status


_ID = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_BODY = Media(CBOR, "A signed transaction, or an array of them as byte strings.")
_ANSWER = Media(
    CBOR, "[0, id, height, position, receipt] or [1, code, message, waits]; of several, an array."
)

OPERATIONS = (
    Operation(
        method="POST", path="/v1/transactions", name="sendTransactions", tag="transactions",
        summary="Have signed transactions ordered; answer once they are final.",
        description=(
            "One transaction: 201 executed, 422 refused by a rule, else a problem. Several: 201 when all were"
            " executed, else 207, with a status for each. One that is known answers its receipt, so sending again is"
            " safe. After 504 it goes on: ask for it by its id."
        ),
        handler=send_transactions, bodies=(_BODY,),
        parameters=(
            header("Prefer", str, "respond-async: answer 202 at once, with the ids."),
        ),
        answers={201: (Outcome, Outcomes, _ANSWER), 202: Accepted, 207: (Outcomes, _ANSWER)},
        problems=(401, 403, 408, 409, 413, 415, 422, 429, 503, 504),
    ),
    Operation(
        method="GET", path=ADDRESS + "{id}", name="readTransaction", tag="transactions",
        summary="Say what became of a transaction.",
        handler=read_transaction, parameters=(path("id", _ID, "Id of the transaction, in hex."),),
        answers={200: (Outcome, _ANSWER), 202: Accepted}, problems=(404,),
    ),
)  # fmt: skip
