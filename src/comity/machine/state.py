"""The state as a candidate block sees and changes it, with transactions that are all or nothing.

Invariant: between ``begin`` and ``seal`` or ``roll_back`` every write is in the journal; ``roll_back`` leaves reads as
they were at ``begin``. Nothing here reaches SQLite but reads.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from comity.errors import InvariantViolated
from comity.limits import ROWS_TOUCHED_PER_TRANSACTION_MAX
from comity.machine.pending import Missing, PendingTable
from comity.model.column import ColumnValue
from comity.model.row import StoredRow
from comity.model.schema import TableSchema
from comity.sdk.standard import TooMuchWork
from comity.store.store import Store

R = TypeVar("R")


class State:
    """Pending tables over a store.

    Attributes:
        position: log position that the present writer stamps on the rows it changes.
        rows_written: writes of everything sealed so far in this block.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.position = 0
        self.rows_written = 0
        self._counted = 0  # rows touched in this block before the present count
        self._tables: dict[str, PendingTable] = {}
        self._journal: list[tuple[PendingTable, bytes, StoredRow | Missing | None]] = []
        self._replaced: list[tuple[int, str, PendingTable | None]] = []
        self._dropped: dict[str, None] = {}
        self._touched = 0

    # --- tables ---

    def table(self, name: str) -> PendingTable | None:
        """Return a table as of now, or None when there is no such table."""
        if name in self._dropped:
            return None
        found = self._tables.get(name)
        if found is not None:
            return found
        stored = self.store.tables.get(name)
        if stored is None:
            return None
        made = self._tables[name] = PendingTable(stored.schema, stored)
        return made

    def system(self, schema: TableSchema) -> PendingTable:
        """Return one of the machine's own tables."""
        found = self.table(schema.name)
        if found is None:
            raise InvariantViolated(f"system table {schema.name} is missing")
        return found

    def replace_table(self, name: str, table: PendingTable) -> None:
        """Make or alter a table that the present transaction has not written."""
        self._replaced.append((len(self._journal), name, self._tables.get(name)))
        self._tables[name] = table

    def drop_table(self, name: str) -> None:
        """Let a committed, empty table be gone; what the block wrote of it is kept for the store."""
        self._replaced.append((len(self._journal), name, None))
        self._dropped[name] = None

    def is_written(self, table: PendingTable) -> bool:
        """Tell whether the present transaction wrote ``table``."""
        return any(written is table for written, _, _ in self._journal)

    def tables(self) -> list[tuple[str, PendingTable, bool]]:
        """Return (name, table, is dropped) of every table that the block read, wrote, made or dropped, by name."""
        return [(name, self._tables[name], name in self._dropped) for name in sorted(self._tables)]

    def tables_count(self) -> int:
        """Return how many tables there are as of now, whatever the block has read of them."""
        made = sum(1 for table in self._tables.values() if table.stored is None)
        return len(self.store.tables) + made - len(self._dropped)

    # --- rows ---

    def touch(self, count: int) -> None:
        """Count rows read or written by the present transaction. Raises: TooMuchWork."""
        self._touched += count
        if self._touched > ROWS_TOUCHED_PER_TRANSACTION_MAX:
            raise TooMuchWork(rows_max=ROWS_TOUCHED_PER_TRANSACTION_MAX)

    def get(
        self, table: PendingTable, key: bytes, key_values: Sequence[ColumnValue]
    ) -> StoredRow | None:
        """Return a row and count it. Raises: TooMuchWork."""
        self._touched += 1
        if self._touched > ROWS_TOUCHED_PER_TRANSACTION_MAX:
            raise TooMuchWork(rows_max=ROWS_TOUCHED_PER_TRANSACTION_MAX)
        return table.get(key, key_values)

    def write(self, table: PendingTable, key: bytes, row: StoredRow | None) -> None:
        """Write a row whose committed version was read before, or None to delete it. Raises: TooMuchWork."""
        self._touched += 1
        if self._touched > ROWS_TOUCHED_PER_TRANSACTION_MAX:
            raise TooMuchWork(rows_max=ROWS_TOUCHED_PER_TRANSACTION_MAX)
        self._journal.append((table, key, table.set(key, row)))

    def rows_touched(self) -> int:
        """Return how many rows were read or written in this block."""
        return self._counted + self._touched

    def count_again(self, rows_touched: int) -> None:
        """Go on from an earlier ``rows_touched``: what faults counts nowhere, because not every node runs it."""
        self._counted, self._touched = rows_touched, 0

    # --- transactions ---

    def begin(self, position: int) -> None:
        """Start a writer at log position ``position``."""
        self.position = position
        self._counted += self._touched
        self._touched = 0

    def mark(self) -> int:
        """Return a point to which ``roll_back`` can return; starts the count of touched rows anew."""
        self._counted += self._touched
        self._touched = 0
        return len(self._journal)

    def roll_back(self, mark: int = 0) -> None:
        """Take back every write since ``mark``."""
        while len(self._journal) > mark or (self._replaced and self._replaced[-1][0] >= mark):
            if self._replaced and self._replaced[-1][0] >= len(self._journal):
                _, name, previous = self._replaced.pop()
                if name in self._dropped:
                    del self._dropped[name]
                elif previous is None:
                    del self._tables[name]
                else:
                    self._tables[name] = previous
                continue
            table, key, written = self._journal.pop()
            table.restore(key, written)

    def attempt(self, work: Callable[[], R]) -> R:
        """Return what ``work`` returns; whatever it raises takes its writes back first, and is raised on.

        So a part of a transaction is all or nothing too, whoever catches what it raised.
        """
        mark = len(self._journal)
        try:
            return work()
        except BaseException:
            self.roll_back(mark)
            raise

    def written(self) -> int:
        """Return the count of writes since ``begin``."""
        return len(self._journal)

    def seal(self) -> None:
        """End the writer: net changes stand, versions that they replace go to history, the rest never was (R4.1)."""
        written: dict[int, tuple[PendingTable, dict[bytes, StoredRow | Missing | None]]] = {}
        last, first = None, {}
        for table, key, previous in self._journal:
            if table is not last:
                last = table
                number = id(table)  # tidy: id: names an object, reaches no byte
                first = written.setdefault(number, (table, {}))[1]
            if key not in first:
                first[key] = previous
        for table, first in written.values():
            for key, previous in first.items():
                before = table.base.get(key) if isinstance(previous, Missing) else previous
                now = table.rows[key]
                if before is None:
                    continue
                if now is not None and _is_same(table, now, before):
                    table.restore(key, previous)
                else:
                    table.superseded.append((*before, self.position))
        self.rows_written += len(self._journal)
        self._journal.clear()
        self._replaced.clear()


def _is_same(table: PendingTable, now: StoredRow, before: StoredRow) -> bool:
    """Tell whether a row was written back as it was; writer and salt do not count."""
    at = table.codec.salt_at
    if not at:
        return now[1:] == before[1:]
    return now[1:at] == before[1:at] and now[at + 1 :] == before[at + 1 :]
