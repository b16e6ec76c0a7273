"""Errors at the edge of HTTP: which status, and a problem in the form of RFC 9457.

Invariant: every error that Comity raises on purpose has one code, one status and one page (``codes``); anything else
is a fault, and its text stays in the log.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from comity.client.refused import Refused, kebab
from comity.errors import (
    ComityError,
    ConfigError,
    Malformed,
    QueryError,
    Rejected,
    Unavailable,
)
from comity.web.codes import CODES, Code

PROBLEM_JSON = "application/problem+json"
PAGES = "/problems/"  # where each code has its page
RETRY_AFTER_S = 1


class Problem(ComityError):
    """An error of HTTP itself, or one that was put into its terms.

    Args:
        code: a key of ``codes.CODES``.
        retry_after: seconds after which the same request may do better, or None.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        fields: Mapping[str, Any] | None = None,
        rule: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.fields = fields
        self.rule = rule
        self.retry_after = retry_after


class ProblemBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A problem as RFC 9457 has it, with what Comity adds.

    Args:
        type: page that explains the code.
        code: stable word, the last part of ``type``.
        rule: of the ledger, that said no.
        limit: name of the limit that was passed (GET /v1/limits).
        transaction: id of the transaction that it is about.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    rule: str | None = None
    fields: dict[str, Any] | None = None
    limit: str | None = None
    who_can_fix: str | None = None
    retry_after: int | None = None
    transaction: str | None = None


def body_of(error: ComityError) -> ProblemBody:
    """Return the problem that an error is."""
    if isinstance(error, Refused):
        return _refused(error)
    code = _code(error)
    known = CODES.get(code)
    if known is None:
        return _body(CODES["internal"], "internal", f"an error without a page, {code}: report it")
    retry = getattr(error, "retry_after", None)
    if retry is None and known.status in (429, 503):
        retry = RETRY_AFTER_S
    status = 408 if getattr(error, "limit", None) == "QUERY_TIME_MS" else known.status
    return _body(
        known,
        code,
        str(error),
        status=status,
        rule=getattr(error, "rule", None),
        fields=shown(getattr(error, "fields", None)),
        limit=getattr(error, "limit", None),
        retry_after=retry,
    )


def status_of(error: ComityError) -> int:
    """Return the status that an error has."""
    return body_of(error).status


def response_of(body: ProblemBody) -> Response:
    """Return a problem as a response."""
    headers = {} if body.retry_after is None else {"Retry-After": str(body.retry_after)}
    return Response(
        msgspec.json.encode(body), body.status, headers=headers, media_type=PROBLEM_JSON
    )


def shown(value: Any) -> Any:
    """Return a value of CBOR as JSON can hold it: bytes in hex, maps and lists alike."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(name): shown(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def _refused(error: Refused) -> ProblemBody:
    return ProblemBody(
        type=PAGES + error.code,
        title=error.code,
        status=422,
        detail=str(error),
        code=error.code,
        rule=error.rule or None,
        fields=shown(error.fields),
        who_can_fix=error.fix or None,
        transaction=error.identifier.hex() or None,
    )


def _code(error: ComityError) -> str:
    if isinstance(error, Problem | Rejected | QueryError | Unavailable):
        return error.code
    if isinstance(error, Malformed):
        return "malformed"
    return "misconfigured" if isinstance(error, ConfigError) else "fault"


def _body(known: Code, code: str, detail: str, **more: Any) -> ProblemBody:
    fields = {"status": known.status} | more
    return ProblemBody(
        type=PAGES + code, title=known.title, detail=detail, code=code, who_can_fix=known.fix,
        **fields,
    )  # fmt: skip


__all__ = [
    "PAGES",
    "Problem",
    "ProblemBody",
    "body_of",
    "kebab",
    "response_of",
    "shown",
    "status_of",
]
