"""SQL of the tables: the only place that turns a schema into SQLite's words, and the only one that quotes a name.

Invariant: names reach SQL through ``quote`` alone; every table is STRICT, and uniqueness is the machine's work, so that
no order of writes within a block can offend an index.
"""

from collections.abc import Sequence

from comity.model.column import ColumnType
from comity.model.schema import Index, TableSchema

_SQL_TYPES = {
    "integer": "INTEGER",
    "decimal": "INTEGER",
    "boolean": "INTEGER",
    "text": "TEXT",
    "enum": "TEXT",
    "date": "TEXT",
    "datetime": "TEXT",
    "bytes": "BLOB",
    "account": "BLOB",
}

# Not in the catalog, so not in the app hash (consensus rule R1.1): derived from the log, or local to this node.
UNHASHED = (
    "CREATE TABLE comity_table(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, leaf BLOB) STRICT",
    "CREATE TABLE comity_tree(id INTEGER PRIMARY KEY, page BLOB NOT NULL) STRICT",
    """CREATE TABLE comity_tile(level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
        PRIMARY KEY(level, number)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE comity_transaction(position INTEGER PRIMARY KEY, id BLOB, height INTEGER NOT NULL,
        bytes BLOB NOT NULL, receipt BLOB) STRICT""",
    "CREATE INDEX comity_transaction_id ON comity_transaction(id) WHERE id IS NOT NULL",
    "CREATE INDEX comity_transaction_height ON comity_transaction(height)",
    """CREATE TABLE comity_block(height INTEGER PRIMARY KEY, engine_height INTEGER NOT NULL, app_hash BLOB NOT NULL,
        log_size INTEGER NOT NULL, evidence BLOB) STRICT""",
    """CREATE TABLE comity_root(height INTEGER NOT NULL, name TEXT NOT NULL, leaf BLOB,
        PRIMARY KEY(height, name)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE comity_undo(height INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT",
)


def quote(name: str) -> str:
    """Return ``name`` as an SQL identifier. Raises: ValueError, when it holds a quote or a NUL."""
    if '"' in name or "\0" in name or not name:
        raise ValueError("not an SQL identifier")
    return '"' + name + '"'


def stored_columns(schema: TableSchema) -> list[str]:
    """Return the quoted columns of a stored row in its order: ``_from``, ``_owner``, ``_salt``, declared columns."""
    system = ["_from"] + ["_owner"] * schema.is_owned + ["_salt"] * schema.is_salted
    return [quote(name) for name in system] + [quote(column.name) for column in schema.columns]


def history_name(schema: TableSchema) -> str:
    """Return the name of the table of superseded versions."""
    return schema.name + "__h"


def create(schema: TableSchema) -> list[str]:
    """Return the statements that make the live table, its indexes and, unless ``none``, its history table."""
    declared = [
        quote(column.name)
        + " "
        + column_sql(column.type)
        + (" NOT NULL" if column.name in schema.key else "")  # other columns may be retired
        for column in schema.columns
    ]
    system = (["_owner BLOB NOT NULL"] if schema.is_owned else []) + (
        ["_salt BLOB NOT NULL"] if schema.is_salted else []
    )
    key = ", ".join(quote(name) for name in schema.key)
    live = [*declared, *system, "_from INTEGER NOT NULL", "PRIMARY KEY(" + key + ")"]
    statements = [
        "CREATE TABLE " + quote(schema.name) + "(" + ", ".join(live) + ") STRICT, WITHOUT ROWID"
    ]
    statements += [create_index(schema, index) for index in schema.indexes]
    if schema.history == "none":
        return statements
    past = ["_n INTEGER PRIMARY KEY"]
    past += [quote(column.name) + " " + column_sql(column.type) for column in schema.columns]
    past += ["_owner BLOB"] * schema.is_owned + ["_salt BLOB"] * schema.is_salted
    past += ["_from INTEGER NOT NULL", "_to INTEGER NOT NULL"]
    history = quote(history_name(schema))
    index_name = quote(history_name(schema) + "__key")
    return [
        *statements,
        "CREATE TABLE " + history + "(" + ", ".join(past) + ") STRICT",
        "CREATE INDEX " + index_name + " ON " + history + "(" + key + ", _to)",
    ]


def create_index(schema: TableSchema, index: Index) -> str:
    """Return the statement that makes one declared index."""
    columns = ", ".join(quote(name) for name in index.columns)
    name = quote(schema.name + "__i__" + index.name)
    return "CREATE INDEX " + name + " ON " + quote(schema.name) + "(" + columns + ")"


def alter(old: TableSchema, new: TableSchema) -> list[str]:
    """Return the statements that lead from one version to its successor: renamed and appended columns."""
    tables = _tables(old)
    names = [
        (before.name, after.name) for before, after in zip(old.columns, new.columns, strict=False)
    ]
    statements = [statement for table in tables for statement in _rename(table, names)]
    for column in new.columns[len(old.columns) :]:
        added = quote(column.name) + " " + column_sql(column.type)
        statements += ["ALTER TABLE " + quote(table) + " ADD COLUMN " + added for table in tables]
    return statements


def take_back(old: TableSchema, new: TableSchema) -> list[str]:
    """Return the statements that lead back from ``new`` to ``old``, undoing ``alter``."""
    tables = _tables(old)
    statements = []
    for column in new.columns[len(old.columns) :]:
        dropped = quote(column.name)
        statements += [
            "ALTER TABLE " + quote(table) + " DROP COLUMN " + dropped for table in tables
        ]
    names = [
        (after.name, before.name) for before, after in zip(old.columns, new.columns, strict=False)
    ]
    return statements + [statement for table in tables for statement in _rename(table, names)]


def _tables(schema: TableSchema) -> list[str]:
    return [schema.name] + ([history_name(schema)] if schema.history != "none" else [])


def _rename(table: str, names: Sequence[tuple[str, str]]) -> list[str]:
    """Return the statements that rename columns by ordinal, over names of no column: two columns may swap theirs."""
    changed = [(at, old, new) for at, (old, new) in enumerate(names) if old != new]
    steps = [(old, "_r" + str(at)) for at, old, _ in changed]
    steps += [("_r" + str(at), new) for at, _, new in changed]
    head = "ALTER TABLE " + quote(table) + " RENAME COLUMN "
    return [head + quote(old) + " TO " + quote(new) for old, new in steps]


def column_sql(type_: ColumnType) -> str:
    """Return the SQLite type that stores values of ``type_``."""
    return _SQL_TYPES[type_.kind]
