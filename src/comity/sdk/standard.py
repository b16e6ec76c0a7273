"""The refusals that every application shares: what the machine itself says no to.

Invariant: their application is ``comity``, which no app can be named; a number given here is never
given again (``errors.lock``).
"""

from comity.sdk.refusals import Refusal
from comity.sdk.types import AccountId

MACHINE = "comity"  # the application of these refusals


class MachineRefusal(Refusal, code=0, app=MACHINE):
    """Base of the refusals that every application shares."""


# --- rows ---
class RowNotFound(MachineRefusal, code=1, fix="Check the key; the row may have been deleted."):
    """No row has this key."""

    table: str
    key: str


class RowExists(MachineRefusal, code=2, fix="Choose another key, or change the row that is there."):
    """A row with this key is there already."""

    table: str
    key: str


class BadRow(MachineRefusal, code=3, fix="Give the column a value that its type permits."):
    """A column's value is outside its type or bounds."""

    table: str
    column: str
    problem: str = ""


class NotUnique(MachineRefusal, code=4, fix="Choose a value that no other row has."):
    """Another row has the same values in an index that permits them once."""

    table: str
    index: str


class KeyTooLong(MachineRefusal, code=5, fix="Use a shorter key."):
    """The encoded key is longer than a key may be."""

    table: str


class RowChanged(MachineRefusal, code=6, fix="Read the row again, then repeat the change."):
    """Somebody changed the row after it was read."""

    table: str
    key: str
    seen: bytes = b""  # row hash, or its start, that the change names
    now: bytes = b""  # row hash of the row as it is


# --- calls ---
class UnknownAction(MachineRefusal, code=10, fix="Check the name of the app and of its action."):
    """The ledger has no such action."""

    action: str


class UnknownArgument(MachineRefusal, code=11, fix="Leave the argument out, or correct its name."):
    """The action takes no argument of this name."""

    argument: str


class BadArgument(MachineRefusal, code=12, fix="Correct the argument."):
    """An argument is missing, or is not what the action permits."""

    argument: str
    problem: str = ""


class NotAuthorized(MachineRefusal, code=13, fix="Ask the account named to sign."):
    """Another account must sign this."""

    account: AccountId | None = None


class NotGranted(MachineRefusal, code=14, fix="Its ledger's genesis must grant it to the app."):
    """The app does what its ledger did not grant it."""

    grant: str


class TooMuchWork(MachineRefusal, code=16, fix="Split the transaction."):
    """The transaction reads or writes more rows than one may."""

    rows_max: int


class CallsTooDeep(MachineRefusal, code=17, fix="Tell the author of the app."):
    """Actions call one another deeper than is permitted."""

    depth_max: int


class QuotaExceeded(MachineRefusal, code=18, transient=True, fix="Wait for the next window."):
    """The sender made more calls in this window than its role may."""

    role: str
    calls_max: int


class ResultTooLarge(MachineRefusal, code=21, fix="Ask for less in one transaction."):
    """The results of the transaction are larger than a receipt may be."""

    bytes_max: int


class Expired(MachineRefusal, code=19, fix="Begin again; a deadline does not come back."):
    """The deadline has passed."""

    deadline_ns: int


class BadTimer(
    MachineRefusal,
    code=20,
    fix="Choose a later time; if you chose none, tell the author of the app.",
):
    """A timer names no timer of its app, or a time that it cannot have."""

    action: str
    problem: str = ""


# --- tables made at run time ---
class TableNotFound(MachineRefusal, code=30, fix="Check the table's name."):
    """The ledger has no such table."""

    table: str


class TableExists(MachineRefusal, code=31, fix="Choose another name."):
    """A table of this name is there already."""

    table: str


class TableNotEmpty(MachineRefusal, code=32, fix="Delete the table's rows first."):
    """The table still has rows."""

    table: str


class BadSchema(MachineRefusal, code=33, fix="Correct the schema."):
    """The schema is not permitted, or is no successor of the one in force."""

    table: str
    problem: str = ""


class TooManyTables(MachineRefusal, code=34, fix="Drop a table that nobody uses."):
    """The ledger has as many tables as it may."""

    tables_max: int


class TablesUsedUp(
    MachineRefusal, code=35, fix="Alter a table that is there; dropping one makes no room."
):
    """The ledger has made as many tables as it ever may, dropped ones included."""

    tables_max: int


# --- accounts and keys ---
class AccountNotFound(MachineRefusal, code=40, fix="Check the account."):
    """The ledger has no such account."""

    account: AccountId


class AccountExists(MachineRefusal, code=41, fix="Sign with the account's key instead."):
    """The account is there already."""

    account: AccountId


class AccountSuspended(MachineRefusal, code=42, fix="Ask those who may lift the suspension."):
    """The account is suspended."""

    account: AccountId


class KeyExists(MachineRefusal, code=43, fix="Use another key."):
    """The key belongs to an account already."""

    public_key: bytes


class KeyNotFound(MachineRefusal, code=44, fix="Sign with a key that the account has."):
    """The account has no such key."""

    account: AccountId


class LastKey(MachineRefusal, code=45, fix="Add another owner key first."):
    """An account keeps at least one key that may change its keys."""

    account: AccountId


class BadKey(MachineRefusal, code=46, fix="Check the key and its proof."):
    """The key is not valid, or its proof of possession is not."""

    problem: str = ""


class TooManyKeys(MachineRefusal, code=47, fix="Remove a key first."):
    """The account has as many keys as one may have."""

    keys_max: int


class OwnerKeyNeeded(MachineRefusal, code=48, fix="Sign with an owner key."):
    """A key for daily use may not change keys."""


STANDARD: tuple[type[MachineRefusal], ...] = tuple(MachineRefusal.__subclasses__())
