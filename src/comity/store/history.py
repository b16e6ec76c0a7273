"""Limits on the history of a table: what may be forgotten, and where it begins.

Invariant: superseded versions are appended in the order they ended, so a prefix of ``_n`` is what ended first.
"""

import apsw

from comity.limits import ROWS_WRITTEN_PER_BLOCK_MAX
from comity.store.ddl import quote

_PRUNED_PER_BLOCK_MAX = 2 * ROWS_WRITTEN_PER_BLOCK_MAX


def prune(connection: apsw.Connection, name: str, position: int) -> int:
    """Delete versions of table ``name`` that ended at or before log position ``position``; return how many.

    Cost: the rows deleted and one more; at most ``_PRUNED_PER_BLOCK_MAX`` a call, so that a block stays bounded.
    """
    table = quote(name + "__h")
    last = 0
    ended = connection.execute(
        "SELECT _n, _to FROM " + table + " ORDER BY _n LIMIT ?", (_PRUNED_PER_BLOCK_MAX,)
    )
    for number, to in ended:
        if to > position:
            break
        last = number
    if not last:
        return 0
    connection.execute("DELETE FROM " + table + " WHERE _n <= ?", (last,))
    return connection.changes()
