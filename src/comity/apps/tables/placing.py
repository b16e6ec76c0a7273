"""Where the values of a call's rows belong in the rows of a table.

Invariant: the rows of a call are never written to: the same call may be executed again.
"""

from collections.abc import Sequence

from comity.sdk import BadArgument, BadRow, ColumnValue, TableSchema, Values


class Placing:
    """Puts the values of a call's rows in their columns.

    Args:
        columns: names of the values' columns in order; None for all columns of the table.

    Raises:
        BadArgument: a name stands twice, or names no column.

    """

    def __init__(self, schema: TableSchema, columns: list[str] | None) -> None:
        self.names = names = [column.name for column in schema.columns]
        wanted = names if columns is None else columns
        for name in wanted:
            if name not in names:
                raise BadArgument(argument="columns", problem=f"there is no column {name}")
        if len(dict.fromkeys(wanted)) < len(wanted):
            raise BadArgument(argument="columns", problem="a column stands twice")
        self.table = schema.name
        self.width = len(names)
        self.ordinals = [names.index(name) for name in wanted]
        self.is_whole = self.ordinals == list(range(self.width))
        self.key_ordinals = [names.index(name) for name in schema.key]
        self.key_places = [  # of the key's columns in a row of the call, as far as they are there
            self.ordinals.index(at) for at in self.key_ordinals if at in self.ordinals
        ]
        self.retired = [at for at, column in enumerate(schema.columns) if column.retired]

    def new(self, values: Values) -> Values:
        """Return a row's values by ordinal; columns that have none are null. Raises: BadRow."""
        if self.is_whole and len(values) == self.width:
            return values
        return self._onto([None] * self.width, values)

    def changed(self, before: Sequence[ColumnValue], values: Values) -> Values:
        """Return a row with ``values`` instead of its own; what has none stays. Raises: BadRow."""
        row = self._onto(list(before), values)
        for at in self.retired:
            row[at] = None
        return row

    def key(self, values: Values) -> Values:
        """Return the key in a row's values. Raises: BadArgument, when it is not whole there."""
        places = self.key_places
        if len(places) < len(self.key_ordinals) or len(values) <= max(places):
            raise BadArgument(argument="rows", problem="each row needs its whole key")
        return [values[place] for place in places]

    def _onto(self, row: Values, values: Values) -> Values:
        if len(values) > len(self.ordinals):
            problem = f"{len(values)} values for {len(self.ordinals)} columns"
            raise BadRow(table=self.table, column="", problem=problem)
        for at, value in zip(self.ordinals, values, strict=False):
            row[at] = value
        return row
