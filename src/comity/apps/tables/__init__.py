"""Shared tables without code: members make typed tables and change rows under a table's rules.

Invariant: every change of a row goes through the rules of its table.
"""

from comity.apps.tables import actions, views
from comity.apps.tables.tables import app

__all__ = ["actions", "app", "views"]
