from itertools import pairwise
from typing import Any

import pytest

from comity.errors import ConfigError, QueryError, Rejected
from comity.limits import SECOND_NS
from comity.machine.execution import AppFault
from comity.sdk import BadArgument, NotAuthorized, RowExists, RowNotFound, TableNotFound
from comity.testing import (
    InvariantBroken,
    Ledger,
    NotRefused,
    ReplayDiffers,
    ResultNotDeclared,
    call,
)  # fmt: skip
from tests.unit.sdk import tab
from tests.unit.sdk.tab import CreditExceeded, Member, debtors, join, pay
from tests.unit.testing import alarm
from tests.unit.testing.alarm import Alarm, TooLate, restore, ring, wake


@pytest.fixture
def ledger() -> Ledger:
    """Give a Tab that ana and bo joined."""
    made = Ledger(tab.app)
    made.run(join, by="ana", name="ana")
    made.run(join, by="bo", name="bo")
    return made


@pytest.fixture
def alarms() -> Ledger:
    """Give a ledger of the app that has what Tab has not."""
    return Ledger(alarm.app)


def test_an_action_returns_what_it_declares(ledger: Ledger) -> None:
    """The result of a call is the row that the action returned, and the row that the table holds."""
    row = ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=25)
    assert row == Member(name="ana", owner=ledger.account("ana"), balance_cents=-25)
    assert ledger.rows(Member) == [
        row,
        Member(name="bo", owner=ledger.account("bo"), balance_cents=25),
    ]
    assert ledger.find(Member, "ana") == row
    assert ledger.find(Member, "cy") is None


def test_a_refusal_is_raised_as_the_author_wrote_it(ledger: Ledger) -> None:
    """What a receipt tells in numbers comes back as the app's own class, with its fields."""
    with pytest.raises(CreditExceeded) as caught:
        ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=10_001)
    assert caught.value.balance_cents == -10_001
    with pytest.raises(RowExists) as machine:
        ledger.run(join, by="ana", name="ana")
    assert (machine.value.table, machine.value.key) == ("tab__member", "ana")


def test_a_refused_call_leaves_no_trace(ledger: Ledger) -> None:
    """The root over the app's tables is the same, though the log and the app hash went on."""
    root, app_hash, height = ledger.root(), ledger.app_hash, ledger.height
    refusal = ledger.refuses(BadArgument, pay, "ana", source="ana", target="ana", amount_cents=1)
    assert refusal.argument == "target"
    assert (ledger.root(), ledger.height) == (root, height + 1)
    assert ledger.app_hash != app_hash
    ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=1)
    assert ledger.root() != root


def test_refuses_finds_what_is_not_refused_so(ledger: Ledger) -> None:
    """A call that is executed, or refused with something else, is no success."""
    with pytest.raises(NotRefused, match="was executed, not refused with CreditExceeded"):
        ledger.refuses(CreditExceeded, pay, "ana", source="ana", target="bo", amount_cents=1)
    with pytest.raises(NotRefused, match="Another account must sign this"):
        ledger.refuses(CreditExceeded, pay, "bo", source="ana", target="bo", amount_cents=1)


def test_only_the_owner_pays(ledger: Ledger) -> None:
    """``by`` is who signs: nobody pays from a tab that is not theirs."""
    refusal = ledger.refuses(NotAuthorized, pay, "bo", source="ana", target="bo", amount_cents=1)
    assert refusal.account == ledger.account("ana")


def test_views_answer_rows(ledger: Ledger) -> None:
    """A view sees the last block, with its arguments checked and its result as rows."""
    assert ledger.view(debtors) == []
    ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=1)
    assert ledger.view(debtors, limit=5) == ledger.rows(Member)[:1]
    with pytest.raises(BadArgument):
        ledger.view(debtors, limit=0)


