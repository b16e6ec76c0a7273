"""A ledger that anybody may use in any order: a state machine for Hypothesis that an author subclasses.

    class TabMachine(AppMachine):
        app = app

    TestTab = TabMachine.TestCase

Each action becomes a rule, called by random people with random arguments. After each call the
invariants hold, a refused call has left no trace, and the result is what the action declares; in the
end the same blocks, executed again, give the same app hashes.

Invariant: a machine finds an application's faults, never refusals: those are the application's own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from comity.crypto import cbor
from comity.errors import Rejected
from comity.sdk.app import App
from comity.sdk.declaration import Action
from comity.sdk.refusals import Refusal
from comity.testing import strategies
from comity.testing.failures import StateChanged
from comity.testing.ledger import Ledger
from comity.testing.people import NAMES
from comity.testing.planned import PlannedCall, plain_arguments

_STEPS = 20  # calls of one run
_PHASES = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
    Phase.target,
    Phase.shrink,
)  # explaining traces, slowly
_SECONDS = (1, 60, 3_600, 86_400, 366 * 86_400)


class AppMachine(RuleBasedStateMachine):
    """Random calls of an app's actions; subclass it and set ``app``.

    Attributes:
        app: application under test.
        others: apps that it needs beside it.
        founders: names of the accounts that are there from the start, or their roles by name.
        accounts: names of those who call; the founders unless set.
        actions: those to call; all of the app unless set.
        parameters: genesis parameters by ``app.name``.
        given: strategies for arguments of these names, where random values would never meet a rule.
        ledger: the ledger of the present run, for an author's own rules and invariants.

    """

    app: ClassVar[App]
    others: ClassVar[Sequence[App | str]] = ()
    founders: ClassVar[Sequence[str] | Mapping[str, Sequence[str]]] = NAMES
    accounts: ClassVar[Sequence[str]] = ()
    actions: ClassVar[Sequence[Callable[..., Any]] | None] = None
    parameters: ClassVar[Mapping[str, cbor.Value]] = {}
    given: ClassVar[Mapping[str, st.SearchStrategy[Any]]] = {}

    def __init_subclass__(cls) -> None:
        """Make a rule of each action."""
        super().__init_subclass__()
        if not hasattr(cls, "app"):
            return
        cls.TestCase.settings = settings(
            deadline=None,
            phases=_PHASES,
            stateful_step_count=_STEPS,
            suppress_health_check=list(HealthCheck),
        )
        actions = cls.app.declaration.actions.values()
        for action in actions:
            if not action.is_timer and (cls.actions is None or action.function in cls.actions):
                setattr(cls, f"call_{action.name}", _rule_of(cls, action))
        if any(action.is_timer for action in actions):
            cls.let_time_pass = rule(seconds=st.sampled_from(_SECONDS))(_let_time_pass)

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(
            self.app, *self.others, founders=self.founders, parameters=self.parameters
        )
        self._is_whole = True  # no call has failed

    def act(self, by: str, action: Action, arguments: Mapping[str, Any]) -> Any:
        """Call an action and return its result or its refusal; None when it cannot be ordered."""
        planned = PlannedCall(action.function, plain_arguments(action.function, **arguments))
        before = self.ledger.root()
        self._is_whole = False
        try:
            (outcome,) = self.ledger.block([(by, planned)])
        except Rejected:  # such as of an account that another call suspended
            outcome = None
        if isinstance(outcome, Refusal) and self.ledger.root() != before:
            raise StateChanged(f"{by}: {planned} was refused and changed the tables")
        self._is_whole = True
        return outcome

    def teardown(self) -> None:
        """Execute all blocks again, and compare, unless a call has failed the test already."""
        if self._is_whole:
            self.ledger.check_replay()
        self.ledger.close()


def _rule_of(machine: type[AppMachine], action: Action) -> Any:
    accounts = tuple(machine.accounts) or tuple(machine.founders)

    def call(self: AppMachine, by: str, arguments: Mapping[str, Any]) -> None:
        self.act(by, action, arguments)

    call.__name__ = f"call_{action.name}"
    call.__qualname__ = f"{machine.__qualname__}.{call.__name__}"
    drawn = strategies.arguments(machine.app, action.function, accounts, **machine.given)
    return rule(by=st.sampled_from(accounts), arguments=drawn)(call)


def _let_time_pass(machine: AppMachine, seconds: int) -> None:
    machine.ledger.advance(seconds)
