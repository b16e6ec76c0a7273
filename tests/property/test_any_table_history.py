"""Any history of a shared table is what its rules say: a dict and four presets tell each outcome.

Members add, change and remove rows in transactions of several calls and blocks of several
transactions, some having seen an old version; a plain model of the rules predicts each receipt.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from comity.apps.members import app as members
from comity.apps.tables import app as tables
from comity.apps.tables import views
from comity.apps.tables.actions import add, change, create, remove
from comity.apps.tables.errors import NotRowOwner, RuleRefused
from comity.sdk import BadRow, Refusal, RowChanged, RowExists, RowNotFound
from comity.testing import Ledger, PlannedCall, call

PEOPLE = ("ana", "bo", "carla")  # ana makes the table
KEYS = ("a", "b", "c")
TOO_LONG = "xxxxx"
SCHEMA: Mapping[str, Any] = {
    "name": "t",
    "columns": [
        {"name": "code", "type": "text", "maximum": 4, "required": True},
        {"name": "note", "type": "text", "maximum": 4},
    ],
    "key": ["code"],
}
RIGHTS = {  # who may add, change, remove
    "open": ("all", "all", "all"),
    "own-rows": ("all", "owner", "none"),
    "append-only": ("all", "none", "none"),
    "read-only": ("creator", "creator", "creator"),
}
VERBS = ("add", "change", "remove")


class Step(NamedTuple):
    """One call: what, of which row, to which note, having seen the version so many back."""

    verb: str
    key: str
    note: str | None
    behind: int


class Held(NamedTuple):
    """A row as the model holds it."""

    owner: str
    note: str | None
    version: int


STEPS = st.builds(
    Step,
    st.sampled_from(("add", "add", *VERBS)),
    st.sampled_from(KEYS),
    st.sampled_from((None, "x", "y", TOO_LONG)),
    st.sampled_from((0, 0, 0, 1)),
)
TRANSACTIONS = st.tuples(st.sampled_from(PEOPLE), st.lists(STEPS, min_size=1, max_size=3))
BLOCKS = st.lists(st.lists(TRANSACTIONS, min_size=1, max_size=4), min_size=1, max_size=6)


class Model:
    """The rules as a dict of rows; a number stands for each version of a row."""

    def __init__(self, preset: str) -> None:
        self.rights = dict(zip(VERBS, RIGHTS[preset], strict=True))
        self.rows: dict[str, Held] = {}
        self.versions = 0

    def transaction(self, by: str, steps: list[Step], seen: list[int]) -> type[Refusal] | None:
        """Return how a transaction is refused, if it is; a refusal takes all back."""
        before = dict(self.rows)
        for step, version in zip(steps, seen, strict=True):
            refusal = self.refusal(by, step, version)
            if refusal is not None:
                self.rows = before
                return refusal
            self.apply(by, step)
        for key, row in before.items():
            now = self.rows.get(key)
            if now is not None and (now.owner, now.note) == (row.owner, row.note):
                self.rows[key] = row  # written back as it was: no change
        return None

    def refusal(self, by: str, step: Step, version: int) -> type[Refusal] | None:
        """Return how a call is refused, if it is."""
        who, row = self.rights[step.verb], self.rows.get(step.key)
        if who == "none" or (who == "creator" and by != PEOPLE[0]):
            return RuleRefused
        if step.verb == "add":
            return BadRow if step.note == TOO_LONG else RowExists if row is not None else None
        if row is None:
            return RowNotFound
        if who == "owner" and row.owner != by:
            return NotRowOwner
        if row.version != version:
            return RowChanged
        return BadRow if step.verb == "change" and step.note == TOO_LONG else None

    def apply(self, by: str, step: Step) -> None:
        """Change the rows."""
        self.versions += 1
        if step.verb == "remove":
            del self.rows[step.key]
        else:
            owner = by if step.verb == "add" else self.rows[step.key].owner
            self.rows[step.key] = Held(owner, step.note, self.versions)


class Signers:
    """What members saw: every version of each row that a block left, and its row hash."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[int, bytes]]] = {key: [(0, bytes(8))] for key in KEYS}

    def note(self, model: Model, ledger: Ledger) -> None:
        """Read the table as the last block left it."""
        for row in ledger.view(views.rows, table="t")["rows"]:
            held = model.rows[row["values"]["code"]]
            self.seen[row["values"]["code"]].append((held.version, row["seen"]))

    def version(self, step: Step) -> tuple[int, bytes]:
        """Return the version that a step names as seen, and its hash."""
        versions = self.seen[step.key]
        return versions[max(0, len(versions) - 1 - step.behind)]


