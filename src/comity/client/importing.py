"""Rows of a file into a shared table: compared with what is there, sent in signed batches.

Invariant: running an import again adds nothing twice. Rows with a key are compared with the live table;
rows that the ledger numbers are found by their transactions (see ``client.journal``).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from comity.client.files.rejects import Rejects
from comity.client.files.values import to_text
from comity.client.journal import Entry, Journal
from comity.client.ledger import Ledger, Signed
from comity.client.refused import Refused
from comity.client.transport import NotOrdered, Ordered
from comity.errors import Rejected, Unavailable
from comity.limits import (
    IMPORT_BATCH_ROWS,
    IMPORT_ROWS_COMPARED,
    IMPORT_TRANSACTIONS_PER_SUBMIT,
)
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema
from comity.model.transaction import Call

# (app, number) of refusals that are about single rows: the others in the batch may still go in.
_ROW_REFUSALS = frozenset(
    [("comity", number) for number in (1, 2, 3, 4, 5, 6, 21)] + [("tables", 1), ("tables", 4)]
)

Values = tuple[ColumnValue, ...]
Progress = Callable[[int], None]  # rows that are settled


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row to send: 1-based line of the file, its values, and the row hash that a change names."""

    line: int
    values: list[ColumnValue]
    seen: bytes | None = None
    number: int = 0  # 0-based among the rows of the file, where the ledger numbers them


class Plan(msgspec.Struct, kw_only=True):
    """What an import will do, and what it found.

    Args:
        same: rows that are in the table as the file has them.
        differing: rows that the table has otherwise, and that are left as they are.

    """

    adds: list[Item] = msgspec.field(default_factory=list)
    changes: list[Item] = msgspec.field(default_factory=list)
    same: int = 0
    differing: int = 0


class Result(msgspec.Struct, kw_only=True):
    """What an import did, so far."""

    added: int = 0
    changed: int = 0
    transactions: int = 0
    first_height: int | None = None
    last_height: int | None = None


