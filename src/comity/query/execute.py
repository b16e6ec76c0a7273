"""One query, start to end, inside the query process: snapshot, fences, rows.

Invariant: height, app hash and rows of an answer come from one read transaction; every query has a
connection of its own, so nothing of one reaches the next.
"""

import time
from collections import Counter
from collections.abc import Callable

import apsw
import msgspec

from comity import limits
from comity.errors import QueryError
from comity.query import asof, frames, guard
from comity.query.failures import failure_of
from comity.query.frames import Request

Send = Callable[[bytes], None]

_ROWS_PER_FRAME = 1_000


def execute(path: str, request: Request, send: Send) -> None:
    """Run ``request`` on the ledger's file and send a heading, rows and an end, or a failure."""
    query = _Query(request)
    try:
        with guard.heap_of(request.limits.heap_bytes):
            connection = guard.connect(path)
            try:
                query.run(connection, send)
            finally:
                connection.close()
    except (apsw.Error, MemoryError, UnicodeError, QueryError) as error:
        send(frames.to_bytes(failure_of(error, request, query.refusal(error))))


class _Query:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._deadline_s = time.monotonic() + request.limits.time_ms / 1_000
        self._rules: guard.Rules | None = None
        self._plan: asof.Plan | None = None
        self._heading: frames.Heading | None = None
        self._refused: str | None = None

    def refusal(self, error: Exception) -> tuple[str, str] | None:
        """Return code and words of why the query was not allowed, or None when ``error`` says why.

        A table that was dropped fails before the authorizer is asked, and so does VACUUM.
        """
        if self._rules and self._rules.refused:
            return self._rules.refused
        if self._refused:
            return "refused", self._refused
        name = str(error).rpartition("no such table: ")[2].lower()
        if self._plan and name in self._plan.reasons:
            return self._plan.reasons[name]
        verb = guard.verb_of(self._request.sql)
        return ("refused", guard.not_allowed(verb)) if verb in guard.WRITING_VERBS else None

    def run(self, connection: apsw.Connection, send: Send) -> None:
        request = self._request
        if "\0" in request.sql:
            raise QueryError("syntax", "a query holds no NUL: give text that has one as parameter")
        connection.set_progress_handler(self._is_late, limits.QUERY_PROGRESS_OPS)
        connection.execute("BEGIN").fetchall()
        snapshot = asof.snapshot_of(connection, request.height)
        self._plan = asof.plan_of(connection, snapshot, request.sql)
        inner = self._plan.create(connection)
        self._rules = self._plan.rules(inner, snapshot, guard.verb_of(request.sql))
        guard.restrict(connection, self._rules)
        cursor = connection.cursor()
        cursor.exec_trace = lambda _cursor, _sql, _parameters: self._start(cursor, snapshot)
        try:
            rows = cursor.execute(request.sql, request.parameters, can_cache=False)
        except KeyError as error:  # apsw looks a named parameter up
            raise QueryError("parameters", f"there is no value for :{error.args[0]}") from error
        if self._heading is None or not self._heading.columns:
            raise QueryError("syntax", "there is no statement in this query")
        send(frames.to_bytes(self._heading))
        self._send_rows(rows, send)

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline_s

    def _start(self, cursor: apsw.Cursor, snapshot: asof.Snapshot) -> bool:
        """Describe the statement that is about to run, and refuse a second one."""
        if self._heading is not None:
            self._refused = "one statement at a time: what follows the first semicolon is not run"
            return False
        columns: list[tuple[str, str | None, int]] = []
        shown: Counter[tuple[str, str]] = Counter()
        for name, _, _, table, origin in cursor.description_full:
            view, column = self._view_column(table or "", origin or "")
            kind = view.types.get(column) if view else None
            if view and kind:
                shown[view.name, column] += 1
            columns.append((name, kind.kind if kind else None, kind.scale if kind else 0))
        self._heading = frames.Heading(
            columns=columns,
            height=snapshot.height,
            app_hash=snapshot.app_hash,
            notes=self._notes(shown),
        )
        return True

    def _view_column(self, table: str, origin: str) -> tuple[asof.View | None, str]:
        """Return the view, and its column, that shows a column of the file."""
        views = self._plan.views if self._plan else {}
        for view in views.values():
            if (table, origin) in view.origins:
                return view, view.origins[table, origin]
        return None, ""

    def _notes(self, shown: Counter[tuple[str, str]]) -> list[str]:
        """Say in which units a decimal counts, when the query does more than show it."""
        notes = []
        for (table, column), times in self._rules.reads.items() if self._rules else ():
            view = self._plan.views.get(table) if self._plan else None
            kind = view.types.get(column) if view else None
            if kind and kind.kind == "decimal" and kind.scale and times > shown[table, column]:
                example = f"{10**kind.scale} is {'1.' + '0' * kind.scale}"
                notes.append(
                    f"{table}.{column} counts units of 10^-{kind.scale} where the query computes:"
                    f" {example}; decimal(x, {kind.scale}) writes the point"
                )
        return notes

    def _send_rows(self, rows: apsw.Cursor, send: Send) -> None:
        bounds = self._request.limits
        batch: list[msgspec.Raw] = []
        count = size = sent = 0
        cut = None
        for row in rows:
            if count == bounds.rows:
                cut = "QUERY_ROWS_MAX"
                break
            packed = frames.to_bytes(row)
            if size + len(packed) > bounds.answer_bytes:
                if not count:
                    raise QueryError(
                        "too-costly", _row_too_large(len(packed), bounds), "QUERY_ANSWER_BYTES_MAX"
                    )
                cut = "QUERY_ANSWER_BYTES_MAX"
                break
            count, size = count + 1, size + len(packed)
            batch.append(msgspec.Raw(packed))
            if size - sent > limits.QUERY_FRAME_BYTES or len(batch) == _ROWS_PER_FRAME:
                send(_rows_frame(batch))
                batch, sent = [], size
        if batch:
            send(_rows_frame(batch))
        send(frames.to_bytes(frames.End(cut)))


class _PackedRows(msgspec.Struct, frozen=True, tag="Rows"):
    """``frames.Rows`` whose rows are encoded already."""

    rows: list[msgspec.Raw]


def _rows_frame(batch: list[msgspec.Raw]) -> bytes:
    return frames.to_bytes(_PackedRows(batch))


def _row_too_large(size: int, bounds: frames.QueryLimits) -> str:
    bound = f"an answer has at most {bounds.answer_bytes:,}"
    return f"one row has {size:,} bytes, {bound}: select fewer columns, or raise the limit"
