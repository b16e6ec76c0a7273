"""The check of an application's source that a node makes when it loads it, for tests.

Invariant: an application that passes here is not refused by a node for its source.
"""

from comity.sdk.app import App
from comity.sdk.load import check_source


def check_app(app: App) -> None:
    """Refuse an application whose modules do what they may not. Raises: BadDeclaration."""
    declared = app.declaration
    parts = [*declared.tables, *(one.function for one in declared.actions.values())]
    for module in dict.fromkeys(part.__module__ for part in parts):
        check_source(module)
