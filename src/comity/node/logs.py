"""What a node tells its operator: one line an event, words on a terminal, JSON elsewhere.

Invariant: a line has no other fields than those of ``FIELDS``, so no secret and no argument of a transaction can reach
it; an event never stops or delays the node for longer than one write.
"""

import logging
import random
import re
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TextIO

import msgspec

import comity
from comity.errors import ConfigError, InvariantViolated, Unavailable
from comity.limits import LOG_VALUE_CHARS_MAX, REQUEST_ID_CHARS_MAX

Value = int | str | bool
Level = Literal["debug", "info", "warning", "error"]
LEVELS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# field -> what it holds. Nothing else is ever written: no row, no argument, no key, no token, no passphrase.
FIELDS = {
    "request": "id of the HTTP request, as in its answer's header",
    "method": "of an HTTP request",
    "route": "of an HTTP request, such as /v1/tables/{table}; never the path itself",
    "status": "of an HTTP answer",
    "peer": "address of who is connected",
    "ms": "how long it took, in milliseconds",
    "bytes": "how many bytes",
    "count": "how many",
    "height": "of a block",
    "transactions": "in a block",
    "app_hash": "first digits of it",
    "transaction": "first digits of a transaction's id",
    "outcome": "ok, a refusal's code, or why a transaction was never ordered",
    "ledger": "name and id of the ledger",
    "engine": "what orders transactions",
    "version": "of Comity",
    "address": "where the node listens",
    "folder": "of the ledger",
    "process": "number of a process",
    "limit": "name of the limit that was reached",
    "signal": "that was received",
    "source": "part of the program that speaks",
    "reason": "why, in a sentence",
    "error": "class of an error",
    "where": "files and lines of an error in Comity, the innermost first",
}

REQUEST: ContextVar[str] = ContextVar(
    "request", default=""
)  # id of the request that this task serves
_SAFE_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{REQUEST_ID_CHARS_MAX}}}")
_SOURCE_FOLDER = Path(comity.__file__).parent
_REQUEST_ID_BYTES = 8
_FRAMES_MAX = 8  # of an error, the innermost


class Log:
    """Where events go.

    Args:
        stream: usually standard error; the supervisor keeps and rotates it.
        is_json: one JSON object a line; else words.

    Attributes:
        lost_count: lines that could not be written.
    """

    def __init__(
        self, stream: TextIO | None = None, *, level: Level = "info", is_json: bool = False
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._least = LEVELS[level]
        self._is_json = is_json
        self._lock = threading.Lock()
        self.lost_count = 0

    @classmethod
    def from_settings(cls, level: Level, form: str, stream: TextIO | None = None) -> "Log":
        """Return the log that ``log_level`` and ``log_format`` ask for."""
        stream = sys.stderr if stream is None else stream
        is_json = form == "json" or (form == "auto" and not stream.isatty())
        return cls(stream, level=level, is_json=is_json)

    def tells(self, level: Level) -> bool:
        """Tell whether events of a level are written."""
        return LEVELS[level] >= self._least

    def debug(self, event: str, **fields: Value) -> None:
        """Tell what only helps to find a mistake in Comity."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Value) -> None:
        """Tell what happened as it should."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Value) -> None:
        """Tell what somebody should look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Value) -> None:
        """Tell what went wrong."""
        self._write("error", event, fields)

    def fault(self, event: str, error: BaseException) -> None:
        """Tell an error: its class and place, and its sentence where that holds no data of anybody."""
        self._write("error", event, _told(error))

    def _write(self, level: Level, event: str, fields: dict[str, Value]) -> None:
        if not fields.keys() <= FIELDS.keys():
            unknown = fields.keys() - FIELDS.keys()
            raise ValueError(f"a log line has no field {', '.join(sorted(unknown))}; see FIELDS")
        if not self.tells(level):
            return
        request = REQUEST.get()
        if request:
            fields = {"request": request, **fields}
        shown = {name: _bounded(value) for name, value in fields.items()}
        line = (_json if self._is_json else _words)(level, event, shown)
        try:
            with self._lock:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):  # a full disk or a closed pipe: the ledger goes on
            self.lost_count += 1


class LogHandler(logging.Handler):
    """Leads what libraries log through ``logging`` into a ``Log``."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; without the text of an exception, which may hold data."""
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        fields: dict[str, Value] = {"source": record.name}
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            fields["reason"] = record.getMessage()
        else:  # without the record's arguments: they may be a path or a row
            fields |= _told(error)
            fields["reason"] = ": ".join(
                filter(None, (str(record.msg), str(fields.get("reason", ""))))
            )
        write("library", **fields)


def capture_libraries(log: Log) -> None:
    """Send warnings and errors of every library into ``log``, and nothing of theirs anywhere else."""
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(log)]
    root.setLevel(logging.WARNING)


def new_request_id(given: str | None = None) -> str:
    """Return the id of a request: what the caller gave, if it is short and plain, else a random one."""
    if given is not None and _SAFE_ID.fullmatch(given):
        return given
    return f"{random.getrandbits(8 * _REQUEST_ID_BYTES):016x}"


def _bounded(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    text = value[:LOG_VALUE_CHARS_MAX]
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _json(level: str, event: str, fields: dict[str, Value]) -> str:
    now = time.time_ns()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
    head: dict[str, Value] = {
        "time": f"{stamp}.{now // 10**6 % 1000:03}Z",
        "level": level,
        "event": event,
    }
    return msgspec.json.encode(head | fields).decode() + "\n"


def _words(level: str, event: str, fields: dict[str, Value]) -> str:
    stamp = time.strftime("%H:%M:%S", time.gmtime())
    shown = "  ".join(f"{name} {value}" for name, value in fields.items())
    return f"{stamp}Z {level:<7} {event:<10} {shown}".rstrip() + "\n"


def _told(error: BaseException) -> dict[str, Value]:
    """Return what may be told of an error: class, place, and its sentence where that holds no data of anybody."""
    fields: dict[str, Value] = {"error": type(error).__name__, "where": _place(error)}
    if isinstance(error, ConfigError | InvariantViolated | Unavailable):
        fields["reason"] = str(error)
    elif isinstance(error, OSError):
        fields["reason"] = error.strerror or ""
    return fields


def _place(error: BaseException) -> str:
    """Return file and line of the frames of an error that are Comity's own, the innermost first."""
    found, trace = list[str](), error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(_SOURCE_FOLDER):
            found.append(f"{path.relative_to(_SOURCE_FOLDER)}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " < ".join(reversed(found[-_FRAMES_MAX:]))
