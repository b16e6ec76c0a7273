"""Any history of roles and suspensions leaves a ledger that somebody can govern."""

from hypothesis import given, settings
from hypothesis import strategies as st

from comity.apps.members import app as members
from comity.apps.members.actions import give_role, restore, suspend, take_role
from comity.sdk import Refusal
from comity.testing import Ledger, PlannedCall, call

PEOPLE = ("ana", "bo", "carla")
ACTIONS = ("give_role", "take_role", "suspend", "restore")
STEPS = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ACTIONS), st.sampled_from(PEOPLE))


class Model:
    """Who is an admin, and who is active."""

    def __init__(self) -> None:
        self.admins, self.active = {"ana", "bo"}, set(PEOPLE)

    def run(self, by: str, action: str, target: str) -> bool:
        """Tell whether a call is executed, having changed the model if so."""
        if by not in self.active:
            return False
        if by not in self.admins and not (action == "take_role" and by == target):
            return False
        if action in ("give_role", "take_role") and (target in self.admins) == (action[0] == "g"):
            return False
        is_leaving = action == "take_role" or (action == "suspend" and target in self.active)
        if is_leaving and target in self.admins and not (self.admins & self.active) - {target}:
            return False
        if action == "give_role":
            self.admins.add(target)
        elif action == "take_role":
            self.admins.discard(target)
        elif action == "suspend":
            self.active.discard(target)
        else:
            self.active.add(target)
        return True


def planned(action: str, account: bytes) -> PlannedCall[None]:
    """Return a step as a call."""
    if action == "give_role":
        return call(give_role, account=account, role="admin")
    if action == "take_role":
        return call(take_role, account=account, role="admin")
    return call(suspend if action == "suspend" else restore, account=account)


@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=14))
def test_any_history_leaves_an_active_admin(steps: list[tuple[str, str, str]]) -> None:
    """Roles and standing are the model's, the ledger's accounts say the same, and an admin stays."""
    ledger = Ledger(members, founders={"ana": ["admin"], "bo": ["admin"], "carla": []})
    model = Model()
    for by, action, target in steps:
        if by not in model.active:
            continue  # its transactions are rejected before they are ordered
        (outcome,) = ledger.block([(by, planned(action, ledger.account(target)))])
        assert isinstance(outcome, Refusal) != model.run(by, action, target)
    read = ledger.store.connection.execute
    holders = "SELECT account FROM members__role_holder WHERE role = 'admin' ORDER BY account"
    accounts = "SELECT id FROM comity_account WHERE status = 'active' ORDER BY id"
    active = "SELECT account FROM members__member WHERE status = 'active' ORDER BY account"
    expected = ((holders, model.admins), (accounts, model.active), (active, model.active))
    for query, people in expected:
        assert read(query).fetchall() == [(one,) for one in sorted(map(ledger.account, people))]
    ledger.close()