def test_a_block_holds_several_transactions_in_order(ledger: Ledger) -> None:
    """Later transactions see what earlier ones wrote; each is all or nothing; results keep the order."""
    height = ledger.height
    first, second, third = ledger.block(
        [
            ("ana", call(pay, source="ana", target="bo", amount_cents=10_000)),
            ("ana", call(pay, source="ana", target="bo", amount_cents=1)),
            ("bo", [call(pay, "bo", "ana", 2), call(pay, "bo", "ana", 3)]),
        ]
    )
    assert ledger.height == height + 1
    assert first.balance_cents == -10_000
    assert isinstance(second, CreditExceeded)
    assert [row.balance_cents for row in third] == [9_998, 9_995]


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    """The refusal of a later call takes back the earlier ones."""
    root = ledger.root()
    calls = [call(pay, "ana", "bo", 1), call(pay, "ana", "nobody", 1)]
    (outcome,) = ledger.block([("ana", calls)])
    assert isinstance(outcome, RowNotFound)
    assert ledger.root() == root


def test_signed_bytes_may_be_in_a_block(ledger: Ledger) -> None:
    """A transaction can be made first and ordered later, once, and not after it expired."""
    data = ledger.transaction("ana", call(pay, "ana", "bo", 1), valid_for_s=60)
    assert ledger.block([data])[0].balance_cents == -1
    with pytest.raises(Rejected, match="ordered before"):
        ledger.block([data])
    late = ledger.transaction("ana", call(pay, "ana", "bo", 1), valid_for_s=60)
    ledger.advance(60)
    with pytest.raises(Rejected, match="valid until"):
        ledger.block([late])


def test_names_make_the_same_keys_everywhere(ledger: Ledger) -> None:
    """Two ledgers that are asked the same have the same app hash: nothing is left to chance."""
    other = Ledger(tab.app)
    assert other.genesis.hash == ledger.genesis.hash
    other.run(join, by="ana", name="ana")
    other.run(join, by="bo", name="bo")
    assert other.app_hash == ledger.app_hash
    assert ledger.account("ana").hex() == "791d8ba83ab1e0ace2c94c291764071f62d9dd2d"


def test_a_stranger_cannot_call() -> None:
    """Who is no founder has no account, and nothing is open in this app."""
    ledger = Ledger(tab.app, founders=["ana"])
    with pytest.raises(Rejected, match=r"only a member may call tab\.join"):
        ledger.run(join, by="eve", name="eve")


def test_a_broken_invariant_is_found_and_names_the_call(alarms: Ledger) -> None:
    """The check runs after each block; what it reports says what was called."""
    bad = Alarm(name="a", owner=alarms.account("bo"), at_ns=1, rings=4)
    told = r"alarm\.is_patient: No alarm rings more than 3 times.*after ana: restore\(alarms="
    with pytest.raises(InvariantBroken, match=told):
        alarms.run(restore, by="ana", alarms=[bad])
    lenient = Ledger(alarm.app, checks_invariants=False)
    lenient.run(restore, by="ana", alarms=[bad])
    with pytest.raises(InvariantBroken):
        lenient.check_invariants()


def test_time_stands_still_until_it_is_told_to_pass(alarms: Ledger) -> None:
    """A timer fires in the first block whose time is past its own, at the time when a node would."""
    start = alarms.time_ns
    alarms.run(wake, by="ana", name="tea", at_ns=start + 60 * SECOND_NS)
    assert alarms.time_ns == start + 1
    assert alarms.advance(30) == 0
    assert alarms.advance(35) == 1
    assert alarms.time_ns == start + 1 + 65 * SECOND_NS
    assert alarms.rows(Alarm)[0].note == f"rang at {start + 60 * SECOND_NS + 1}"
    assert alarms.advance(3600) == 2
    assert alarms.rows(Alarm)[0].rings == 3
    assert alarms.advance(3600) == 0


def test_a_deadline_that_is_reached_has_not_passed(alarms: Ledger) -> None:
    """At its very time a timer is not due; a second later it is."""
    at_ns = alarms.time_ns + 1 + 60 * SECOND_NS
    alarms.run(wake, by="ana", name="tea", at_ns=at_ns)
    assert alarms.advance(60) == 0
    assert alarms.time_ns == at_ns
    assert alarms.advance(1) == 1


