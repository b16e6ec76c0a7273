"""Where the pages of state trees are kept: in the ledger's database, or in memory.

Invariant: a source shows the pages of the last committed block only; pages reach it by ``adopt``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import apsw

from comity.errors import InvariantViolated
from comity.limits import TREE_CACHE_PAGES_MAX

TABLE_SQL = (
    "CREATE TABLE IF NOT EXISTS comity_tree(id INTEGER PRIMARY KEY, page BLOB NOT NULL) STRICT"
)

_SELECT = "SELECT page FROM comity_tree WHERE id = ?"
_LAST = "SELECT max(id) FROM comity_tree WHERE id BETWEEN ? AND ?"
_UPSERT = (
    "INSERT INTO comity_tree(id, page) VALUES(?, ?) "
    "ON CONFLICT(id) DO UPDATE SET page = excluded.page"
)
_DELETE = "DELETE FROM comity_tree WHERE id = ?"


class Changes(Protocol):
    """What an update makes of a tree's pages, by id."""

    @property
    def puts(self) -> Mapping[int, bytes]:
        """Stored form of each page that is new or changed, in the order to write them."""

    @property
    def reshaped(self) -> Collection[int]:
        """Ids of those that are new, or may have another length than before."""

    @property
    def deletes(self) -> Iterable[int]:
        """Ids of pages that are gone."""


class PageSource(Protocol):
    """Pages by id."""

    def read(self, page_id: int) -> bytes | None:
        """Return a page's stored form, or None."""

    def reading(self) -> AbstractContextManager[Callable[[int], bytes]]:
        """Return a quick way to read many pages that exist."""

    def last(self, low: int, high: int) -> int | None:
        """Return the highest id from ``low`` to ``high``, or None."""

    def adopt(self, puts: Mapping[int, bytes], deletes: Iterable[int]) -> None:
        """Learn what was committed."""


class MemoryPages:
    """Pages in memory: for the catalog, and for trees that are made for one proof."""

    def __init__(self) -> None:
        self._pages: dict[int, bytes] = {}

    def read(self, page_id: int) -> bytes | None:
        """Return a page's stored form, or None."""
        return self._pages.get(page_id)

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], bytes]]:
        """Return a quick way to read many pages that exist."""

        def read(page_id: int) -> bytes:
            try:
                return self._pages[page_id]
            except KeyError as error:
                raise _missing(error) from error

        yield read

    def last(self, low: int, high: int) -> int | None:
        """Return the highest id from ``low`` to ``high``, or None."""
        return max((page_id for page_id in self._pages if low <= page_id <= high), default=None)

    def adopt(self, puts: Mapping[int, bytes], deletes: Iterable[int]) -> None:
        """Keep the pages."""
        self._pages.update(puts)
        for page_id in deletes:
            self._pages.pop(page_id, None)


class SqlitePages:
    """Pages in ``comity_tree``, which all tables share; those with child pages are cached.

    A page with children is read by every block, a page of leaves by few.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cache: dict[int, bytes] = {}

    def read(self, page_id: int) -> bytes | None:
        """Return a page's stored form, or None."""
        blob = self._cache.get(page_id)
        if blob is None:
            row = self._connection.execute(_SELECT, (page_id,)).fetchone()
            if row is None:
                return None
            blob = row[0]
            if blob[-2]:
                self._keep(page_id, blob)
        return blob

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], bytes]]:
        """Return a quick way to read many pages that exist.

        An open blob that moves from row to row reads in half the time of a statement. It keeps
        one read transaction open, so it lives no longer than one batch.
        """
        blob: apsw.Blob | None = None

        def read(page_id: int) -> bytes:
            nonlocal blob
            page = self._cache.get(page_id)
            if page is None:
                if blob is None:
                    blob = self._connection.blob_open("main", "comity_tree", "page", page_id, False)
                else:
                    blob.reopen(page_id)
                page = blob.read()
                if page[-2]:
                    self._keep(page_id, page)
            return page

        try:
            yield read
        except apsw.SQLError as error:  # "no such rowid"
            raise _missing(error) from error
        finally:
            if blob is not None:
                blob.close(True)

    def last(self, low: int, high: int) -> int | None:
        """Return the highest id from ``low`` to ``high``, or None."""
        page_id: int | None = self._connection.execute(_LAST, (low, high)).get
        return page_id

    def adopt(self, puts: Mapping[int, bytes], deletes: Iterable[int]) -> None:
        """Bring the cache up to date with what was committed."""
        for page_id, blob in puts.items():
            if blob[-2]:
                self._keep(page_id, blob)
            elif page_id in self._cache:
                del self._cache[page_id]
        for page_id in deletes:
            self._cache.pop(page_id, None)

    def _keep(self, page_id: int, blob: bytes) -> None:
        if len(self._cache) >= TREE_CACHE_PAGES_MAX and page_id not in self._cache:
            del self._cache[next(iter(self._cache))]
        self._cache[page_id] = blob


def _missing(error: Exception) -> InvariantViolated:
    return InvariantViolated(f"a tree page is missing ({error}); run comity repair")


def write(connection: apsw.Connection, update: Changes) -> None:
    """Store what an update changed; call it inside the block's transaction.

    A page that keeps its length is written where it lies, which SQLite does in half the time of an UPSERT.

    Raises:
        InvariantViolated: a page is missing, or was damaged meanwhile.

    """
    connection.executemany(_DELETE, [(page_id,) for page_id in update.deletes])
    puts, reshaped = update.puts, update.reshaped
    connection.executemany(
        _UPSERT, [(page_id, puts[page_id]) for page_id in puts if page_id in reshaped]
    )
    blob: apsw.Blob | None = None
    try:
        for page_id, page in puts.items():
            if page_id in reshaped:
                continue
            if blob is None:
                blob = connection.blob_open("main", "comity_tree", "page", page_id, True)
            else:
                blob.reopen(page_id)
            if blob.length() != len(page):
                raise InvariantViolated(f"tree page {page_id} changed its length; run comity audit")
            blob.write(page)
    except apsw.SQLError as error:  # "no such rowid"
        raise _missing(error) from error
    finally:
        if blob is not None:
            blob.close(True)
