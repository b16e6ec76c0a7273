"""SQL that an application wrote into a view, tried before it touches a ledger's file.

Each statement runs once on an empty twin of the app's tables, under an authorizer: there it can
change nothing and find nothing, and what it names is seen.

Invariant: what ``check`` lets pass only reads tables of the app, and calls only functions whose
answer depends on their arguments alone.
"""

from collections.abc import Iterable, Sequence

import apsw

from comity.errors import QueryError
from comity.model.column import ColumnValue
from comity.model.schema import TableSchema
from comity.query import functions
from comity.store import ddl

_REMEMBERED_MAX = 1_000  # statements; an app writes few


class Conditions:
    """The statements that one app's views run.

    Args:
        tables: schemas of the app's tables.

    """

    def __init__(self, tables: Iterable[TableSchema]) -> None:
        self._tables = {schema.name: schema for schema in tables}
        self._twin: apsw.Connection | None = None
        self._passed: dict[str, None] = {}
        self._refused = ""

    def check(self, sql: str, parameters: Sequence[ColumnValue]) -> None:
        """Refuse a statement that does more than read the app's tables. Raises: QueryError."""
        if sql in self._passed:
            return
        if self._twin is None:
            self._twin = self._empty_twin()
        self._refused = ""
        try:
            self._twin.execute(sql, tuple(parameters)).fetchall()
        except apsw.BindingsError as error:
            raise QueryError("parameters", "a condition needs one value for each ?") from error
        except (apsw.AuthError, apsw.SQLError) as error:
            if self._refused or "no such table" in str(error):
                message = f"{self._refused or error}: a condition only reads its app's own tables"
                raise QueryError("refused", message) from error
            raise QueryError("syntax", f"{error} in: {sql}") from error
        if len(self._passed) >= _REMEMBERED_MAX:
            self._passed.clear()
        self._passed[sql] = None

    def _empty_twin(self) -> apsw.Connection:
        twin = apsw.Connection(":memory:")
        for schema in self._tables.values():
            for statement in ddl.create(schema):
                twin.execute(statement)
        functions.register(twin)
        twin.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)  # a mistyped "column" is an error, not a text
        twin.authorizer = self._authorize
        return twin

    def _authorize(
        self, action: int, first: str | None, second: str | None, _: str | None, __: str | None
    ) -> int:
        if action == apsw.SQLITE_SELECT:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_READ and first in self._tables:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION and second in functions.ALLOWED:
            return apsw.SQLITE_OK
        names = {
            apsw.SQLITE_READ: f"the table {first}",
            apsw.SQLITE_FUNCTION: f"the function {second}",
        }
        shown = names.get(action, "a statement that does not read")
        self._refused = self._refused or f"{shown} is not allowed"
        return apsw.SQLITE_DENY