def test_a_timer_that_is_due_fires_before_the_block_s_transactions(alarms: Ledger) -> None:
    """Work at the very time of a timer still comes before it; later work finds that it fired."""
    at_ns = alarms.time_ns + 1 + 60 * SECOND_NS
    alarms.run(wake, by="ana", name="tea", at_ns=at_ns)
    alarms.advance(60)
    alarms.run(wake, by="ana", name="egg", at_ns=at_ns * 2)
    assert [row.rings for row in alarms.rows(Alarm)] == [0, 0]
    alarms.run(wake, by="ana", name="fish", at_ns=at_ns * 2)
    assert [row.rings for row in alarms.rows(Alarm)] == [0, 0, 1]


@pytest.mark.parametrize("seconds", [-1, 0.5, True, "1"])
def test_time_passes_in_whole_seconds(alarms: Ledger, seconds: Any) -> None:
    """What is no whole number of seconds, forward, is a mistake of the test."""
    with pytest.raises(ValueError, match="whole seconds"):
        alarms.advance(seconds)


def test_a_fault_shows_its_cause(alarms: Ledger) -> None:
    """What an action raises besides refusals comes to its author, and nothing is ordered."""
    height, root = alarms.height, alarms.root()
    with pytest.raises(AppFault, match=r"alarm\.fault faults: KeyError") as caught:
        alarms.run(alarm.fault, by="ana", name="tea")
    assert isinstance(caught.value.__cause__, KeyError)
    assert (alarms.height, alarms.root()) == (height, root)


def test_a_fault_of_a_timer_shows_its_cause(alarms: Ledger) -> None:
    """A node would put the timer aside and go on; a test says so and shows the line."""
    alarms.run(wake, by="ana", name="fault", at_ns=alarms.time_ns + 2 * SECOND_NS)
    with pytest.raises(AppFault, match=r"alarm\.ring faults: ZeroDivisionError") as caught:
        alarms.advance(2)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_timer_cannot_be_called(alarms: Ledger) -> None:
    """The machine alone runs timers."""
    with pytest.raises(LookupError, match="ring is no action of alarm"):
        alarms.run(ring, by="ana", name="tea")


def test_an_action_of_another_app_is_named(alarms: Ledger) -> None:
    """A forgotten App is told, for actions, views and tables."""
    with pytest.raises(LookupError, match="join is no action of alarm"):
        alarms.run(join, by="ana", name="ana")
    with pytest.raises(LookupError, match="debtors is no view of alarm"):
        alarms.view(debtors)
    with pytest.raises(LookupError, match="Member is no table of alarm"):
        alarms.rows(Member)


def test_rows_flags_and_nothing_travel_both_ways(alarms: Ledger) -> None:
    """Rows as arguments, booleans, null and salted tables come back as they were given."""
    given = [
        Alarm(name="a", owner=alarms.account("bo"), at_ns=1, is_loud=True),
        Alarm(name="b", owner=alarms.account("cy"), at_ns=2, rings=-(1 << 63), note="n"),
    ]
    assert alarms.run(restore, by="ana", alarms=given) == given
    assert alarms.rows(Alarm) == given
    assert alarms.view(alarm.loud) == given[:1]
    assert alarms.view(alarm.loud, owner=alarms.account("cy")) == []


def test_a_default_is_the_apps_not_the_tests(alarms: Ledger) -> None:
    """Arguments that are left out are not sent; the action's own defaults hold."""
    row = alarms.run(wake, "ana", name="tea", at_ns=alarms.time_ns + 2 * SECOND_NS)
    assert row.is_loud is False
    with pytest.raises(TooLate) as caught:
        alarms.run(wake, "ana", name="tea", at_ns=0)
    assert (caught.value.at_ns, caught.value.note) == (0, "")


def test_a_view_cannot_write(alarms: Ledger) -> None:
    """SQL that would change rows is stopped, whatever a condition smuggles in."""
    alarms.run(wake, "ana", name="tea", at_ns=alarms.time_ns + 2 * SECOND_NS)
    with pytest.raises(QueryError, match="a statement that does not read is not allowed"):
        alarms.view(alarm.sly)
    assert len(alarms.rows(Alarm)) == 1
    alarms.run(wake, "ana", name="egg", at_ns=alarms.time_ns + 2 * SECOND_NS)


