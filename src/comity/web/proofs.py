"""Routes that prove: bundles which anybody checks without this node (``comity verify``).

Invariant: nothing is signed here; a bundle holds the signature that its block was committed with.
"""

from starlette.requests import Request
from starlette.responses import Response

from comity.query import reads
from comity.web.blocks import IDENTIFIER
from comity.web.reading import AT, Height, ask, cache_of
from comity.web.routes import Media, Operation, query, values_of
from comity.web.rows import KEY, Token
from comity.web.tables import TABLE

_CBOR = "application/cbor"
_BUNDLE = Media(_CBOR, "A bundle: docs/audit/bundles.md.")


async def prove_row(request: Request) -> Response:
    """Prove a row, or that there is none."""
    values = values_of(request)
    read = reads.RowProofRead(table=values["table"], key=values["key"], at=values.get("at"))
    return await _prove(request, read)


async def prove_range(request: Request) -> Response:
    """Prove all rows between two keys."""
    values = values_of(request)
    read = reads.RangeProofRead(
        table=values["table"],
        low=values.get("low", ""),
        high=values.get("high", ""),
        at=values.get("at"),
    )
    return await _prove(request, read)


async def prove_transaction(request: Request) -> Response:
    """Prove a transaction and its receipt."""
    values = values_of(request)
    return await _prove(
        request, reads.TransactionProofRead(identifier=values["id"], at=values.get("at"))
    )


async def prove_consistency(request: Request) -> Response:
    """Prove that the log only grew."""
    values = values_of(request)
    return await _prove(
        request, reads.ConsistencyProofRead(older=values["since"], at=values.get("at"))
    )


async def _prove(
    request: Request,
    read: reads.RowProofRead
    | reads.RangeProofRead
    | reads.TransactionProofRead
    | reads.ConsistencyProofRead,
) -> Response:
    return await ask(request, read, media_type=_CBOR, cache=cache_of(read.at))


_PROBLEMS = (404, 408, 409)
OPERATIONS = (
    Operation(
        method="GET", path="/v1/tables/{table}/rows/{key}/proof", name="proveRow", tag="proofs",
        summary="Prove a row and who wrote it, or that there is no such row.",
        handler=prove_row, parameters=(TABLE, KEY, AT), answers={200: _BUNDLE}, problems=_PROBLEMS,
    ),
    Operation(
        method="GET", path="/v1/proofs/tables/{table}", name="proveRange", tag="proofs",
        summary="Prove all rows between two keys, and that there are no others.",
        handler=prove_range,
        parameters=(
            TABLE,
            query("low", Token, "First key, or its leading columns; the table's first by default."),
            query("high", Token, "Last key, or its leading columns; the table's last by default."),
            AT,
        ),
        answers={200: _BUNDLE}, problems=_PROBLEMS,
    ),
    Operation(
        method="GET", path="/v1/proofs/transactions/{id}", name="proveTransaction", tag="proofs",
        summary="Prove a transaction and its receipt.",
        handler=prove_transaction, parameters=(IDENTIFIER, AT),
        answers={200: _BUNDLE}, problems=_PROBLEMS,
    ),
    Operation(
        method="GET", path="/v1/proofs/consistency", name="proveConsistency", tag="proofs",
        summary="Prove that the log only grew since a height.",
        handler=prove_consistency,
        parameters=(query("since", Height, "The older height.", is_required=True), AT),
        answers={200: _BUNDLE}, problems=_PROBLEMS,
    ),
)  # fmt: skip
