"""Tab under random payments; and with its guard taken out, the mistake that must be found at once."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from comity.testing import InvariantBroken, Ledger, call, strategies
from comity.testing.state_machine import AppMachine
from tests.unit.sdk import tab

GUARD = '    require(source != target, BadArgument(argument="target"))\n'
PEOPLE = ("ana", "bo", "cy")


class TabMachine(AppMachine):
    """Anybody joins and pays in any order."""

    app = tab.app


TestTab = TabMachine.TestCase
TestTab.settings = settings(TestTab.settings, max_examples=20)
FIRST = settings(  # of the failures, as it is found
    TestTab.settings, max_examples=1_000, phases=[Phase.generate], derandomize=True, database=None
)


@pytest.fixture(scope="module")
def unguarded() -> Iterator[ModuleType]:
    """Give Tab without the guard against paying oneself."""
    source = Path(tab.__file__).read_text("utf-8")
    assert source.count(GUARD) == 1
    module = ModuleType("tab_unguarded", tab.__doc__)
    sys.modules[module.__name__] = module
    exec(source.replace(GUARD, ""), vars(module))  # noqa: S102 - our own file, a line less
    yield module
    del sys.modules[module.__name__]


def _payments(module: Any) -> st.SearchStrategy[list[tuple[str, str, str, int]]]:
    """Give payments as (who signs, source, target, amount)."""
    known = {"source": st.sampled_from(PEOPLE), "target": st.sampled_from(PEOPLE)}
    one = strategies.transactions(module.app, PEOPLE, [module.pay], **known)
    return st.lists(one.map(lambda made: (made[0], *made[1].arguments.values())), max_size=10)


def _pay(module: Any, payments: Sequence[tuple[str, str, str, int]]) -> Ledger:
    ledger = Ledger(module.app, founders=PEOPLE)
    for name in PEOPLE:
        ledger.run(module.join, by=name, name=name)
    for by, source, target, amount_cents in payments:
        ledger.block([(by, call(module.pay, source, target, amount_cents))])
    return ledger


def _breaks(module: Any, payments: Sequence[tuple[str, str, str, int]]) -> bool:
    try:
        _pay(module, payments)
    except InvariantBroken:
        return True
    return False


@settings(max_examples=20)
@given(_payments(tab))
def test_any_payments_balance(payments: list[tuple[str, str, str, int]]) -> None:
    """Balances sum to zero, nobody owes more than the limit, and the same again gives the same."""
    ledger = _pay(tab, payments)
    assert all(row.balance_cents >= -tab.CREDIT_LIMIT_CENTS for row in ledger.rows(tab.Member))
    ledger.check_replay()


def test_without_its_guard_a_property_test_fails_at_once(unguarded: ModuleType) -> None:
    """Canary: paying oneself is found, and shrinks to one cent."""
    found = find(_payments(unguarded), lambda payments: _breaks(unguarded, payments))
    assert found == [("ana", "ana", "ana", 1)]


def test_without_its_guard_the_state_machine_fails(unguarded: ModuleType) -> None:
    """Canary: random calls of the whole app find it too, without a word from the author."""

    class Unguarded(AppMachine):
        app = unguarded.app
        founders = ("ana", "bo")

    with pytest.raises(InvariantBroken, match=r"is_balanced.*pay\(source='(\w+)', target='\1'"):
        run_state_machine_as_test(Unguarded, settings=FIRST)


def test_a_refusal_that_leaves_a_trace_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: a machine that kept half of a refused call would fail the state machine."""
    roots = iter(range(10**6))
    monkeypatch.setattr(Ledger, "root", lambda _: next(roots).to_bytes(8, "big"))
    monkeypatch.setattr(Ledger, "check_replay", lambda _: None)
    with pytest.raises(AssertionError, match="was refused and changed the tables"):
        run_state_machine_as_test(TabMachine, settings=FIRST)
