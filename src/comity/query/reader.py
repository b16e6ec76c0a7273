"""Answers reads on one ledger's file, one after another, inside a process of its own.

Invariant: height, app hash and body of an answer come from one read transaction, which ends with the
answer: no snapshot is held longer than one read may take, so the file's log can always be written back.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from comity import limits
from comity.errors import InvariantViolated, QueryError, Unavailable
from comity.model.genesis import Genesis
from comity.query import (
    answer,
    blocks,
    bodies,
    difference,
    documents,
    frames,
    guard,
    log_files,
    page,
    proofs,
    reads,
    row,
    tables,
    view_answer,
)
from comity.query.changes import Changes
from comity.query.execute import execute
from comity.query.failures import failure_of, late
from comity.query.frames import Failure, QueryLimits, Request
from comity.query.reads import Found, Read
from comity.query.table_at import Schemas
from comity.sdk.declaration import Declaration

_LIMITS = QueryLimits()
_Answerer = Callable[[Any], Found]


class Reader:
    """Answers reads.

    Args:
        path: of the ledger's file.
        genesis: of the ledger.
        load: gives the declarations of the ledger's applications; called when a view is first asked.
    """

    def __init__(
        self, path: str, genesis: Genesis, load: Callable[[], Mapping[str, Declaration]]
    ) -> None:
        self._path = path
        self._genesis = genesis
        self._load = load
        self._apps: Mapping[str, Declaration] | None = None
        self._opened: apsw.Connection | None = None
        self._schemas = Schemas()
        self._changes: Changes | None = None
        self._answerers: Mapping[type, _Answerer] = {
            reads.TablesRead: lambda read: tables.ls(self._connection, self._schemas, read),
            reads.TableRead: lambda read: tables.one(self._connection, self._schemas, read),
            reads.PageRead: lambda read: page.answer(self._connection, self._schemas, read),
            reads.RowRead: lambda read: row.answer(self._connection, self._schemas, read),
            reads.HistoryRead: lambda read: row.history(self._connection, self._schemas, read),
            reads.DiffRead: lambda read: difference.answer(self._connection, self._schemas, read),
            reads.BlocksRead: lambda read: blocks.ls(self._connection, read),
            reads.BlockRead: lambda read: blocks.one(self._connection, read),
            reads.TransactionRead: lambda read: blocks.transaction(self._connection, read),
            reads.ChangesRead: self._answer_changes,
            reads.ViewRead: self._answer_view,
            reads.HeadRead: lambda _: log_files.head(self._connection),
            reads.TileRead: lambda read: log_files.tile(self._connection, self._genesis.hash, read),
            **dict.fromkeys(
                (
                    reads.RowProofRead,
                    reads.RangeProofRead,
                    reads.TransactionProofRead,
                    reads.ConsistencyProofRead,
                ),
                lambda read: proofs.answer(self._connection, self._schemas, self._genesis, read),
            ),
        }

    def answer(self, read: Read) -> Found | Failure:
        """Return the answer to one read, or why there is none."""
        if isinstance(read, reads.SqlRead):
            return self._answer_sql(read)
        try:
            with guard.heap_of(limits.QUERY_HEAP_BYTES):
                return self._answer(read)
        except (apsw.Error, MemoryError, UnicodeError, QueryError) as error:
            return failure_of(error, _REQUEST, None)
        except Unavailable as error:
            return Failure("unavailable", str(error))
        except InvariantViolated as error:
            return Failure("damaged", str(error))

    @property
    def _connection(self) -> apsw.Connection:
        if self._opened is None:
            self._opened = guard.connect(self._path)
        return self._opened

    def _answer_changes(self, read: reads.ChangesRead) -> Found:
        if self._changes is None:
            self._changes = Changes(self._connection, self._schemas)
        return self._changes.answer(read)

    def _answer_view(self, read: reads.ViewRead) -> Found:
        if self._apps is None:
            self._apps = self._load()
        return view_answer.answer(self._connection, self._apps, read)

    def _answer(self, read: Read) -> Found:
        connection = self._connection
        deadline_s = time.monotonic() + limits.QUERY_TIME_MS / 1_000
        connection.set_progress_handler(
            lambda: time.monotonic() > deadline_s, limits.QUERY_PROGRESS_OPS
        )
        connection.execute("BEGIN")
        try:
            return self._answerers[type(read)](read)
        finally:
            connection.set_progress_handler(None, 0)
            connection.execute("ROLLBACK")

    def _answer_sql(self, read: reads.SqlRead) -> Found | Failure:
        request = Request(
            sql=read.sql, parameters=read.parameters, height=read.at, limits=read.limits
        )
        frames_: list[bytes] = []
        execute(self._path, request, frames_.append)
        replies = [frames.reply_from_bytes(frame) for frame in frames_]
        last = replies[-1]
        heading = replies[0]
        if isinstance(last, Failure):
            return last
        if not isinstance(heading, frames.Heading) or not isinstance(last, frames.End):
            return late(read.limits.time_ms)
        found = answer.Answer(
            columns=tuple(answer.AnswerColumn(*column) for column in heading.columns),
            rows=tuple(
                each for reply in replies if isinstance(reply, frames.Rows) for each in reply.rows
            ),
            height=heading.height,
            app_hash=heading.app_hash,
            limit=last.limit,
            notes=tuple(heading.notes),
        )
        return Found(
            height=found.height,
            app_hash=found.app_hash,
            body=_sql_body(found, read.media),
            limit=found.limit,
        )


def _sql_body(found: answer.Answer, media: reads.Media) -> bytes:
    if media == "csv":
        return answer.to_csv(found).encode()
    if media == "jsonl":
        return bodies.answer_lines(found)
    if media == "msgpack":
        return reads.to_bytes(found)
    return documents.to_json(
        documents.Sql(
            columns=[column.name for column in found.columns],
            rows=answer.json_rows(found),
            truncated=found.is_truncated,
            limit=found.limit,
            next=None,
            height=found.height,
            app_hash=found.app_hash.hex(),
            notes=list(found.notes),
        )
    )


_REQUEST = Request(sql="", parameters=(), height=None, limits=_LIMITS)
