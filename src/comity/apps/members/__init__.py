"""Members: who belongs to a ledger, with which keys and roles, and how others join.

Invariant: whoever may sign transactions has one row in ``members__member``.
"""

from comity.apps.members import actions, views
from comity.apps.members.tables import app

__all__ = ["actions", "app", "views"]
