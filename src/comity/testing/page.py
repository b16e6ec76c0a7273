"""Writes what an application's declarations say, for people or for programs.

    python -m comity.testing.page library            # Markdown: tables, actions, views, refusals
    python -m comity.testing.page library --json     # JSON Schema of rows, arguments and results

Invariant: nothing is written that is not in the declarations of the installed application.
"""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from comity.errors import BadDeclaration, ConfigError
from comity.sdk.declaration import Declaration
from comity.sdk.describe import page_of
from comity.sdk.load import load_apps
from comity.sdk.schema_json import arguments_schema, result_schema, table_schema

_USAGE_EXIT = 2
_JSON = "--json"


def schemas_of(app: Declaration) -> dict[str, Any]:
    """Return the JSON schemas of an application's rows, and of its actions' and views' arguments and results."""
    called = [action for action in app.actions.values() if not action.is_timer]
    return {
        "app": app.name,
        "version": app.version,
        "tables": {schema.name: table_schema(schema) for schema in app.tables.values()},
        "actions": {one.name: _function(one) for one in called},
        "views": {one.name: _function(one) for one in app.views.values()},
    }


def _function(function: Any) -> dict[str, Any]:
    return {"arguments": arguments_schema(function), "result": result_schema(function)}


def main(arguments: Sequence[str]) -> int:
    """Write the page or the schemas of an installed application; return the exit code."""
    names = [argument for argument in arguments if argument != _JSON]
    if len(names) != 1 or names[0].startswith("-"):
        sys.stderr.write("usage: python -m comity.testing.page APP [--json]\n")
        return _USAGE_EXIT
    try:
        app = load_apps(names)[names[0]].declaration
    except (BadDeclaration, ConfigError) as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE_EXIT
    if _JSON in arguments:
        text = msgspec.json.format(msgspec.json.encode(schemas_of(app)), indent=2).decode() + "\n"
    else:
        text = page_of(app)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
