"""What SQLite says when a query fails, in our words: which limit, or where the mistake is.

Invariant: every way in which SQLite ends a query becomes one ``Failure``; one that a limit caused
names that limit as it is called in ``comity.limits``.
"""

import apsw

from comity import limits
from comity.errors import QueryError
from comity.query.frames import Failure, Request

# Parts of SQLite's own messages about a bound -> (its name, the bound, what to do). Source: SQLite,
# "Limits".
_BOUNDS = (
    ("too many terms in compound SELECT", "QUERY_COMPOUND_MAX", "split the query"),
    (
        "Expression tree is too large",
        "QUERY_EXPRESSION_DEPTH_MAX",
        "write IN (...) in place of long chains",
    ),
    ("parser stack overflow", "QUERY_EXPRESSION_DEPTH_MAX", "nest less deeply"),
    ("too many columns", "QUERY_COLUMNS_MAX", "select fewer columns"),
    ("too many terms in", "QUERY_COLUMNS_MAX", "sort or group by fewer columns"),
    ("too many arguments", "QUERY_FUNCTION_ARGUMENTS_MAX", "call it with fewer arguments"),
    ("pattern too complex", "QUERY_PATTERN_BYTES_MAX", "use a shorter pattern"),
    ("variable number must be", "QUERY_PARAMETERS_MAX", "use fewer parameters"),
    ("too many SQL variables", "QUERY_PARAMETERS_MAX", "use fewer parameters"),
)


def failure_of(error: Exception, request: Request, refusal: tuple[str, str] | None) -> Failure:
    """Return the failure that tells ``error`` to whoever asked.

    Args:
        refusal: code and words of what is not allowed, or None.

    """
    if isinstance(error, QueryError):
        return Failure(error.code, str(error), error.limit)
    if refusal is not None:
        return Failure(*refusal)
    if isinstance(error, UnicodeError):
        message = "the answer holds text that is not UTF-8: select it as hex(...)"
        return Failure("not-text", message)
    return _limit_failure(error, request) or _plain_failure(error, request)


def late(time_ms: int) -> Failure:
    """Return the failure of a query that took longer than ``time_ms``."""
    advice = "narrow it, by the key if possible, or raise the limit"
    message = f"the query took longer than {time_ms:,} ms: {advice}"
    return Failure("too-costly", message, "QUERY_TIME_MS")


def out_of_memory(heap_bytes: int) -> Failure:
    """Return the failure of a query that needed more than ``heap_bytes``."""
    advice = "sort, group or join fewer or narrower rows, or raise the limit"
    message = f"the query needs more than {heap_bytes >> 20} MiB of memory: {advice}"
    return Failure("too-costly", message, "QUERY_HEAP_BYTES")


def _limit_failure(error: Exception, request: Request) -> Failure | None:
    if isinstance(error, apsw.InterruptError):
        return late(request.limits.time_ms)
    if isinstance(error, apsw.NoMemError | MemoryError):
        return out_of_memory(request.limits.heap_bytes)
    if isinstance(error, apsw.TooBigError):
        bytes_max = f"{limits.QUERY_VALUE_BYTES_MAX:,}"
        message = f"a value is longer than {bytes_max} bytes: cut it with substr, or build less"
        return Failure("too-costly", message, "QUERY_VALUE_BYTES_MAX")
    for part, name, advice in _BOUNDS:
        if part in str(error):
            bound: int = getattr(limits, name)
            return Failure("too-costly", f"{error}: at most {bound:,} are allowed; {advice}", name)
    return None


def _plain_failure(error: Exception, request: Request) -> Failure:
    if isinstance(error, apsw.BindingsError):
        problem = str(error).partition("  Current offset")[0]
        return Failure("parameters", f"the parameters do not fit the query: {problem}")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Failure("damaged", f"the file is damaged ({error}): run comity audit")
    if isinstance(
        error, apsw.BusyError | apsw.IOError | apsw.CantOpenError | apsw.SchemaChangeError
    ):
        return Failure("unavailable", f"the file cannot be read now ({error}): try again")
    if "cannot modify" in str(error):  # WITH ... UPDATE of a view
        return Failure("refused", f"{error}: a query may only read")
    missing = str(error).rpartition("no such table: ")
    if isinstance(error, apsw.SQLError) and missing[1]:
        return Failure("unknown-table", f"there is no table {missing[2]}")
    if isinstance(error, apsw.SQLError):
        return Failure("syntax", f"{error}{_where(error, request.sql)}")
    return Failure("failed", f"SQLite: {error}")


def _where(error: apsw.SQLError, sql: str) -> str:
    """Return the 1-based line and character of a mistake, in words, where SQLite knows it."""
    offset = getattr(error, "error_offset", -1)
    if offset < 0:
        return ""
    before = sql.encode()[:offset].decode(errors="replace")
    line = before.count("\n") + 1
    return f" (line {line}, character {len(before) - before.rfind(chr(10))})"
