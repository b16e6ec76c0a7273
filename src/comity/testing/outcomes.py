"""From receipts back to what an author wrote: rows as rows, refusals as their classes.

Invariant: a result has the shape that its action declares, or the test fails.
"""

from collections.abc import Callable, Mapping
from typing import Any

from comity.machine.candidate import Outcome
from comity.model.receipt import Receipt
from comity.sdk.checks import Build, Check, build_of_shape, check_of_shape, value_of
from comity.sdk.declaration import Declaration, Function, View
from comity.sdk.refusals import Refusal
from comity.sdk.shape import Shape
from comity.sdk.standard import MACHINE, STANDARD
from comity.testing.failures import ResultNotDeclared


class Outcomes:
    """What the apps of one ledger declare, to be found by function and by number."""

    def __init__(self, apps: Mapping[str, Declaration]) -> None:
        self._apps = apps
        self._shapes: dict[str, tuple[Check, Build | None]] = {}
        self._names: dict[Callable[..., Any], str] = {}
        self._views: dict[Callable[..., Any], tuple[str, View]] = {}
        self._refusals: dict[tuple[str, int], type[Refusal]] = {
            (MACHINE, one.code): one for one in STANDARD
        }
        for app in apps.values():
            self._refusals |= {(app.name, code): one for code, one in app.refusals.items()}
            self._views |= {view.function: (app.name, view) for view in app.views.values()}
            self._names |= {
                action.function: f"{app.name}.{action.name}"
                for action in app.actions.values()
                if not action.is_timer
            }

    def name_of(self, action: Callable[..., Any]) -> str:
        """Return ``app.action``. Raises: LookupError, when no app of the ledger declares it."""
        if action not in self._names:
            raise self._unknown(action, "action")
        return self._names[action]

    def view_of(self, view: Callable[..., Any]) -> tuple[str, View]:
        """Return the app's name and the view. Raises: LookupError."""
        if view not in self._views:
            raise self._unknown(view, "view")
        return self._views[view]

    def of(self, outcome: Outcome, *, is_several: bool) -> Any:
        """Return the result of a transaction, the results of several calls, or the refusal."""
        receipt = outcome.receipt
        if Receipt.decode(receipt.encode()) != receipt:
            raise ResultNotDeclared("the receipt does not survive its own encoding")
        if not receipt.is_ok:
            return self.refusal(receipt)
        calls = outcome.checked.transaction.calls
        results = []
        for call, value in zip(calls, receipt.results, strict=True):
            app, _, name = call.action.partition(".")
            results.append(self.checked(call.action, self._apps[app].actions[name], value))
        return results if is_several else results[0]

    def refusal(self, receipt: Receipt) -> Refusal:
        """Return the refusal that a receipt tells."""
        return self._refusals[receipt.app, receipt.code](**receipt.fields)

    def checked(self, where: str, function: Function, result: Any) -> Any:
        """Return a result with rows as rows. Raises: ResultNotDeclared."""
        if where not in self._shapes:
            self._shapes[where] = _check_and_build(function.returns)
        check, build = self._shapes[where]
        value = value_of(result)
        problem = check(value)
        if problem is not None:
            raise ResultNotDeclared(f"{where} returned {result!r}: {problem}")
        return value if build is None else build(value)

    def _unknown(self, function: Callable[..., Any], what: str) -> LookupError:
        name = getattr(function, "__qualname__", str(function))
        return LookupError(
            f"{name} is no {what} of {', '.join(self._apps)}: decorate it with @app.{what}, and"
            " give its App to Ledger(...)"
        )


def _check_and_build(shape: Shape | None) -> tuple[Check, Build | None]:
    if shape is None:
        return (lambda value: None if value is None else "its annotation says None"), None
    return check_of_shape(shape), build_of_shape(shape)
