"""Quotas: how many calls an account may make in a window of time, by role (consensus rule R2.5).

Genesis sets the parameter ``quotas`` of the app ``comity``: a list of [role, most calls, window in seconds], where the
role "" is everybody. Calls are charged whether their transaction is then refused or not.

Invariant: at most one row per role and account is kept, for the window that was charged last.
"""

from collections.abc import Mapping, Sequence

from comity.crypto import cbor
from comity.crypto.ordered import encode_key
from comity.errors import Malformed
from comity.limits import QUOTA_CALLS_MAX, QUOTA_WINDOW_S_MAX, QUOTAS_MAX, SECOND_NS
from comity.machine.database import Database
from comity.machine.state import State
from comity.machine.system import PARAMETER, QUOTA, ParameterRow, QuotaRow
from comity.sdk.declaration import Declaration
from comity.sdk.standard import MACHINE, QuotaExceeded

QUOTAS = "quotas"  # name of the parameter

Rule = tuple[str, int, int]  # role, most calls, window in seconds


def rules_of(state: State) -> list[Rule]:
    """Return the quotas in force. Raises: Malformed, when the parameter is not as described above."""
    values = (MACHINE, QUOTAS)
    row = state.system(PARAMETER).get(encode_key(values), values)
    if row is None:
        return []
    data = ParameterRow._make(row).value
    return check_rules(cbor.decode(data, size_max=len(data)))


def check_rules(value: cbor.Value) -> list[Rule]:
    """Return the rules that a parameter's value holds. Raises: Malformed."""
    if type(value) is not list or len(value) > QUOTAS_MAX:
        raise Malformed(f"quotas: a list of at most {QUOTAS_MAX} is needed")
    for item in value:
        if type(item) is not list or len(item) != 3 or type(item[0]) is not str:
            raise Malformed("quotas: each is [role, most calls, window in seconds]")
        for number, most in zip(item[1:], (QUOTA_CALLS_MAX, QUOTA_WINDOW_S_MAX), strict=True):
            if type(number) is not int or not 1 <= number <= most:
                raise Malformed(f"quotas: a number from 1 to {most} is needed")
    roles = [item[0] for item in value]
    if len(dict.fromkeys(roles)) != len(roles):
        raise Malformed("quotas: a role stands twice; it has one window")
    return [(role, calls, window) for role, calls, window in value]


def charge(
    state: State,
    apps: Mapping[str, Declaration],
    rules: Sequence[Rule],
    account: bytes,
    calls: int,
    time_ns: int,
) -> None:
    """Count ``calls`` against every quota of the account's roles. Raises: QuotaExceeded; then nothing is counted."""
    roles = ["", *_roles(state, apps, account)]
    table = state.system(QUOTA)
    for role, calls_max, window_s in rules:
        if role not in roles:
            continue
        window = time_ns // (window_s * SECOND_NS)
        used = 0
        for found in table.range((role, account), (role, account), None, 2):
            row = QuotaRow._make(found)
            if row.window == window:
                used = row.calls
            else:
                key = table.codec.key(row)
                table.before(key, table.codec.key_values(row))
                state.write(table, key, None)
        if used + calls > calls_max:
            raise QuotaExceeded(role=role, calls_max=calls_max)
        values = (role, account, window)
        key = encode_key(values)
        table.get(key, values)
        state.write(table, key, QuotaRow(state.position, *values, used + calls))


def _roles(state: State, apps: Mapping[str, Declaration], account: bytes) -> list[str]:
    found: list[str] = []
    for app in apps.values():
        if app.roles is not None:
            found += app.roles(Database(state, app, b""), account)
    return found
