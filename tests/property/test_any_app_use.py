"""Anybody calls anything of our own applications, in any order: no fault, no trace of a refusal, the same again."""

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from comity.sdk.load import load_apps
from comity.testing.ledger import START_NS
from comity.testing.people import Person
from comity.testing.state_machine import AppMachine
from tests.unit.testing import alarm

OURS = load_apps(["members", "tables"])
SOON_NS = st.integers(START_NS, START_NS + 10**13)
PEOPLE = ("ana", "bo")
KEYS = st.sampled_from([Person(name).public_key for name in ("ana", "bo", "cy", "dee")])
TEXT = {"name": "code", "type": "text", "maximum": 10, "required": True}
SCHEMAS = st.builds(
    lambda name, columns: {"name": name, "key": ["code"], "columns": [TEXT, *columns]},
    st.sampled_from(["one", "two"]),
    st.lists(
        st.builds(
            lambda name, kind: {"name": name, "type": kind},
            st.sampled_from(["a", "b"]),
            st.sampled_from(["integer", "boolean", "date"]),
        ),
        max_size=2,
    ),
)


class MembersMachine(AppMachine):
    """Invitations, roles, suspensions and keys."""

    app = OURS["members"]
    founders = PEOPLE
    accounts = (*PEOPLE, "cy")  # who may not be there yet
    parameters = {"members.open_joins_per_block": 1}  # noqa: RUF012 - as an author writes it
    given = {"public_key": KEYS, "expires_ns": SOON_NS}  # noqa: RUF012 - as an author writes it


class TablesMachine(AppMachine):
    """Tables made, changed and dropped at run time."""

    app = OURS["tables"]
    others = ("members",)
    founders = PEOPLE
    given = {  # noqa: RUF012 - as an author writes it
        "schema": SCHEMAS,
        "table": st.sampled_from(["one", "two"]),
        "rows": st.lists(st.tuples(st.sampled_from(["x", "y"])).map(list), max_size=3),
        "keys": st.lists(st.tuples(st.sampled_from(["x", "y"])).map(list), max_size=3),
    }


class AlarmMachine(AppMachine):
    """Timers: time passes too."""

    rang: ClassVar[list[int]] = []
    app = alarm.app
    actions = (alarm.wake, alarm.restore)
    founders = PEOPLE
    given = {  # noqa: RUF012 - as an author writes it
        "at_ns": SOON_NS,
        "name": st.sampled_from(["tea", "egg"]),
        "alarms": st.just([]),
    }

    def teardown(self) -> None:
        """Note what rang."""
        self.rang.extend(row.rings for row in self.ledger.rows(alarm.Alarm))
        super().teardown()


TestMembers = MembersMachine.TestCase
TestMembers.settings = settings(TestMembers.settings, max_examples=25)
TestTables = TablesMachine.TestCase
TestTables.settings = settings(TestTables.settings, max_examples=25)


def test_time_passes_and_timers_fire() -> None:
    """An app with timers gets a rule that lets time pass: alarms ring."""
    same = settings(TestMembers.settings, max_examples=30, derandomize=True, database=None)
    run_state_machine_as_test(AlarmMachine, settings=same)
    assert any(AlarmMachine.rang)