def test_results_are_what_is_declared(alarms: Ledger) -> None:
    """An action or view that returns something else than its annotation says is found."""
    with pytest.raises(ResultNotDeclared, match=r"alarm\.mistype returned ''"):
        alarms.run(alarm.mistype, by="ana")
    with pytest.raises(ResultNotDeclared, match=r"alarm\.wrong returned"):
        alarms.view(alarm.wrong)


def test_a_replay_gives_the_same(ledger: Ledger, alarms: Ledger) -> None:
    """Executed again, blocks give the same app hashes; state outside the tables is found."""
    ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=1)
    ledger.check_replay()
    alarms.run(wake, "ana", name="tea", at_ns=alarms.time_ns + 2 * SECOND_NS)
    alarms.advance(60)
    alarms.check_replay()
    alarms.run(alarm.remember, by="ana", name="tea")
    with pytest.raises(ReplayDiffers, match="block 5"):
        alarms.check_replay()


def test_wrong_arguments_are_the_tests_mistake(ledger: Ledger) -> None:
    """A misspelt or missing argument, and a value that CBOR cannot hold, fail before signing."""
    with pytest.raises(TypeError):
        ledger.run(pay, by="ana", source="ana", target="bo")  # type: ignore[call-arg]  # planted
    with pytest.raises(TypeError):
        ledger.run(join, by="ana", nam="ana")  # type: ignore[call-arg]  # planted
    with pytest.raises(TypeError):
        ledger.run(join, by="ana", name=1.5)  # type: ignore[arg-type]  # planted
    assert ledger.height == 2


def test_several_apps_run_beside_one_another() -> None:
    """An installed app is named; founders get roles; others join it, with a key of their own."""
    ledger = Ledger(
        tab.app,
        "members",
        founders={"ana": ["admin"], "bo": []},
        parameters={"members.open_joins_per_block": 2},
    )
    members = ledger.apps["members"].actions
    ledger.run(members["join"].function, by="eve", name="eve")
    assert ledger.run(join, by="eve", name="eve").owner == ledger.account("eve")
    add_key, proof = members["add_key"].function, ledger.proof("phone", account="eve")
    arguments = {"public_key": ledger.public_key("phone"), "scope": "daily", "proof": proof}
    ledger.run(add_key, by="eve", **arguments)
    data = ledger.transaction("eve", call(join, name="eve2"), key="phone")
    assert ledger.block([data])[0].name == "eve2"


def test_a_genesis_that_an_app_refuses_is_told() -> None:
    """Members without an admin cannot start."""
    with pytest.raises(ConfigError, match="app members refuses it"):
        Ledger("members", founders={"ana": []})
    with pytest.raises(ValueError, match=r"named app\.name"):
        Ledger(tab.app, parameters={"limit": 1})


def test_shared_tables_can_be_read() -> None:
    """Tables made at run time show their rows, owners and schema."""
    ledger = Ledger("members", "tables")
    tables = ledger.apps["tables"].actions
    schema = {
        "name": "airports",
        "key": ["code"],
        "columns": [
            {"name": "code", "type": "text", "maximum": 4, "required": True},
            {"name": "lat", "type": "integer", "required": False},
        ],
    }
    ledger.run(tables["create"].function, by="ana", schema=schema, preset="open")
    before = ledger.root()
    ledger.run(tables["add"].function, by="bo", table="airports", rows=[["EDDF", 5]])
    assert ledger.root() != before
    row = ledger.table("airports").get(["EDDF"])
    assert row is not None
    assert (row.values, row.owner) == (("EDDF", 5), ledger.account("bo"))
    with pytest.raises(TableNotFound):
        ledger.table("tables__rule")


def test_block_times_rise(ledger: Ledger) -> None:
    """Each block is later than the one before, though time stands still."""
    for _ in range(3):
        ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=1)
    rows = ledger.store.connection.execute("SELECT time_ns FROM comity_chain__h ORDER BY _n")
    times: list[Any] = [time for (time,) in rows]
    assert all(before < after for before, after in pairwise(times))


def test_an_empty_block_is_no_block(ledger: Ledger) -> None:
    """Without work there is no block."""
    with pytest.raises(ValueError, match="a block needs"):
        ledger.block([])
