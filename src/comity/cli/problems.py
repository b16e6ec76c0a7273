"""Errors at the edge: which exit code, and words that tell what to do.

Invariant: an error that Comity raises on purpose is one sentence or a few; anything else is a fault, one
line and exit code 70, with a traceback only when ``COMITY_DEBUG`` is set.
"""

import errno
import os
import sys
from importlib import import_module
from typing import Any

import click
import msgspec

from comity.errors import (
    BadDeclaration,
    ComityError,
    ConfigError,
    Malformed,
    ProofInvalid,
    QueryError,
    Rejected,
    Unavailable,
)

REFUSED = 1
USAGE = 2
PROOF_FAILED = 3
UNAVAILABLE = 4
ROW_CHANGED = 5
FAULT = 70
STOPPED = 130

DEBUG_VARIABLE = "COMITY_DEBUG"

_DAMAGE = ("CorruptError", "NotADBError")  # of apsw, which help must not import
_NEXT = {
    "unknown-account": "comity join INVITATION --name NAME; or act with a key that is a member's: --as KEY",
    "unknown-key": "see which keys an account has: comity member show NAME; add one: comity key add KEY --as OWNERKEY",
    "suspended": "ask an admin: comity member restore NAME",
    "row-exists": "leave --absent out",
    "unknown-table": "see what there is: comity table ls",
    "table-not-found": "see what there is: comity table ls",
}


def report(error: BaseException, *, is_json: bool = False) -> int:
    """Tell an error on standard error, as JSON if asked; return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAULT
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException) and is_json:
        _tell("usage", USAGE, ConfigError(error.format_message()), is_json=True)
        return USAGE
    if isinstance(error, click.UsageError):
        error.show()
        return USAGE
    if isinstance(error, click.ClickException):
        _say("error", error.format_message())
        return USAGE
    if isinstance(error, click.Abort | KeyboardInterrupt):
        _say("stopped", "nothing more was done; what was confirmed before stays")
        return STOPPED
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STOPPED
    if os.environ.get(DEBUG_VARIABLE):
        import_module("traceback").print_exception(error)
    word, code = _kind(error)
    _tell(word, code, error, is_json=is_json)
    return code


def attach(error: BaseException, text: str, document: dict[str, Any], following: str) -> None:
    """Let an error show more than its sentence: ``text``, or ``document`` as JSON, and what to do."""
    error.__dict__["details"] = (text, document, following)


def _kind(error: BaseException) -> tuple[str, int]:
    """Return the word and the exit code of an error."""
    if _is_named(error, "RowChanged"):
        return "changed", ROW_CHANGED
    if _is_named(error, "Refused"):
        return "refused", REFUSED
    if isinstance(error, Rejected):
        return "refused", USAGE if error.code in ("malformed", "too-large") else REFUSED
    if isinstance(error, QueryError):
        return "error", UNAVAILABLE if error.limit == "QUERY_TIME_MS" else USAGE
    if isinstance(error, ConfigError | Malformed | BadDeclaration):
        return "error", USAGE
    if isinstance(error, ProofInvalid):
        return "invalid", PROOF_FAILED
    if isinstance(error, Unavailable):
        return "unavailable", UNAVAILABLE
    if isinstance(error, OSError) or _is_named(
        error, "FullError", "ReadOnlyError", "CantOpenError"
    ):
        return "unavailable", UNAVAILABLE
    return "damaged" if _is_named(error, *_DAMAGE) else "fault", FAULT


def _tell(word: str, exit_code: int, error: BaseException, *, is_json: bool) -> None:
    message = _message(error)
    identifier = bytes(getattr(error, "identifier", b""))  # of a refusal: a block holds it
    details, more, advice = getattr(error, "details", ("", {}, ""))
    code = str(getattr(error, "code", "") or word)
    own_fix = str(getattr(error, "fix", ""))  # a refusal's, which its message says already
    following = advice or ("" if own_fix else _NEXT.get(code, ""))
    fix = own_fix or following
    if is_json:
        document: dict[str, Any] = {
            "error": {
                "code": code,
                "message": message,
                "rule": getattr(error, "rule", "") or None,
                "fields": _fields(error),
                "limit": getattr(error, "limit", None),
                "fix": fix or None,
                "exit": exit_code,
                "transaction": identifier.hex() or None,
                "height": getattr(error, "height", 0) or None,
            }
            | more
        }
        click.echo(msgspec.json.encode(document).decode(), err=True)
        return
    prefix = f"{code}: " if isinstance(error, Rejected | QueryError) else ""
    limit = getattr(error, "limit", None)
    _say(word, prefix + message + (f" ({limit})" if limit else ""))
    if identifier:
        height = getattr(error, "height", 0)
        _say(
            "note", f"the refusal is on record: block {height}  transaction {identifier.hex()[:12]}"
        )
    if details:
        click.echo(details, err=True)
    if following:
        _say("next", following)


def _message(error: BaseException) -> str:
    if isinstance(error, ComityError):
        return str(error)
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        advice = {
            errno.ENOSPC: "; make room on the disk, then try again",
            errno.EROFS: "; the file system is read-only",
            errno.EACCES: "; check permissions",
        }.get(error.errno or 0, "")
        return f"{error.strerror or error}{where}{advice}"
    if _is_named(error, "FullError"):
        return "the disk is full: make room, then try again; what was confirmed before stays"
    if _is_named(error, "ReadOnlyError", "CantOpenError"):
        return f"the ledger file cannot be opened ({error}); check folder and permissions"
    if _is_named(error, *_DAMAGE):
        return f"SQLite cannot read the ledger file ({error}): run comity audit, restore a backup"
    hint = f"set {DEBUG_VARIABLE}=1 to see where"
    return f"{type(error).__name__}: {error}; this is a bug in Comity or a damaged file ({hint})"


def _fields(error: BaseException) -> dict[str, Any]:
    fields = getattr(error, "fields", None)
    if not isinstance(fields, dict):
        return {}
    return {
        name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()
    }


def _is_named(error: BaseException, *names: str) -> bool:
    """Tell whether an error is of a class that importing just for this would cost."""
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _say(word: str, text: str) -> None:
    click.echo(f"{word}  {text}", err=True)