def call_of(step: Step, row_hash: bytes) -> PlannedCall[Any]:
    """Return a step as a call."""
    if step.verb == "add":
        return call(add, table="t", rows=[[step.key, step.note]])
    if step.verb == "change":
        return call(change, table="t", rows=[[step.key, step.note]], seen=[row_hash])
    return call(remove, table="t", keys=[[step.key]], seen=[row_hash])


@pytest.mark.parametrize("preset", RIGHTS)
@settings(max_examples=30)
@given(blocks=BLOCKS)
def test_any_history_is_what_the_rules_say(
    preset: Any, blocks: list[list[tuple[str, list[Step]]]]
) -> None:
    """Receipts, rows and owners are the model's, and a refused transaction leaves no trace."""
    ledger = Ledger(members, tables, founders=PEOPLE)
    ledger.run(create, PEOPLE[0], schema=SCHEMA, preset=preset)
    model, signers = Model(preset), Signers()
    for block in blocks:
        rows, leaf = dict(model.rows), ledger.store.leaves["t"]
        planned, expected = [], []
        for by, steps in block:
            seen = [signers.version(step) for step in steps]
            calls = [call_of(step, digest) for step, (_, digest) in zip(steps, seen, strict=True)]
            planned.append((by, calls))
            expected.append(model.transaction(by, steps, [version for version, _ in seen]))
        outcomes = ledger.block(planned)
        kinds = [type(one) if isinstance(one, Refusal) else None for one in outcomes]
        assert kinds == expected
        for kind in dict.fromkeys(kinds):
            event(str(kind))
        found = ledger.store.connection.execute("SELECT code, _owner, note FROM t").fetchall()
        assert found == [
            (key, ledger.account(row.owner), row.note) for key, row in sorted(model.rows.items())
        ]
        if model.rows == rows:
            assert ledger.store.leaves["t"] == leaf
        signers.note(model, ledger)
    ledger.check_replay()
    ledger.close()


@settings(max_examples=30)
@given(
    blocks=st.lists(
        st.lists(
            st.lists(st.one_of(st.none(), st.none(), st.integers(-2, 2100)), max_size=4),
            min_size=1,
            max_size=4,
        ),
        max_size=5,
    )
)
def test_any_numbered_row_has_a_number_of_its_own(blocks: list[list[list[int | None]]]) -> None:
    """Numbers that the ledger gives rise, and none was ever given or brought along before."""
    ledger = Ledger(members, tables, founders=["ana"])
    key = {"name": "id", "type": "integer", "required": True}
    schema = {"name": "t", "columns": [key], "key": ["id"]}
    ledger.run(create, "ana", schema=schema, preset="append-only", is_numbered=True)
    used: list[int] = []
    for block in blocks:
        calls = [call(add, table="t", rows=[[key] for key in keys]) for keys in block]
        outcomes = ledger.block([("ana", one) for one in calls])
        for keys, outcome in zip(block, outcomes, strict=True):
            if not isinstance(outcome, Refusal):
                numbers = iter(outcome)
                for brought in keys:
                    number = next(numbers) if brought is None else brought
                    assert number not in used
                    assert brought is not None or number == max([0, *used]) + 1
                    used.append(number)
                assert list(numbers) == []
    rows = ledger.store.connection.execute("SELECT id FROM t").fetchall()
    assert [number for (number,) in rows] == sorted(used)
    ledger.close()
