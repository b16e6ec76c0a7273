"""Routes that show blocks and what is in them.

Invariant: what is shown is what the log commits to, decoded.
"""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity import limits
from comity.query import documents, reads
from comity.web.reading import Height, ask
from comity.web.routes import Operation, path, query, values_of
from comity.web.rows import LIMIT

IDENTIFIER = path(
    "id",
    Annotated[str, Meta(pattern="^[0-9a-f]{8,64}$")],
    "Id of the transaction in hex, or its first 8 digits or more.",
)


async def list_blocks(request: Request) -> Response:
    """List blocks, newest first."""
    values = values_of(request)
    limit = values.get("limit", limits.READ_ROWS_DEFAULT)
    return await ask(request, reads.BlocksRead(after=values.get("below"), limit=limit))


async def read_block(request: Request) -> Response:
    """Show a block."""
    return await ask(request, reads.BlockRead(height=values_of(request)["height"]))


async def read_content(request: Request) -> Response:
    """Show what a transaction says."""
    return await ask(request, reads.TransactionRead(identifier=values_of(request)["id"]))


OPERATIONS = (
    Operation(
        method="GET", path="/v1/blocks", name="listBlocks", tag="blocks",
        summary="List blocks, newest first.",
        handler=list_blocks,
        parameters=(query("below", Height, "Begin below this height: ``next`` of the answer before."), LIMIT),
        answers={200: documents.Blocks}, problems=(408,),
    ),
    Operation(
        method="GET", path="/v1/blocks/{height}", name="readBlock", tag="blocks",
        summary="Show a block: app hash, evidence, tables that it changed, transactions.",
        handler=read_block, parameters=(path("height", Height, "Height of the block."),),
        answers={200: documents.BlockDetail}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/v1/transactions/{id}/content", name="readTransactionContent", tag="blocks",
        summary="Show what a final transaction says: who, which calls, what became of it.",
        handler=read_content, parameters=(IDENTIFIER,),
        answers={200: documents.TransactionDetail}, problems=(404, 408),
    ),
)  # fmt: skip
