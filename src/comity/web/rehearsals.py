"""The route that says what would become of a signed transaction, for ``--dry-run``.

Invariant: nothing is ordered and nothing is kept.
"""

from starlette.requests import Request
from starlette.responses import Response

from comity.crypto import cbor
from comity.limits import TRANSACTION_BYTES_MAX
from comity.model.outcome import Ordered
from comity.node.rehearsing import Rehearsals
from comity.web.bodies import accepts, media_type_of, read_body
from comity.web.routes import Media, Operation, answer, node_of
from comity.web.transactions import CBOR, Outcome, outcome_of


async def rehearse(request: Request) -> Response:
    """Say what would become of a transaction."""
    media_type_of(request, (CBOR,))
    body = await read_body(request, TRANSACTION_BYTES_MAX)
    found = await _rehearsals_of(request).ask(body)
    if not accepts(request, CBOR):
        return answer(outcome_of(node_of(request), found))
    item: list[cbor.Value] = [1]
    if isinstance(found, Ordered):
        item = [0, found.identifier, found.height, found.position, found.receipt.encode()]
    else:
        item += [found.code, found.message, found.waits]
    return Response(cbor.encode(item), media_type=CBOR)


def _rehearsals_of(request: Request) -> Rehearsals:
    node, state = node_of(request), request.app.state
    if not hasattr(state, "rehearsals"):
        key_id = node.folder.read_key().key_id
        state.rehearsals = Rehearsals(node.folder.database, node.genesis, node.apps, key_id)
    found: Rehearsals = state.rehearsals
    return found


OPERATIONS = (
    Operation(
        method="POST", path="/v1/rehearsals", name="rehearseTransaction", tag="transactions",
        summary="Say what would become of a signed transaction; nothing is ordered.",
        description="The answer is that of POST /v1/transactions, as the rules are now; its status stands inside.",
        handler=rehearse, bodies=(Media(CBOR, "A signed transaction."),),
        answers={200: (Outcome, Media(CBOR, "As of POST /v1/transactions."))},
        problems=(408, 413, 415, 503),
    ),
)  # fmt: skip
