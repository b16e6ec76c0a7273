"""Each code of an error that is no refusal: its status in HTTP, what is true, and who can do what about it.

A refusal has its words from the application that declares it. ``scripts.reference_errors`` writes the page of errors
from here, and refuses to when the source gives a code that this table lacks.

Invariant: a code means one thing, whatever gives it.
"""

from collections.abc import Mapping

import msgspec


class Code(msgspec.Struct, frozen=True):
    """Status in HTTP; what is true, as a sentence; who can do what about it."""

    status: int
    title: str
    fix: str


# A transaction that was never ordered.
REJECTIONS: Mapping[str, Code] = {
    "malformed": Code(
        400, "The bytes are not one transaction in its one encoding.", "The program's author."
    ),
    "too-large": Code(413, "The transaction has more bytes than one may.", "You: split it."),
    "expired": Code(400, "Its time was over before a block could hold it.", "You: sign it again."),
    "too-far-ahead": Code(400, "It would be valid for too long.", "You: set an earlier end."),
    "duplicate": Code(409, "It was ordered before.", "Nobody has to: ask for its receipt by id."),
    "unknown-account": Code(
        401, "The account is not on this ledger.", "You: join, or act as a member."
    ),
    "suspended": Code(403, "The account is suspended.", "An admin: `comity member restore NAME`."),
    "unknown-key": Code(
        401, "The account does not have the key.", "You: sign with one that it has."
    ),
    "key-expired": Code(401, "The key is no longer valid.", "You: sign with another key."),
    "not-open": Code(403, "A newcomer may only call what lets it join.", "You: join first."),
    "bad-signature": Code(
        401, "The key did not sign this, or signed it for another ledger.", "You: sign it again."
    ),
    "sender-bound": Code(
        429, "The account used its share of a block.", "Nobody: it waits for the next."
    ),
    "join-bound": Code(429, "The block admits no more accounts.", "Nobody: it waits for the next."),
    "block-full": Code(503, "The block is full.", "Nobody: it waits for the next."),
    "not-due": Code(503, "The ledger's next block is not due yet.", "Nobody: it waits."),
    "app-fault": Code(
        400, "The application failed while executing it.", "The application's author."
    ),
    "disk-full": Code(
        503,
        "The node's disk is full: no block can be written.",
        "The node's operator: make room. Nothing that was final is lost.",
    ),
}
# A query, view, look-up or proof that cannot be answered.
READS: Mapping[str, Code] = {
    "arguments": Code(
        400, "A function, key or view got other arguments than it takes.", "Correct them."
    ),
    "damaged": Code(503, "The file is not as it must be.", "Run `comity audit`; restore a backup."),
    "failed": Code(503, "The query, or its process, ended unexpectedly.", "Try again; report it."),
    "no-history": Code(409, "The table keeps no history.", "Its rows as they are now can be read."),
    "not-text": Code(400, "Text is not UTF-8.", "Select it as `hex(...)`; correct the query."),
    "other-history": Code(
        409, "The checkpoint is of another history.", "Compare with whoever gave it."
    ),
    "other-ledger": Code(409, "The checkpoint is of another ledger.", "Choose the right one."),
    "out-of-range": Code(404, "The log has no such entry or size.", "Ask for one that it has."),
    "parameters": Code(400, "The values do not fit the query's parameters.", "Give one for each."),
    "pruned-height": Code(
        404, "The history of that height is no longer kept.", "Ask a later height."
    ),
    "refused": Code(
        400, "The statement is not allowed in a query.", "Only read, in one statement."
    ),
    "row-exists": Code(409, "The row is there, so its absence cannot be proved.", "Prove the row."),
    "row-not-found": Code(404, "There is no such row.", "Check the key; see `comity log`."),
    "syntax": Code(400, "The statement is not SQL, or names what is not there.", "Correct it."),
    "too-costly": Code(400, "The read passed a limit, which the message names.", "Ask for less."),
    "unknown-app": Code(404, "The ledger has no such application.", "See `comity view`."),
    "unknown-height": Code(
        404, "The ledger has no such height.", "See the last one in any answer."
    ),
    "unavailable": Code(503, "The file is busy or cannot be read now.", "Try again."),
    "unknown-table": Code(404, "The ledger has no such table.", "See `comity table ls`."),
    "unknown-transaction": Code(404, "The log has no such transaction.", "Check the id."),
    "unknown-view": Code(404, "The application has no such view.", "See `comity view`."),
    "bad-token": Code(
        400, "The page's token is not one that was given for this list.", "Begin at the first page."
    ),
    "over-limit": Code(
        400, "More is asked for than one answer may hold.", "Ask for less; see /v1/limits."
    ),
    "row-removed": Code(410, "The row was there and was removed.", "See its history."),
    "unknown-column": Code(400, "The table has no such column.", "Correct its name."),
    "unsortable": Code(
        400, "The list cannot be sorted so.", "Sort by a column that the message names."
    ),
}
# What a node says of requests and of itself.
HTTP: Mapping[str, Code] = {
    "bad-parameter": Code(
        400,
        "A parameter of the request is missing or wrong.",
        "You: correct it; /v1/docs says what is taken.",
    ),
    "unknown-parameter": Code(
        400, "The operation has no such parameter.", "You: correct its name; /v1/docs lists them."
    ),
    "bad-body": Code(
        400,
        "The body is not what the operation takes.",
        "You: correct it; /v1/docs says what is taken.",
    ),
    "bad-request": Code(400, "The bytes are no HTTP request.", "The program's author."),
    "not-found": Code(404, "There is nothing at this address.", "You: see /v1/docs."),
    "unknown-block": Code(
        404, "The ledger has no block of this height.", "You: see the last one at /v1/ledger."
    ),
    "method-not-allowed": Code(405, "The address does not take this method.", "You: see /v1/docs."),
    "not-acceptable": Code(
        406, "No form of the answer that the request accepts.", "You: accept application/json."
    ),
    "token-required": Code(
        401,
        "This node signs for who shows a token.",
        "You: send one, or sign yourself and use /v1/transactions. The operator: `comity token new`.",
    ),
    "token-refused": Code(
        401,
        "The token is unknown here, withdrawn, or over.",
        "The operator: a new one, with `comity token new`.",
    ),
    "out-of-scope": Code(
        403,
        "The token does not permit this deed on this table.",
        "The operator: a token with another scope.",
    ),
    "if-match-required": Code(
        428,
        "A change must name the row that its caller saw.",
        "You: read the row, and send its ETag as If-Match.",
    ),
    "slow-request": Code(
        408,
        "The request did not arrive whole in time.",
        "You: send it faster, or in smaller parts.",
    ),
    "length-required": Code(
        411, "The body's length is not said.", "The program's author: send Content-Length."
    ),
    "body-too-large": Code(413, "The body has more bytes than a request may.", "You: split it."),
    "too-many": Code(413, "The request holds more transactions than one may.", "You: split it."),
    "unsupported-media-type": Code(
        415,
        "The operation does not take a body of this type.",
        "You: set Content-Type as /v1/docs says.",
    ),
    "wrong-host": Code(
        421,
        "The request names another host than this node's.",
        "The node's operator: set `url` in comity.toml to the address that is used.",
    ),
    "headers-too-large": Code(
        431, "The request's headers have more bytes than they may.", "The program's author."
    ),
    "busy": Code(
        503,
        "The node has as much in flight as it may.",
        "Nobody: send the same again after `retry_after` seconds.",
    ),
    "stopping": Code(
        503,
        "The node is stopping; the transaction was not ordered by it.",
        "Nobody: send the same again when the node is back.",
    ),
    "unhealthy": Code(
        503,
        "The node cannot do its work, for the reason that it gives.",
        "The node's operator: run `comity doctor`.",
    ),
    "fault": Code(
        503,
        "The node met a fault of its own and stops.",
        "The node's operator: see its log, run `comity doctor`, start it again; then ask for what was sent by its id.",
    ),
    "internal": Code(
        500, "A bug: the node failed at this request.", "Please report it, with the node's log."
    ),
    "misconfigured": Code(503, "The node is not set up for this.", "The node's operator."),
    "unknown-yet": Code(
        504,
        "The transaction is not final yet; nobody knows what becomes of it.",
        "Nobody: ask for it by its id, or send the same again.",
    ),
}
CODES: Mapping[str, Code] = {**REJECTIONS, **READS, **HTTP}
