"""Refusals by application and number: from what a receipt holds to words for people.

Invariant: a receipt of any app and number is told in words, also when no code here declares it.
"""

from collections.abc import Iterable, Mapping

from comity.errors import Field
from comity.sdk.declaration import Declaration
from comity.sdk.refusals import Refusal
from comity.sdk.standard import STANDARD


class RefusalRegistry:
    """The refusals of the machine and of some applications."""

    def __init__(self, apps: Iterable[Declaration]) -> None:
        refusals = [*STANDARD, *(one for app in apps for one in app.refusals.values())]
        self._refusals = {(one.app, one.code): one for one in refusals}

    def find(self, app: str, code: int) -> type[Refusal] | None:
        """Return the class of a refusal, or None when no application here declares it."""
        return self._refusals.get((app, code))

    def to_words(self, app: str, code: int, fields: Mapping[str, Field]) -> str:
        """Return what is true, with the fields, and what to do about it."""
        refusal = self.find(app, code)
        if refusal is None:
            shown = ", ".join(f"{name}: {value!r}" for name, value in fields.items())
            return f"Refused by {app} with number {code} ({shown}); install the app to read why."
        words = refusal.to_words(fields)
        retry = " Trying again later may succeed." if refusal.transient else ""
        return f"{words} {refusal.fix}".rstrip(" ") + retry