class Importer:
    """Imports into one table.

    Args:
        names: columns that the file has, besides which nothing is compared or changed.
        may_change: says why a row of this owner may not be changed by us, or None.

    """

    def __init__(
        self,
        ledger: Ledger,
        schema: TableSchema,
        names: Sequence[str],
        *,
        batch_rows: int = IMPORT_BATCH_ROWS,
        may_change: Callable[[bytes | None], str | None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._schema = schema
        self._batch_rows = batch_rows
        self._may_change = may_change
        self._at = [schema.ordinal(name) for name in names]
        self._names = list(names)
        self._types = [schema.columns[at].type for at in self._at]
        self._key_at = [schema.ordinal(name) for name in schema.key]
        self.result = Result()

    def plan(
        self,
        rows: Iterable[tuple[int, Values]],
        rejects: Rejects,
        *,
        updates: bool,
        progress: Progress = lambda _: None,
    ) -> Plan:
        """Compare rows that have a key with the table. Cost: one look-up a row."""
        plan = Plan()
        iterator, settled = iter(rows), 0
        while chunk := list(islice(iterator, IMPORT_ROWS_COMPARED)):
            keys = [[values[at] for at in self._key_at] for _, values in chunk]
            found = self._ledger.transport.rows(self._schema, keys)
            for (line, values), live in zip(chunk, found, strict=True):
                given = [values[at] for at in self._at]
                if live is None:
                    plan.adds.append(Item(line=line, values=given))
                elif given == [live.values[at] for at in self._at]:
                    plan.same += 1
                elif not updates:
                    plan.differing += 1
                elif (why := self._may_change(live.owner)) is not None:
                    self._reject(Item(line=line, values=given), why, rejects)
                else:
                    plan.changes.append(Item(line=line, values=given, seen=live.row_hash[:8]))
            settled += len(chunk)
            progress(settled)
        return plan

    def run(self, plan: Plan, rejects: Rejects, progress: Progress = lambda _: None) -> Result:
        """Send what the plan says; rows that a rule refuses one by one become rejects.

        Raises: Refused, when a rule refuses whatever the row; Rejected, Unavailable. What was sent
            before stays, and a second run goes on from there.
        """
        batches = [("add", items) for items in self._cut(plan.adds)]
        batches += [("change", items) for items in self._cut(plan.changes)]
        settled = 0
        while batches:
            now, batches = (
                batches[:IMPORT_TRANSACTIONS_PER_SUBMIT],
                batches[IMPORT_TRANSACTIONS_PER_SUBMIT:],
            )
            ready, again = self._sign_all(now, rejects)
            again += self._submit(ready, rejects)
            settled += sum(len(items) for _, items in now) - sum(len(items) for _, items in again)
            batches = again + batches
            progress(settled)
        return self.result

    def run_numbered(
        self,
        rows: Iterable[tuple[int, Values]],
        journal: Journal,
        rejects: Rejects,
        now_ns: int,
        progress: Progress = lambda _: None,
    ) -> int:
        """Send rows that the ledger numbers; return how many of them were there from an earlier run.

        Args:
            now_ns: the clock's time; a journaled transaction that expired before it will not be
                ordered any more.
        """
        there = self._settle(journal, now_ns)
        items = [
            Item(line=line, values=[values[at] for at in self._at], number=number)
            for number, (line, values) in enumerate(rows)
            if number not in there
        ]
        batches = [("add", part) for run in _runs(items) for part in self._cut(run)]
        settled = len(there)
        while batches:
            now, batches = (
                batches[:IMPORT_TRANSACTIONS_PER_SUBMIT],
                batches[IMPORT_TRANSACTIONS_PER_SUBMIT:],
            )
            ready, again = self._sign_all(now, rejects)
            journal.add([_entry(signed, part) for signed, _, part in ready])
            again += self._submit(ready, rejects)
            settled += sum(len(part) for _, part in now) - sum(len(part) for _, part in again)
            batches = again + batches
            progress(settled)
        return len(there)

    def _settle(self, journal: Journal, now_ns: int) -> set[int]:
        """Return the rows that the ledger has from journaled transactions, sending those still good."""
        there: set[int] = set()
        waiting: list[Entry] = []
        for entry in journal.entries:
            outcome = self._ledger.transport.outcome(bytes.fromhex(entry.identifier))
            if outcome is None:
                if entry.expires_ns > now_ns:
                    waiting.append(entry)
            elif outcome.receipt.is_ok:
                there.update(range(entry.first, entry.first + entry.count))
        if waiting:
            answers = self._ledger.transport.submit([entry.data for entry in waiting])
            for entry, answer in zip(waiting, answers, strict=True):
                if isinstance(answer, Ordered) and answer.receipt.is_ok:
                    there.update(range(entry.first, entry.first + entry.count))
                elif isinstance(answer, NotOrdered) and answer.waits:
                    # It may still be ordered: to sign its rows anew would add them twice.
                    raise Unavailable(f"earlier rows wait for their block: {answer.message}")
        return there

    def _cut(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        for start in range(0, len(items), self._batch_rows):
            yield list(items[start : start + self._batch_rows])

    def _sign_all(
        self, batches: Sequence[tuple[str, list[Item]]], rejects: Rejects
    ) -> tuple[list[tuple[Signed, str, list[Item]]], list[tuple[str, list[Item]]]]:
        """Return signed batches, and halves of those that were too large for a transaction."""
        ready, again = [], []
        for verb, items in batches:
            try:
                ready.append((self._ledger.sign([self._call(verb, items)]), verb, items))
            except Rejected as error:
                if len(items) == 1:
                    self._reject(items[0], str(error), rejects)
                else:
                    again += _halves(verb, items)
        return ready, again

    def _submit(
        self, ready: Sequence[tuple[Signed, str, list[Item]]], rejects: Rejects
    ) -> list[tuple[str, list[Item]]]:
        """Send batches; return halves of those of which single rows were refused."""
        again: list[tuple[str, list[Item]]] = []
        answers = self._ledger.transport.submit([signed.data for signed, _, _ in ready])
        for (_, verb, items), answer in zip(ready, answers, strict=True):
            refusal = self._refusal(answer)
            if refusal is None:
                self._count(verb, len(items), answer)
            elif len(items) > 1:
                again += _halves(verb, items)
            else:
                self._reject(items[0], str(refusal), rejects)
        return again

    def _refusal(self, answer: Ordered | NotOrdered) -> Refused | None:
        """Return why single rows were refused, or None. Raises: whatever is wrong with all rows."""
        if isinstance(answer, Ordered) and (
            (answer.receipt.app, answer.receipt.code) in _ROW_REFUSALS
        ):
            return self._ledger.refused(answer)
        self._ledger.done(answer)
        return None

    def _count(self, verb: str, rows: int, answer: Ordered | NotOrdered) -> None:
        if verb == "add":
            self.result.added += rows
        else:
            self.result.changed += rows
        self.result.transactions += 1
        if isinstance(answer, Ordered):
            self.result.first_height = self.result.first_height or answer.height
            self.result.last_height = answer.height

    def _call(self, verb: str, items: Sequence[Item]) -> Call:
        arguments: dict[str, Any] = {
            "table": self._schema.name,
            "rows": [item.values for item in items],
        }
        if self._at != [*range(len(self._schema.columns))]:
            arguments["columns"] = self._names
        if verb == "change":
            arguments["seen"] = [item.seen for item in items]
        return Call(f"tables.{verb}", arguments)

    def _reject(self, item: Item, reason: str, rejects: Rejects) -> None:
        pairs = zip(item.values, self._types, strict=True)
        rejects.add(item.line, reason, [to_text(value, type_) for value, type_ in pairs])


def _halves(verb: str, items: list[Item]) -> list[tuple[str, list[Item]]]:
    middle = len(items) // 2
    return [(verb, items[:middle]), (verb, items[middle:])]


def _runs(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the longest runs of rows that follow one another in the file: a journal entry names such."""
    run: list[Item] = []
    for item in items:
        if run and item.number != run[-1].number + 1:
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _entry(signed: Signed, items: Sequence[Item]) -> Entry:
    return Entry.of(
        first=items[0].number,
        count=len(items),
        identifier=signed.identifier,
        expires_ns=signed.expires_ns,
        data=signed.data,
    )
